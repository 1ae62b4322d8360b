"""`humpyard payload public-key`: the public half of a key, wherever the private half is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from release.atomic import check_place, replacing
from release.cli.options import AsJson
from release.cli.output import emit, say
from release.signing import open_signer
from release.signing.secret_sources import ask
from release.signing.signer import KeyUriError
from release.signing.trial import try_key


def public_key(
    uri: Annotated[
        str, typer.Argument(metavar="URI", help="The private key: file:, pkcs11:, awskms:, gnupg:.")
    ],
    out: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write it there instead. Nothing is replaced.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the public half of a private key (PEM), as payload.keys in the settings wants it.

    The key has to sign something first, so that a wrong PIN or a wrong pair is found here and not in
    the middle of a release.
    """
    if out is not None:
        if out.exists():
            raise typer.BadParameter(f"{out}: is there already", param_hint="--out")
        check_place(out)
    try:
        key = try_key(open_signer(uri, ask))
    except KeyUriError as error:
        raise typer.BadParameter(error.message, param_hint="URI") from error
    if out is not None:
        with replacing(out) as file:
            file.write(key.pem)
    if as_json:
        emit({"uri": uri, "fingerprint": key.fingerprint, "bits": 8 * key.size, "pem": key.pem.decode()})
    elif out is None:
        say(key.pem.decode().rstrip())
    else:
        say(f"{out}: {key}")
