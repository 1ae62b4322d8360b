"""Changing the payload key: who can verify, told by the rules and by real payloads with real keys."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from release.catalog.version import Version
from release.errors import InputError, NotVerifiedError, RefusedError
from release.payload.profile import FLATCAR, REPLACE_ONLY, Profile, SignatureRule
from release.signing import open_signer
from release.signing.payload_signature import sign_payload, verify_payload
from release.signing.rotation import (
    Rotation,
    SignedPayload,
    SignedRelease,
    accepted_keys,
    check_keys,
    plan,
    stage,
)
from tests.unit.signing.bundles import public
from tests.unit.signing.rsa_keys import private_key, write_payload, write_private

BEFORE, FLOOR, AFTER, LATER = (Version(major, 0, 0) for major in (4593, 4600, 4610, 4620))
NAMES = {public(name).fingerprint: name for name in ("old", "new", "other")}
OLD, NEW, OTHER = NAMES
CHANGE = Rotation(old=OLD, new=NEW, floor=FLOOR)


def payload(path: Path, names: Sequence[str]) -> Path:
    """A real payload that these keys signed, in slot order."""
    write_payload(path, [256] * len(names))
    signers = [open_signer(write_private(path.with_name(f"{name}.pem"), private_key(name))) for name in names]
    sign_payload(path, signers, [public(name) for name in names])
    return path


def verifies(path: Path, name: str, profile: Profile) -> bool:
    """Whether a client of the profile that holds the key accepts the payload."""
    try:
        verify_payload(path, [public(name)], profile)
    except NotVerifiedError:
        return False
    return True


@pytest.mark.parametrize(
    "names",
    [["old"], ["new"], ["old", "new"], ["new", "old"], ["other", "new", "old"], ["old", "new", "other"]],
)
@pytest.mark.parametrize("profile", [FLATCAR, REPLACE_ONLY])
def test_the_rules_say_of_real_payloads_what_verifying_them_says(
    tmp_path: Path, names: list[str], profile: Profile
) -> None:
    path = payload(tmp_path / "payload", names)
    slots = [public(name).fingerprint for name in names]
    accepted = {NAMES[key] for key in accepted_keys(slots, profile.signature_rule)}
    assert accepted == {name for name in NAMES.values() if verifies(path, name, profile)}


def test_no_payload_satisfies_two_keys_of_update_engine(tmp_path: Path) -> None:
    for names in (["old", "new"], ["new", "old"]):
        path = payload(tmp_path / "-".join(names), names)
        assert [verifies(path, name, FLATCAR) for name in ("old", "new")].count(True) == 1
        assert all(verifies(path, name, REPLACE_ONLY) for name in ("old", "new"))


def test_in_every_stage_of_the_plan_whoever_is_offered_a_payload_verifies_it(tmp_path: Path) -> None:
    profiles = {FLATCAR.signature_rule: FLATCAR, REPLACE_ONLY.signature_rule: REPLACE_ONLY}
    for number, one in enumerate(plan(CHANGE)):
        path = payload(tmp_path / str(number), [NAMES[key] for key in one.slots])
        assert not any(reach.stranded for reach in one.reach)
        for reach in one.reach:
            holds = "old" if reach.machines.startswith("below") else "new"
            assert reach.verifies == verifies(path, holds, profiles[reach.rule])
        assert any(reach.meant for reach in one.reach)


def test_a_machine_goes_from_the_old_key_to_the_new_one_over_the_floor_and_on_no_other_way(
    tmp_path: Path,
) -> None:
    """Each machine holds the key that its image ships and takes what it can verify."""
    floor = payload(tmp_path / "floor", ["new", "old"])
    after = payload(tmp_path / "after", ["old", "new"])
    holds = "old"
    assert not verifies(after, holds, FLATCAR), "straight up is no way"
    assert verifies(floor, holds, FLATCAR)
    holds = "new"  # the floor's image ships it
    assert verifies(after, holds, FLATCAR)
    assert not verifies(floor, holds, FLATCAR), (
        "above the floor the old key in the last slot is no way either"
    )


def release(version: Version, *slots: str, extension: Sequence[str] = ()) -> SignedRelease:
    payloads = [SignedPayload(what="amd64-usr update.gz", rule=SignatureRule.FIRST_VERSION_2, slots=slots)]
    if extension:
        payloads.append(
            SignedPayload(
                what="amd64-usr oem.gz", rule=SignatureRule.ANY_SLOT, slots=tuple(extension), partition=False
            )
        )
    return SignedRelease(version=version, payloads=tuple(payloads))


def test_nobody_is_stranded_in_a_channel_that_offers_nothing() -> None:
    check_keys(release(AFTER, NEW), None, None, None)


def test_the_same_key_needs_no_declaration_whatever_the_other_slots_hold() -> None:
    check_keys(release(AFTER, OTHER, OLD), release(BEFORE, OLD), None, None)
    check_keys(release(AFTER, OLD), release(BEFORE, OTHER, OLD), None, None)


def test_another_key_in_the_slot_that_counts_is_refused_unless_it_is_declared() -> None:
    for slots in ((NEW,), (OLD, NEW), (OTHER, OLD, NEW)):
        with pytest.raises(
            RefusedError, match=rf"hold key {OLD[:16]}, with which 4593\.0\.0 was signed"
        ) as said:
            check_keys(release(AFTER, *slots), release(BEFORE, OLD), None, None)
        assert "no change of key is declared" in said.value.message
        assert f"the payload satisfies {NEW[:16]} only" in said.value.message


def test_extensions_are_held_to_the_key_of_the_machine_in_any_slot() -> None:
    before = release(BEFORE, OLD, extension=[OLD])
    check_keys(release(AFTER, OLD, extension=[OLD, NEW]), before, None, None)
    with pytest.raises(RefusedError, match=r"amd64-usr oem\.gz: machines hold key"):
        check_keys(release(AFTER, OLD, extension=[NEW]), before, None, None)


def test_a_declared_change_goes_over_its_floor() -> None:
    floor = release(FLOOR, NEW, OLD)
    check_keys(release(Version(4599, 0, 0), OLD), release(BEFORE, OLD), CHANGE, None)
    check_keys(floor, release(BEFORE, OLD), CHANGE, None)
    check_keys(release(AFTER, OLD, NEW), floor, CHANGE, floor)
    check_keys(release(LATER, NEW), release(AFTER, OLD, NEW), CHANGE, floor)
    check_keys(release(LATER, NEW), release(AFTER, OLD, NEW), None, None)


def test_the_floor_itself_must_be_signed_with_the_old_key() -> None:
    with pytest.raises(RefusedError, match=r"machines below the floor 4600\.0\.0 hold key"):
        check_keys(release(FLOOR, OLD, NEW), release(BEFORE, OLD), CHANGE, None)


def test_nothing_above_the_floor_goes_out_before_the_floor_was_offered() -> None:
    for slots in ((OLD, NEW), (NEW, OLD)):
        with pytest.raises(RefusedError, match=r"the floor 4600\.0\.0 was never offered in this channel"):
            check_keys(release(AFTER, *slots), release(BEFORE, OLD), CHANGE, None)


def test_after_the_floor_the_old_key_strands_machines_that_have_passed_it() -> None:
    floor = release(FLOOR, NEW, OLD)
    with pytest.raises(RefusedError, match=r"machines at or above the floor 4600\.0\.0 hold key"):
        check_keys(release(AFTER, NEW, OLD), floor, CHANGE, floor)


def test_a_floor_that_was_signed_with_another_key_is_no_floor() -> None:
    wrong = release(FLOOR, OLD, NEW)
    with pytest.raises(RefusedError, match="was to be signed with"):
        check_keys(release(AFTER, OLD, NEW), wrong, CHANGE, wrong)
    with pytest.raises(RefusedError, match=r"the floor 4600\.0\.0 is not signed with the old key"):
        check_keys(release(LATER, NEW), release(AFTER, NEW), CHANGE, wrong)


def test_a_declaration_that_does_not_fit_what_is_offered_is_refused() -> None:
    other = Rotation(old=OTHER, new=NEW, floor=FLOOR)
    with pytest.raises(RefusedError, match=f"to be signed with {OTHER[:16]}; it was signed with {OLD[:16]}"):
        check_keys(release(FLOOR, OTHER), release(BEFORE, OLD), other, None)
    with pytest.raises(InputError, match="found the same one as old and as new"):
        Rotation(old=OLD, new=OLD, floor=FLOOR)


def test_an_unsigned_payload_is_for_nobody() -> None:
    with pytest.raises(RefusedError, match="satisfies nobody only"):
        check_keys(release(AFTER), release(BEFORE, OLD), None, None)


def test_asking_about_a_release_tells_who_would_be_stranded() -> None:
    straight = stage("release", AFTER, [NEW, OLD], CHANGE)
    stranded = [(one.machines, one.rule) for one in straight.reach if one.stranded]
    assert stranded == [("4600.0.0 and above", SignatureRule.FIRST_VERSION_2)]
    early = stage("release", FLOOR, [NEW], CHANGE)
    assert [one.machines for one in early.reach if one.stranded] == ["below 4600.0.0"] * 2
