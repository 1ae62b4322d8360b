"""Package lists and the versions people ask for first."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from release.errors import InputError
from release.image.packages import Package, major_software, read_packages

LISTING = """\
acct-group/adm-0-r2::portage-stable
app-containers/containerd-2.1.5::portage-stable
app-containers/docker-28.0.4::portage-stable
app-containers/docker-cli-28.0.4::portage-stable
dev-libs/libpcre2-10.44_p1-r3::portage-stable
net-misc/openssh-9.8_p1::portage-stable
sys-apps/ignition-2.24.0-r1::coreos-overlay
sys-apps/systemd-257.9::portage-stable
sys-kernel/coreos-kernel-6.12.102::coreos-overlay
x11-libs/gtk+-2.24.33-r3
sys-libs/a_b-1.0a_beta2 :: overlay
"""


@pytest.fixture
def listing(tmp_path: Path) -> Path:
    path = tmp_path / "packages.txt"
    path.write_text(LISTING)
    return path


def test_names_and_versions_are_told_apart(listing: Path) -> None:
    packages = read_packages(listing)
    assert len(packages) == 11
    assert list(packages) == sorted(packages)
    assert Package("acct-group/adm", "0-r2") in packages
    assert Package("app-containers/docker-cli", "28.0.4") in packages
    assert Package("dev-libs/libpcre2", "10.44_p1-r3") in packages
    assert Package("x11-libs/gtk+", "2.24.33-r3") in packages
    assert Package("sys-libs/a_b", "1.0a_beta2") in packages


def test_major_software_is_named_as_the_release_pages_do(listing: Path) -> None:
    found = major_software(read_packages(listing))
    assert found == {
        "containerd": "2.1.5",
        "docker": "28.0.4",
        "ignition": "2.24.0",
        "kernel": "6.12.102",
        "systemd": "257",
    }
    assert list(found) == sorted(found)


def test_which_software_is_major_is_data(listing: Path) -> None:
    names = {"ssh": "net-misc/openssh", "podman": "app-containers/podman"}
    assert major_software(read_packages(listing), names, frozenset({"ssh"})) == {"ssh": "9"}


def test_two_versions_of_major_software_are_refused() -> None:
    twice = [Package("sys-kernel/coreos-kernel", version) for version in ("6.12.1", "6.12.2")]
    with pytest.raises(InputError, match=r"expected one version, found 6\.12\.1 and 6\.12\.2"):
        major_software(twice)
    revisions = [Package("sys-kernel/coreos-kernel", version) for version in ("6.12.1", "6.12.1-r1")]
    assert major_software(revisions) == {"kernel": "6.12.1"}


def test_a_line_twice_is_one_package(listing: Path) -> None:
    listing.write_text(LISTING + LISTING)
    assert len(read_packages(listing)) == 11


@pytest.mark.parametrize(
    "line",
    [
        "docker-28.0.4",
        "app-containers/docker",
        "app-containers/docker-28.0.4:portage",
        "app-containers/docker-28.0.4::",
        "app-containers/docker-28.0.4::a b",
        "app/containers/docker-28.0.4",
        " app-containers/docker-28.0.4",
        "app-containers/docker-28.0.4 ",
        "app-containers/docker-28.0.4\r",
        "app-containers/-28.0.4",
        "<html>",
        "\x00",
    ],
)
def test_other_lines_are_refused(listing: Path, line: str) -> None:
    listing.write_bytes(b"sys-apps/sed-4.9\n" + line.encode() + b"\n")
    with pytest.raises(InputError, match=r"packages\.txt:2: expected CATEGORY/NAME-VERSION::REPO"):
        read_packages(listing)


def test_empty_long_and_missing_lists_are_refused(listing: Path) -> None:
    listing.write_bytes(b"\n\n")
    with pytest.raises(InputError, match="expected at least one package"):
        read_packages(listing)
    listing.write_bytes(b"\n" * ((16 << 20) + 1))
    with pytest.raises(InputError, match="at most 16777216 bytes"):
        read_packages(listing)
    listing.unlink()
    with pytest.raises(InputError, match="No such file"):
        read_packages(listing)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.binary(max_size=300))
def test_no_bytes_make_it_raise_anything_but_bad_input(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "noise.txt"
    path.write_bytes(noise)
    with contextlib.suppress(InputError):
        assert read_packages(path)
