"""What status shows: everything that is loud comes first, and nothing that matters is left out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from release.catalog.version import Version
from release.ledger.kinds import MirrorVerified, RolloutHalted
from release.ledger.state import frozen
from release.ledger.statements import StopAction
from release.line.alert import Alert, Loudness
from release.line.standing import Known, standing_of
from release.promotion.request import Skippable, read_request
from release.promotion.status import RequestStatus
from release.signing.key_health import Certificate, ComponentKey
from release.trust.channel_document import ChannelDocument, ChannelDocumentError
from release.trust.head import ChannelStatus, HeadError
from tests.unit.ledger.fakes import HOUR, PIPELINE, digest_of
from tests.unit.promotion.scene import ALICE, BOB, POLICY_TEXT
from tests.unit.trust.mirrors import SignedScene
from tests.unit.trust.test_channel_making import Scene as DeliveredScene
from tests.unit.trust.test_making import LTS

DAY = timedelta(days=1)
WINDOW = """
[[freezes]]
name = "always"
zone = "UTC"
channels = ["beta"]
begins = 2026-01-01T00:00:00
ends = 2026-06-01T00:00:00
"""


def certificate(fingerprint: str, now: datetime, days: float | None, *, revoked: bool = False) -> Certificate:
    key = ComponentKey(
        fingerprint=fingerprint,
        created=now - 900 * DAY,
        expires=None if days is None else now + days * DAY,
        revoked=revoked,
        signs=True,
    )
    return Certificate(primary=key, user_id="Somebody")


def known(scene: SignedScene, **changes: object) -> Known:
    now = scene.now
    fingerprints = [PIPELINE.fingerprint, *scene.policy.fingerprints]
    fields: dict[str, object] = {
        "state": scene.state,
        "policy": scene.policy,
        "now": now,
        "head": scene.head(),
        "documents": {},
        "requests": (),
        "certificates": [certificate(fingerprint, now, None) for fingerprint in fingerprints],
        "payload_keys": {},
        **changes,
    }
    return Known(**fields)  # type: ignore[arg-type]  # tests change single fields by name


def alerts(known: Known, about: str | None = None) -> list[Alert]:
    return [one for one in standing_of(known).alerts if about in {None, one.about}]


@pytest.fixture
def scene() -> SignedScene:
    return SignedScene()


def test_when_all_is_well_nothing_is_loud(scene: SignedScene) -> None:
    found = standing_of(known(scene))
    assert found.alerts == ()
    assert {name: head and str(head.version) for name, head in found.channels.items()} == {
        "alpha": "2.0.0",
        "beta": "1.0.0",
        "stable": None,
    }
    assert [owner.name for owner in found.owners] == [
        "the pipeline", "Alice", "Alice", "Bob", "Carol", "Dora", "Erin",
    ]  # fmt: skip


def test_stops_are_told_with_who_and_why_the_worst_first(scene: SignedScene) -> None:
    scene.stop(StopAction.FREEZE, channel="beta", reason="wait")
    scene.stop(StopAction.WITHDRAW, version="1.0.0", reason="eats\ndisks")
    found = alerts(known(scene), "stop")
    assert [one.loudness for one in found] == [Loudness.ALARM, Loudness.WARNING]
    assert found[0].text.startswith("withdraw 1.0.0 (")
    assert found[0].text.endswith(" by Alice: eats disks")
    assert "freeze beta" in found[1].text
    channels = standing_of(known(scene)).channels
    assert channels["beta"] is not None
    assert (channels["beta"].status, channels["beta"].frozen) == (ChannelStatus.WITHDRAWN, True)


def test_an_automatic_halt_is_told_as_the_pipelines(scene: SignedScene) -> None:
    scene.write(
        RolloutHalted(
            channel="alpha",
            version=Version(2, 0, 0),
            release=digest_of("2.0.0"),
            reason="7 of 20 machines failed",
        )
    )
    (told,) = alerts(known(scene), "stop")
    assert told.loudness is Loudness.ALARM
    assert told.text.startswith("halt 2.0.0 in alpha (")
    assert told.text.endswith(" by the pipeline: 7 of 20 machines failed")


MIRRORS = POLICY_TEXT.replace('name = "beta"', 'name = "beta"\nmirrors = 2') + "".join(
    f'[[mirrors]]\nname = "{name}"\nurl = "https://{name}.example.org/"\n' for name in ("eu", "us", "asia")
)


def test_mirrors_below_the_quorum_are_an_alarm_and_those_that_lag_a_warning() -> None:
    scene = SignedScene(MIRRORS)

    def verify(name: str, *, channel: str, version: Version) -> None:
        release = digest_of(str(version))
        scene.write(
            MirrorVerified(mirror=name, channel=channel, version=version, release=release, passed=True)
        )

    verify("eu", channel="beta", version=Version(1, 0, 0))
    alpha, beta = alerts(known(scene), "mirror")
    assert alpha.loudness is beta.loudness is Loudness.ALARM
    assert alpha.text.startswith("0 of 3 mirrors have 2.0.0 of alpha, 1 must; behind: eu, us, asia (")
    assert beta.text.startswith("1 of 3 mirrors have 1.0.0 of beta, 2 must; behind: us, asia (")
    verify("us", channel="beta", version=Version(1, 0, 0))
    for name in ("eu", "us", "asia"):
        verify(name, channel="alpha", version=Version(2, 0, 0))
    (beta,) = alerts(known(scene), "mirror")
    assert (beta.loudness, "behind: asia (" in beta.text) == (Loudness.WARNING, True)
    scene.stop(StopAction.WITHDRAW, version="1.0.0")
    assert alerts(known(scene), "mirror") == []


def test_channel_documents_that_update_servers_refuse_are_alarms(scene: SignedScene) -> None:
    key, now = "alpha/amd64-usr/current/channel.json", scene.now
    refused = ChannelDocumentError(f"{key}: signed by\nMallory")
    document = DeliveredScene().documents()["alpha"]

    def told(shown: ChannelDocument | ChannelDocumentError | None, at: datetime) -> list[Alert]:
        return alerts(known(scene, documents={key: shown}, now=at), "document")

    assert told(document, now) == []
    for shown, at, words in (
        (None, now, "is missing"),
        (refused, now, f"is refused by update servers: {key}: signed by M"),
        (document, document.expires, "expired 20"),
    ):
        (alarm,) = told(shown, at)
        assert alarm.loudness is Loudness.ALARM
        assert alarm.text.startswith(f"{key} {words}")
    (soon,) = told(document, document.expires - HOUR)
    assert (soon.loudness, "was not signed anew in time" in soon.text) == (Loudness.WARNING, True)


def test_a_floor_that_is_not_there_is_an_alarm() -> None:
    floors = '[[floors]]\nchannel = "beta"\nversion = "{}"\nreason = "a larger partition"\n'
    assert alerts(known(SignedScene(POLICY_TEXT + floors.format("1.0.0"))), "floor") == []
    (told,) = alerts(known(SignedScene(POLICY_TEXT + floors.format("0.9.0"))), "floor")
    assert told.loudness is Loudness.ALARM
    assert told.text.startswith("beta: floor 0.9.0 is not released for amd64-usr: ")


def test_a_pause_that_the_channel_left_behind_is_quiet(scene: SignedScene) -> None:
    scene.stop(StopAction.PAUSE, channel="alpha", version="2.0.0")
    assert [one.loudness for one in alerts(known(scene), "stop")] == [Loudness.ALARM]
    scene.register("3.0.0")
    scene.prove("3.0.0")
    scene.move(scene.request("3.0.0", "alpha"))
    assert [one.loudness for one in alerts(known(scene), "stop")] == [Loudness.NOTE]


def test_a_head_that_readers_refuse_is_an_alarm(scene: SignedScene) -> None:
    head = scene.head()
    late = known(scene, now=head.expires)
    for one in (known(scene, head=None), known(scene, head=HeadError("head.json: forged")), late):
        (alert, *_) = alerts(one, "head")
        assert alert.loudness is Loudness.ALARM
    (soon,) = alerts(known(scene, now=head.expires - HOUR), "head")
    assert (soon.loudness, "was not signed anew in time" in soon.text) == (Loudness.WARNING, True)


def test_a_head_that_lags_behind_the_ledger_is_noted(scene: SignedScene) -> None:
    head = scene.head()
    scene.prove("2.0.0", "another-check")
    (note,) = alerts(known(scene, head=head), "head")
    assert (note.loudness, note.text) == (
        Loudness.NOTE,
        "the mirror's head is 1 ledger entries behind: the pipeline's next run signs it",
    )


@pytest.mark.parametrize(
    ("days", "loudness"), [(6, Loudness.ALARM), (29, Loudness.WARNING), (89, Loudness.NOTE)]
)
def test_keys_are_warned_of_at_90_30_and_7_days(scene: SignedScene, days: float, loudness: Loudness) -> None:
    one = known(scene)
    keys = [
        certificate(key.fingerprint, scene.now, days if key.fingerprint == ALICE.fingerprint else None)
        for key in one.certificates
    ]
    (alert,) = alerts(replace(one, certificates=keys), "key")
    assert alert.loudness is loudness
    assert alert.text.startswith("key of Alice: Somebody")
    assert f"{days} days more" in alert.text


def test_a_key_that_cannot_sign_is_worst_for_the_pipeline(scene: SignedScene) -> None:
    one = known(scene)
    keys = [
        certificate(key.fingerprint, scene.now, None, revoked=True)
        for key in one.certificates
        if key.fingerprint != BOB.fingerprint
    ]
    found = alerts(replace(one, certificates=keys), "key")
    assert found[0].text.startswith("key of the pipeline: Somebody")
    assert [alert.loudness for alert in found] == [Loudness.ALARM, *[Loudness.WARNING] * 6]
    assert f"key of Bob ({BOB.fingerprint}): its public half is in no file of openpgp.keys" in {
        alert.text for alert in found
    }


def test_a_pipelines_key_too_short_lived_to_publish_is_an_alarm(scene: SignedScene) -> None:
    keys = [certificate(PIPELINE.fingerprint, scene.now, 80)]
    texts = {alert.text for alert in alerts(known(scene, certificates=keys), "key")}
    assert "no key of the pipeline lasts for the 90 days of a release: publishing is refused" in texts


def test_freeze_windows_that_are_open_are_noted() -> None:
    scene = SignedScene(POLICY_TEXT + WINDOW)
    (note,) = alerts(known(scene), "window")
    assert note.text == "freeze window 'always': nothing moves in beta until 2026-06-01T00:00:00Z"
    assert not alerts(known(scene, now=datetime.fromisoformat("2026-06-01T00:00:00Z")), "window")


def test_support_that_ends_and_successors_that_are_due_are_told() -> None:
    scene = SignedScene(POLICY_TEXT + LTS)
    opened = replace(scene.state.heads["alpha"], channel="lts-2024")
    state = replace(
        scene.state,
        channels=(*scene.state.channels, "lts"),
        streams=("lts",),
        heads=frozen({**scene.state.heads, "lts-2024": opened}),
        history=(*scene.state.history, opened),
    )

    def told(days: int) -> list[str]:
        now = opened.since + days * DAY
        return [
            alert.text for alert in alerts(known(scene, state=state, now=now, certificates=[]), "support")
        ]

    assert told(30) == []
    assert told(400) == ["the stream after lts-2024 was due 2027-01-31, for machines to move over"]
    assert told(500)[0] == "support of lts-2024 ends 2027-07-31"
    assert told(600)[0] == "support of lts-2024 ended 2027-07-31"


def test_a_request_whose_gate_is_open_is_noted(scene: SignedScene) -> None:
    scene.register("3.0.0")
    scene.prove("3.0.0")
    requests: tuple[RequestStatus, ...] = (scene.status(scene.request("3.0.0", "alpha")),)
    (note,) = alerts(known(scene, requests=requests), "request")
    assert note.text == "alpha to 3.0.0: the gate is open, and the pipeline has not carried it out yet"


def test_a_hurried_head_stays_loud_and_one_nobody_can_read_is_left_out(scene: SignedScene) -> None:
    head = scene.state.heads["alpha"]
    assert head.request is not None
    record = scene.state.requests[head.request]
    asked = read_request(record.statement)
    reason, incident = "CVE-2026-1\nbites", "https://x.example/1"
    hurried = replace(asked, hurry=(Skippable.SOAK,), reason=reason, incident=incident)
    for statement, said in (
        (
            hurried.statement(),
            ["alpha was hurried to 2.0.0, skipping soak: CVE-2026-1 bites (incident https://x.example/1)"],
        ),
        ("{}", []),
    ):
        requests = frozen({**scene.state.requests, head.request: replace(record, statement=statement)})
        state = replace(scene.state, requests=requests)
        assert [one.text for one in alerts(known(scene, state=state), "hurry")] == said
