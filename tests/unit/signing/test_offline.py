"""``offline:`` keys: named, never opened, answering with what was imported."""

from __future__ import annotations

import pytest

from release.errors import RefusedError
from release.signing import open_signer
from release.signing.offline import OfflineSigner, WaitingForSignaturesError, is_offline, offline_name
from release.signing.signer import KeyUriError
from tests.unit.signing.bundles import digest, public


def test_an_offline_key_has_a_name_for_people() -> None:
    assert offline_name("offline:ada-token.2026") == "ada-token.2026"
    assert is_offline("offline:ada")
    assert not is_offline("file:/offline:ada")


@pytest.mark.parametrize("uri", ["offline:", "offline:a b", "offline:/etc/passwd", "offline:-x", "file:x"])
def test_a_name_is_one_plain_word(uri: str) -> None:
    with pytest.raises(KeyUriError, match=r"expected offline:NAME"):
        offline_name(uri)


def test_an_offline_key_cannot_be_opened_and_the_hint_says_what_to_do() -> None:
    with pytest.raises(KeyUriError, match="ada signs on a machine of its own") as caught:
        open_signer("offline:ada")
    assert "humpyard signing export" in str(caught.value.hint)


def test_it_answers_with_imported_signatures_and_nothing_else() -> None:
    one = digest("one")
    signer = OfflineSigner(uri="offline:ada", key=public("ada"), signatures={one: b"signature"})
    assert signer.sign_digest(one) == b"signature"
    with pytest.raises(WaitingForSignaturesError, match="no imported signature over sha256:"):
        signer.sign_digest(digest("two"))
    assert issubclass(WaitingForSignaturesError, RefusedError), "a flow does not retry it"
