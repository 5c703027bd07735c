"""The KPI numbers as an asker may see them: tiles, values over time, the district table, what people call about.

Which numbers an asker gets. The worker counts every region once per *audience*, the department and sensitivity part of
a scope, so a number never rests on rows its reader may not see, and the list behind it has as many rows as it says.
A scope with an audience nobody has had yet is noted and computed in the worker's next turn (`loading` until then).
A region the scope does not cover whole is `forbidden`; a scope of several regions gets their sum where the number is a
count or a ratio of counts and the regions do not overlap.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from psycopg import sql

from ioc.clock import local_day
from ioc.declare import Indicator
from ioc.errors import Forbidden, NotFound
from ioc.i18n import Text
from ioc.scope import SYSTEM, Scope
from ioc.services import DistrictRow, TileState
from ioc.settings import Settings
from ioc.store import Store
from ioc.store.kpi_rollup import Row
from ioc.store.pool import Conn
from ioc.store.regions import Region, Regions
from ioc.store.where import visible

ADDITIVE = frozenset(
    {"device_rate", "events_today", "events_month", "refuted_rate", "open_cases", "on_time_rate", "mean_response"}
)
NO_REGION = "region"
_SEEN_STEP = dt.timedelta(hours=6)


def audience_key(scope: Scope) -> str:
    """Equal for scopes that differ only in regions and permissions."""
    departments = "*" if scope.departments is None else ",".join(sorted(scope.departments))
    return f"{departments}|{scope.sensitivity}"


def tiles(
    store: Store, scope: Scope, region: str, indicators: Sequence[Indicator], now: dt.datetime
) -> list[TileState]:
    """A tile per indicator, in their order. `region` "" is the top of the scope. Raises NotFound."""
    pieces = _pieces(store, scope, region)
    roots = [r.region_id for r in Regions.of(store).tree().roots]
    wanted = {r.region_id for r in pieces or ()} | set(roots)
    audience = audience_key(scope)
    with store.scoped(SYSTEM) as conn:
        targets = _targets(conn)
        known = _know_audience(conn, scope, audience, now)
        runs = {r["code"]: r for r in conn.execute("SELECT * FROM indicator_run")}
        rows = conn.execute(
            "SELECT * FROM indicator_value WHERE region_id = ANY (%s) AND audience = %s", (list(wanted), audience)
        ).fetchall()
    values = {(r["code"], r["region_id"]): r for r in rows}
    out: list[TileState] = []
    for declared in indicators:
        indicator = with_target(declared, targets)
        ids = roots[:1] if indicator.params.get("centre") else None if pieces is None else [r.region_id for r in pieces]
        run = runs.get(indicator.code) if known else None
        out.append(_tile(indicator, scope, ids, run, values, bool(roots)))
    return out


def _pieces(store: Store, scope: Scope, region: str) -> tuple[Region, ...] | None:
    """The regions whose numbers add up to what was asked for; None when the scope covers no such thing."""
    regions = Regions.of(store)
    tree = regions.tree()
    if region:
        asked: tuple[Region, ...] = (regions.find(scope, region),)
    else:
        asked = regions.tops(scope)
    if scope.whole or not asked:
        return asked[:1]
    # What lies in no region is counted at the centre's root, and only who sees the whole centre sees that.
    parts = [p for r in asked for p in ((c for c in tree.children(r) if c.kind != "zone") if r in tree.roots else (r,))]
    ids = [tree.below[p.region_id] for p in parts]
    if any(not below <= scope.region_ids for below in ids) or sum(map(len, ids)) != len(frozenset().union(*ids)):
        return None
    return tuple(parts)


def _know_audience(conn: Conn, scope: Scope, audience: str, now: dt.datetime) -> bool:
    """Notes that this audience is asked for. False while the worker has not met it."""
    row = conn.execute("SELECT seen_at FROM indicator_audience WHERE audience = %s", (audience,)).fetchone()
    if getattr(conn, "as_of", None) is not None:  # who looks back asks for no new numbers
        return row is not None
    if row is None or (scope.departments is not None and now - row["seen_at"] > _SEEN_STEP):
        departments = None if scope.departments is None else sorted(scope.departments)
        conn.execute(
            """INSERT INTO indicator_audience (audience, departments, sensitivity, seen_at) VALUES (%s, %s, %s, %s)
               ON CONFLICT (audience) DO UPDATE SET seen_at = greatest(indicator_audience.seen_at, excluded.seen_at)""",
            (audience, departments, scope.sensitivity, now),
        )
    return row is not None


def _tile(
    indicator: Indicator,
    scope: Scope,
    ids: Sequence[int] | None,
    run: Row | None,
    values: Mapping[tuple[str, int], Row],
    any_region: bool,
) -> TileState:
    if not scope.can(indicator.permission):
        return TileState(indicator, "forbidden", missing_permission=indicator.permission)
    if not any_region:
        return TileState(indicator, "unconnected")
    if ids is None or (len(ids) > 1 and indicator.query not in ADDITIVE):
        return TileState(indicator, "forbidden", missing_permission=NO_REGION)
    if run is None:
        return TileState(indicator, "loading")
    base = TileState(
        indicator,
        "unconnected",
        interval=dt.timedelta(seconds=run["interval_s"]),
        source=run["source"],
        as_of=run["as_of"],
        computed_at=run["computed_at"],
    )
    if run["state"] == "unconnected":
        return base
    rows = [values[indicator.code, i] for i in ids if (indicator.code, i) in values]
    shown = _shown(base, indicator, rows, complete=len(rows) == len(ids) and bool(rows))
    if run["state"] == "error":
        error = Text(run["error_zh"], run["error_en"])
        last = shown.value if shown.value is not None else shown.last_value
        return replace(
            shown,
            state="error",
            value=None,
            last_value=last,
            error_code=run["error_code"],
            error=error,
            error_since=run["error_since"],
            retries=run["retries"],
        )
    return shown


def _shown(base: TileState, indicator: Indicator, rows: Sequence[Row], *, complete: bool) -> TileState:
    if not complete:
        return replace(base, state="loading")
    origin = "demo" if any(r["origin"] == "demo" for r in rows) else "real"
    if len(rows) > 1:
        return _summed(base, indicator, rows, origin)
    row = rows[0]
    note = Text(row["note"]["zh"], row["note"]["en"]) if row["note"] else None
    return replace(
        base,
        state=row["state"],
        value=row["value"],
        numerator=row["numerator"],
        denominator=row["denominator"],
        previous=row["previous"],
        as_of=row["as_of"] or base.as_of,
        series=tuple(row["series"]),
        note=note,
        last_value=row["last_value"],
        origin=origin,
    )


def _summed(base: TileState, indicator: Indicator, rows: Sequence[Row], origin: str) -> TileState:
    """Several regions as one: counts add up, ratios are formed again from the sums. The series is left out."""
    top = sum(r["numerator"] or 0.0 for r in rows)
    count = indicator.query in ("events_today", "events_month", "open_cases")
    bottom = None if count else sum(r["denominator"] or 0.0 for r in rows)
    factor = 1.0 if indicator.query == "mean_response" else 100.0
    value = top if bottom is None else factor * top / bottom if bottom else None
    previous = sum(r["previous"] or 0.0 for r in rows) if count else None
    state = "ok" if value else "empty" if count or value is None else "ok"
    return replace(base, state=state, value=value, numerator=top, denominator=bottom, previous=previous, origin=origin)


# ---------------------------------------------------------------- targets


def _targets(conn: Conn) -> Mapping[str, Any]:
    row = conn.execute("SELECT value FROM setting WHERE key = 'indicator.targets'").fetchone()
    return row["value"] if row else {}


def with_target(indicator: Indicator, targets: Mapping[str, Any]) -> Indicator:
    """`setting` row `indicator.targets`: {code: {target, better, scale}} over what the declaration says."""
    own: dict[str, Any] = targets.get(indicator.code) or {}
    changes: dict[str, Any] = {k: own[k] for k in ("target", "better") if k in own}
    if "scale" in own:
        low, high = own["scale"]
        changes["scale"] = (float(low), float(high))
    return replace(indicator, **changes)


# ---------------------------------------------------------------- over time


def values_between(
    store: Store, scope: Scope, code: str, region: str, start: dt.datetime, end: dt.datetime
) -> list[dict[str, Any]]:
    """Kept points of one indicator and region, oldest first. Raises NotFound, or Forbidden for several regions."""
    pieces = _pieces(store, scope, region)
    if pieces is None or len(pieces) != 1:
        raise Forbidden("请选择一个区划", "choose one region")
    return _history(store, audience_key(scope), code, pieces[0].region_id, start, end)


def centre_values(store: Store, scope: Scope, code: str, start: dt.datetime, end: dt.datetime) -> list[dict[str, Any]]:
    """The same for an indicator of the centre as a whole."""
    roots = Regions.of(store).tree().roots
    return _history(store, audience_key(scope), code, roots[0].region_id, start, end) if roots else []


def _history(
    store: Store, audience: str, code: str, region_id: int, start: dt.datetime, end: dt.datetime
) -> list[dict[str, Any]]:
    with store.scoped(SYSTEM) as conn:
        return conn.execute(
            """SELECT computed_at, as_of, value, numerator, denominator, state, origin FROM indicator_history
               WHERE code = %s AND region_id = %s AND audience = %s AND computed_at >= %s AND computed_at <= %s
               ORDER BY computed_at LIMIT 10000""",
            (code, region_id, audience, start, end),
        ).fetchall()


# ---------------------------------------------------------------- tables beside the tiles


def districts(store: Store, scope: Scope, region: str) -> list[DistrictRow]:
    """One row per region below `region` (counties and zones below a city): open cases and two rates, as computed."""
    regions = Regions.of(store)
    try:
        children = regions.children(scope, region)
    except NotFound:
        return []
    tree = regions.tree()
    ids = [tree.by_code[c.code].region_id for c in children]
    codes = ["open_cases", "on_time_rate", "camera_online"]
    with store.scoped(SYSTEM) as conn:
        rows = conn.execute(
            """SELECT v.code, v.region_id, v.value, v.state FROM indicator_value v JOIN indicator_run r USING (code)
               WHERE v.region_id = ANY (%s) AND v.audience = %s AND v.code = ANY (%s) AND r.state <> 'unconnected'""",
            (ids, audience_key(scope), codes),
        ).fetchall()
    value = {(r["code"], r["region_id"]): r["value"] for r in rows}
    if not scope.can("indicator.view"):
        return []
    return [
        DistrictRow(
            c.code,
            c.name,
            int(value.get(("open_cases", i)) or 0),
            value.get(("on_time_rate", i)),
            value.get(("camera_online", i)),
        )
        for c, i in zip(children, ids, strict=True)
    ]


_TOPICS = """
SELECT coalesce(d.zh, nullif(k.category_code, ''), '未分类') AS topic, count(*)::int AS n
FROM cases k
LEFT JOIN LATERAL (SELECT x.zh FROM dictionary x
                   WHERE x.code = k.category_code AND x.dict IN (k.category_scheme, 'category_' || k.category_scheme,
                                                                  'category.' || k.category_scheme)
                   ORDER BY x.valid_from DESC LIMIT 1) d ON true
WHERE k.flow = 'hotline' AND k.opened_at >= %(start)s AND k.opened_at <= %(now)s AND {seen} AND {inside}
GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %(limit)s"""


def hotline_topics(
    store: Store, scope: Scope, region: str, now: dt.datetime, settings: Settings, limit: int = 6
) -> list[tuple[str, int]]:
    """What 12345 is called about today, most first."""
    if not scope.can("case.view"):
        return []
    ids = Regions.of(store).ids(scope, region)
    seen, params = visible(scope, "k")
    inside = sql.SQL("TRUE") if ids is None else sql.SQL("k.region_id = ANY (%(ids)s)")
    start = local_day(now, settings.tz)[0]
    with store.scoped(scope) as conn:
        rows = conn.execute(
            sql.SQL(_TOPICS).format(seen=seen, inside=inside),
            {**params, "ids": None if ids is None else list(ids), "start": start, "now": now, "limit": limit},
        ).fetchall()
    return [(r["topic"], r["n"]) for r in rows]
