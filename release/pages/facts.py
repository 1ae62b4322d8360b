"""Pages of facts: keys, support, known issues, status, feeds, and one for addresses that lead nowhere."""

from __future__ import annotations

from collections.abc import Iterator

from release.pages import addresses
from release.pages.facts_feeds import feeds_view, lost_view
from release.pages.facts_issues import issues_view
from release.pages.facts_keys import keys_view
from release.pages.facts_status import status_view
from release.pages.facts_support import support_calendar, support_view
from release.pages.press import Press
from release.pages.site import Site


def fact_files(site: Site, press: Press) -> Iterator[tuple[str, bytes]]:
    """The pages, and the calendar where any end of support is known."""
    yield addresses.KEYS, press.page("keys.html", view=keys_view(site))
    yield addresses.END_OF_LIFE, press.page("eol.html", view=support_view(site))
    if site.support:
        yield addresses.CALENDAR, support_calendar(site)
    yield addresses.ISSUES, press.page("issues.html", view=issues_view(site))
    yield addresses.STATUS, press.page("status.html", view=status_view(site))
    yield addresses.FEEDS, press.page("feeds.html", view=feeds_view(site))
    yield addresses.NOT_FOUND, press.page("404.html", view=lost_view(site))
