"""Detail of one device: attributes, state and its log, datastreams with their curves, grid cells, cameras nearby."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from psycopg import sql

from ioc.errors import NotFound
from ioc.scope import INTERNAL, Scope
from ioc.store import detail_parts as parts
from ioc.store.detail_parts import Asked, Part, Row, both, field, iso
from ioc.store.detail_standard import assessment
from ioc.store.pool import Conn
from ioc.store.where import visible

CURVE_POINTS = 288  # one a bucket of 5 min over 24 h
HOURS_MAX = 24 * 31


def device_row(conn: Conn, scope: Scope, device_id: int) -> Row:
    """The device with words and coordinates. Raises NotFound, also for what lies outside the scope."""
    seen, params = visible(scope, "d")
    query = sql.SQL(
        """
        SELECT d.*, ST_X(d.geom) AS lon, ST_Y(d.geom) AS lat, k.zh AS kind_zh, k.en AS kind_en,
               coalesce(k.attributes->>'icon', d.class) AS icon, s.zh AS status_zh, s.en AS status_en
        FROM device d
        LEFT JOIN dictionary_now k ON k.dict = 'device_kind' AND k.code = d.kind
        LEFT JOIN dictionary_now s ON s.dict = 'device_status' AND s.code = d.status
        WHERE d.device_id = %(id)s AND {}
        """
    ).format(seen)
    row = conn.execute(query, {**params, "id": device_id}).fetchone()
    if row is None:
        raise NotFound(f"设备 {device_id}", f"device {device_id}")
    return row


def streams(conn: Conn, scope: Scope, device_id: int) -> Sequence[Row]:
    """Datastreams with words, limits and the latest value; what exceeds its limit first."""
    seen, params = visible(scope, "ds")
    query = sql.SQL(
        """
        SELECT ds.datastream_id, ds.property, ds.unit, ds.interval_s, ds.limit_high, ds.limit_low, ds.limit_note,
               coalesce(p.zh, ds.property) AS zh, coalesce(p.en, ds.property) AS en,
               l.observed_at, l.received_at, l.value, l.quality, coalesce(l.exceeded, false) AS exceeded
        FROM datastream ds
        LEFT JOIN latest l USING (datastream_id)
        LEFT JOIN dictionary_now p ON p.dict = 'property' AND p.code = ds.property
        WHERE ds.device_id = %(id)s AND {}
        ORDER BY exceeded DESC, ds.datastream_id
        """
    ).format(seen)
    return conn.execute(query, {**params, "id": device_id}).fetchall()


def curve(
    conn: Conn, datastream_id: int, since: dt.datetime, until: dt.datetime, points: int = CURVE_POINTS
) -> list[tuple[str | None, float | None]]:
    """Values between two times as `[at, value]`, averaged into at most `points` buckets. Bad values are left out;
    a bucket with none but missing values (缺测) is None, so that a gap stays a gap.
    """
    width = dt.timedelta(seconds=max(1.0, (until - since).total_seconds() / points))
    rows = conn.execute(
        """
        SELECT date_bin(%(width)s, observed_at, %(since)s) AS at, avg(value) FILTER (WHERE quality < 2) AS value
        FROM observation
        WHERE datastream_id = %(id)s AND observed_at >= %(since)s AND observed_at <= %(until)s
        GROUP BY 1 ORDER BY 1
        """,
        {"width": width, "since": since, "until": until, "id": datastream_id},
    ).fetchall()
    return [(iso(r["at"]), None if r["value"] is None else round(float(r["value"]), 4)) for r in rows]


def series(conn: Conn, scope: Scope, device_id: int, now: dt.datetime, hours: float = 24, only: str = "") -> list[Part]:
    """Every datastream of the device (or the property `only`) with its curve over the last hours."""
    since = now - dt.timedelta(hours=min(max(hours, 0.1), HOURS_MAX))
    out: list[Part] = []
    for s in streams(conn, scope, device_id):
        if only and s["property"] != only:
            continue
        low = s["limit_high"] is None and s["limit_low"] is not None
        out.append(
            {
                "property": s["property"],
                "title": {"zh": s["zh"], "en": s["en"]},
                "unit": s["unit"],
                "value": s["value"],
                "quality": s["quality"],
                "observed_at": iso(s["observed_at"]),
                "interval_s": s["interval_s"],
                "limit": s["limit_low"] if low else s["limit_high"],
                "limit_kind": "low" if low else "high",
                "limit_high": s["limit_high"],
                "limit_low": s["limit_low"],
                "limit_note": s["limit_note"],
                "exceeded": s["exceeded"],
                "points": curve(conn, s["datastream_id"], since, now),
            }
        )
    return out


def device(asked: Asked, name: str) -> Part:
    row = device_row(asked.conn, asked.scope, parts.row_id(name))
    curves = series(asked.conn, asked.scope, row["device_id"], asked.now)
    latest = streams(asked.conn, asked.scope, row["device_id"])
    judged = assessment(asked.conn, row, latest, asked.now, asked.tz)
    heard = max((s["observed_at"] for s in curves if s["observed_at"]), default=None)
    source = parts.source_of(asked.conn, row["source"], row["status_at"], row["interval_s"])
    if heard:
        source["as_of"] = heard
    status = {"zh": row["status_zh"] or row["status"], "en": row["status_en"] or row["status"]}
    return {
        "title": row["name"],
        "number": row["external_id"],
        "icon": row["icon"],
        "origin": row["origin"],
        "lon": row["lon"],
        "lat": row["lat"],
        "crumbs": parts.crumbs(asked, row["region_id"]),
        "place": row["address"],
        "class": row["class"],
        "status": {"code": row["status"], "text": status, "exceeded": row["exceeded"]},
        "source": source,
        "fields": [*judged, *_fields(asked, row), *parts.attributes(row, asked.scope)],
        "series": curves,
        "officers": parts.officers_at(asked, row["lon"], row["lat"]),
        "cameras": parts.cameras_near(asked, row["lon"], row["lat"], but=row["device_id"]),
        "history": _states(asked, row["device_id"]),
    }


def _fields(asked: Asked, row: Row) -> list[Part]:
    out = [
        field("kind", {"zh": row["kind_zh"] or row["kind"], "en": row["kind_en"] or row["kind"]}),
        field("national_id", row["national_id"]),
        field("since", row["status_at"]),
        field("address", row["address"]),
        field("owner", row["owner_department"]),
        field("azimuth", None if row["azimuth_deg"] is None else round(row["azimuth_deg"]), "°"),
        field("place", f"{row['lon']:.5f}, {row['lat']:.5f}"),
    ]
    if asked.scope.sensitivity >= INTERNAL and row["crs_orig"] and row["x_orig"] is not None:
        out.append(field("place_orig", f"{row['x_orig']:.6f}, {row['y_orig']:.6f} ({row['crs_orig']})"))
    if row["gateway_id"] is not None and (gateway := _gateway(asked, row["gateway_id"])):
        out.append(field("gateway", gateway, sel=f"device:{row['gateway_id']}"))
    return out


def _gateway(asked: Asked, device_id: int) -> str:
    seen, params = visible(asked.scope, "d")
    query = sql.SQL("SELECT d.name FROM device d WHERE d.device_id = %(id)s AND {}").format(seen)
    row = asked.conn.execute(query, {**params, "id": device_id}).fetchone()
    return str(row["name"]) if row else ""


def _states(asked: Asked, device_id: int) -> list[Part]:
    """The last changes of state, newest first."""
    rows: Sequence[dict[str, Any]] = asked.conn.execute(
        """
        SELECT l.observed_at, l.status, l.exceeded, coalesce(s.zh, l.status) AS zh, coalesce(s.en, l.status) AS en
        FROM device_state_log l LEFT JOIN dictionary_now s ON s.dict = 'device_status' AND s.code = l.status
        WHERE l.device_id = %s ORDER BY l.recorded_at DESC LIMIT 12
        """,
        (device_id,),
    ).fetchall()
    return [
        {
            "at": iso(r["observed_at"]),
            "actor": "",
            "text": both(
                f"detail.h_{'exceeded' if r['exceeded'] else 'status'}", status={"zh": r["zh"], "en": r["en"]}
            ),
        }
        for r in rows
    ]


def device_json(row: Row, latest: Sequence[Row], scope: Scope) -> Part:
    """The device as the API gives it: codes, not words; coordinates in WGS 84 (CGCS2000)."""
    names = (
        "device_id", "source", "external_id", "national_id", "kind", "class", "name", "status", "exceeded",
        "gateway_id", "lon", "lat", "azimuth_deg", "fov_deg", "address", "owner_department", "interval_s", "origin",
        "region_id",
    )  # fmt: skip
    out: Part = {name: row[name] for name in names}
    out["status_at"] = iso(row["status_at"])
    out["attributes"] = {f["label"]["zh"]: f["value"] for f in parts.attributes(row, scope)}
    if scope.sensitivity >= INTERNAL:
        out |= {name: row[name] for name in ("x_orig", "y_orig", "crs_orig")}
    keys = ("property", "unit", "value", "quality", "exceeded", "limit_high", "limit_low", "limit_note", "interval_s")
    out["datastreams"] = [
        {**{k: s[k] for k in keys}, "observed_at": iso(s["observed_at"]), "received_at": iso(s["received_at"])}
        for s in latest
    ]
    return out
