"""Editions of the datasets of emergency command: written by whoever brings one in, read by panels and `ioc doctor`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, LiteralString

from psycopg import Cursor
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from ioc.store.pool import Conn

Origin = Literal["real", "demo"]


@dataclass(frozen=True, slots=True)
class Edition:
    """One edition. `as_of` is the day the data speaks of; `rows` what is in force with it."""

    dataset: str
    source: str
    as_of: dt.datetime
    rows: int
    rejected: int = 0
    file_name: str = ""
    batch_id: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict[str, Any])
    origin: Origin = "real"
    recorded_at: dt.datetime | None = None


def publish(conn: Conn, edition: Edition, actor: str, now: dt.datetime) -> int:
    """Writes `edition` in the transaction of its rows. Returns its id."""
    row = conn.execute(
        "INSERT INTO dataset_edition (dataset, source, as_of, rows, rejected, file_name, batch_id, detail, actor,"
        " origin, recorded_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING edition_id",
        (
            edition.dataset, edition.source, edition.as_of, edition.rows, edition.rejected, edition.file_name,
            edition.batch_id, Jsonb(dict(edition.detail)), actor, edition.origin, now,
        ),
    ).fetchone()  # fmt: skip
    assert row is not None
    return int(row["edition_id"])


def in_force(conn: Conn | Cursor[DictRow], at: dt.datetime | None = None) -> dict[str, Edition]:
    """The newest edition of every dataset (as known at `at`), without those whose rows are gone."""
    rows = conn.execute(
        "SELECT DISTINCT ON (dataset) dataset, source, as_of, rows, rejected, file_name, batch_id, detail, origin,"
        " recorded_at FROM dataset_edition WHERE %(at)s::timestamptz IS NULL OR recorded_at <= %(at)s"
        " ORDER BY dataset, recorded_at DESC, edition_id DESC",
        {"at": at},
    ).fetchall()
    return {str(r["dataset"]): Edition(**r) for r in rows if r["rows"] > 0}


# Registers that are no editions: who keeps them writes them row by row, or has a table of editions of its own. First
# whether there is any (whatever the asker sees of it, from few rows), then how many of when.
_REGISTERS: Mapping[str, tuple[LiteralString, LiteralString]] = {
    "cameras": (
        "SELECT origin FROM device_cell WHERE class = 'camera' AND total > 0 LIMIT 1",
        "SELECT string_agg(DISTINCT source, '、') AS source, max(updated_at) AS as_of, count(*) AS rows,"
        " bool_or(origin = 'demo') AS demo FROM device WHERE class = 'camera'",
    ),
    "rosters": (
        "SELECT origin FROM duty_roster ORDER BY roster_id DESC LIMIT 1",
        "SELECT file_name AS source, published_at AS as_of, rows, origin = 'demo' AS demo FROM duty_roster"
        " ORDER BY roster_id DESC LIMIT 1",
    ),
    "grids": (
        "SELECT origin FROM grid_cell LIMIT 1",
        "SELECT string_agg(DISTINCT source, '、') AS source, max(updated_at) AS as_of, count(*) AS rows,"
        " bool_or(origin = 'demo') AS demo FROM grid_cell",
    ),
    "stewards": (
        "SELECT origin FROM steward LIMIT 1",
        "SELECT string_agg(DISTINCT source, '、') AS source, max(updated_at) AS as_of, count(*) AS rows,"
        " bool_or(origin = 'demo') AS demo FROM steward",
    ),
}


def registers() -> frozenset[str]:
    """Datasets that have no editions."""
    return frozenset(_REGISTERS)


def registered(conn: Conn | Cursor[DictRow], keys: Collection[str]) -> dict[str, Origin]:
    """Which of the registers among `keys` hold anything the asker sees."""
    found: dict[str, Origin] = {}
    for key in _REGISTERS.keys() & set(keys):
        row = conn.execute(_REGISTERS[key][0]).fetchone()
        if row is not None:
            found[key] = "demo" if row["origin"] == "demo" else "real"
    return found


def everything(conn: Conn | Cursor[DictRow]) -> dict[str, Edition]:
    """Editions in force, and every register as if it were one: its newest change, its rows. Counts: not for panels."""
    found = in_force(conn)
    for key, (_, counted) in _REGISTERS.items():
        row = conn.execute(counted).fetchone()
        if row is not None and row["rows"]:
            origin: Origin = "demo" if row["demo"] else "real"
            found[key] = Edition(key, str(row["source"] or ""), row["as_of"], int(row["rows"]), origin=origin)
    return found


_IN_FORCE: Mapping[str, LiteralString] = {
    "targets": "SELECT count(*) AS n FROM target WHERE removed_at IS NULL",
    "resources": "SELECT count(*) AS n FROM resource",
    "capacity": "SELECT count(*) AS n FROM resource_capacity",
    "plans": "SELECT count(DISTINCT code) AS n FROM plan",
}


def rows_of(conn: Conn, dataset: str) -> int:
    """How many rows of a dataset that is kept in one table are in force. Under the system's scope."""
    row = conn.execute(_IN_FORCE[dataset]).fetchone()
    return int(row["n"]) if row else 0
