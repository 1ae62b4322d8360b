"""What an update server measures, in Prometheus' text. Labels come from closed sets: no client adds one.

Counters are of all processes of a server where ``PROMETHEUS_MULTIPROC_DIR`` was set before this module was
imported; gauges are of the process that is asked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector

from release.updates.outcome import Outcome
from release.updates.server.documents import Documents, Place

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SHARED = "PROMETHEUS_MULTIPROC_DIR"
NOWHERE = Place("", "")
"""Stands in labels for a channel or board that there is not."""


class Metrics:
    """Counters, and where they are read. Made once in a process."""

    def __init__(self, documents: Documents, more: Callable[[], Mapping[str, float]] = dict) -> None:
        """``more`` gives further gauges by name, such as how many reports wait to be written."""
        shared = bool(os.environ.get(SHARED))
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library's
        own = CollectorRegistry()
        self._requests = Counter("humpyard_http_requests", "Requests, by status.", ["status"], registry=own)
        self._answers = Counter(
            "humpyard_update_answers",
            "Answers to machines that asked for updates: the payload's kind, or why there is none.",
            ["channel", "board", "answer"],
            registry=own,
        )
        self._events = Counter(
            "humpyard_update_events",
            "What machines told of their updates.",
            ["channel", "board", "told", "code"],
            registry=own,
        )
        self._by_status: dict[int, Counter] = {}
        self._by_answer: dict[tuple[Place, str], Counter] = {}
        self._by_event: dict[tuple[Place, str, str], Counter] = {}
        self._registry = CollectorRegistry() if shared else own
        if shared:
            MultiProcessCollector(self._registry)  # type: ignore[no-untyped-call]  # the library's
        self._registry.register(_Gauges(documents, more))

    def request(self, status: int) -> None:
        """Count a request by the status of its answer."""
        child = self._by_status.get(status)
        if child is None:
            child = self._by_status[status] = self._requests.labels(str(status))
        child.inc()

    def answer(self, place: Place, answer: str) -> None:
        """Count an answer. ``place`` is one that there is a document of, or ``NOWHERE``."""
        key = (place, answer)
        child = self._by_answer.get(key)
        if child is None:
            child = self._by_answer[key] = self._answers.labels(*place, answer)
        child.inc()

    def event(self, place: Place, outcome: Outcome) -> None:
        """Count what a machine told."""
        key = (place, outcome.told.value, outcome.word)
        child = self._by_event.get(key)
        if child is None:
            child = self._by_event[key] = self._events.labels(*place, *key[1:])
        child.inc()

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self._registry)


class _Gauges:
    """What is so at the moment of asking."""

    def __init__(self, documents: Documents, more: Callable[[], Mapping[str, float]]) -> None:
        self._documents = documents
        self._more = more

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing: names are known only when asked."""
        return ()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Documents, mirrors, and what else there is."""
        held = self._documents.held
        expires = GaugeMetricFamily(
            "humpyard_document_expires_timestamp_seconds",
            "Until when the held document is believed.",
            labels=["channel", "board"],
        )
        ledger = GaugeMetricFamily(
            "humpyard_document_ledger_sequence", "Its ledger entry.", labels=["channel", "board"]
        )
        for place, one in held.served.items():
            expires.add_metric(place, one.document.expires.timestamp())
            ledger.add_metric(place, one.document.ledger.sequence)
        missing = GaugeMetricFamily(
            "humpyard_documents_missing",
            "Documents that the head names and that are not held.",
            value=len(held.places - held.served.keys()),
        )
        mirrors = GaugeMetricFamily(
            "humpyard_mirror_good", "Whether the last round found it as it should be.", labels=["mirror"]
        )
        for name, good in self._documents.mirrors_up.items():
            mirrors.add_metric([name], float(good))
        yield from (expires, ledger, missing, mirrors)
        for name, value in self._more().items():
            yield GaugeMetricFamily(f"humpyard_{name}", name.replace("_", " "), value=value)
