"""Omaha 3.0 answers: exactly what update_engine and ue-rs read, in the form that Nebraska sends it.

Sources: update_engine's ``omaha_request_action.cc`` (XPaths, the first match counts), ue-rs'
``omaha/src/response.rs``, go-omaha. All that depends on the document is written once, by ``prepare``; an
answer is a concatenation. What is sent back of a request is its ``appid``, of whose form
``omaha_request`` leaves only letters, digits and ``. _ - { }``.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from xml.sax.saxutils import quoteattr

from release.catalog.naming import update_prefix
from release.digests import Digest
from release.trust.channel_document import ChannelDocument, OfferedPayload, OfferedRelease
from release.updates.offer import Answer, NoUpdate, Reason, Update
from release.updates.omaha_request import AppRequest

CONTENT_TYPE = "text/xml; charset=utf-8"
_HEAD = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<response protocol="3.0" server="humpyard"><daystart elapsed_seconds="0"/>'
)
_TAIL = b"</response>\n"
_UNKNOWN = "error-unknownApplicationOrGroup"
_FAILED = "error-failedToRetrieveUpdatePackageInfo"
_STATUS: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.UNKNOWN_APPLICATION: _UNKNOWN,
        Reason.UNKNOWN_CHANNEL: _UNKNOWN,
        Reason.UNKNOWN_BOARD: _UNKNOWN,
        Reason.NO_DOCUMENT: _FAILED,
        Reason.EXPIRED: _FAILED,
    }
)
"""Nebraska's words. update_engine takes anything but ``ok`` and ``noupdate`` for an error, and asks less
often for a while; it is shown as one on the machine, too."""

Manifests = Mapping[tuple[Digest, str], bytes]
"""What an ``updatecheck`` holds, by release digest and name of the payload for the system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppAnswer:
    """The answer to one app. ``answer`` is None when it did not ask for updates.

    ``manifests`` are those of the document that the answer comes from; empty when it is no update.
    """

    app: AppRequest
    answer: Answer | None
    manifests: Manifests = field(default_factory=lambda: MappingProxyType({}))


def prepare(document: ChannelDocument) -> Manifests:
    """Write down every update that a document may lead to: each release, by each of its payloads."""
    releases = [offer.release for offer in document.offers] + [floor.release for floor in document.floors]
    return MappingProxyType(
        {
            (release.release, payload.name): "".join(_update(document, release, payload)).encode()
            for release in releases
            for payload in release.payloads
            if not payload.extension
        }
    )


def render(answers: Sequence[AppAnswer], poll_interval: int | None = None) -> bytes:
    """The answer to a request, its apps in order.

    Args:
        answers: one for each app of the request.
        poll_interval: seconds after which update_engine asks again, which it forgets with the next
            answer; None leaves it to the client (45 minutes, more or less 10).
    """
    poll = b"" if poll_interval is None else b' PollInterval="%d"' % poll_interval
    return b"".join([_HEAD, *[_app(one, poll) for one in answers], _TAIL])


def _app(one: AppAnswer, poll: bytes) -> bytes:
    app, answer = one.app, one.answer
    error = _STATUS.get(answer.reason) if isinstance(answer, NoUpdate) else None
    parts = [b'<app appid="%b" status="%b">' % (app.appid.encode("ascii"), (error or "ok").encode())]
    if app.ping:
        parts.append(b'<ping status="ok"/>')
    if isinstance(answer, Update):
        manifest = one.manifests[answer.release.release, answer.payload.name]
        parts.append(b'<updatecheck status="ok"%b>%b</updatecheck>' % (poll, manifest))
    elif answer is not None:
        status = b"noupdate" if error is None else b"error-internal"
        parts.append(b'<updatecheck status="%b"%b/>' % (status, poll))
    parts.append(b'<event status="ok"/>' * len(app.events))
    parts.append(b"</app>")
    return b"".join(parts)


def _update(document: ChannelDocument, release: OfferedRelease, payload: OfferedPayload) -> Iterator[str]:
    """The addresses, then the manifest: the system's payload first, then those of the extensions."""
    prefix = update_prefix(document.board, release.version)
    yield "<urls>"
    for name in release.mirrors:
        yield f"<url codebase={quoteattr(document.mirrors[name] + prefix)}/>"
    yield f'</urls><manifest version="{release.version}"><packages>'
    yield _package(payload, required=True)
    for extension in release.payloads:
        if extension.extension:
            yield _package(extension, required=False)
    sha256 = b64encode(payload.sha256.value).decode()
    delta = "false" if payload.source is None else "true"
    yield (
        f'</packages><actions><action event="postinstall" sha256="{sha256}" needsadmin="false"'
        f' IsDeltaPayload="{delta}" DisablePayloadBackoff="true"/></actions></manifest>'
    )


def _package(payload: OfferedPayload, *, required: bool) -> str:
    sha1 = b64encode(payload.sha1.value).decode()
    return (
        f'<package name={quoteattr(payload.name)} hash="{sha1}" hash_sha256="{payload.sha256.hex}"'
        f' size="{payload.size}" required="{"true" if required else "false"}"/>'
    )
