"""``api/v1/known-issues.json``: what is known to be wrong with releases. Pure."""

from __future__ import annotations

from release.canonical import Json
from release.pages import addresses
from release.pages.machine.writing import SCHEMA_VERSION, dump, link, words
from release.pages.records import KnownIssue
from release.pages.site import Site
from release.pages.wording import rfc3339

_PAGE = addresses.API_ISSUES


def issues_document(site: Site) -> bytes:
    """Every issue, closed ones too, the one that was opened last first. Texts are plain."""
    issues = sorted(site.issues, key=lambda issue: (issue.opened, issue.name), reverse=True)
    return dump(
        {
            "schema_version": SCHEMA_VERSION,
            "product": site.product,
            "generated_at": rfc3339(site.generated_at),
            "known_issues": [_issue(issue) for issue in issues],
        }
    )


def _issue(issue: KnownIssue) -> Json:
    return {
        "name": issue.name,
        "title": issue.title,
        "state": issue.state.value,
        "open": issue.state.is_open,
        "text": issue.text,
        "workaround": issue.workaround,
        "opened_at": rfc3339(issue.opened),
        "updated_at": rfc3339(issue.updated),
        "affected": words(issue.affected),
        "fixed_in": words(issue.fixed_in),
        "page": link(_PAGE, addresses.issue(issue.name)),
    }
