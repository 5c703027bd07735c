"""The queries behind the indicators of readiness: teams in towns, hospitals, bridges and lines, judged warnings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from psycopg import sql

from ioc.declare import Reading
from ioc.i18n import Text
from ioc.store.kpi_rollup import Answer, Ask, Cell, audiences_json, origin_of, rolled_up
from ioc.store.pool import Conn

NOTHING: Cell = (0.0, 0.0, None, False)

# ---------------------------------------------------------------- teams in towns (EMG-12)

IN_SERVICE = sql.SQL("r.kind = 'team' AND r.status <> 'off'")
# A town is counted once whoever asks, and has a team where the audience may know of one: no sum of leaves.
_TOWNS = sql.SQL(
    """
WITH aud AS (SELECT key, all_departments, departments, sensitivity FROM jsonb_to_recordset(%(audiences)s::jsonb)
             AS a (key text, all_departments boolean, departments text[], sensitivity int)),
town AS MATERIALIZED (SELECT region_id FROM region WHERE kind = 'town'),
team AS MATERIALIZED (
  SELECT t.region_id AS town, coalesce(r.private_to, '') AS priv, min(r.sensitivity) AS sens,
         bool_or(r.origin = 'demo') AS demo
  FROM town t JOIN region_closure u ON u.ancestor_id = t.region_id JOIN resource r ON r.region_id = u.descendant_id
  WHERE {in_service} GROUP BY 1, 2),
met AS (
  SELECT t.region_id AS town, a.key, count(m.town) > 0 AS has, coalesce(bool_or(m.demo), false) AS demo
  FROM town t CROSS JOIN aud a LEFT JOIN team m ON m.town = t.region_id AND m.sens <= a.sensitivity
    AND (a.all_departments OR m.priv = '' OR m.priv = ANY (a.departments))
  GROUP BY 1, 2)
SELECT c.ancestor_id AS region_id, met.key AS audience, count(*) FILTER (WHERE has) AS num, count(*) AS den,
       bool_or(demo) AS demo
FROM met JOIN region_closure c ON c.descendant_id = met.town GROUP BY 1, 2"""
).format(in_service=IN_SERVICE)


def team_coverage(conn: Conn, ask: Ask, params: Mapping[str, Any]) -> Answer:
    """Towns with a rescue team in service ÷ towns, percent; the note: how many are without."""
    out: Answer = {}
    for r in conn.execute(_TOWNS, {**params, "audiences": audiences_json(ask.audiences)}):
        having, towns = float(r["num"]), float(r["den"])
        bare = int(towns - having)
        note = Text(f"{bare} 个镇街无队伍", f"{bare} without a team") if bare else None
        origin = "demo" if r["demo"] else "real"
        out[r["region_id"], r["audience"]] = Reading(100 * having / towns, having, towns, origin=origin, note=note)
    return out


# ---------------------------------------------------------------- hospitals (COC-12)

HOSPITAL = sql.SQL("r.kind = 'hospital' AND r.status <> 'off'")
REPORTS = sql.SQL("LEFT JOIN resource_capacity c ON c.resource_id = r.resource_id AND c.what = 'beds'")
_BEDS, _ICU, _DOCTORS, _NURSES, _CARS, _STOCK, _BLOOD, _TOLD = 1, 2, 3, 4, 5, 6, 7, 9
# A figure nobody told is no row, so that it is not taken for a 0.
_MEDICAL = sql.SQL(
    """
SELECT coalesce(r.region_id, %(root)s::int) AS region_id, coalesce(r.private_to, '') AS priv, r.sensitivity AS sens,
       b.bucket, sum(b.num) AS num, sum(b.den) AS den, max(c.observed_at) AS as_of, bool_or(r.origin = 'demo') AS demo
