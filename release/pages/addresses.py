"""Where every page, feed and file of a site is, relative to the root of the pages. Pure.

These are permanent: what was published once keeps its address.
"""

from __future__ import annotations

from urllib.parse import urljoin

from release.catalog.version import Version
from release.pages.site import Site

INDEX = "index.html"
MACHINE_INDEX = "index.json"
MACHINE_TABLE = "index.tab"
SITEMAP = "sitemap.xml"
ROBOTS = "robots.txt"
RELEASES = "releases/index.html"
COMPARE = "compare/index.html"
COMPARE_DATA = "compare/compare.json"
CVES = "cve/index.html"
KEYS = "keys/index.html"
END_OF_LIFE = "eol/index.html"
CALENDAR = "eol/support.ics"
ISSUES = "known-issues/index.html"
STATUS = "status/index.html"
FEEDS = "feeds/index.html"
NOT_FOUND = "404.html"
SECURITY_FEED = "releases-feed/security.xml"
EVENT_FEED = "releases-feed/events.xml"
SECURITY_JSON_FEED = "releases-feed/security.json"
EVENT_JSON_FEED = "releases-feed/events.json"
API = "api/v1/"
API_INDEX = "api/v1/index.json"
API_CHANNELS = "api/v1/channels.json"
API_CVES = "api/v1/cves.json"
API_ISSUES = "api/v1/known-issues.json"
SCHEMAS = "api/v1/schemas/"


def release_page(version: Version) -> str:
    """The permanent page of a release."""
    return f"releases/{version}/index.html"


def channel_page(channel: str) -> str:
    """Every release of a channel."""
    return f"channels/{channel}/index.html"


def from_version_page(version: Version) -> str:
    """Everything between a version and what its channel is at."""
    return f"from/{version}/index.html"


def cve_page(identifier: str) -> str:
    """The page of the year of a CVE id. The id itself is an anchor there."""
    return f"cve/{identifier.split('-')[1]}/index.html"


def cve(identifier: str) -> str:
    """Where a CVE is told."""
    return f"{cve_page(identifier)}#{identifier}"


def key_file(name: str) -> str:
    """A public key, as the file of that name."""
    return f"keys/{name}"


def issue(name: str) -> str:
    """Where a known issue is told. Its name may be that of something else on the page, without the prefix."""
    return f"{ISSUES}#issue-{name}"


def feed(channel: str | None) -> str:
    """The Atom feed of a channel, or of all."""
    return f"releases-feed/{_stem(channel)}.xml"


def json_feed(channel: str | None) -> str:
    """The same as JSON Feed."""
    return f"releases-feed/{_stem(channel)}.json"


def release_list(channel: str | None) -> str:
    """The Flatcar-compatible document of a channel, or of all."""
    return f"releases-json/{_stem(channel)}.json"


def api_channel(channel: str) -> str:
    """What programs are told of a channel."""
    return f"{API}channels/{channel}.json"


def api_release(version: Version) -> str:
    """What programs are told of a release."""
    return f"{API}releases/{version}.json"


def packages(version: Version) -> str:
    """What is installed, board by board."""
    return f"{API}releases/{version}/packages.json"


def api_product(name: str) -> str:
    """How long what is supported, in the form of endoflife.date."""
    return f"{API}products/{name}.json"


def product_snippet(name: str) -> str:
    """The same, to hand in at endoflife.date."""
    return f"{API}products/{name}.md"


def schema(name: str) -> str:
    """The JSON Schema of a kind of document."""
    return f"{SCHEMAS}{name}.schema.json"


def stream_document(channel: str) -> str:
    """What a channel is at, in the form of Fedora CoreOS."""
    return f"streams/{channel}.json"


def updates_document(channel: str) -> str:
    """Who may update to what, in the form of Fedora CoreOS."""
    return f"updates/{channel}.json"


def from_page(page: str, target: str) -> str:
    """``target``, relative to the root, as a link on ``page``. Absolute addresses stay as they are.

    Links name ``index.html``, so that they work from ``file:`` and from buckets as well.
    """
    return target if "://" in target else "../" * page.count("/") + target


def absolute(site: Site, target: str) -> str | None:
    """The address of ``target`` (a page, or a file of the mirror), or None when it is not known."""
    if "://" in target:
        return target
    return None if site.base_url is None else urljoin(site.base_url, target)


def _stem(channel: str | None) -> str:
    return "releases" if channel is None else f"releases-{channel}"
