"""Cameras, sensors and gateways of a department's file; a limit beside a sensor makes its datastream."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ioc.errors import Reason
from ioc.intake import fields
from ioc.intake.columns import DEVICES
from ioc.intake.event_input import Reader, choice
from ioc.intake.kinds import Context, Kind, Values
from ioc.intake.reasons import Refuse
from ioc.store import alarm_streams
from ioc.store.merge import Target
from ioc.store.pool import Conn

TARGET = Target(
    table="device",
    id="device_id",
    key=("source", "external_id"),
    columns={
        "source": "text",
        "external_id": "text",
        "national_id": "text",
        "kind": "text",
        "class": "text",
        "name": "text",
        "status": "text",
        "h3_10": "bigint",
        "x_orig": "float8",
        "y_orig": "float8",
        "crs_orig": "text",
        "azimuth_deg": "real",
        "fov_deg": "real",
        "address": "text",
        "region_id": "int",
        "owner_department": "text",
        "private_to": "text",
        "sensitivity": "smallint",
        "interval_s": "int",
        "search": "text",
        "attributes": "jsonb",
        "property": "text",
        "limit_high": "float8",
        "limit_low": "float8",
        "limit_note": "text",
    },
    lazy=True,
    # telemetry says whether a sensor is online; a file only says what telemetry cannot (fault, disabled) and its end
    keeps={
        "status": "CASE WHEN t.class = 'sensor' AND t.status IN ('online', 'offline')"
        " AND excluded.status IN ('online', 'offline', 'unknown') THEN t.status ELSE excluded.status END"
    },
)
STREAM = ("property", "limit_high", "limit_low", "limit_note")
_OPTIONAL: Mapping[str, str] = {
    "national_id": "national_id",
    "status": "status",
    "azimuth_deg": "azimuth_deg",
    "fov_deg": "fov_deg",
    "address": "address",
    "department": "owner_department",
    "private_to": "private_to",
    "sensitivity": "sensitivity",
    "interval_s": "interval_s",
}


def columns(context: Context) -> Sequence[str]:
    always = ("source", "external_id", "kind", "class", "name", "h3_10", "x_orig", "y_orig", "crs_orig", "region_id")
    given = [column for name, column in _OPTIONAL.items() if name in context.present]
    return (*always, "search", "attributes", *given)


def national_id(value: Any) -> str | None:
    word = fields.text(value, 20)
    if not re.fullmatch(r"\d{20}", word):
        raise Refuse("bad_code")
    return word


def check(r: Reader, context: Context, extra: dict[str, Any]) -> Values | None:
    text = fields.text
    external_id = r.required("external_id", lambda v: text(v, 200))
    kind = r.required("kind", lambda v: context.words.find("device_kind", text(v, 100)))
    name = r.optional("name", lambda v: text(v, 200), external_id or "")
    out: Values = {
        "source": context.source,
        "external_id": external_id,
        "name": name,
        "national_id": r.optional("national_id", national_id, None),
        "status": r.optional("status", choice(context.words, "device_status", "unknown_status"), "unknown"),
        "azimuth_deg": r.optional("azimuth_deg", _degrees, None),
        "fov_deg": r.optional("fov_deg", _degrees, None),
        "address": r.optional("address", lambda v: text(v, 500), ""),
        "owner_department": r.optional("department", _text, None),
        "private_to": r.optional("private_to", _text, None),
        "sensitivity": r.optional("sensitivity", lambda v: fields.integer(v, 0, 2), 0),
    }
    own = int(kind.attributes.get("interval_s", 300)) if kind else 300
    out["interval_s"] = r.optional("interval_s", lambda v: fields.integer(v, 1, 31_536_000), own)
    out |= _stream(r, context, kind.attributes.get("properties", ()) if kind else ())
    if r.reasons or kind is None:
        return None
    out |= {"kind": kind.code, "class": str(kind.attributes.get("class", "other"))}
    out["search"] = " ".join(p for p in (name, external_id, out["national_id"], out["address"]) if p)
    out["attributes"] = {**extra, **_kept(r, ("gateway", "region_given", "officer", "model")), **_phone(r)}
    return out


def _text(value: Any) -> str | None:
    return fields.text(value, 100)


def _degrees(value: Any) -> float | None:
    return fields.number(value, 0, 360)


def _number(value: Any) -> float | None:
    return fields.number(value)


def _kept(r: Reader, names: Sequence[str]) -> dict[str, str]:
    out = {n: r.optional(n, lambda v: fields.text(v, 200), "") for n in names}
    return {k: v for k, v in out.items() if v}


def _phone(r: Reader) -> dict[str, str]:
    phone = r.optional("phone", lambda v: fields.mask_phone(fields.text(v, 100)), "")
    return {"phone": phone} if phone else {}


def _stream(r: Reader, context: Context, own: Sequence[str]) -> Values:
    """The limit of the row's property; without a named one, that of the kind's first property."""
    high, low = r.optional("limit_high", _number, None), r.optional("limit_low", _number, None)
    word = r.optional("property", lambda v: fields.text(v, 100), "")
    known = context.words.property(word) if word else None
    if word and known is None:
        r.refuse("property", "unknown_property", word)
    code = known.code if known else (str(own[0]) if own and (high is not None or low is not None) else None)
    note = r.optional("limit_note", lambda v: fields.text(v, 200), "")
    return {"property": code, "limit_high": high, "limit_low": low, "limit_note": note}


def before(conn: Conn, rows: Sequence[Values], context: Context) -> Mapping[int, Reason]:
    """Limits are staged beside the devices, for `after`."""
    streams = [r for r in rows if r["property"] is not None]
    conn.execute("DROP TABLE IF EXISTS pg_temp.stage_stream")
    conn.execute(
        "CREATE TEMP TABLE stage_stream (external_id text, property text, unit text, high float8, low float8,"
        " note text) ON COMMIT DROP"
    )
    with conn.cursor() as cur, cur.copy("COPY stage_stream FROM STDIN") as copy:
        for row in streams:
            known = context.words.property(row["property"])
            unit = known.unit if known else ""
            high, low = row["limit_high"], row["limit_low"]
            note = row["limit_note"]
            copy.write_row((row["external_id"], row["property"], unit, high, low, note))
    return {}


def after(conn: Conn, context: Context) -> None:
    conn.execute(LOG, {"origin": context.origin})
    conn.execute(_LINK)
    conn.execute(_STREAMS, {"source": context.source})
    conn.execute(SCOPE)
    alarm_streams.bump(conn)  # limits and attributes that alarm rules rest on


# A status that came with the file, and one that the file changed.
LOG = """
INSERT INTO device_state_log (device_id, recorded_at, observed_at, status, exceeded, origin)
SELECT t.device_id, t.updated_at, t.updated_at, t.status, t.exceeded, t.origin
FROM device t JOIN done d ON d.id = t.device_id LEFT JOIN before b USING (device_id)
WHERE t.status IS DISTINCT FROM coalesce(b.status, 'unknown')
"""
_LINK = """
UPDATE device t SET gateway_id = g.device_id FROM done d, device g
WHERE d.id = t.device_id AND t.attributes ? 'gateway' AND g.external_id = t.attributes ->> 'gateway'
  AND g.source = t.source AND g.class = 'gateway' AND t.gateway_id IS DISTINCT FROM g.device_id
