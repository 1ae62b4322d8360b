"""Every document for programs is as its published schema says, and says nothing that the schema does not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from posixpath import dirname, join, normpath
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from release.notes.characters import FORBIDDEN
from release.pages import addresses
from release.pages.machine.files import machine_files
from release.pages.machine.schemas import SCHEMA_NAMES, schema_of
from release.pages.press import Press
from release.pages.site import Site
from tests.unit.pages.machine.rich import BASE, harmful_site, rich_site
from tests.unit.pages.samples import full_site, site, stopped_site

KINDS = {
    "index": r"index\.json",
    "api": r"api/v1/index\.json",
    "channels": r"api/v1/channels\.json",
    "channel": r"api/v1/channels/[a-z0-9-]+\.json",
    "version": r"api/v1/releases/[0-9.]+\.json",
    "cves": r"api/v1/cves\.json",
    "known-issues": r"api/v1/known-issues\.json",
    "product": r"api/v1/products/[a-z0-9-]+\.json",
    "list": r"releases-json/releases[a-z0-9-]*\.json",
    "stream": r"streams/[a-z0-9-]+\.json",
    "updates": r"updates/[a-z0-9-]+\.json",
}
SITES: dict[str, Callable[[], Site]] = {
    "empty": site,
    "full": full_site,
    "stopped": stopped_site,
    "rich": rich_site,
    "rich without address": lambda: rich_site(None),
    "harmful": harmful_site,
}


def files(sample: Site) -> dict[str, bytes]:
    return dict(machine_files(sample, Press()))


def strict(schema: Any) -> Any:
    """The schema, with no name allowed that it does not have."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: strict(part) for name, part in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        found["properties"] = {name: strict(part) for name, part in schema["properties"].items()}
        found.setdefault("additionalProperties", False)
    return found


VALIDATORS = {
    name: Draft202012Validator(strict(schema_of(name)), format_checker=Draft202012Validator.FORMAT_CHECKER)
    for name in KINDS
}


@pytest.mark.parametrize("name", SITES)
def test_documents_are_as_their_schemas_say(name: str) -> None:
    found = {path: data for path, data in files(SITES[name]()).items() if path.endswith(".json")}
    kinds = {path: kind for path in found for kind, form in KINDS.items() if re.fullmatch(form, path)}
    assert {*kinds.values()} == ({*KINDS} - {"version"} if name == "empty" else {*KINDS})
    others = {path for path in found if path not in kinds}
    assert all(path.startswith((addresses.SCHEMAS, "releases-feed/")) for path in others)
    for path, kind in kinds.items():
        errors = [error.message for error in VALIDATORS[kind].iter_errors(json.loads(found[path]))]
        assert (path, errors) == (path, [])


def test_schemas_are_schemas_and_say_where_they_are() -> None:
    published = files(rich_site())
    for name in SCHEMA_NAMES:
        schema = json.loads(published[addresses.schema(name)])
        Draft202012Validator.check_schema(schema)
        assert schema["$id"] == f"{BASE}api/v1/schemas/{name}.schema.json"
    assert "$id" not in json.loads(files(site())[addresses.schema("index")])


def test_packages_have_a_schema() -> None:
    validator = Draft202012Validator(strict(schema_of("packages")))
    document = {
        "schema_version": 1,
        "product": "ExampleOS",
        "version": "1.0.0",
        "boards": {"amd64-usr": [{"name": "app-containers/docker", "version": "28.0.4"}]},
    }
    assert validator.is_valid(document)
    assert not validator.is_valid({**document, "boards": {"amd64-usr": ["docker"]}})


def test_the_same_site_gives_the_same_bytes() -> None:
    sample = rich_site()
    turned = replace(sample, releases=sample.releases[::-1], issues=sample.issues[::-1])
    assert files(sample) == files(turned)


@pytest.mark.parametrize("base", [None, BASE])
def test_links_lead_to_documents_that_are_there(base: str | None) -> None:
    """Those to documents for programs; pages have a check of their own."""
    published = files(rich_site(base))
    targets = {
        normpath(join(dirname(path), link))
        for path, data in published.items()
        if re.fullmatch(r"index\.json|api/v1/(?!schemas/).*\.json", path)
        for link in links(json.loads(data))
    }
    own = {
        one
        for one in targets
        if re.match(r"(api|releases-(feed|json)|streams|updates)/|sitemap|index\.", one)
    }
    pages = {"index.html", *(one for one in own if one.endswith("packages.json"))}
    assert own - pages <= {*published}
    assert len(own) > 50
    away = {one for one in targets - own if not one.startswith("../")}
    assert all(re.fullmatch(r"([a-z-]+/)?([0-9.]+/|[a-z0-9-]+/)?index\.html(#[a-z-]+)?", one) for one in away)
    mirror = {one for one in targets if one.startswith("../")}
    assert "../releases/1.0.11/release.json" in mirror
    assert "../alpha/amd64-usr/1.0.11/example_production_iso_image.iso.sig" in mirror


def links(value: Any) -> Iterator[str]:
    """Every relative reference: texts that end like a file and have no space."""
    if isinstance(value, dict):
        for part in value.values():
            yield from links(part)
    elif isinstance(value, list):
        for part in value:
            yield from links(part)
    elif (
        isinstance(value, str)
        and "{" not in value
        and re.fullmatch(r"[A-Za-z0-9./_+-]+\.(html|json|xml|tab|sig)(#[a-z-]+)?", value)
    ):
        yield value


def test_nothing_that_people_write_acts() -> None:
    for path, data in files(harmful_site()).items():
        text = data.decode()
        assert not FORBIDDEN.search(text), path
        if path.endswith(".json"):
            for part in texts(json.loads(data)):
                assert not FORBIDDEN.search(part), path
        if path.endswith((".xml", "feed.json")):
            assert "<script>" not in text, path
        if path.endswith(".tab"):
            assert {line.count("\t") for line in text.splitlines()} == {9}


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from texts(part)
    elif isinstance(value, str):
        yield value
