"""``api/v1/cves.json``: which release of which channel has the fix of a CVE first. Pure."""

from __future__ import annotations

from release.canonical import Json
from release.pages import addresses
from release.pages.cve_count import Fixed
from release.pages.cve_index import Cve, cve_index
from release.pages.machine.writing import SCHEMA_VERSION, dump, link, words
from release.pages.site import Site
from release.pages.wording import rfc3339

MEANING = (
    "What release notes tell. That a CVE or a channel is absent does not mean that it is unaffected."
    " What is only mentioned is not told to be fixed: read the notes."
)


def cves_document(site: Site) -> bytes:
    """Every CVE that any notes name, by year and number. Compact, because there are thousands.

    In ``fixed``, by channel, ``version`` is the first release that has the fix and is not withdrawn;
    ``told`` is false where its own notes do not tell of the fix, but those of a release that it continues do.
    ``withdrawn`` and ``earlier`` are there only where there is something to say. In ``mentioned``, by
    channel, is the highest version whose notes name the CVE, where the channel does not have the fix from
    there on.
    """
    index = cve_index(site)
    return dump(
        {
            "schema_version": SCHEMA_VERSION,
            "product": site.product,
            "generated_at": rfc3339(site.generated_at),
            "meaning": MEANING,
            "page": link(addresses.API_CVES, addresses.CVES),
            "channels": words(index.channels),
            "cves": [_cve(cve) for cve in index.cves],
        },
        compact=True,
    )


def _cve(cve: Cve) -> Json:
    return {
        "id": cve.id,
        "packages": words(cve.packages),
        "severity": cve.severity,
        "fixed": {channel: _fixed(fixed) for channel, fixed in cve.fixed.items()},
        "mentioned": {channel: str(version) for channel, version in cve.mentioned.items()},
    }


def _fixed(fixed: Fixed) -> Json:
    found: dict[str, Json] = {"version": str(fixed.version), "told": fixed.told}
    if fixed.withdrawn:
        found["withdrawn"] = True
    if fixed.earlier is not None:
        found["earlier"] = str(fixed.earlier)
    return found
