"""`humpyard status`: how things stand, the loud first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from release.canonical import Json
from release.cli.options import DEFAULT_SETTINGS, AsJson, SettingsFile
from release.cli.output import emit, say, table
from release.errors import NotVerifiedError
from release.ledger.fields import format_time
from release.line.alert import Alert
from release.line.channel_documents import shown_documents
from release.line.head import signed_head
from release.line.requests import open_requests
from release.line.standing import Known, Owner, Standing, standing_of
from release.line.yard import Yard
from release.signing.trusted_keys import PayloadKey
from release.trust.head import ChannelHead, MirrorHead
from release.wiring import open_yard


def status(settings: SettingsFile = DEFAULT_SETTINGS, as_json: AsJson = False) -> None:
    """Show how things stand: alarms, channels, requests, the mirror's head, keys and how long they last.

    The exit code is 0 whatever is wrong out there, as long as the ledger verifies: use --json and look
    at "alerts" for a monitor.
    """
    with open_yard(settings) as yard:
        found = standing_of(_known(yard))
    if as_json:
        emit(_as_json(found))
        return
    for alert in found.alerts:
        say(f"{alert.loudness.name:<8} {alert.text}")
    if not found.alerts:
        say("nothing to mind")
    for part in (_channels, _requests, _mirror, _owners, _payload_keys):
        say("")
        part(found)


def _known(yard: Yard) -> Known:
    state = yard.ledger.state()
    head: MirrorHead | NotVerifiedError | None
    try:
        head = signed_head(yard)
    except NotVerifiedError as error:
        head = error
    names = dict.fromkeys((*state.channels, *state.heads))
    return Known(
        state=state,
        policy=yard.policy(),
        now=yard.clock(),
        head=head,
        documents=shown_documents(yard),
        requests=open_requests(yard),
        certificates=yard.certificates(),
        payload_keys={name: yard.payload_for(name).keys for name in names},
    )


def _channels(found: Standing) -> None:
    rows = [(name, *_row(head)) for name, head in found.channels.items()]
    table(("channel", "version", "status", "since (UTC)", "end of life"), rows)


def _row(head: ChannelHead | None) -> tuple[str, str, str, str]:
    if head is None:
        return "-", "", "", ""
    status = head.status.value + (", frozen" if head.frozen else "")
    end = "" if head.end_of_life is None else f"{head.end_of_life:%Y-%m-%d}"
    return str(head.version), status, format_time(head.since), end


def _requests(found: Standing) -> None:
    for one in found.known.requests:
        say(f"request {one.case.digest.hex[:12]}: {one.summary}")
    if not found.known.requests:
        say("no open requests")


def _mirror(found: Standing) -> None:
    state, head = found.known.state, found.known.head
    say(f"ledger: entry {state.sequence}, {state.digest}; policy {state.policy.hex[:12]}")
    if isinstance(head, MirrorHead):
        say(f"head: as of entry {head.ledger.sequence}, to be believed until {format_time(head.expires)}")


def _owners(found: Standing) -> None:
    rows = [(one.name, one.fingerprint, *_health(one)) for one in found.owners]
    table(("whose", "OpenPGP key", "condition", "signs until"), rows)


def _health(owner: Owner) -> tuple[str, str]:
    if owner.health is None:
        return "unknown", ""
    until = owner.health.until
    return owner.health.condition.value, "" if until is None else f"{until:%Y-%m-%d}"


def _payload_keys(found: Standing) -> None:
    rows = [
        (key.fingerprint, f"RSA {key.size * 8}", key.name, ", ".join(names))
        for key, names in _by_key(found.known)
    ]
    table(("payload key (SHA-256)", "", "", "channels"), rows)


def _by_key(known: Known) -> Iterator[tuple[PayloadKey, Sequence[str]]]:
    keys = {key.fingerprint: key for one in known.payload_keys.values() for key in one}
    for fingerprint, key in keys.items():
        names = [
            name
            for name, one in known.payload_keys.items()
            if any(fingerprint == other.fingerprint for other in one)
        ]
        yield key, names


def _as_json(found: Standing) -> dict[str, Json]:
    known, head = found.known, found.known.head
    return {
        "product": known.state.product,
        "time": format_time(known.now),
        "alerts": [_alert_json(alert) for alert in found.alerts],
        "channels": {name: _channel_json(one) for name, one in found.channels.items()},
        "requests": [one.as_json() for one in known.requests],
        "ledger": {"sequence": known.state.sequence, "digest": str(known.state.digest)},
        "policy": str(known.state.policy),
        "head": _head_json(head) if isinstance(head, MirrorHead) else None,
        "openpgp_keys": [_owner_json(owner) for owner in found.owners],
        "payload_keys": [
            {"sha256": key.fingerprint, "bits": key.size * 8, "name": key.name, "channels": list(names)}
            for key, names in _by_key(known)
        ],
    }


def _alert_json(alert: Alert) -> Json:
    return {"loudness": alert.loudness.name.lower(), "about": alert.about, "text": alert.text}


def _channel_json(head: ChannelHead | None) -> Json:
    if head is None:
        return None
    return {
        "version": str(head.version),
        "release": str(head.release),
        "status": head.status.value,
        "frozen": head.frozen,
        "since": format_time(head.since),
        "end_of_life": None if head.end_of_life is None else format_time(head.end_of_life),
    }


def _head_json(head: MirrorHead) -> Json:
    return {
        "sequence": head.ledger.sequence,
        "issued": format_time(head.issued),
        "expires": format_time(head.expires),
    }


def _owner_json(owner: Owner) -> Json:
    found = owner.health
    return {
        "whose": owner.name,
        "fingerprint": owner.fingerprint,
        "pipeline": owner.pipeline,
        "condition": None if found is None else found.condition.value,
        "signing_key": None if found is None else found.signing,
        "until": None if found is None or found.until is None else format_time(found.until),
        "days": None if found is None else found.days,
    }
