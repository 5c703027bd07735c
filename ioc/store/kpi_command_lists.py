"""The lists behind the indicators of readiness: towns with their teams, hospitals, bridges and lines, warnings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from psycopg import sql

from ioc.store import kpi_command as command
from ioc.store.kpi_listing import ALL, COUNTED, NAME, REGION, Listing, region_name

_SQL = sql.SQL

# Towns without a team first. Teams are those the asker may see: row-level security keeps the others away.
_TEAMS = _SQL(
    "(SELECT x.region_id, x.code, x.name, (SELECT p.name FROM region p WHERE p.region_id = x.parent_id) AS county,"
    " n.teams, n.people FROM region x CROSS JOIN LATERAL (SELECT count(*) AS teams, sum(r.people) AS people"
    " FROM region_closure u JOIN resource r ON r.region_id = u.descendant_id"
    " WHERE u.ancestor_id = x.region_id AND {}) n WHERE x.kind = 'town') t"
).format(command.IN_SERVICE)
TOWNS = Listing(
    (NAME, ("county", "县区", "County"), ("teams", "救援队伍", "Teams"), ("people", "队员", "Members"), COUNTED),
    _SQL("'region:' || t.code AS key, t.name, t.county, t.teams, t.people"),
    _TEAMS,
    "t",
    ALL,
    _SQL("t.teams, t.name, t.region_id"),
    "resource.view",
    _SQL("(t.teams > 0)"),
    _SQL("t.region_id = ANY (%(ids)s)"),
)
HOSPITALS = Listing(
    (
        NAME, REGION, ("free", "空床", "Free beds"), ("beds", "床位", "Beds"), ("icu", "重症空床", "Free ICU"),
        ("doctors", "医生", "Doctors"), ("nurses", "护士", "Nurses"), ("ambulances", "救护车", "Ambulances"),
        ("blood", "血液（U）", "Blood, U"), ("stock", "物资", "Supplies"), ("observed_at", "填报时间", "Reported"),
        ("counted", "已填报", "Reported at all"),
    ),
    _SQL(
        "'resource:' || r.resource_id AS key, r.name, {region},"
        " (SELECT sum(value::numeric)::int FROM jsonb_each_text(c.figures -> 'free')) AS free,"
        " (SELECT sum(value::numeric)::int FROM jsonb_each_text(c.figures -> 'total')) AS beds,"
        " (c.figures #>> '{{free,icu}}')::int AS icu, (c.figures ->> 'doctors')::int AS doctors,"
        " (c.figures ->> 'nurses')::int AS nurses, (c.figures ->> 'ambulances')::int AS ambulances,"
        " (c.figures ->> 'blood_u')::int AS blood, (SELECT string_agg(concat_ws(' ', s ->> 'name', s ->> 'amount',"
        " s ->> 'unit'), '；') FROM jsonb_array_elements(c.figures -> 'stock') s) AS stock, c.observed_at"
    ).format(region=_SQL("(SELECT g.name FROM region g WHERE g.region_id = r.region_id) AS region")),
    _SQL("resource r {}").format(command.REPORTS),
    "r",
    command.HOSPITAL,
    _SQL("(c.resource_id IS NULL), c.observed_at, r.name, r.resource_id"),
    "resource.view",
    _SQL("(c.resource_id IS NOT NULL)"),
)  # fmt: skip
# Below its threshold first, then what nobody measured.
STRUCTURES = Listing(
    (
        NAME, ("kind", "种类", "Kind"), REGION, ("health_state", "状态", "State"), ("health", "健康分", "Score"),
        ("limit", "阈值", "Threshold"),
        ("trend", "趋势", "Trend"), ("health_on", "评定日期", "Measured on"), ("owner", "权属单位", "Owner"),
        ("counted", "达标", "Sound"),
    ),
    _SQL(
        "'target:' || t.target_id AS key, t.name, t.kind, {region}, t.health, t.health_limit AS limit,"
        " t.health_trend AS trend, t.health_on::text AS health_on,"
        " CASE WHEN t.health IS NULL OR t.health_limit IS NULL THEN 'unknown' WHEN t.health < t.health_limit"
        " THEN 'below' ELSE 'sound' END AS health_state,"
        " CASE WHEN (SELECT ioc_sensitivity()) >= 1 THEN t.owner ELSE '' END AS owner"
    ).format(region=region_name("t")),
    _SQL("target t"),
    "t",
    command.STRUCTURE,
    _SQL("{}, (t.health IS NULL), t.health, t.target_id").format(command.SOUND),
    "resource.view",
    command.SOUND,
)  # fmt: skip
# False alarms and misses first, then what waits for a word (listed, not in the number), then hits.
WARNINGS = Listing(
    (
        ("kind", "预警", "Warning"), ("colour", "颜色", "Colour"), ("area", "范围", "Area"), ("at", "生效", "In force"),
        ("occurred_at", "发生", "Happened"), ("lead_min", "提前（分钟）", "Lead, min"), ("outcome", "检验", "Outcome"),
        ("evidence", "依据", "Evidence"), ("actor", "检验人", "Judged by"), COUNTED,
    ),
    _SQL(
        "w.key, w.kind, w.colour, w.area, w.at, w.occurred_at, CASE WHEN w.warning_id IS NOT NULL THEN"
        " round(extract(epoch FROM w.occurred_at - w.at) / 60)::int END AS lead_min,"
        " coalesce(nullif(w.outcome, ''), 'waiting') AS outcome, w.evidence, w.actor"
    ),
    _SQL("warning_judged w"),
    "w",
    _SQL("{} AND (w.outcome <> '' OR w.until <= %(now)s)").format(command.IN_YEAR),
    _SQL("array_position(ARRAY['false', 'miss', '', 'hit'], w.outcome), w.at DESC, w.key"),
    "map.view",
    _SQL("(w.outcome = 'hit')"),
    _SQL(
        "(w.region_ids = '{}' OR EXISTS (SELECT FROM region_closure u WHERE u.descendant_id = ANY (%(ids)s)"
        " AND u.ancestor_id = ANY (w.region_ids)))"
    ),
)  # fmt: skip

LISTS: Mapping[str, Callable[[Mapping[str, str]], tuple[Listing, dict[str, Any]]]] = {
    "towns": lambda params: (TOWNS, {}),
    "hospitals": lambda params: (HOSPITALS, {}),
    "structures": lambda params: (STRUCTURES, {}),
    "warnings": lambda params: (WARNINGS, {}),
}
