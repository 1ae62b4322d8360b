"""From settings, or from the command line alone, to an update server."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Container, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import ValidationError

from release.catalog.board import Board
from release.digests import Digest
from release.errors import HumpyardError, InputError, storage_errors
from release.ledger.fold import Trust
from release.mirror.pace import Pace
from release.settings import Settings, StoreSettings, load_settings
from release.settings.update_server import UpdateGroup, UpdateServerSettings
from release.signing.verifying import verifier_from_keys
from release.trust.verify import Visitor
from release.updates.clients import CLIENTS
from release.updates.event_store import open_event_store
from release.updates.event_store_recorder import StoreRecorder
from release.updates.fuse import Fuse
from release.updates.offer import NO_LIMITS, Limits
from release.updates.server.access_log import AccessLog
from release.updates.server.answering import Answering
from release.updates.server.app import Life, UpdateApp
from release.updates.server.documents import Documents, Reads, Source, Wanted
from release.updates.server.groups import Group, Groups
from release.updates.server.log import EventLog
from release.updates.server.memory import open_memory
from release.updates.server.metrics import Metrics
from release.updates.server.refreshing import Refresher
from release.updates.server.running import RunOptions, run_server, take_library_lines
from release.updates.server.uncounted import Uncounted
from release.updates.server.watching import FuseStart, watched
from release.wiring import KeyringVerifier, open_mirror, utc_now

_PATH = "/v1/update"
_PATIENCE = 20.0
"""Seconds below the least rate before a mirror is left alone; the next one is asked then."""
_RESTART = 5.0
"""Seconds before a process that cannot begin is replaced."""
_PATIENCE_AT_END = 2.0
"""Seconds that a mirror has to finish an answer when the server ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """All that an update server must know. Can be pickled: every process makes its own of it.

    ``keys`` are files with OpenPGP public keys; ``pipeline`` are those of them that are the pipeline's, None
    for all. ``base`` is where relative paths count from. ``store`` says how ``s3://`` is spoken.
    ``database`` is where reports are counted; None: they are not.
    """

    product: str
    keys: tuple[Path, ...]
    pipeline: frozenset[str] | None
    server: UpdateServerSettings
    store: StoreSettings
    database: str | None
    base: Path

    def changed(self, server: Mapping[str, object]) -> ServeOptions:
        """With other values for the server. Raises InputError for one of the wrong form."""
        try:
            made = UpdateServerSettings.model_validate({**self.server.model_dump(), **server})
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise InputError(f"{first['loc'][0]}: {first['msg']}") from error
        return replace(self, server=made)


def options_from_settings(path: Path) -> ServeOptions:
    """What the settings of a yard say. Raises InputError."""
    settings: Settings = load_settings(path)
    base = path.resolve().parent
    return ServeOptions(
        product=settings.product,
        keys=tuple(base / key for key in settings.openpgp.keys),
        pipeline=frozenset(settings.openpgp.pipeline),
        server=settings.update_server,
        store=settings.store,
        database=settings.events.url or None,
        base=base,
    )


