from __future__ import annotations

import pytest

from release.bundle.change import Change, ChangeKind
from release.image.packages import Package
from release.notes.promises import Promise, check_promises, promises_in

IMAGE = (
    Package("acct-user/openssh", "0-r1"),
    Package("app-arch/xz-utils", "5.4.2"),
    Package("dev-lang/python", "3.11.9"),
    Package("dev-lang/python", "3.12.11_p1-r2"),
    Package("dev-libs/glib", "2.88.2"),
    Package("net-misc/curl", "8.21.0"),
    Package("net-misc/ntp", "4.2.8"),
    Package("net-misc/openssh", "9.7_p1-r6"),
    Package("sys-apps/ntp", "1.0"),
    Package("sys-kernel/coreos-kernel", "6.12.103-r1"),
)


def changes(*items: str, kind: ChangeKind = ChangeKind.UPDATES) -> list[Change]:
    return [Change.of(kind, f"- {item}") for item in items]


def promises(*items: str) -> list[tuple[str, str, str]]:
    return [(one.prefix, one.name, one.version) for one in promises_in(changes(*items))]


def outcome(*items: str, names: dict[str, str] | None = None) -> tuple[list[str], list[str], dict[str, str]]:
    found = promises_in(changes(*items))
    checked = check_promises(found, IMAGE) if names is None else check_promises(found, IMAGE, names)
    return (
        [f"{one.name} {one.version}" for one in checked.kept],
        [f"{one.package.name} {one.promise.version} {one.package.version}" for one in checked.unkept],
        {one.promise.name: one.why for one in checked.unchecked},
    )


@pytest.mark.parametrize(
    ("item", "promise"),
    [
        ("Linux ([6.12.103](https://a/) (includes [6.12.102](https://b/)))", ("", "Linux", "6.12.103")),
        ("Linux [6.12.20](https://a/) (includes [6.12.19](https://b/))", ("", "Linux", "6.12.20")),
        ("base, dev: glib (2.88.2)", ("base, dev", "glib", "2.88.2")),
        ("grub (2.12-flatcar4, rebased against Fedora 45)", ("", "grub", "2.12-flatcar4")),
        ("Linux\n  Firmware ([v20260519](https://a/))", ("", "Linux Firmware", "v20260519")),
    ],
)
def test_an_update_promises_its_first_version(item: str, promise: tuple[str, str, str]) -> None:
    assert promises(item) == [promise]


def test_what_names_no_version_promises_none() -> None:
    assert promises("Disable CONFIG_NFS ([#2390](https://a/))", "nvidia (amd64) (5)", "a") == []
    assert promises_in(changes("curl (8.21.0)", kind=ChangeKind.SECURITY)) == ()


def test_a_promise_is_kept_by_what_is_as_new_or_newer() -> None:
    assert outcome("Linux (6.12.103)", "curl (8.9.1)", "OpenSSH (9.7_p1)", "python (3.12.11)") == (
        ["Linux 6.12.103", "OpenSSH 9.7_p1", "curl 8.9.1", "python 3.12.11"],
        [],
        {},
    )


def test_a_promise_is_not_kept_by_what_is_older_though_it_was_mended() -> None:
    """Flatcar#1773: notes said OpenSSH 9.8, the image had 9.7 with a patch."""
    assert outcome("openssh ([9.8_p1](https://a/))")[1] == ["net-misc/openssh 9.8_p1 9.7_p1-r6"]


def test_what_can_not_be_compared_is_not_kept() -> None:
    assert outcome("glib (2-88-2)")[1] == ["dev-libs/glib 2-88-2 2.88.2"]


def test_the_highest_promise_counts() -> None:
    kept, unkept, _ = outcome("curl (8.20.0)", "base: curl (8.22.0)", "curl (8.21.0)")
    assert (kept, unkept) == ([], ["net-misc/curl 8.22.0 8.21.0"])


def test_what_the_notes_may_mean_is_not_guessed() -> None:
    kept, unkept, unchecked = outcome(
        "SDK: curl (99)",
        "sysext-podman: crun (99)",
        "dev: glib (99)",
        "ntp (99)",
        "Rust (99)",
        "XZ utils (5.4)",
    )
    assert (kept, unkept) == (["XZ utils 5.4"], [])
    assert unchecked == {
        "curl": "for SDK, not for the image",
        "crun": "for sysext-podman, not for the image",
        "glib": "for dev, not for the image",
        "ntp": "may be net-misc/ntp or sys-apps/ntp",
        "Rust": "no package of this name is in the image",
    }


def test_settings_say_what_is_meant() -> None:
    names = {"ntp": "net-misc/ntp", "curl": "none/none"}
    kept, _, unchecked = outcome("NTP (4.2.8)", "curl (99)", names=names)
    assert (kept, unchecked) == (["NTP 4.2.8"], {"curl": "none/none is not in the image"})
    assert outcome("net-misc/ntp (99)")[1] == ["net-misc/ntp 99 4.2.8"]


def test_a_promise_knows_the_item_that_makes_it() -> None:
    (change,) = changes("curl (1)")
    assert promises_in([change, change]) == (Promise("curl", "1", "", change.id),)
