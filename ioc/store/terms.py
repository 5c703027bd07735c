"""Publications of deadlines and of the working calendar: kept as they were, the newest of each part in force."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

Part = Literal["deadlines", "hours", "days", "markets"]
Row = Mapping[str, Any]
_LOCK = 4_930_810  # one publication at a time, so that numbers are given in the order of commits
_COLUMNS: Mapping[Part, tuple[str, tuple[str, ...]]] = {
    "deadlines": ("deadline_row", ("flow", "category", "stage", "amount", "unit", "document", "issued")),
    "hours": ("calendar_hours", ("place", "from_min", "to_min")),
    "days": ("calendar_day", ("year", "day", "works", "name")),
    "markets": ("calendar_market", ("place", "name", "every", "since", "days", "duty_from", "duty_to")),
}


@dataclass(frozen=True, slots=True)
class Publication:
    """One file as it is to be in force. `covers`: the flows or years it speaks of; else the part itself.

    `rows`: by the columns of the part's table. `sample`: 示例, stored as demo data and gone with it.
    """

    part: Part
    covers: tuple[str, ...]
    rows: Sequence[Row]
    version: str = ""
    document: str = ""
    issued: dt.date | None = None
    file_name: str = ""
    sample: bool = False

    @property
    def origin(self) -> str:
        return "demo" if self.sample else "real"

    @property
    def digest(self) -> str:
        names = _COLUMNS[self.part][1]
        rows = sorted(json.dumps([r[n] for n in names], default=str, ensure_ascii=False) for r in self.rows)
        head = [self.part, sorted(self.covers), self.version, self.document, str(self.issued), self.origin]
        return hashlib.blake2b(json.dumps([head, rows], ensure_ascii=False).encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Force:
    """What is in force: (part, cover) -> publication."""

    by: Mapping[tuple[str, str], Row] = field(default_factory=dict[tuple[str, str], Row])

    @property
    def revision(self) -> int:
        """Another number for every other content in force; fits a bigint, never 0."""
        names = json.dumps(sorted((part, cover, row["digest"]) for (part, cover), row in self.by.items()))
        return int.from_bytes(hashlib.blake2b(names.encode(), digest_size=8).digest(), signed=True) or 1

    def of(self, part: Part) -> dict[str, Row]:
        """Cover -> publication of one part."""
        return {cover: row for (p, cover), row in self.by.items() if p == part}


# What is real goes before a sample, whenever each was published.
_IN_FORCE: LiteralString = """
SELECT DISTINCT ON (p.part, c.cover) c.cover, p.publication_id, p.part, p.version, p.document, p.issued, p.digest,
       p.covers, p.actor, p.published_at, p.file_name, p.origin
FROM terms_publication p CROSS JOIN LATERAL unnest(p.covers) AS c (cover)
ORDER BY p.part, c.cover, (p.origin = 'real') DESC, p.publication_id DESC
"""


def in_force(conn: psycopg.Connection[Any]) -> Force:
    with conn.cursor(row_factory=dict_row) as cur:
        return Force({(r["part"], r["cover"]): r for r in cur.execute(_IN_FORCE).fetchall()})


def rows_in_force(conn: psycopg.Connection[Any], force: Force, part: Part) -> list[Row]:
    """Rows of a part, of each publication only those it is in force for."""
    wanted: defaultdict[int, set[str]] = defaultdict(set)
    for cover, row in force.of(part).items():
        wanted[row["publication_id"]].add(cover)
    table, names = _COLUMNS[part]
    query = sql.SQL("SELECT publication_id, {} FROM {} WHERE publication_id = ANY (%s) ORDER BY {}").format(
        sql.SQL(", ").join(map(sql.Identifier, names)),
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, ("publication_id", *names[:3]))),
    )
    with conn.cursor(row_factory=dict_row) as cur:
        found = cur.execute(query, (list(wanted),)).fetchall()
    cover = {"deadlines": "flow", "days": "year"}.get(part)
    return [r for r in found if cover is None or r[cover] in wanted[r["publication_id"]]]


def known(force: Force, new: Publication) -> bool:
    """Whether this very content is what is in force already."""
    held = force.of(new.part)
    return all(c in held and held[c]["digest"] == new.digest for c in new.covers)


def publish(
    conn: psycopg.Connection[Any], new: Publication, actor: str, now: dt.datetime, batch_id: int | None = None
) -> int | None:
    """A new publication in the caller's transaction. Returns its id, None where the same is in force already."""
    conn.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    if known(in_force(conn), new):
        return None
    with conn.cursor(row_factory=dict_row) as cur:
        made = cur.execute(
            "INSERT INTO terms_publication (part, covers, version, document, issued, file_name, digest, rows, actor,"
            " published_at, batch_id, origin, recorded_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING publication_id",
            (new.part, sorted(new.covers), new.version, new.document, new.issued, new.file_name, new.digest,
             len(new.rows), actor, now, batch_id, new.origin, now),
        ).fetchone()  # fmt: skip
        assert made is not None
        number = int(made["publication_id"])
        table, names = _COLUMNS[new.part]
        query = sql.SQL("INSERT INTO {} (publication_id, {}) VALUES ({})").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, names)),
            sql.SQL(", ").join([sql.Placeholder()] * (len(names) + 1)),
        )
        cur.executemany(query, [(number, *(r[n] for n in names)) for r in new.rows])
    return number
