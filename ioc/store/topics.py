"""Topics in the store: those in force, the rows of one, and how many there are of each by region."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import sql

from ioc.cases.topics import OTHER, Topics, gathered
from ioc.scope import Scope
from ioc.store import Store
from ioc.store.pool import Conn
from ioc.store.regions import Regions
from ioc.store.where import visible

PERIOD = dt.timedelta(days=30)
NUMBERS = ("reports", "open", "overdue", "closed")
# A city's own table; where none was imported, what is shipped.
_NOW = """
SELECT t.key, t.zh, t.en, t.category FROM topic_rule t
WHERE t.version = (SELECT max(v.version) FROM dispatch_version v WHERE v.kind = 'topics')
ORDER BY t.rule_no
"""
_SHIPPED = """
SELECT d.code AS key, d.zh, d.en, c.code AS category
FROM dictionary_now d CROSS JOIN LATERAL jsonb_array_elements_text(d.attributes -> 'categories') c (code)
WHERE d.dict = 'topic' ORDER BY (d.attributes ->> 'order')::int, d.code
"""


def current(conn: Conn) -> Topics:
    """The topics in force."""
    return gathered(conn.execute(_NOW).fetchall() or conn.execute(_SHIPPED).fetchall())


def predicate(conn: Conn, alias: str, keys: str) -> tuple[sql.Composable, dict[str, Any]]:
    """Condition for the rows of topics (keys by commas) in a table with `category_code`; "" is no condition.

    Raises Invalid for a topic there is not.
    """
    wanted = [key for key in keys.split(",") if key]
    if not wanted:
        return sql.SQL("true"), {}
    topics = current(conn)
    found = [topics.prefixes(key) for key in wanted]
    some = sorted({code for codes, inside in found if inside for code in codes})
    rest = next((list(codes) for codes, inside in found if not inside), None)
    column = sql.Identifier(alias, "category_code")
    begins = sql.SQL("EXISTS (SELECT FROM unnest({}::text[]) p WHERE starts_with({}, p))")
    part = begins.format(sql.Placeholder("topic_codes"), column)
    if rest is not None:
        part = sql.SQL("({} OR NOT {})").format(part, begins.format(sql.Placeholder("topic_rest"), column))
    return part, {"topic_codes": some, "topic_rest": rest or []}


_STATS = sql.SQL(
    """
SELECT {name} AS name, x.category_code AS category, {numbers}
FROM {source} WHERE {condition} AND {seen} GROUP BY 1, 2
"""
)
_GROUPS = sql.SQL("unnest(%(names)s::text[], %(ids)s::int[]) AS g (name, id) JOIN {} x ON x.region_id = g.id")
REPORTS = sql.SQL("{a}.status <> 'void' AND {a}.occurred_at > %(since)s AND {a}.occurred_at <= %(now)s")
OPEN = sql.SQL("{a}.closed_at IS NULL")
OVERDUE = sql.SQL("({a}.closed_at IS NULL AND {a}.due_at < %(now)s AND NOT {a}.clock_stopped)")
CLOSED = sql.SQL("({a}.closed_at > %(since)s AND {a}.closed_at <= %(now)s)")


def stats(
    conn: Conn, scope: Scope, groups: Mapping[str, Sequence[int]] | None, now: dt.datetime
) -> dict[str, dict[str, dict[str, int]]]:
    """Group (a region with all below it) -> topic -> numbers: reports and closed cases of 30 days, open and overdue
    cases. A row of several topics counts in each. Numbers the asker has no right to are left out. `groups` None: all
    rows of the scope as one group "", those in no region too.
    """
    topics = current(conn)
    keys = [*(topic.key for topic in topics.all), OTHER]
    numbers = [n for n in NUMBERS if scope.can("event.view" if n == "reports" else "case.view")]
    parts = groups if groups is not None else {"": ()}
    out = {name: {key: dict.fromkeys(numbers, 0) for key in keys} for name in parts}
    given = {
        "names": [name for name, ids in parts.items() for _ in ids],
        "ids": [i for ids in parts.values() for i in ids],
        "now": now,
        "since": now - PERIOD,
    }
    seen, params = visible(scope, "x")
    a = sql.Identifier("x")
    queries: list[tuple[str, str, sql.Composable, sql.Composable]] = [
        ("event.view", "event", sql.SQL("count(*)::int AS reports"), REPORTS.format(a=a)),
        (
            "case.view", "cases",
            sql.SQL(
                "count(*) FILTER (WHERE {})::int AS open, count(*) FILTER (WHERE {})::int AS overdue,"
                " count(*) FILTER (WHERE {})::int AS closed"
            ).format(OPEN.format(a=a), OVERDUE.format(a=a), CLOSED.format(a=a)),
            sql.SQL("({} OR {})").format(OPEN.format(a=a), CLOSED.format(a=a)),
        ),
    ]  # fmt: skip
    for right, table, columns, condition in queries:
        if not scope.can(right):
            continue
        whole = sql.SQL("{} x").format(sql.Identifier(table))
        source = whole if groups is None else _GROUPS.format(sql.Identifier(table))
        name = sql.SQL("''" if groups is None else "g.name")
        query = _STATS.format(name=name, numbers=columns, source=source, condition=condition, seen=seen)
        for row in conn.execute(query, {**params, **given}):
            for key in topics.of(row["category"]):
                for n in numbers:
                    out[row["name"]][key][n] += row.get(n) or 0
    return out


def listed(conn: Conn) -> list[dict[str, str]]:
    """Words of the topics in force and of what belongs to none, in their order."""
    known = [{"key": topic.key, "zh": topic.zh, "en": topic.en} for topic in current(conn).all]
    return [*known, {"key": OTHER, "zh": "其他", "en": "Other"}]


def by_region(store: Store, regions: Regions, scope: Scope, region: str, now: dt.datetime) -> dict[str, Any]:
    """Numbers of `region` ("": all the asker sees) and of the regions below it. Raises NotFound."""
    ids = regions.ids(scope, region)
    below = [r for r in regions.children(scope, region) if r.kind != "zone"]
    groups: dict[str, Sequence[int]] = {r.code: list(regions.ids(scope, r.code) or ()) for r in below}
    with store.scoped(scope) as conn:
        found, words = stats(conn, scope, groups, now), listed(conn)
        found |= stats(conn, scope, None if ids is None else {"": list(ids)}, now)
    rows = [{"code": r.code, "name": r.name, "topics": found[r.code]} for r in below]
    numbers = [n for n in NUMBERS if scope.can("event.view" if n == "reports" else "case.view")]
    return {"topics": words, "numbers": numbers, "days": PERIOD.days, "total": found[""], "rows": rows, "as_of": now}
