from __future__ import annotations

import pytest

from release.bundle.change import Change, ChangeKind
from release.image.packages import Package
from release.notes.promises import Promise, check_promises, promises_in, updates_in

IMAGE = (
    Package("acct-user/openssh", "0-r1"),
    Package("app-arch/xz-utils", "5.4.2"),
    Package("app-admin/locksmith", "9999-r2"),
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
        ("**curl** ([9.0](https://a/))", ("", "curl", "9.0")),
        ("`curl` ([`9.0`](https://a/))", ("", "curl", "9.0")),
        ("[curl](https://b/) ([9.0](https://a/))", ("", "curl", "9.0")),
        ("[curl 9.0](https://a/a(b)c)", ("", "curl", "9.0")),
        ("curl: ([9.0](https://a/))", ("", "curl", "9.0")),
        ("curl: version 9.0", ("", "curl", "9.0")),
        ("SDK: curl: (9.0)", ("SDK", "curl", "9.0")),
        ("curl 9.0", ("", "curl", "9.0")),
        ("Updated curl to V9.0.", ("", "curl", "V9.0")),
        ("curl([9.0]", ("", "curl", "9.0")),
        ("curl ([9.0] (https://a/)", ("", "curl", "9.0")),
        ("curl ([curl 9.0](https://a/))", ("", "curl", "9.0")),
        ("curl (curl-9.0, mended)", ("", "curl", "9.0")),
        ("net-misc/curl-9.0", ("", "net-misc/curl", "9.0")),
        ("curl &#40;9\\.0&#41;", ("", "curl", "9.0")),
        ("[x] curl 8.0 -> 9.0", ("", "curl", "9.0")),
        ("curl ([8.0](https://a/), [9.0](https://a/))", ("", "curl", "9.0")),
        ("grep (3.8 (includes 3.11))", ("", "grep", "3.11")),
        ("systemd (252.11 (from 253.5))", ("", "systemd", "252.11")),
        ("docker (26.1.0, includes changes from 27.0))", ("", "docker", "26.1.0")),
        ("Go 1.15.3, 1.16.17 (only in SDK)", ("SDK", "Go", "1.16.17")),
        ("SDK/developer container: GCC (9.3.0)", ("SDK/developer container", "GCC", "9.3.0")),
        ("nvidia (amd64) (5.1)", ("", "nvidia (amd64)", "5.1")),
    ],
)
def test_an_update_promises_its_highest_version(item: str, promise: tuple[str, str, str]) -> None:
    assert promises(item) == [promise]


@pytest.mark.parametrize(
    ("item", "promised"),
    [
        ("curl (9.0), openssl (3.2)", {"curl": "9.0", "openssl": "3.2"}),
        ("curl ([9.0](https://a/)) and openssl 3", {"curl": "9.0", "openssl": "3"}),
        ("curl, openssl (3.2)", {"curl": "3.2", "openssl": "3.2"}),
        ("nvme-cli (v2.6, libnvme v1.6)", {"nvme-cli": "v2.6", "libnvme": "v1.6"}),
        ("Core:\n  - **curl** 9.0\n  1. openssl (3.2)", {"Core:": "", "curl": "9.0", "openssl": "3.2"}),
    ],
)
def test_an_item_may_promise_several(item: str, promised: dict[str, str]) -> None:
    assert {one.name: one.version for one in promises_in(changes(item))} == promised


def test_a_prefix_is_for_what_follows_up_to_the_next() -> None:
    assert promises("SDK: a (1), b (2), base, dev: c (3)") == [
        ("SDK", "a", "1"),
        ("SDK", "b", "2"),
        ("base, dev", "c", "3"),
    ]


@pytest.mark.parametrize(
    "item", ["Disable CONFIG_NFS ([#2390](https://a/))", "a", "curl: 42 fixes", "<9.0>", "-"]
)
def test_what_names_no_version_is_told_as_it_is(item: str) -> None:
    (unchecked,) = check_promises(promises_in(changes(item)), IMAGE).unchecked
    assert (unchecked.promise.version, unchecked.why) == ("", "no version could be read")


def test_only_updates_promise() -> None:
    assert promises_in(changes("curl (8.21.0)", kind=ChangeKind.SECURITY)) == ()


