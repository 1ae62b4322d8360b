"""``humpyard-sign``: signing a bundle on a machine without a network.

The same as ``humpyard signing sign``, with nothing but Python's own modules for options and output:
this is what a signing machine has. Exit codes are those of ``humpyard``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from release.atomic import replacing
from release.errors import HumpyardError, InputError
from release.signing import open_signer
from release.signing.ceremony import SigningOrder, hold_ceremony, open_bundle
from release.signing.ceremony_bundle import summary
from release.signing.secret_sources import ask
from release.signing.trial import try_key

EXIT_INTERRUPTED = 130


def printable(text: str) -> str:
    """``text`` without what moves a terminal's cursor: even a file on a stick may be called like that."""
    return "".join(one if one.isprintable() or one == "\n" else "\N{REPLACEMENT CHARACTER}" for one in text)


@dataclass(frozen=True, slots=True)
class AtTerminal:
    """Whoever sits at this terminal. ``told`` is the code when it was given as an option."""

    told: str | None = None

    def show(self, lines: Sequence[str]) -> None:
        """Print ``lines``."""
        for line in lines:
            sys.stdout.write(f"{printable(line)}\n")
        sys.stdout.flush()

    def code(self) -> str:
        """What was given, or what is typed now."""
        if self.told is not None:
            return self.told
        sys.stderr.write("Code, as you were told it by whoever exported: ")
        sys.stderr.flush()
        typed = sys.stdin.readline()
        if not typed.strip():
            raise InputError(
                "no code was given, so nothing was signed",
                hint="ask whoever exported the bundle for its code, over the telephone, say",
            )
        return typed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        return _COMMANDS[options.command](options)
    except HumpyardError as error:
        sys.stderr.write(f"error: {printable(error.message)}\n")
        if error.hint:
            sys.stderr.write(f"hint:  {printable(error.hint)}\n")
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: nothing was signed\n")
        return EXIT_INTERRUPTED


def _show(options: argparse.Namespace) -> int:
    opened = open_bundle(options.bundle)
    AtTerminal().show([*summary(opened.bundle), f"code {opened.code}"])
    return 0


def _sign(options: argparse.Namespace) -> int:
    order = SigningOrder(
        bundle=options.bundle,
        out=options.out,
        journal=options.journal,
        again=options.again,
        product=options.product,
    )
    people = AtTerminal(options.code)
    now = datetime.now(UTC).replace(microsecond=0)
    out = hold_ceremony(order, lambda: open_signer(options.key, ask), people, now)
    people.show([f"signed: {out}", "next, where the candidate is: humpyard signing import ANSWER"])
    return 0


def _public(options: argparse.Namespace) -> int:
    key = try_key(open_signer(options.key, ask))
    with replacing(options.out) as target:
        target.write(key.pem)
    AtTerminal().show([f"{options.out}: RSA-{key.size * 8}, {key.fingerprint}"])
    return 0


_COMMANDS = {"sign": _sign, "show": _show, "public": _public}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="humpyard-sign", description="Sign a bundle with an offline key, on a machine without a network."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    sign = commands.add_parser("sign", help="sign everything a bundle asks")
    sign.add_argument("bundle", type=Path, metavar="BUNDLE", help="what humpyard signing export wrote")
    sign.add_argument("--key", required=True, metavar="URI", help="private key: pkcs11:..., file:...")
    sign.add_argument("--out", type=Path, metavar="ANSWER", help="where the answer goes; else beside BUNDLE")
    sign.add_argument("--code", metavar="CODE", help="the code you were told; else it is asked for")
    sign.add_argument("--journal", type=Path, metavar="FILE", help="what was signed here; else beside ANSWER")
    sign.add_argument(
        "--again", action="store_true", help="although another bundle of the version was signed"
    )
    sign.add_argument("--product", metavar="NAME", help="refuse bundles of any other product")
    show = commands.add_parser("show", help="show what a bundle asks, and its code; sign nothing")
    show.add_argument("bundle", type=Path, metavar="BUNDLE", help="what humpyard signing export wrote")
    public = commands.add_parser("public", help="write the public half of a key, for the settings")
    public.add_argument("--key", required=True, metavar="URI", help="private key: pkcs11:..., file:...")
    public.add_argument("--out", required=True, type=Path, metavar="PUB.pem", help="where it goes")
    return parser


if __name__ == "__main__":
    sys.exit(main())