"""
_STREAMS = """
INSERT INTO datastream AS s (device_id, property, unit, interval_s, limit_high, limit_low, limit_note, region_id,
                             private_to, sensitivity, origin)
SELECT DISTINCT ON (t.device_id, x.property) t.device_id, x.property, x.unit, t.interval_s, x.high, x.low, x.note,
       t.region_id, t.private_to, t.sensitivity, t.origin
FROM stage_stream x JOIN device t ON t.source = %(source)s AND t.external_id = x.external_id
ORDER BY t.device_id, x.property
ON CONFLICT (device_id, property) DO UPDATE
SET limit_high = excluded.limit_high, limit_low = excluded.limit_low, limit_note = excluded.limit_note
WHERE (s.limit_high, s.limit_low, s.limit_note) IS DISTINCT FROM
      (excluded.limit_high, excluded.limit_low, excluded.limit_note)
"""
# Datastreams carry their device's scope, so that reading them needs no join.
SCOPE = """
UPDATE datastream s SET region_id = t.region_id, private_to = t.private_to, sensitivity = t.sensitivity
FROM done d JOIN device t ON t.device_id = d.id
WHERE NOT d.created AND s.device_id = d.id
  AND (s.region_id, s.private_to, s.sensitivity) IS DISTINCT FROM (t.region_id, t.private_to, t.sensitivity)
"""

KIND = Kind(
    key="devices",
    fields=DEVICES,
    place="point",
    target=TARGET,
    required=("external_id", "kind"),
    check=check,
    columns=columns,
    layers=lambda context: ("camera", "sensor"),
    classes=("camera", "sensor"),
    before=before,
    after=after,
)
