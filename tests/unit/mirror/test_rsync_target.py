"""Addresses of rsync mirrors, and those that are none."""

from __future__ import annotations

import pytest

from release.errors import InputError
from release.mirror.rsync_target import RsyncTarget


@pytest.mark.parametrize(
    ("url", "argument"),
    [
        ("rsync://mirror.example.org/flatcar", "rsync://mirror.example.org/flatcar/"),
        ("rsync://m@mirror.example.org:8730/a/b/", "rsync://m@mirror.example.org:8730/a/b/"),
        ("rsync://[::1]:8730/a", "rsync://[::1]:8730/a/"),
        ("rsync+ssh://m@mirror.example.org/srv/mirror", "m@mirror.example.org:/srv/mirror/"),
        ("rsync+ssh://[2001:db8::1]:2222/srv", "[2001:db8::1]:/srv/"),
    ],
)
def test_what_rsync_is_given(url: str, argument: str) -> None:
    assert RsyncTarget.parse(url).argument == argument
    assert str(RsyncTarget.parse(url)) == url.rstrip("/") + "/"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "rsync://",
        "rsync://host",
        "rsync://host/",
        "rsync://-oProxyCommand=x/m",
        "rsync+ssh://-oProxyCommand=x/m",
        "rsync+ssh://-u@host/m",
        "rsync+ssh://host:/m",
        "rsync://host:0/m",
        "rsync://host:65536/m",
        "rsync://host/m/../..",
        "rsync://host/m//x",
        "rsync://host/.hidden",
        "rsync+ssh://host/$(id)",
        "rsync+ssh://host/a b",
        "rsync://host/m\n",
        "http://host/m",
        "host:/m",
    ],
)
def test_all_else_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="expected rsync://"):
        RsyncTarget.parse(url)


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(InputError, match=r"rsync://user:\.\.\.@host/m") as caught:
        RsyncTarget.parse("rsync://user:sesame@host/m")
    assert "sesame" not in str(caught.value)