FROM resource r {reports} CROSS JOIN LATERAL (
  SELECT 1 AS bucket, (SELECT sum(value::numeric) FROM jsonb_each_text(c.figures -> 'free')) AS num,
         (SELECT sum(value::numeric) FROM jsonb_each_text(c.figures -> 'total')) AS den
  UNION ALL SELECT 2, (c.figures #>> '{{free,icu}}')::numeric, (c.figures #>> '{{total,icu}}')::numeric
  UNION ALL SELECT 3, (c.figures ->> 'doctors')::numeric, 1
  UNION ALL SELECT 4, (c.figures ->> 'nurses')::numeric, 1
  UNION ALL SELECT 5, (c.figures ->> 'ambulances')::numeric, 1
  UNION ALL SELECT 6, jsonb_array_length(c.figures -> 'stock'), 1
  UNION ALL SELECT 7, (c.figures ->> 'blood_u')::numeric, 1
  UNION ALL SELECT 9, (c.resource_id IS NOT NULL)::int, 1
) b WHERE {hospital} AND b.num IS NOT NULL GROUP BY 1, 2, 3, 4"""
).format(reports=REPORTS, hospital=HOSPITAL)
_OF: Mapping[str, int] = {"beds": _BEDS, "doctors": _DOCTORS, "stock": _STOCK}


def medical(conn: Conn, ask: Ask, params: Mapping[str, Any]) -> Answer:
    """Sums of the hospitals' last reports. `params`: what = beds, doctors, stock. The note: who has not reported."""
    what = str(params["what"])
    out: Answer = {}
    for key, cells in rolled_up(conn, ask, _MEDICAL, {}).items():
        told = cells.get(_OF[what])
        reported, all_, as_of, _ = cells.get(_TOLD, NOTHING)
        value = told[0] if told else None
        total = told[1] if told and what == "beds" and told[1] else None
        note = _medical_note(what, cells, int(all_ - reported))
        state = "empty" if value is None else "ok"
        out[key] = Reading(value, value, total, as_of, state=state, origin=origin_of(cells), note=note)
    return out


def _medical_note(what: str, cells: Mapping[int, Cell], silent: int) -> Text | None:
    zh: list[str] = []
    en: list[str] = []

    def say(bucket: int, one: str, other: str, of: bool = False) -> None:
        if bucket in cells:
            number = f"{cells[bucket][0]:.0f}" + (f"/{cells[bucket][1]:.0f}" if of and cells[bucket][1] else "")
            zh.append(f"{one} {number}")
            en.append(f"{other} {number}")

    if what == "beds":
        if _BEDS in cells and cells[_BEDS][1]:
            zh.append(f"共 {cells[_BEDS][1]:.0f}")
            en.append(f"of {cells[_BEDS][1]:.0f}")
        say(_ICU, "重症", "ICU", of=True)
    elif what == "doctors":
        say(_NURSES, "护士", "nurses")
        say(_CARS, "救护车", "ambulances")
    else:
        say(_BLOOD, "血液（U）", "blood, U")
    if silent:
        zh.append(f"{silent} 家未填报")
        en.append(f"{silent} silent")
    return Text(" · ".join(zh), " · ".join(en)) if zh else None


# ---------------------------------------------------------------- bridges and lines (LIF-01)

STRUCTURE = sql.SQL(
    "t.removed_at IS NULL AND (t.health IS NOT NULL OR t.kind IN (SELECT n.code FROM dictionary_now n"
    " WHERE n.dict = 'target_kind' AND n.attributes ->> 'health' = 'true'))"
)
SOUND = sql.SQL("coalesce(t.health >= t.health_limit, false)")
_STRUCTURES = sql.SQL(
    """
SELECT coalesce(t.region_id, %(root)s::int) AS region_id, coalesce(t.private_to, '') AS priv, t.sensitivity AS sens,
       b.bucket, sum(b.num) AS num, count(*) AS den, max(t.health_on)::timestamptz AS as_of,
       bool_or(t.origin = 'demo') AS demo
FROM target t CROSS JOIN LATERAL (
  SELECT 0 AS bucket, {sound}::int AS num
  UNION ALL SELECT -10, (t.health < t.health_limit)::int
  UNION ALL SELECT -11, (t.health IS NULL OR t.health_limit IS NULL)::int
  UNION ALL SELECT -12, (t.health_trend = 'worse')::int
) b WHERE {structure} GROUP BY 1, 2, 3, 4"""
).format(structure=STRUCTURE, sound=SOUND)


def structure_health(conn: Conn, ask: Ask, params: Mapping[str, Any]) -> Answer:
    """At or above their threshold ÷ all that have a health, percent; the note: below, unknown, getting worse."""
    words = ((-10, "低于阈值", "below"), (-11, "未知", "unknown"), (-12, "变差", "worse"))
    out: Answer = {}
    for key, cells in rolled_up(conn, ask, _STRUCTURES, params).items():
        sound, all_, as_of, _ = cells.get(0, NOTHING)
        said = [(zh, en, int(cells.get(bucket, NOTHING)[0])) for bucket, zh, en in words]
        note = Text(
            " · ".join(f"{zh} {n}" for zh, _, n in said if n), " · ".join(f"{en} {n}" for _, en, n in said if n)
        )
        out[key] = Reading(100 * sound / all_ if all_ else None, sound, all_, as_of, state="ok" if all_ else "empty",
                           origin=origin_of(cells), note=note if note.zh else None)  # fmt: skip
    return out


# ---------------------------------------------------------------- judged warnings (EMG-13)

YEAR = dt.timedelta(days=365)
# What began within the year: a warning when it came into force, a miss when it happened.
IN_YEAR = sql.SQL("w.at > %(year)s AND w.at <= %(now)s")
# A warning speaks of every region under those it names, and of all that lie above them; one without a region of all.
_JUDGED = sql.SQL(
    """
WITH judged AS MATERIALIZED (
  SELECT w.key, w.region_ids, w.outcome, w.origin, w.judged_at, w.at <= %(year)s AS before
  FROM warning_judged w WHERE w.at > %(year_before)s AND w.at <= %(now)s AND (w.outcome <> '' OR w.until <= %(now)s)),
reach AS (
  SELECT DISTINCT j.key, up.ancestor_id AS region_id FROM judged j
  JOIN region_closure down ON down.ancestor_id = ANY (j.region_ids)
  JOIN region_closure up ON up.descendant_id = down.descendant_id
  UNION ALL SELECT j.key, r.region_id FROM judged j CROSS JOIN region r WHERE j.region_ids = '{{}}')
SELECT h.region_id, j.before, count(*) FILTER (WHERE j.outcome = 'hit') AS hits,
       count(*) FILTER (WHERE j.outcome = 'false') AS empty, count(*) FILTER (WHERE j.outcome = 'miss') AS misses,
       count(*) FILTER (WHERE j.outcome = '') AS waiting, max(j.judged_at) AS as_of, bool_or(j.origin = 'demo') AS demo
FROM reach h JOIN judged j USING (key) GROUP BY 1, 2"""
).format()


def warning_accuracy(conn: Conn, ask: Ask, params: Mapping[str, Any]) -> Answer:
    """Hits ÷ (hits + false alarms + misses) of the last 365 days, percent; previous: of the 365 days before.

    Warnings are everybody's: every audience reads the same. The note names the three counts and what waits.
    """
    bounds = {"now": ask.now, "year": ask.now - YEAR, "year_before": ask.now - 2 * YEAR}
    found: dict[int, dict[bool, Mapping[str, Any]]] = {}
    for r in conn.execute(_JUDGED, {**params, **bounds}):
        found.setdefault(r["region_id"], {})[r["before"]] = r
    out: Answer = {}
    for region_id, parts in found.items():
        now, before = parts.get(False), parts.get(True)
        if now is None:
            continue
        hits, whole = _judged(now)
        note = Text(
            f"命中 {hits} · 空报 {now['empty']} · 漏报 {now['misses']} · 待检验 {now['waiting']}",
            f"hits {hits} · false {now['empty']} · missed {now['misses']} · to judge {now['waiting']}",
        )
        reading = Reading(
            100 * hits / whole if whole else None, hits, whole, now["as_of"], state="ok" if whole else "empty",
            origin="demo" if now["demo"] else "real", note=note, previous=_rate(before),
        )  # fmt: skip
        out |= {(region_id, a.key): reading for a in ask.audiences}
    return out


def _judged(row: Mapping[str, Any]) -> tuple[int, int]:
    return row["hits"], row["hits"] + row["empty"] + row["misses"]


def _rate(row: Mapping[str, Any] | None) -> float | None:
    hits, whole = _judged(row) if row else (0, 0)
    return 100 * hits / whole if whole else None
