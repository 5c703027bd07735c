"""Weather and water stations of a file: devices of those kinds with their datastreams, elevation, datum and levels.

What they measure then comes by MQTT, REST or observation files like that of any device. A level (警戒, 保证, 汛限 ...)
or an elevation without its vertical datum is refused: nobody could compare anything with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ioc.alarms.bind import datum_key
from ioc.errors import Reason
from ioc.intake import fields
from ioc.intake.columns import COMMON
from ioc.intake.event_input import Reader, choice
from ioc.intake.kinds import Context, Kind, Values, devices
from ioc.intake.reasons import Refuse
from ioc.store import alarm_streams
from ioc.store.pool import Conn

KINDS = ("weather", "rain", "water_level", "water_logging")
# Types of stations of the water services (测站类型) as their registers write them (SL 323); for the kinds, their words.
_TYPES: Mapping[str, str] = {
    "PP": "rain", "MM": "weather", "ZZ": "water_level", "ZQ": "water_level", "RR": "water_level", "ZB": "water_level",
    "DD": "water_level", "TT": "water_level", "河道站": "water_level", "水库站": "water_level", "闸坝站": "water_level",
    "潮位站": "water_level", "雨量站": "rain", "降水站": "rain", "气象": "weather", "区域站": "weather",
    "国家站": "weather", "积水点": "water_logging",
}  # fmt: skip
COLUMNS: Mapping[str, str] = {
    "external_id": "站号|测站编码|站码|区站号|测站代码|站点编号|stcd|" + COMMON["external_id"],
    "name": "站名|测站名称|stnm|" + COMMON["name"],
    "kind": "站类|测站类型|站点类型|sttp|" + COMMON["kind"],
    "lon": "lgtd|" + COMMON["lon"],
    "lat": "lttd|" + COMMON["lat"],
    "wkt": COMMON["wkt"],
    "elevation_m": "高程|海拔|海拔高度|测站高程|elevation|altitude|alt",
    "datum": "高程基准|基面名称|基准|基面|datum|dtmnm",
    "department": "隶属单位|管理机构|" + COMMON["department"],
    "address": "站址|stlc|" + COMMON["address"],
    "river": "河流|河流名称|水系|river|rvnm",
    "properties": "观测项|观测要素|监测要素|监测项|监测项目|properties",
    "warning_level": "警戒水位|wrz|warning_level",
    "guarantee_level": "保证水位|grz|guarantee_level",
    "flood_limit_level": "汛限水位|防洪限制水位|fsltdz|flood_limit_level",
    "record_level": "历史最高水位|obhtz|record_level",
    "interval_s": "上报间隔|采集间隔|上报周期|interval|interval_s",
    "status": COMMON["status"],
    "private_to": COMMON["private_to"],
    "sensitivity": COMMON["sensitivity"],
}
LEVELS = ("warning_level", "guarantee_level", "flood_limit_level", "record_level")
_LOWEST_M, _HIGHEST_M = -500.0, 9000.0


def check(r: Reader, context: Context, extra: dict[str, Any]) -> Values | None:
    text = fields.text
    external_id = r.required("external_id", lambda v: text(v, 200))
    kind = r.required("kind", lambda v: _kind(text(v, 100), context))
    word = text(r.record["kind"], 100) if kind is not None else ""
    name = r.optional("name", lambda v: text(v, 200), external_id or "")
    entry = context.words.find("device_kind", kind) if kind else None
    own = tuple(map(str, entry.attributes.get("properties", ()))) if entry else ()
    out: Values = {
        "source": context.source,
        "external_id": external_id,
        "name": name,
        "status": r.optional("status", choice(context.words, "device_status", "unknown_status"), "unknown"),
        "address": r.optional("address", lambda v: text(v, 500), ""),
        "owner_department": r.optional("department", _department, None),
        "private_to": r.optional("private_to", _department, None),
        "sensitivity": r.optional("sensitivity", lambda v: fields.integer(v, 0, 2), 0),
        "interval_s": r.optional(
            "interval_s",
            lambda v: fields.integer(v, 1, 31_536_000),
            int(entry.attributes.get("interval_s", 300)) if entry else 300,
        ),
        "streams": r.optional("properties", lambda v: _properties(text(v, 500), context), own),
    }
    levels = _levels(r)
    if r.reasons or kind is None:
        return None
    told = {"station_type": word, "river": r.optional("river", lambda v: text(v, 100), "")}
    out |= {"kind": kind, "class": "sensor", "search": " ".join(p for p in (name, external_id, out["address"]) if p)}
    out["attributes"] = {**extra, **levels, **{k: v for k, v in told.items() if v}}
    return out


def _kind(word: str, context: Context) -> str:
    code = _TYPES.get(word.upper()) or context.words.find("device_kind", word).code
    if code not in KINDS:
        raise Refuse("unknown_kind")
    return code


def _properties(words: str, context: Context) -> tuple[str, ...]:
    for mark in "，、;；/|":
        words = words.replace(mark, ",")
    found = [(w.strip(), context.words.property(w.strip())) for w in words.split(",") if w.strip()]
    if any(p is None for _, p in found):
        raise Refuse("unknown_property")
    return tuple(dict.fromkeys(p.code for _, p in found if p is not None))


def _levels(r: Reader) -> dict[str, Any]:
    """Elevation and characteristic levels in metres, with the datum all of them are in."""
    found = {n: r.optional(n, _metres, None) for n in ("elevation_m", *LEVELS)}
    given = {n: v for n, v in found.items() if v is not None}
    datum = r.optional("datum", lambda v: fields.text(v, 60), "")
    if given and not datum:
        r.refuse("datum", "missing_field")
    return given | ({"datum": datum, "datum_key": datum_key(datum)} if datum else {})


def _metres(value: Any) -> float | None:
    return fields.number(value, _LOWEST_M, _HIGHEST_M)


def _department(value: Any) -> str | None:
    return fields.text(value, 100)


def before(conn: Conn, rows: Sequence[Values], context: Context) -> Mapping[int, Reason]:
    """Datastreams are staged beside the stations, for `after`."""
    conn.execute("DROP TABLE IF EXISTS pg_temp.stage_stream")
    conn.execute(
        "CREATE TEMP TABLE stage_stream (external_id text, property text, unit text, high float8, note text)"
        " ON COMMIT DROP"
    )
    with conn.cursor() as cur, cur.copy("COPY stage_stream FROM STDIN") as copy:
        for row in rows:
            for code in row["streams"]:
                known = context.words.property(code)
                own = row["attributes"].get("warning_level") if code == "water_level" else None
                high = own if own is not None else (known.limit_high if known else None)
                note = "警戒水位" if own is not None else (known.limit_note if known else "")
                copy.write_row((row["external_id"], code, known.unit if known else "", high, note))
    return {}


def after(conn: Conn, context: Context) -> None:
    conn.execute(devices.LOG, {"origin": context.origin})
    conn.execute(_STREAMS, {"source": context.source})
    conn.execute(devices.SCOPE)
    alarm_streams.bump(conn)


# A stream that exists keeps its limit, unless the file brings this station's own warning level.
_STREAMS = """
INSERT INTO datastream AS s (device_id, property, unit, interval_s, limit_high, limit_note, region_id, private_to,
                             sensitivity, origin)
SELECT DISTINCT ON (t.device_id, x.property) t.device_id, x.property, x.unit, t.interval_s, x.high, x.note,
       t.region_id, t.private_to, t.sensitivity, t.origin
FROM stage_stream x JOIN device t ON t.source = %(source)s AND t.external_id = x.external_id
ORDER BY t.device_id, x.property
ON CONFLICT (device_id, property) DO UPDATE SET interval_s = excluded.interval_s,
  limit_high = CASE WHEN excluded.limit_note = '警戒水位' THEN excluded.limit_high ELSE s.limit_high END,
  limit_note = CASE WHEN excluded.limit_note = '警戒水位' THEN excluded.limit_note ELSE s.limit_note END
"""


def _columns(context: Context) -> Sequence[str]:
    return devices.columns(context)


KIND = Kind(
    key="stations",
    fields=COLUMNS,
    place="point",
    target=devices.TARGET,
    required=("external_id", "kind"),
    check=check,
    columns=_columns,
    layers=lambda context: ("sensor",),
    classes=("sensor", "weather"),
    before=before,
    after=after,
)
