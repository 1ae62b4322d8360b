"""What an event means: the numbers of the protocol as words that are stored, counted and acted on.

Sources: update_engine's ``omaha_request_action.{h,cc}``, ``update_attempter.cc`` and ``action_processor.h``;
Nebraska's ``events.go`` for 800. What is easily read wrongly:

* update_engine sends 3/2 with *every* check for updates. Only the first after an update that succeeded
  names the version before it; later ones say ``previousversion=""``, and a new machine says ``0.0.0.0``.
* 3/1 is not success: the update is written and waits for a reboot. Some clients say 800/1 for the same.
* 3/0 with code 44 comes from a machine that booted what it had before: the update was bad.
* 3/0 with code 34, or another of the check itself, tells of the answer, not of a release.
* The four highest bits of a code are flags (resumed, developer mode, ...), so that it may be negative.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from release.catalog.version import Version
from release.updates.counts import Progress
from release.updates.omaha_request import Event

_COMPLETE = 3
_ERROR, _SUCCESS, _REBOOTED, _DEFERRED = 0, 1, 2, 9
_DONE = {13: "downloading", 14: "downloaded", _COMPLETE: "installed", 800: "installed"}
"""What a success of the event types means, until the reboot."""
_FLAGS = 0xF0000000
_ROLLED_BACK = 44
_HTTP = range(2000, 3000)
"""2000 and the status of an HTTP answer."""
_NETWORK = frozenset({9, 37})
_CHECK = frozenset({2, 3, 30, 31, 34, 35, 36, 40})
_UNKNOWN = Version(0, 0, 0)

CODES: Mapping[int, str] = MappingProxyType(
    {
        1: "unspecific",
        2: "check-request",
        3: "check-answer-handler",
        4: "copying-running-system",
        5: "postinstall",
        6: "boot-flag",
        7: "opening-partition",
        8: "opening-kernel",
        9: "transfer",
        10: "payload-hash",
        11: "payload-size",
        12: "payload-verification",
        13: "new-partition-info",
        14: "writing",
        15: "new-partition-hash",
        16: "new-kernel-hash",
        17: "payload-unsigned",
        18: "payload-signature",
        19: "booted-from-firmware-b",
        20: "old-partition-hash",
        21: "payload-magic",
        22: "manifest-without-signature",
        23: "manifest",
        24: "metadata-signature-error",
        25: "metadata-signature-verification",
        26: "metadata-signature-mismatch",
        27: "operation-hash-verification",
        28: "operation",
        29: "operation-hash",
        30: "check-answer-empty",
        31: "check-answer-xml",
        32: "metadata-size",
        33: "metadata-signature-invalid",
        34: "check-answer-refused",
        35: "ignored-by-policy",
        36: "deferred-by-policy",
        37: "http",
        38: "operation-hash-missing",
        39: "metadata-signature-missing",
        40: "backing-off",
        41: "powerwash",
        42: "pcr-policy-hash",
        43: "pcr-policy-http",
        44: "rolled-back",
    }
)
"""update_engine's exit codes, in short words for people and metrics."""


class Told(StrEnum):
    """What an event tells of a machine's update."""

    DOWNLOADING = "downloading"
    DOWNLOADED = "downloaded"
    INSTALLED = "installed"
    """Written, and waits for a reboot."""
    SUCCEEDED = "succeeded"
    """The machine runs it."""
    FAILED = "failed"
    """It could not be applied."""
    ROLLED_BACK = "rolled-back"
    """It was applied and did not boot."""
    INTERRUPTED = "interrupted"
    """The network, or a mirror. The machine goes on by itself."""
    DEFERRED = "deferred"
    """The machine put it off."""
    CHECK_FAILED = "check-failed"
    """The check for updates went wrong, before any update."""
    NOTHING = "nothing"
    """Tells nothing of an update: no event of update_engine, or the greeting of a machine without one."""


_PROGRESS: Mapping[Told, Progress] = MappingProxyType(
    {
        Told.DOWNLOADING: Progress.DOWNLOADING,
        Told.DOWNLOADED: Progress.DOWNLOADING,
        Told.INSTALLED: Progress.INSTALLED,
        Told.SUCCEEDED: Progress.SUCCEEDED,
        Told.FAILED: Progress.FAILED,
        Told.ROLLED_BACK: Progress.FAILED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """An event in words. ``code`` is an exit code without flags, 0 for none; every HTTP status is 37.

    ``previous`` is what the machine ran before; None where it does not say.
    """

    told: Told
    code: int = 0
    previous: Version | None = None

    @property
    def progress(self) -> Progress | None:
        """How far the machine got, as it is counted; None where that is not known to have changed.

        So a machine that only ever tells of its network, or of checks that fail, counts as silent.
        """
        return _PROGRESS.get(self.told)

    @property
    def word(self) -> str:
        """The code as one of a closed set of words, for metrics."""
        return CODES.get(self.code, "none" if self.code == 0 else "other")


def outcome(event: Event) -> Outcome:
    """What an event means. Never fails: what is not known is ``Told.NOTHING``."""
    if event.type == _COMPLETE and event.result != _SUCCESS:
        return _completed(event)
    if event.result == _SUCCESS:
        return Outcome(told=Told(_DONE.get(event.type, Told.NOTHING)))
    if event.result == _ERROR and event.type in _DONE:
        return _failed(event)
    return Outcome(told=Told.NOTHING)


def _completed(event: Event) -> Outcome:
    """Type 3, which says how a whole update went."""
    if event.result == _REBOOTED:
        if event.previous is None or event.previous == _UNKNOWN:
            return Outcome(told=Told.NOTHING)
        return Outcome(told=Told.SUCCEEDED, previous=event.previous)
    if event.result == _DEFERRED:
        return Outcome(told=Told.DEFERRED, code=_code(event))
    return _failed(event) if event.result == _ERROR else Outcome(told=Told.NOTHING)


def _failed(event: Event) -> Outcome:
    code = _code(event)
    if code == _ROLLED_BACK:
        return Outcome(told=Told.ROLLED_BACK, code=code)
    if code in _NETWORK:
        return Outcome(told=Told.INTERRUPTED, code=code)
    return Outcome(told=Told.CHECK_FAILED if code in _CHECK else Told.FAILED, code=code)


def _code(event: Event) -> int:
    code = event.error_code & 0xFFFFFFFF & ~_FLAGS
    return 37 if code in _HTTP else code
