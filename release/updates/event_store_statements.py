"""The statements that write offers and what became of them, for either database.

SQLite takes one short statement for each row. PostgreSQL takes one for all rows, with an array for each
column: one for each row was half as fast.

**How offers merge.** A row is about one stretch of a rollout: the time from when it began, or went on, until
it is stopped. An offer of a later stretch begins the row anew: nothing that was told before counts against
the release any more, and all that is told from then on does. One of the same stretch, or of none, merges:
the first time, the furthest progress. One of an earlier stretch, from a server that lags, only changes when
the machine was offered it last. So offers of rollouts may come in any order, from any server, and again.
What is told goes to the row as it is: a machine tells before it asks, so before it is offered anything anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Engine,
    Integer,
    SmallInteger,
    and_,
    bindparam,
    case,
    column,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from release.updates.counts import PayloadKind, Progress
from release.updates.event_store_schema import OFFERS


class OfferRow(NamedTuple):
    """A row of the table, in the order of its columns."""

    target: int
    machine: bytes
    group_name: str
    offered: int
    renewed: int
    latest: int
    stretch: int
    kind: int
    progress: int
    code: int | None
    failed_delta: bool
    written: int


class ToldRow(NamedTuple):
    """How far a machine got with what it was offered.

    ``renewed`` is when the batch itself offers it that release, after this was told: a row that was made, or
    began anew, then or later is left alone, so that a batch may be written twice.
    """

    target: int
    machine: bytes
    renewed: int | None
    progress: int
    code: int | None


def dialect_of(engine: Engine) -> Any:
    """The dialect's own ``insert``, for ON CONFLICT, which both write alike."""
    return postgresql if engine.dialect.name == "postgresql" else sqlite


def offer(connection: Connection, rows: Sequence[OfferRow]) -> None:
    """Add offers, or merge them into what is there. No two rows may be of one machine and release."""
    if connection.dialect.name == "postgresql":
        connection.execute(_OFFER_ARRAYS, _arrays(rows))
    else:
        connection.execute(_OFFER, [row._asdict() for row in rows])


def tell(connection: Connection, rows: Sequence[ToldRow], now: int) -> None:
    """Say how far machines got; for one that was not offered the release, nothing is changed."""
    if connection.dialect.name == "postgresql":
        connection.execute(_TELL_ARRAYS, {**_arrays(rows), "now": now})
    else:
        told = [{f"to_{name}": value for name, value in row._asdict().items()} for row in rows]
        connection.execute(_TELL, [{**row, "now": now} for row in told])


def _arrays(rows: Sequence[Any]) -> dict[str, list[Any]]:
    columns = zip(*rows, strict=True)
    return {f"all_{name}": list(values) for name, values in zip(rows[0]._fields, columns, strict=True)}


def _merging(new: Any) -> Any:
    given, there = new.excluded, OFFERS.c
    later, last = given.stretch > there.stretch, given.latest >= there.latest
    same = or_(given.stretch == there.stretch, given.stretch == 0)
    first = and_(same, given.renewed < there.renewed)
    further = and_(same, given.progress > there.progress)
    failed = and_(same, given.code.is_not(None))
    return new.on_conflict_do_update(
        index_elements=[there.target, there.machine],
        set_={
            "offered": case((given.offered < there.offered, given.offered), else_=there.offered),
            "renewed": case((or_(later, first), given.renewed), else_=there.renewed),
            "latest": case((last, given.latest), else_=there.latest),
            "stretch": case((later, given.stretch), else_=there.stretch),
            "kind": case((last, given.kind), else_=there.kind),
            "progress": case((or_(later, further), given.progress), else_=there.progress),
            "code": case((or_(later, failed), given.code), else_=there.code),
            "failed_delta": or_(there.failed_delta, given.failed_delta),
            "written": given.written,
        },
    )


def _telling(progress: ColumnElement[Any], code: ColumnElement[Any]) -> Mapping[str, Any]:
    there, fails = OFFERS.c, progress == int(Progress.FAILED)
    return {
        "progress": case((there.progress < progress, progress), else_=there.progress),
        "code": case((fails, func.coalesce(code, there.code)), else_=there.code),
        "failed_delta": or_(there.failed_delta, and_(fails, there.kind == int(PayloadKind.DELTA))),
        "written": bindparam("now", type_=BigInteger),
    }


def _is_about(renewed: ColumnElement[Any]) -> ColumnElement[bool]:
    return or_(renewed.is_(None), OFFERS.c.renewed < renewed)


def _given(names: Sequence[str]) -> Any:
    """Rows of some of the table's columns, from an array for each."""
    columns: list[Column[Any]] = [OFFERS.c[name] for name in names]
    arrays = [bindparam(f"all_{one.name}", type_=postgresql.ARRAY(one.type)) for one in columns]
    values = func.unnest(*arrays).table_valued(*(column(one.name, one.type) for one in columns), name="given")
    return values.render_derived()


_OFFER = _merging(sqlite.insert(OFFERS))
_OFFERED = _given(OfferRow._fields)
_OFFER_ARRAYS = _merging(postgresql.insert(OFFERS).from_select(OfferRow._fields, select(_OFFERED)))
_TELL = (
    update(OFFERS)
    .where(
        OFFERS.c.target == bindparam("to_target"),
        OFFERS.c.machine == bindparam("to_machine"),
        _is_about(bindparam("to_renewed", type_=BigInteger)),
    )
    .values(_telling(bindparam("to_progress", type_=SmallInteger), bindparam("to_code", type_=Integer)))
)
_TOLD = _given(ToldRow._fields)
_TELL_ARRAYS = (
    update(OFFERS)
    .where(
        OFFERS.c.target == _TOLD.c.target,
        OFFERS.c.machine == _TOLD.c.machine,
        _is_about(_TOLD.c.renewed),
    )
    .values(_telling(_TOLD.c.progress, _TOLD.c.code))
)
