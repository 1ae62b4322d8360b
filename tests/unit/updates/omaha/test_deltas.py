"""When a machine gets a delta, and when the full payload; and which client is which."""

from __future__ import annotations

import pytest

from release.catalog.version import Version
from release.trust.channel_document import OfferedPayload
from release.updates.clients import (
    CLIENTS,
    FLATCAR,
    OLD_UPDATE_ENGINE,
    OTHER,
    SYNCER,
    UE_RS,
    ClientProfile,
    client_of,
)
from release.updates.machine import Machine, machine_of
from release.updates.offer import NO_LIMITS, Choice, Limits, Update, decide
from release.updates.omaha_request import read_request
from tests.unit.updates.omaha import requests
from tests.unit.updates.omaha.scene import (
    BOARD,
    NEW,
    NOW,
    OLD,
    OLDEST,
    delta,
    document,
    machine,
    offer,
    payload,
    release,
)

EXTENSION = payload("oem-azure.gz", extension=True)


def chosen(asks: Machine, *payloads: OfferedPayload, limits: Limits = NO_LIMITS) -> tuple[str, Choice, bool]:
    answer = decide(document(offer(release(NEW, *payloads, EXTENSION))), asks, NOW, limits)
    assert isinstance(answer, Update)
    return answer.payload.name, answer.choice, answer.is_delta


FULL = "flatcar_production_update.gz"
FROM_OLD = f"flatcar_production_update-from-{OLD}.gz"


def test_the_delta_from_the_very_version_is_taken() -> None:
    assert chosen(machine(), delta(OLDEST), delta(OLD)) == (FROM_OLD, Choice.DELTA, True)


def test_without_a_delta_from_its_version_the_machine_gets_it_all() -> None:
    assert chosen(machine(), delta(OLDEST)) == (FULL, Choice.NO_DELTA, False)
    assert chosen(machine(Version(4081, 2, 1)), delta(OLD)) == (FULL, Choice.NO_DELTA, False)


def test_a_build_of_its_own_is_no_source_though_its_numbers_fit() -> None:
    assert chosen(machine(released=False), delta(OLD)) == (FULL, Choice.NOT_RELEASED, False)


def test_after_a_failed_delta_the_machine_gets_it_all_for_that_version_only() -> None:
    assert chosen(machine(failed=[NEW]), delta(OLD)) == (FULL, Choice.FAILED_BEFORE, False)
    assert chosen(machine(failed=[OLD]), delta(OLD)) == (FROM_OLD, Choice.DELTA, True)


def test_deltas_can_be_switched_off_by_client() -> None:
    assert chosen(machine(), delta(OLD), limits=Limits(deltas=())) == (FULL, Choice.SWITCHED_OFF, False)
    assert FLATCAR.name in NO_LIMITS.deltas


@pytest.mark.parametrize("client", [one for one in CLIENTS if one is not FLATCAR])
def test_other_clients_get_it_all(client: ClientProfile) -> None:
    assert chosen(machine(client=client), delta(OLD)) == (FULL, Choice.CLIENT, False)


def test_a_delta_for_other_clients_is_not_for_this_one() -> None:
    patches = delta(OLD, "positional-bspatch")
    assert chosen(machine(), patches) == (FULL, Choice.CLIENT, False)


def test_of_two_that_fit_the_smaller_is_taken() -> None:
    small = payload("y.gz", source=OLD)
    assert chosen(machine(), delta(OLD), small)[0] == "y.gz"
    assert chosen(machine(), payload("z.gz", source=OLD), small)[0] == "y.gz"


def test_a_system_extension_is_never_taken_for_the_system() -> None:
    odd = payload("oem-odd.gz", source=OLD, extension=True)
    assert chosen(machine(), odd) == (FULL, Choice.NO_DELTA, False)


@pytest.mark.parametrize(
    ("updater", "version", "client"),
    [
        ("update_engine-0.4.10", Version(2723, 0, 0), FLATCAR),
        ("update_engine-0.4.10", Version(4081, 2, 0), FLATCAR),
        ("update_engine-0.4.10", Version(2705, 1, 2), OLD_UPDATE_ENGINE),
        ("update_engine-0.4.10", Version(0, 0, 0), OLD_UPDATE_ENGINE),
        ("CoreOSUpdateEngine-0.1.0.0", Version(4081, 2, 0), SYNCER),
        ("ue-rs-0.0.0", Version(4081, 2, 0), UE_RS),
        ("update_engine", Version(4081, 2, 0), OTHER),
        ("", Version(4081, 2, 0), OTHER),
        ("curl", Version(4081, 2, 0), OTHER),
    ],
)
def test_clients_are_told_by_what_they_say(updater: str, version: Version, client: ClientProfile) -> None:
    assert client_of(updater, version) is client


def test_profiles_are_data_that_others_may_replace() -> None:
    mine = ClientProfile(name="mine", description="ours", updater="curl", applies=frozenset({"flatcar"}))
    assert client_of("curl/8", OLD, (mine,)) is mine
    assert client_of("wget", OLD, (mine,)) is OTHER
    assert chosen(machine(client=mine), delta(OLD)) == (FULL, Choice.SWITCHED_OFF, False)
    assert chosen(machine(client=mine), delta(OLD), limits=Limits(deltas={"mine"})) == (
        FROM_OLD,
        Choice.DELTA,
        True,
    )


def test_a_machine_is_what_its_request_says() -> None:
    request = read_request(requests.update_engine())
    assert machine_of(request, request.apps[0]) == machine(OLD, board=str(BOARD))
    failed = machine_of(request, request.apps[0], frozenset({NEW}))
    assert chosen(failed, delta(OLD))[1] is Choice.FAILED_BEFORE


def test_update_engine_gets_a_delta_though_it_says_it_wants_none() -> None:
    request = read_request(requests.update_engine(delta_okay="false"))
    assert not request.apps[0].delta_okay
    assert chosen(machine_of(request, request.apps[0]), delta(OLD))[1] is Choice.DELTA


def test_the_syncer_of_nebraska_gets_it_all() -> None:
    data = requests.SYNCER.replace(b"766.0.0", b"4081.2.0").replace(b'arch="arm"', b'arch="x64"')
    request = read_request(data)
    assert chosen(machine_of(request, request.apps[0]), delta(OLD)) == (FULL, Choice.CLIENT, False)
