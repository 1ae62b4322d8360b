"""What a mirror must be able to do for what it is to be."""

from __future__ import annotations

import pytest

from release.errors import RefusedError
from release.mirror.abilities import (
    ORIGIN_NEEDS,
    REPLICA_NEEDS,
    STRICT_REPLICA_NEEDS,
    Abilities,
    Ability,
    Finding,
    Verdict,
    check_abilities,
)


def abilities(**verdicts: Verdict) -> Abilities:
    """All kept, but for those named."""
    findings = tuple(
        Finding(
            ability=ability,
            verdict=verdicts.get(ability.name, Verdict.KEPT),
            tried=f"trying {ability.name}",
            found="what came",
        )
        for ability in Ability
    )
    return Abilities(where="s3://b/p", findings=findings)


def test_who_can_do_all_may_be_everything() -> None:
    for needed in (ORIGIN_NEEDS, REPLICA_NEEDS, STRICT_REPLICA_NEEDS, frozenset(Ability)):
        check_abilities(abilities(), needed, "used")


@pytest.mark.parametrize("verdict", [Verdict.IGNORED, Verdict.REFUSED])
def test_what_is_needed_and_missing_is_told_with_what_was_tried(verdict: Verdict) -> None:
    found = abilities(SWAP=verdict, CREATE_ONCE=verdict, CHECKSUM=verdict)
    with pytest.raises(RefusedError) as caught:
        check_abilities(found, ORIGIN_NEEDS, "the origin")
    assert str(caught.value).splitlines() == [
        "s3://b/p: cannot be the origin:",
        f"  refuses to write over an object: {verdict}. Tried: trying CREATE_ONCE. Found: what came",
        f"  {Ability.SWAP}: {verdict}. Tried: trying SWAP. Found: what came",
    ]
    assert caught.value.hint == (
        "use a server that keeps If-None-Match on PutObject; use a server that keeps If-Match on PutObject"
    )
    check_abilities(found, REPLICA_NEEDS, "a mirror")


def test_what_nobody_tried_is_not_there() -> None:
    nothing = Abilities(where="s3://b", findings=())
    assert not nothing.has(Ability.LARGE)
    with pytest.raises(RefusedError, match="takes large objects in parts: was not tried"):
        check_abilities(nothing, REPLICA_NEEDS, "a mirror")
