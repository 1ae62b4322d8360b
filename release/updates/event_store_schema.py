"""The tables of the event store, and how a database is opened: SQLite or PostgreSQL, by URL.

Tables begin with ``humpyard_``, so that they can share a database. Times are whole seconds since 1970, UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
    create_engine,
    event,
    insert,
    select,
    text,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import (
    TimeoutError as PoolTimeoutError,
)

from release.errors import InputError, StorageFullError, ToolError, UnavailableError

SCHEMA = "2"
"""Version of the tables. Another one is refused: it is not known what it means, or lacks what is counted."""

_METADATA = MetaData()
META = Table(
    "humpyard_meta",
    _METADATA,
    Column("name", String(60), primary_key=True),
    Column("value", String(200), nullable=False),
)
TARGETS = Table(
    "humpyard_targets",
    _METADATA,
    Column("id", Integer, primary_key=True),
    Column("channel", String(100), nullable=False),
    Column("board", String(40), nullable=False),
    Column("version", String(40), nullable=False),
    UniqueConstraint("channel", "board", "version"),
)
"""Every release, as one channel offered it to one board."""
OFFERS = Table(
    "humpyard_offers",
    _METADATA,
    Column("target", Integer, ForeignKey(TARGETS.c.id), primary_key=True, autoincrement=False),
    Column("machine", LargeBinary(16), primary_key=True),
    Column("group_name", String(60), nullable=False),
    Column("offered", BigInteger, nullable=False),
    Column("renewed", BigInteger, nullable=False),
    Column("latest", BigInteger, nullable=False),
    Column("stretch", BigInteger, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("progress", SmallInteger, nullable=False),
    Column("code", Integer),
    Column("failed_delta", Boolean(create_constraint=False), nullable=False),
    Column("written", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""What became of every offer.

``offered`` is when it was made first, ``latest`` when last. ``stretch`` is when the rollout that it was made
in began, or went on (0: in none), ``renewed`` when it was made first in that one; ``progress`` and ``code``
are from then on. ``written`` is when the row was changed last.
"""
FAILED_DELTA = OFFERS.c.failed_delta.is_(True)
LIMITED = OFFERS.c.group_name != ""
_INDEXES = (
    Index(
        "humpyard_offers_delta", OFFERS.c.written, sqlite_where=FAILED_DELTA, postgresql_where=FAILED_DELTA
    ),
    Index(
        "humpyard_offers_group",
        OFFERS.c.offered,
        OFFERS.c.group_name,
        sqlite_where=LIMITED,
        postgresql_where=LIMITED,
    ),
)
"""Both are over few rows: those of what is rare."""

_CONNECT = {
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "tcp_user_timeout": 15_000,
    "options": "-c statement_timeout=60000 -c lock_timeout=15000 -c plan_cache_mode=force_custom_plan",
    "application_name": "humpyard",
}
"""Plans are made for the parameters at hand: one made for any, which the server tries after ten times,
read all rows of a release for each machine (1,700 machines a second in the place of 14,000).
"""
_SCHEMA_LOCK = 0x68756D70
"""Key of PostgreSQL's advisory lock under which tables are made: an arbitrary number."""


def database_url(text: str, base: Path) -> URL:
    """Read where the store is: ``sqlite:///FILE``, from ``base`` on, or ``postgresql://USER@HOST/NAME``.

    Raises:
        InputError: any other form, or a password: settings hold none, libpq finds its own.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise InputError("event store: expected sqlite:///FILE or postgresql://USER@HOST/NAME") from error
    if url.password is not None or "password" in url.query:
        raise InputError(
            "event store: a password is refused in its URL, as settings hold no secrets",
            hint="put it into ~/.pgpass, or a file that PGPASSFILE names",
        )
    if url.drivername == "sqlite" and url.database and url.database != ":memory:" and not url.query:
        return url.set(database=str(base / url.database))
    if url.drivername == "postgresql" and url.database:
        return url.set(drivername="postgresql+psycopg")
    raise InputError(f"event store {text!r}: expected sqlite:///FILE or postgresql://USER@HOST/NAME")


def is_begun(text: str, base: Path) -> bool:
    """Whether there may be a store: False for an SQLite file that nobody has made yet, where one could be.

    Raises as ``database_url``.
    """
    url = database_url(text, base)
    file = Path(str(url.database))
    return url.get_backend_name() != "sqlite" or file.exists() or not file.parent.is_dir()


def open_engine(url: URL) -> Engine:
    """Connections to the database; none is opened yet."""
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"timeout": 10.0}, pool_size=2, max_overflow=2)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return create_engine(
        url, connect_args=_CONNECT, pool_size=2, max_overflow=2, pool_timeout=10, pool_pre_ping=True
    )


def make_tables(engine: Engine) -> None:
    """Make the tables where there are none. Any number of processes may do that at once.

    Raises:
        InputError: they were made by a program that has other ones.
    """
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SCHEMA_LOCK})
        _METADATA.create_all(connection)
        found = connection.execute(select(META.c.value).where(META.c.name == "schema")).scalar()
        if found is None:
            connection.execute(insert(META), {"name": "schema", "value": SCHEMA})
            return
    if found != SCHEMA:
        raise InputError(
            f"event store {engine.url.render_as_string()}: its tables are of version {found}, not {SCHEMA}",
            hint="written by another humpyard: update whatever is older, and name another database, or move"
            " the file away: then counting begins anew",
        )


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes: committed at the end, rolled back by an exception."""
    with engine.connect().execution_options(humpyard_writes=True) as connection, connection.begin():
        yield connection


@contextmanager
def store_errors(engine: Engine) -> Iterator[None]:
    """Turn the library's errors into the tree.

    Raises:
        StorageFullError: no space left.
        UnavailableError: the database does not answer, or not in time.
        InputError: the file is something else.
        ToolError: anything else that a database says.
    """
    where = f"event store {engine.url.render_as_string()}"
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeoutError) as error:
        said = _said(error)
        if "disk is full" in said or "No space left" in said:
            raise StorageFullError(
                f"{where}: {said}", hint="free some space; nothing else is to be done"
            ) from error
        raise UnavailableError(f"{where}: {said}") from error
    except SQLAlchemyError as error:
        said = _said(error)
        if "file is not a database" in said or "malformed" in said:
            raise InputError(f"{where}: {said}", hint="move the file away; a new one is made") from error
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            raise UnavailableError(f"{where}: {said}") from error
        raise ToolError(f"{where}: {said}") from error


def _said(error: SQLAlchemyError) -> str:
    """The first line of what the database said, without the statement and its parameters."""
    origin = error.orig if isinstance(error, DBAPIError) else error
    return str(origin).partition("\n")[0][:300]


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Readers and one writer at a time do not wait for each other; see sqlite.org/wal.html.

    After a crash of this process nothing that was committed is lost; after a power cut the last
    moments may be, and the file is whole.
    """
    connection.isolation_level = None  # transactions begin below, not where Python's sqlite3 guesses
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes the lock at once: one that read first could only fail when another wrote since."""
    writes = connection.get_execution_options().get("humpyard_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
