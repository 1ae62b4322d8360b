"""What is not published yet is on no page, in no feed and in no document: not even that it is coming."""

from __future__ import annotations

from release.pages.directory import read_site
from tests.small_yard import NEW, OLD, SmallYard

SECRET = "the-door-is-open"


def test_nothing_is_told_of_what_is_not_published(small_yard: SmallYard) -> None:
    yard = small_yard
    yard.publish(OLD, offered_in=("alpha",))
    fragment = yard.root / "changelog" / "security" / "2026-01-02-embargoed.md"
    fragment.write_text(f"- {SECRET} ([CVE-2026-98765](https://nvd.nist.gov/vuln/detail/CVE-2026-98765))\n")
    build = ["candidate", "build", str(yard.image_set(NEW)), "--version", str(NEW), "--channel", "alpha"]
    assert yard.humpyard(*build) == 0
    notes = next((yard.root / "work" / str(NEW)).rglob("notes.md"))
    assert SECRET in notes.read_text()
    assert yard.humpyard("pages", "build") == 0
    site = read_site(yard.mirror / "pages")
    told = [
        path
        for path, data in site.items()
        for word in (SECRET, "CVE-2026-98765", str(NEW))
        if word in path or word.encode() in data
    ]
    assert told == []
    # Once it is published, all of that is told: the words were the right ones to look for.
    assert yard.humpyard("release", "publish", str(NEW)) == 0
    assert yard.humpyard("pages", "build") == 0
    site = read_site(yard.mirror / "pages")
    page = site[f"releases/{NEW}/index.html"].decode()
    assert SECRET in page
    assert "CVE-2026-98765" in page
