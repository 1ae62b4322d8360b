"""Documents of a ceremony come from a stick: whatever is in them, reading ends in words or in one value."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from release import canonical
from release.canonical import Json
from release.digests import Digest
from release.errors import InputError
from release.signing.ceremony import OpenBundle, sign_bundle
from release.signing.ceremony_answer import decode_answer, encode_answer
from release.signing.ceremony_bundle import decode_bundle, encode_bundle
from tests.unit.signing.bundles import NOW, bundle, public
from tests.unit.signing.rsa_keys import private_key

MADE = bundle("ada", "grace")
BUNDLE = encode_bundle(MADE)


class _Signer:
    """Ada's key, in memory."""

    uri = "test:ada"
    key = public("ada")

    def sign_digest(self, digest: Digest) -> bytes:
        return private_key("ada").sign(digest.value, PKCS1v15(), Prehashed(SHA256()))


ANSWER = sign_bundle(OpenBundle(Path("bundle"), BUNDLE, MADE), _Signer(), NOW)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["sha256:00", "1.2.3"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def _mutate(
    value: Json, draw: Callable[[st.SearchStrategy[Json]], Json], choose: Callable[[int], int]
) -> Json:
    """``value`` with something else at one place."""
    if isinstance(value, dict) and value:
        names = sorted(value)
        name = names[choose(len(names))]
        if choose(4) == 0:
            return {key: one for key, one in value.items() if key != name}
        return {**value, name: _mutate(value[name], draw, choose)}
    if isinstance(value, list) and value:
        at = choose(len(value))
        return [*value[:at], _mutate(value[at], draw, choose), *value[at + 1 :]]
    return draw(VALUES)


@given(st.data())
def test_a_bundle_with_anything_in_it_is_refused_in_words_or_read_as_one_value(data: st.DataObject) -> None:
    mutated = _mutate(
        json.loads(BUNDLE), data.draw, lambda count: data.draw(st.integers(min_value=0, max_value=count - 1))
    )
    assert isinstance(mutated, dict)
    try:
        text = canonical.dump(mutated)
        read = decode_bundle(text, "bundle")
    except InputError:
        return
    assert encode_bundle(read) == text


@given(st.data())
def test_an_answer_with_anything_in_it_is_refused_in_words_or_read_as_one_value(data: st.DataObject) -> None:
    outer = json.loads(ANSWER)
    choose: Callable[[int], int] = lambda count: data.draw(st.integers(min_value=0, max_value=count - 1))  # noqa: E731
    inner = _mutate(json.loads(outer["body"]), data.draw, choose)
    assert isinstance(inner, dict)
    try:
        text = canonical.dump({**outer, "body": canonical.dump(inner).decode()})
        read = decode_answer(text, "answer")
    except InputError:
        return
    assert encode_answer(read.body, read.seal) == text


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_bytes_that_are_no_document_are_refused_in_words(data: bytes) -> None:
    for read in (decode_bundle, decode_answer):
        try:
            read(data, "file")
        except InputError as error:
            assert error.message.startswith("file: ")  # noqa: PT017 - the alternative is an answer
        else:
            raise AssertionError(data)