@pytest.mark.parametrize(
    "item",
    [
        "c\u200burl (9.0)",
        "\u0441url (9.0)",
        "\uff43url (9.0)",
        "curl (\uff19.0)",
        "curl (1, 9.\u200b0)",
        "cu\x1brl (9)",
    ],
)
def test_what_only_looks_like_a_name_is_told(item: str) -> None:
    assert "the name has characters that are not ASCII" in outcome(item)[2].values()


def test_all_that_stands_under_updates_is_read() -> None:
    notes = (
        "#### Changes:\n\n- curl (9.0)\n\n#### Updates:\n\nText\n\n1. one (1)\n2. two (2)\n\n"
        "- curl (9.0)\n\n_Changes since **Alpha 1.0.0**_\n\n#### Updates:\n\n> - three (3)\n- curl (9.0)\n"
    )
    assert sorted(one.name for one in promises_in(updates_in(notes))) == [
        "Text",
        "curl",
        "one",
        "three",
        "two",
    ]


@pytest.mark.parametrize("junk", ["[(", "* ", "a: ", "a, ", "(curl", "(1)", "<", "\n- "])
def test_long_items_are_read_quickly_enough(junk: str) -> None:
    assert promises_in(changes("curl " + junk * 10_000))


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


def test_every_promise_counts() -> None:
    kept, unkept, _ = outcome("curl (8.20.0)", "base: curl (8.22.0)", "curl (8.21.0)")
    assert (kept, unkept) == (["curl 8.20.0", "curl 8.21.0"], ["net-misc/curl 8.22.0 8.21.0"])


@pytest.mark.parametrize(
    ("promised", "installed", "keeps"),
    [
        ("9.7p1", "9.7_p1-r6", True),
        ("9.8p1", "9.7_p1-r6", False),
        ("1.9.13_p3", "1.9.13p3", True),
        ("V8.0", "8.0", True),
        ("8.0-r9", "8.0", True),
        ("8.0+git20260101", "8.0-r1", True),
        ("8.1+git20260101", "8.0-r1", False),
        ("1.0.0-rc93", "1.0.0_rc93", True),
        ("1.0.0", "1.0.0_rc93", False),
        ("2026-05-26", "20260526", True),
        ("20260527", "2026.05.26", False),
        ("2025.6.11", "2025.04.15", False),
        ("20230512", "20230512_p20230512", True),
        ("2026b", "2026a", False),
        ("1.0.0-alpha2", "1.0.0_alpha2", True),
    ],
)
def test_the_same_version_may_be_written_in_other_ways(promised: str, installed: str, keeps: bool) -> None:
    found = check_promises(promises_in(changes(f"curl ({promised})")), [Package("net-misc/curl", installed)])
    assert (len(found.kept), len(found.unkept)) == (int(keeps), int(not keeps))


@pytest.mark.parametrize("name", ["curl", "cUrL", "net-misc/curl", "NET-MISC/CURL", "Net-Misc/Curl"])
def test_letters_count_in_any_case(name: str) -> None:
    assert outcome(f"{name} (99)")[1] == ["net-misc/curl 99 8.21.0"]


def test_what_the_notes_may_mean_is_not_guessed() -> None:
    kept, unkept, unchecked = outcome(
        "SDK: curl (99)",
        "sysext-podman: crun (99)",
        "dev: glib (99)",
        "ntp (99)",
        "Rust (99)",
        "locksmith (0.7)",
        "XZ utils (5.4)",
    )
    assert (kept, unkept) == (["XZ utils 5.4"], [])
    assert unchecked == {
        "curl": "for SDK, not for the image",
        "crun": "for sysext-podman, not for the image",
        "glib": "for dev, not for the image",
        "ntp": "may be net-misc/ntp or sys-apps/ntp",
        "Rust": "no package of this name is in the image",
        "locksmith": "app-admin/locksmith was built from sources of no version",
    }


def test_settings_say_what_is_meant() -> None:
    names = {"ntp": "net-misc/ntp", "curl": "none/none"}
    kept, _, unchecked = outcome("NTP (4.2.8)", "curl (99)", names=names)
    assert (kept, unchecked) == (["NTP 4.2.8"], {"curl": "none/none is not in the image"})
    assert outcome("net-misc/ntp (99)")[1] == ["net-misc/ntp 99 4.2.8"]


def test_a_promise_knows_the_item_that_makes_it() -> None:
    (change,) = changes("curl (1)")
    assert promises_in([change, change]) == (Promise("curl", "1", "", change.id),)