def serve(options: ServeOptions) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        InputError: an option, a key, or the database is not what it should be. Nothing was served.
        UnavailableError: the address is taken, or the database does not answer.
    """
    check_options(options)
    server = options.server
    run = RunOptions(
        listen=server.listen,
        workers=server.workers,
        proxies=server.trusted_proxies if server.access_log else (),
    )
    make = make_app if server.workers == 1 else make_worker
    run_server(partial(make, options), run, open_log())


def open_log() -> EventLog:
    """Lines on stderr; each is written at once, so that those of several processes do not mix."""
    return EventLog(_write)


def check_options(options: ServeOptions) -> None:
    """Open all that an application opens, but mirrors, and close it again. Raises as ``serve``."""
    with ExitStack() as stack:
        _visitor(options, stack)
        if options.database is not None:
            open_event_store(options.database, options.base).close()
    _groups(options.server)
    _wanted(options.server)
    _sources(options)
    _path(options)
    if options.server.state is not None:
        open_memory(options.base / options.server.state)


def make_app(options: ServeOptions) -> UpdateApp:
    """The application of one process. It begins, and ends, with the lifespan of ASGI."""
    log, server = open_log(), options.server
    take_library_lines(log)
    stack = ExitStack()
    documents = Documents(
        _visitor(options, stack),
        _sources(options),
        log,
        clock=utc_now,
        wanted=_wanted(server),
        memory=None if server.state is None else open_memory(options.base / server.state),
    )
    counting = _counting(options, documents)
    answering = Answering(
        product=options.product,
        application=server.application,
        documents=documents,
        groups=_groups(server, counting.halted),
        recorder=counting.recorder,
        metrics=Metrics(documents, counting.gauges),
        clock=utc_now,
        poll_interval=server.poll_interval,
    )
    refresher = Refresher(documents, log, server.refresh, counting.after_refresh)
    return UpdateApp(
        answering,
        Life(begin=partial(_begin, counting, refresher), end=partial(_end, counting, refresher, stack)),
        log,
        path=_path(options),
        access_log=AccessLog(log) if server.access_log else None,
    )


def make_worker(options: ServeOptions) -> UpdateApp:
    """As ``make_app``; where that fails now, as when the database is away, the process ends, not at once.

    Its parent then starts another one.
    """
    try:
        return make_app(options)
    except HumpyardError as error:
        open_log().say("start-failed", error=error.message)
        time.sleep(_RESTART)
        raise SystemExit(1) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counting:
    """What counts, and what is stopped because of it."""

    recorder: StoreRecorder | Uncounted
    halted: Container[Digest] = frozenset()
    after_refresh: Callable[[], None] = lambda: None
    close: Callable[[], None] = lambda: None

    def gauges(self) -> dict[str, float]:
        """For metrics."""
        if isinstance(self.recorder, Uncounted):
            return {}
        found = self.recorder.metrics()
        return {
            "reports_waiting": found.waiting,
            "reports_written": found.written,
            "reports_dropped": found.dropped,
            "event_store_away": float(found.away_since is not None),
            "event_store_full": float(found.full),
        }


def _counting(options: ServeOptions, documents: Documents) -> _Counting:
    if options.database is None:
        return _Counting(recorder=Uncounted())
    store = open_event_store(options.database, options.base)
    recorder = StoreRecorder(store, utc_now)
    fuse = Fuse(store, lambda: watched(documents.held), utc_now, counting=recorder.counts_all)
    return _Counting(
        recorder=recorder,
        halted=fuse,
        after_refresh=FuseStart(fuse, documents),
        close=fuse.close,
    )


def _begin(counting: _Counting, refresher: Refresher) -> None:
    counting.recorder.start()
    refresher.start()
    gc.collect()
    gc.freeze()  # what was imported stays; looking through it again and again takes time from machines


def _end(counting: _Counting, refresher: Refresher, stack: ExitStack) -> None:
    """Whatever looks at the database, then the database; what machines told is written before."""
    refresher.stop(_PATIENCE_AT_END)
    counting.close()
    counting.recorder.close()
    stack.close()


def _visitor(options: ServeOptions, stack: ExitStack) -> Visitor:
    home, known = verifier_from_keys(options.keys)
    stack.callback(home.close)
    pipeline = frozenset(known) if options.pipeline is None else options.pipeline
    missing = sorted(pipeline - frozenset(known))
    if missing or not pipeline:
        raise InputError(
            f"the pipeline's keys: {', '.join(missing) or 'none'}: not among the keys that were given",
            hint="name them in openpgp.pipeline, and their files in openpgp.keys",
        )
    return Visitor(
        product=options.product,
        trust=Trust(pipeline=pipeline),
        verifier=KeyringVerifier(home, frozenset(known)),
        now=utc_now(),
    )


def _sources(options: ServeOptions) -> list[Source]:
    urls = options.server.mirrors or (options.store.url,)
    return [
        Source(name=_name(url), open=_opener(_absolute(url, options.base), options.store)) for url in urls
    ]


def _opener(url: str, store: StoreSettings) -> Callable[[], Reads]:
    return partial(open_mirror, url, store, pace=Pace(patience=_PATIENCE))


def _absolute(url: str, base: Path) -> str:
    """A directory counts from the settings file."""
    return url if "://" in url else f"file:{base / url.removeprefix('file:')}"


def _name(url: str) -> str:
    """What logs and metrics call a mirror: without what may be a secret in a query."""
    parts = urlsplit(url)
    return f"{parts.netloc.rpartition('@')[2]}{parts.path}" if parts.netloc else parts.path


def _wanted(server: UpdateServerSettings) -> Wanted:
    boards = frozenset(str(Board.parse(board)) for board in server.boards)
    return Wanted(channels=frozenset(server.channels), boards=boards)


def _groups(server: UpdateServerSettings, halted: Container[Digest] = frozenset()) -> Groups:
    deltas = NO_LIMITS.deltas if server.deltas is None else frozenset(server.deltas)
    if server.deltas is not None:
        unknown = sorted(set(server.deltas) - {client.name for client in CLIENTS})
        if unknown:
            known = ", ".join(client.name for client in CLIENTS)
            raise InputError(
                f"update_server.deltas: {', '.join(unknown)}: no client profile; those are {known}"
            )
    limits = Limits(deltas=deltas, halted=halted)
    return Groups((_group(group, limits) for group in server.groups), limits)


def _group(group: UpdateGroup, limits: Limits) -> Group:
    return Group(
        name=group.name,
        channel=group.channel,
        limits=Limits(
            share=group.percent / Decimal(100),
            delay=group.delay,
            windows=tuple(window.value() for window in group.windows),
            halted=limits.halted,
            deltas=limits.deltas,
        ),
        offers_per_hour=group.offers_per_hour,
    )


def _path(options: ServeOptions) -> str:
    if options.server.path_file is None:
        return _PATH
    path = options.base / options.server.path_file
    with storage_errors(path):
        line = path.read_text(errors="replace").strip()
    if not (16 <= len(line) <= 128 and line.isascii() and line.replace("-", "").isalnum()):
        raise InputError(f"{path}: expected one line of 16 to 128 letters, digits and -")
    return f"{_PATH}/{line}"


def _write(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
