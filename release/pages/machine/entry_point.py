"""``api/v1/index.json``: where everything for programs is. Pure."""

from __future__ import annotations

from release.pages import addresses
from release.pages.machine.endoflife import product_name
from release.pages.machine.news import feeds_of
from release.pages.machine.schemas import SCHEMA_NAMES
from release.pages.machine.writing import SCHEMA_VERSION, dump, link
from release.pages.site import Site
from release.pages.wording import rfc3339

_PAGE = addresses.API_INDEX


def entry_point(site: Site) -> bytes:
    """Links to every document, relative to this one. ``{VERSION}`` and ``{CHANNEL}`` stand for names."""
    return dump(
        {
            "schema_version": SCHEMA_VERSION,
            "product": site.product,
            "generated_at": rfc3339(site.generated_at),
            "base_url": site.base_url,
            "links": {
                "index": link(_PAGE, addresses.MACHINE_INDEX),
                "table": link(_PAGE, addresses.MACHINE_TABLE),
                "channels": link(_PAGE, addresses.API_CHANNELS),
                "channel": "channels/{CHANNEL}.json",
                "release": "releases/{VERSION}.json",
                "packages": "releases/{VERSION}/packages.json",
                "cves": link(_PAGE, addresses.API_CVES),
                "known_issues": link(_PAGE, addresses.API_ISSUES),
                "product": link(_PAGE, addresses.api_product(product_name(site.product))),
                "list": link(_PAGE, addresses.release_list(None)),
                "channel_list": "../../releases-json/releases-{CHANNEL}.json",
                "stream": "../../streams/{CHANNEL}.json",
                "updates": "../../updates/{CHANNEL}.json",
                "sitemap": None if site.base_url is None else link(_PAGE, addresses.SITEMAP),
            },
            "feeds": [
                {
                    "title": feed.title,
                    "channel": feed.channel,
                    "atom": link(_PAGE, feed.atom),
                    "json": link(_PAGE, feed.json),
                }
                for feed in feeds_of(site)
            ],
            "schemas": {name: link(_PAGE, addresses.schema(name)) for name in SCHEMA_NAMES},
        }
    )
