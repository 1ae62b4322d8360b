"""What documents for programs say of a site where everything has happened."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any
from xml.etree import ElementTree as ET

import yaml

from release.pages import addresses
from release.pages.machine.book import Book
from release.pages.machine.endoflife import product_document
from release.pages.machine.files import machine_files
from release.pages.machine.sitemap import sitemap
from release.pages.press import Press
from release.pages.records import Stop
from release.pages.site import Site
from tests.unit.pages.machine.rich import BASE, rich_site
from tests.unit.pages.samples import (
    AMD64,
    board,
    day,
    payload,
    published,
    release,
    site,
    stopped_site,
    with_entry,
)


def read(path: str, sample: Site | None = None) -> Any:
    return json.loads((files(sample) if sample else rich())[path])


def files(sample: Site) -> dict[str, bytes]:
    return dict(machine_files(sample, Press()))


@cache
def rich() -> dict[str, bytes]:
    return files(rich_site())


def test_a_release_says_where_it_stands_and_what_stopped_it() -> None:
    published = rich()
    found = {
        one["version"]: (
            one["status"],
            {channel["name"]: channel["status"] for channel in one["channels"]},
        )
        for path, data in published.items()
        if path.startswith("api/v1/releases/")
        for one in [json.loads(data)]
    }
    assert found == {
        "0.7.1": ("eol", {"lts-2021": "eol", "lts": "superseded"}),
        "0.8.9": ("eol", {"edge": "eol"}),
        "0.8.10": ("superseded", {"stable": "superseded"}),
        "0.9.1": ("eol", {"lts-2024": "eol", "lts": "superseded"}),
        "1.0.8": (
            "withdrawn",
            {"alpha": "withdrawn", "stable": "withdrawn", "lts-2025": "withdrawn"},
        ),
        "1.0.9": (
            "current",
            {"alpha": "superseded", "stable": "paused", "lts-2026": "current", "lts": "current"},
        ),
        "1.0.10": ("withdrawn", {"alpha": "withdrawn", "beta": "withdrawn"}),
        "1.0.11": ("rolling_out", {"alpha": "rolling_out"}),
    }
    withdrawn = json.loads(published["api/v1/releases/1.0.10.json"])
    assert withdrawn["withdrawn"]["instead"] == {"alpha": "1.0.11"}
    assert {artifact["path"] for artifact in withdrawn["artifacts"]} == {None}
    assert withdrawn["lineage"] == {"kind": "rebuild", "derives_from": "1.0.9"}
    alpha = withdrawn["channels"][0]
    assert (alpha["supersedes"], alpha["superseded_by"]) == ("1.0.9", "1.0.11")


def test_a_release_has_files_fixes_evidence_and_corrections() -> None:
    one = read("api/v1/releases/1.0.11.json")
    update = next(artifact for artifact in one["artifacts"] if artifact["role"] == "update")
    base = "../../../../update/amd64-usr/1.0.11/"
    assert update["path"] == f"{base}flatcar_production_update.gz"
    assert update["signature"] == f"{update['path']}.sig"
    assert (len(update["sha256"]), len(update["sha512"]), update["proven"]) == (64, 128, True)
    assert {artifact["delta_from"] for artifact in one["artifacts"]} == {None, "1.0.10"}
    assert one["fixes"][0] == {"cve": "CVE-2026-0001", "package": "Linux", "severity": None}
    assert one["cves"] == 3
    assert one["revisions"] == [{"at": "2026-08-17T09:30:00Z", "what": "CVE list corrected"}]
    assert one["notes"].endswith("More.\n")
    assert one["changed_at"] == "2026-08-17T09:30:00Z"
    assert one["evidence"][0]["facts"] == {"failed": 3, "passed": 409}
    channel = one["channels"][0]
    assert channel["approved_by_roles"] == ["release-manager", "security"]
    assert channel["rollout"]["steps"][0] == {"at": "2026-08-16T09:30:00Z", "share": 0.05}
    assert channel["floors"] == [{"version": "1.0.9", "reason": "Older ones know no new keys"}]
    assert one["packages"] == "1.0.11/packages.json"
    assert one["software"]["systemd"] == ["257"]
    assert read("api/v1/releases/1.0.9.json")["known_issues"][0]["fixed_in"] == ["1.0.11"]


def test_an_imported_release_says_what_is_known_and_no_more() -> None:
    one = read("api/v1/releases/0.8.9.json")
    assert one["imported"] is True
    assert one["architectures"] == ["amd64", "arm64"]
    assert one["document"] is one["digest"] is one["packages"] is None
    assert one["artifacts"] == one["boards"] == []
    index = {entry["version"]: entry for entry in read("index.json")["releases"]}
    assert index["0.8.9"]["digest"] is index["0.8.9"]["document"] is None
    assert index["1.0.11"]["imported"] is False


def test_breaking_changes_are_told_apart() -> None:
    (change,) = read("api/v1/releases/0.8.10.json")["attention"]
    assert (change["kind"], change["text"]) == ("breaking", "- The old driver is gone")
    assert read("api/v1/releases/1.0.11.json")["attention"] == []


def test_a_new_release_changes_the_document_of_the_one_before_and_of_no_other() -> None:
    before = rich_site()
    new = published(release("1.0.12", board(AMD64, payload(5000)), created=day(20)), alpha=day(20))
    after = replace(
        before,
        releases=(*before.releases, new),
        heads={**before.heads, "alpha": new.release.version},
        rollouts={},
        generated_at=day(21),
    )
    unrolled = files(replace(before, rollouts={}))
    changed = {
        path
        for path, data in files(after).items()
        if path.startswith("api/v1/releases/") and unrolled.get(path) != data
    }
    assert changed == {
        "api/v1/releases/1.0.11.json",
        "api/v1/releases/1.0.12.json",
        "api/v1/releases/1.0.8.json",  # withdrawn: it says what to take instead
        "api/v1/releases/1.0.10.json",
    }


def test_the_table_is_for_shells() -> None:
    lines = [line.split("\t") for line in rich()["index.tab"].decode().splitlines()]
    assert lines[0] == [
        "version",
        "published",
        "status",
        "channels",
        "current_in",
        "architectures",
        "cves",
        "software",
        "document",
        "paused_in",
    ]
    versions = [line[0] for line in lines[1:]]
    assert versions == ["1.0.11", "1.0.10", "1.0.9", "1.0.8", "0.9.1", "0.8.10", "0.8.9", "0.7.1"]
    assert lines[2][2:5] == ["withdrawn", "alpha,beta", "-"]
    assert lines[3][2:5] == ["current", "alpha,stable,lts-2026,lts", "lts-2026,lts"]
    assert [line[-1] for line in lines[1:4]] == ["-", "-", "stable"]
    assert lines[-1][-3:] == ["kernel=5.15.1,systemd=249", "-", "-"]


def test_streams_of_fedora_coreos_have_images_by_platform() -> None:
    document = read("streams/alpha.json")
    assert document["metadata"] == {"last-modified": "2026-08-16T09:30:00Z", "generator": "humpyard"}
    artifacts = document["architectures"]["x86_64"]["artifacts"]
    assert {
        (platform, form, part)
        for platform, one in artifacts.items()
        for form, parts in one["formats"].items()
        for part in parts
    } == {
        ("aws", "bin.bz2", "disk"),
        ("gcp", "tar.gz", "disk"),
        ("metal", "bin.bz2", "disk"),
        ("metal", "iso", "disk"),
        ("metal", "pxe", "initramfs"),
        ("metal", "pxe", "kernel"),
        ("openstack", "img", "disk"),
    }
    disk = artifacts["gcp"]["formats"]["tar.gz"]["disk"]
    place = "https://releases.example.org/alpha/amd64-usr/1.0.11/example_production_gce.tar.gz"
    assert (disk["location"], disk["signature"]) == (place, f"{place}.sig")
    assert {*document["architectures"]} == {"x86_64", "aarch64"}
    assert read("streams/beta.json")["architectures"] == {}  # withdrawn
    assert read("streams/edge.json")["architectures"] == {}  # imported


def test_updates_of_fedora_coreos_have_rollouts_and_barriers() -> None:
    page = f"{BASE}releases/"
    began = int(day(16).timestamp())
    assert read("updates/alpha.json")["releases"] == [
        {"version": "1.0.9", "metadata": {"barrier": {"reason": f"{page}1.0.9/index.html"}}},
        {"version": "1.0.11", "metadata": {"rollout": {"start_epoch": began, "start_percentage": 0.6}}},
    ]
    assert read("updates/stable.json")["releases"] == []  # paused
    done = read("updates/lts-2026.json")["releases"][-1]["metadata"]
    assert done == {"rollout": {"start_percentage": 1.0}}


def test_cycles_of_endoflife_are_streams_and_the_other_channels() -> None:
    result = read("api/v1/products/exampleos.json")["result"]
    cycles = {one["name"]: one for one in result["releases"]}
    assert [*cycles] == [
        "beta",
        "lts-2026",
        "lts-2025",
        "alpha",
        "lts-2024",
        "lts-2021",
        "stable",
        "edge",
    ]
    assert cycles["lts-2024"] == {
        "name": "lts-2024",
        "codename": None,
        "label": "LTS 2024",
        "releaseDate": "2024-03-01",
        "isLts": True,
        "ltsFrom": "2024-03-01",
        "isEol": True,
        "eolFrom": "2026-08-10",
        "isMaintained": False,
        "latest": {"name": "0.9.1", "date": "2024-03-01", "link": f"{BASE}releases/0.9.1/index.html"},
    }
    assert cycles["beta"]["latest"] is None  # all that it had is withdrawn
    assert (cycles["edge"]["isEol"], cycles["edge"]["eolFrom"]) == (True, None)
    assert (cycles["stable"]["isLts"], cycles["stable"]["isMaintained"]) == (False, True)


def test_the_latest_of_a_cycle_is_what_the_channel_is_at_and_never_what_only_came_last() -> None:
    one = board(AMD64, payload(9000))
    high = published(release("5.0.0", one, created=day(1)), alpha=day(2))
    fix = published(release("4.0.9", one, created=day(3)), alpha=day(4))
    old = published(release("4.0.8", one, created=day(1)), alpha=day(1))
    gone = replace(high, withdrawals=(Stop(since=day(5), reason="It loses data"),))

    def latest(sample: Site) -> str:
        document = json.loads(product_document(Book(sample)))
        return str(document["result"]["releases"][0]["latest"]["name"])

    assert latest(site(high, fix, old, alpha="5.0.0")) == "5.0.0"
    assert latest(site(high, fix, old, alpha="4.0.9")) == "4.0.9"
    assert latest(site(gone, old, fix, alpha="5.0.0")) == "4.0.9"


def test_what_people_say_after_the_time_of_the_data_is_a_later_change() -> None:
    stop = Stop(since=day(25), reason="Holidays")
    sample = replace(rich_site(), freezes={"alpha": (stop,)})
    document = json.loads(product_document(Book(sample)))
    assert (document["generated_at"], document["last_modified"]) == (
        "2026-08-20T09:30:00Z",
        "2026-08-25T09:30:00Z",
    )
    assert b"<lastmod>2026-08-25T09:30:00Z</lastmod>" in (sitemap(Book(sample)) or b"")


def test_endoflife_can_be_handed_its_own_form() -> None:
    front = rich()["api/v1/products/exampleos.md"].decode()
    assert front.startswith("---\n")
    found = yaml.safe_load(front.strip("-\n"))
    assert (found["title"], found["permalink"]) == ("ExampleOS", "/exampleos")
    cycles = {one["releaseCycle"]: one for one in found["releases"]}
    assert cycles["lts-2026"] == {
        "releaseCycle": "lts-2026",
        "releaseDate": date(2026, 8, 12),
        "lts": True,
        "eol": date(2028, 2, 12),
        "latest": "1.0.9",
        "latestReleaseDate": date(2026, 8, 12),
        "link": f"{BASE}releases/1.0.9/index.html",
    }
    assert (cycles["edge"]["eol"], cycles["stable"]["eol"]) == (True, False)


def test_known_issues_have_their_whole_text() -> None:
    (issue,) = read("api/v1/known-issues.json")["known_issues"]
    assert (issue["state"], issue["open"], issue["affected"]) == ("mitigated", True, ["1.0.9"])
    assert issue["workaround"] == "Pull the second disk."


def test_the_sitemap_is_absolute_and_leaves_out_what_is_withdrawn() -> None:
    data = rich()[addresses.SITEMAP]
    root = ET.fromstring(data)  # noqa: S314  # our own output
    name = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
    found = {url.findtext(f"{name}loc"): url.findtext(f"{name}lastmod") for url in root}
    assert found[f"{BASE}releases/1.0.11/index.html"] == "2026-08-17T09:30:00Z"
    assert f"{BASE}releases/1.0.10/index.html" not in found
    assert found[f"{BASE}channels/edge/index.html"] == "2020-01-02T03:04:05Z"
    assert all(str(url).startswith(BASE) for url in found)
    assert rich()[addresses.ROBOTS] == f"User-agent: *\nAllow: /\nSitemap: {BASE}sitemap.xml\n".encode()
    assert sitemap(Book(rich_site(None))) is None
    assert files(rich_site(None))[addresses.ROBOTS] == b"User-agent: *\nAllow: /\n"


def test_channels_say_what_they_are_at_and_what_they_had() -> None:
    document = read("api/v1/channels/alpha.json")
    current = document["channel"]["current"]
    assert (current["version"], current["status"]) == ("1.0.11", "rolling_out")
    assert (current["rollout"]["share"], current["rollout"]["share_at"]) == (0.6, "2026-08-20T09:30:00Z")
    assert [one["version"] for one in document["releases"]] == ["1.0.11", "1.0.10", "1.0.9", "1.0.8"]
    assert document["channel"]["mirrors"][0]["verified"] is True
    stable = read("api/v1/channels/stable.json")["channel"]
    assert stable["current"]["known_issues"] == ["two-disks"]
    channels = {one["name"]: one for one in read("api/v1/channels.json")["channels"]}
    assert channels["lts"]["streams"] == ["lts-2021", "lts-2024", "lts-2025", "lts-2026"]
    assert channels["lts-2021"]["stream_of"] == "lts"
    assert channels["edge"]["retired"] is True


def test_cves_say_which_release_of_which_channel_is_the_first() -> None:
    cves = {one["id"]: one for one in read("api/v1/cves.json")["cves"]}
    assert cves["CVE-2026-0003"]["packages"] == ["openssh"]
    assert cves["CVE-2026-0003"]["fixed"]["edge"] == {"version": "0.8.9", "told": True}
    assert "does not mean" in read("api/v1/cves.json")["meaning"]


def test_a_hurried_release_says_why() -> None:
    sample = with_entry(stopped_site(), "1.0.11", "alpha", approvals=("release-manager",))
    channel = read("api/v1/releases/1.0.11.json", sample)["channels"][0]
    assert channel["hurried"]["skipped"] == ["soak", "freeze"]
