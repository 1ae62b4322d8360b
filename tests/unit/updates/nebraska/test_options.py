"""Which options can be, and what they make of an address."""

from __future__ import annotations

from dataclasses import replace

import pytest

from release.catalog.board import Board
from release.errors import InputError
from release.updates.nebraska.options import architecture_of
from tests.unit.pages.samples import AMD64, ARM64
from tests.unit.updates.nebraska.samples import OPTIONS, version


def test_architectures_have_nebraskas_codes() -> None:
    assert (architecture_of(AMD64), architecture_of(ARM64), architecture_of(Board("x86"))) == (1, 2, 3)
    with pytest.raises(InputError, match="riscv-usr: Nebraska knows the architectures amd64, arm64, x86"):
        architecture_of(Board("riscv"))


def test_a_payloads_directory_is_made_of_board_and_version() -> None:
    assert OPTIONS.url_of(ARM64, version("4593.2.0")) == "https://update.example.org/arm64-usr/4593.2.0/"


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("url", "ftp://example.org", "expected https://HOST/PATH"),
        ("url", "https://", "expected https://HOST/PATH"),
        ("url", "https://me@example.org", "without query or user name"),
        ("url", "https://example.org/?a=b", "without query or user name"),
        ("url", "https://example.org:http", "expected https://HOST/PATH"),
        ("app", "../apps", "expected a UUID or a product id"),
        ("payload_url", "https://example.org/{board}/", r"expected \{board\} and \{version\}"),
        ("payload_url", "https://example.org/{board}/{version}", "with a slash at its end"),
        ("payload_url", "https://example.org/{board}/{version}/{name}/", "with a slash at its end"),
        ("payload_url", "rsync://example.org/{board}/{version}/", "with a slash at its end"),
        ("payload_url", f"https://example.org/{'a' * 230}/{{board}}/{{version}}/", "up to 256 characters"),
        ("timeout", 0, "timeout above 0"),
        ("retries", -1, "no negative retries"),
        ("channels", {"alpha": {AMD64: ""}}, "nebraska.channels.alpha.amd64-usr: expected a channel"),
        ("channels", {"alpha": {Board("riscv"): "alpha"}}, "Nebraska knows the architectures"),
    ],
)
def test_options_that_cannot_be_are_refused(option: str, value: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        replace(OPTIONS, **{option: value})  # type: ignore[arg-type]  # single fields by name


def test_a_token_goes_over_no_network_in_the_clear() -> None:
    with pytest.raises(InputError, match="in the clear"):
        replace(OPTIONS, url="http://nebraska.example.org", token="nebraska")
    for url in ("https://nebraska.example.org/here", "http://127.0.0.1:8000", "http://localhost:8000"):
        assert replace(OPTIONS, url=url, token="nebraska").url == url
    assert replace(OPTIONS, url="http://nebraska.example.org").token is None
