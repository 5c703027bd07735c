"""Pieces every detail shares: words in both languages, place, grid cells with officers, cameras nearby, history.

Shapes are those `ioc.screens.detail` draws: a word is `{zh, en}`, a time ISO 8601 UTC, a field
`{label, value, unit?, sel?}`.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString
from zoneinfo import ZoneInfo

from psycopg import sql

from ioc.cases.terms import RECOMPUTED_BY
from ioc.errors import NotFound
from ioc.i18n import Text, catalogue, t
from ioc.scope import INTERNAL, Scope
from ioc.store.attributes import told
from ioc.store.pool import Conn
from ioc.store.regions import Regions
from ioc.store.where import visible

Row = Mapping[str, Any]
Part = dict[str, Any]

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEAR_M = 300.0  # cameras that may show the place, VID-03
_ELSEWHERE = ("icon", "caller", "诉求人", "联系电话")  # have a place of their own in the panel


@dataclass(frozen=True, slots=True)
class Asked:
    """One question for a detail: who, when, on which connection."""

    conn: Conn
    scope: Scope
    regions: Regions
    now: dt.datetime
    tz: ZoneInfo = SHANGHAI  # of the centre: what is day and what is night


def both(key: str, **values: object) -> dict[str, str]:
    """The word for `key` in both languages; `{zh, en}` mappings among `values` are taken language by language."""
    out: dict[str, str] = {}
    for lang in ("zh", "en"):
        filled = {k: v[lang] if isinstance(v, Mapping) else v for k, v in values.items()}
        out[lang] = t(key, lang, **filled)
    return out


def text(word: Text) -> dict[str, str]:
    return {"zh": word.zh, "en": word.en}


def row_id(name: str) -> int:
    """An id as it stands in a key. Raises NotFound for anything that is no plain number."""
    if not (name.isascii() and name.isdigit() and len(name) <= 18):
        raise NotFound(name, name)
    return int(name)


def iso(value: dt.datetime | None) -> str | None:
    return None if value is None else value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def field(key: str, value: Any, unit: str = "", sel: str = "") -> Part:
    """A row of the panel; `sel` makes the value a link to another detail."""
    shown = iso(value) if isinstance(value, dt.datetime) else value
    out: Part = {"label": both(f"detail.{key}"), "value": shown}
    if unit:
        out["unit"] = unit
    if sel:
        out["sel"] = sel
    return out


def word(conn: Conn, table: str, code: str) -> dict[str, str]:
    """The words of a code; an unknown code stands for itself."""
    row = conn.execute("SELECT zh, en FROM dictionary_now WHERE dict = %s AND code = %s", (table, code)).fetchone()
    return {"zh": row["zh"], "en": row["en"]} if row else {"zh": code, "en": code}


def category(conn: Conn, scheme: str, code: str) -> dict[str, str] | None:
    return word(conn, f"category.{scheme}", code) if code else None


def crumbs(asked: Asked, region_id: int | None) -> list[Part]:
    """The place's regions from the asker's top down to the finest, zones it belongs to before the town."""
    tree = asked.regions.tree()
    found = [tree.by_id[i] for i in tree.ancestors(region_id) if i in tree.by_id]
    levels = {"city": 0, "county": 1, "zone": 2, "town": 3, "village": 4}
    seen = (r for r in found if asked.scope.whole or r.region_id in asked.scope.region_ids)
    path = sorted(seen, key=lambda r: levels[r.kind])
    return [{"code": r.code, "name": {"zh": r.name, "en": r.name_en or r.name}} for r in path]


def attributes(row: Row, scope: Scope) -> list[Part]:
    """Plain values of `attributes` as fields, as far as the asker is told them (`ioc.store.attributes`)."""
    out: list[Part] = []
    for name, value in told(row["attributes"], scope).items():
        if name in _ELSEWHERE or isinstance(value, dict | list):
            continue
        out.append({"label": {"zh": name, "en": name}, "value": value if not isinstance(value, bool) else str(value)})
    return out


def one_row(asked: Asked, query: LiteralString, alias: str, name: str, **more: Any) -> Row:
    """The one row of `query` under the scope. Raises NotFound, also for an id that is no number."""
    seen, params = visible(asked.scope, alias)
    row = asked.conn.execute(sql.SQL(query).format(seen=seen), {**params, **more, "id": row_id(name)}).fetchone()
    if row is None:
        raise NotFound(name, name)
    return row


def common(asked: Asked, row: Row, title: str) -> Part:
    return {
        "title": title,
        "origin": row["origin"],
        "lon": row.get("lon"),
        "lat": row.get("lat"),
        "crumbs": crumbs(asked, row["region_id"]),
    }


def place_field(row: Row) -> list[Part]:
    return [field("place", f"{row['lon']:.5f}, {row['lat']:.5f}")] if row["lon"] is not None else []


def named(row: Row, code: str) -> dict[str, str]:
    """The words `zh` and `en` joined to a row; a code no dictionary knows stands for itself."""
    return {"zh": row["zh"] or code, "en": row["en"] or code}


def source_of(conn: Conn, key: str, as_of: dt.datetime | None, interval_s: int | None) -> Part:
    row = conn.execute("SELECT title, title_en, interval_s FROM source WHERE source_key = %s", (key,)).fetchone()
    own = catalogue().get(f"detail.source_{key}")  # by hand, by telephone: people are no source of their own
    title = {"zh": row["title"], "en": row["title_en"] or row["title"]} if row else (
        text(own) if own else {"zh": key, "en": key})  # fmt: skip
    interval = interval_s or (row["interval_s"] if row else 300)
    return {"key": key, "title": title, "as_of": iso(as_of), "interval_s": interval}


def masked(name: str, scope: Scope) -> str:
    """A person's name: whole from the internal level on, else only its first character."""
    return name if scope.sensitivity >= INTERNAL or not name else name[0] + "**"


def officers_at(asked: Asked, lon: float | None, lat: float | None) -> list[Part]:
    """Grid cells of every kind at the place with their officers, as links; phone numbers only as stored (masked)."""
    if lon is None or lat is None or not asked.scope.can("grid.view"):
        return []
    seen, params = visible(asked.scope, "g")
    query = sql.SQL(
        "SELECT g.grid_cell_id, g.code, g.name, g.kind, g.officers, k.zh, k.en FROM grid_cell g"
        " LEFT JOIN dictionary_now k ON k.dict = 'grid_kind' AND k.code = g.kind"
        " WHERE g.geom && ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326)"
        " AND ST_Covers(g.geom, ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326)) AND {} ORDER BY g.kind, g.code"
    ).format(seen)
    rows = asked.conn.execute(query, {**params, "lon": lon, "lat": lat}).fetchall()
    return [link for row in rows for link in officer_links(row, asked.scope)]


def officer_links(row: Row, scope: Scope) -> list[Part]:
    kind = named(row, row["kind"])
    key = f"grid:{row['grid_cell_id']}"
    people: Iterable[Row] = row["officers"] or ()
    title = {lang: f"{kind[lang]} {row['code']}" for lang in ("zh", "en")}
    links: list[Part] = []
    for person in people:
        words = [str(person.get("role") or ""), masked(str(person.get("name") or ""), scope)]
        words.append(str(person.get("phone_masked") or ""))
        links.append({"key": key, "icon": "users", "title": title, "sub": " ".join(w for w in words if w)})
    return links or [{"key": key, "icon": "grid", "title": title, "sub": both("detail.no_officer")}]


def cameras_near(asked: Asked, lon: float | None, lat: float | None, but: int = 0, limit: int = 8) -> list[Part]:
    """Cameras within `NEAR_M` of the place, nearest first.

    The box goes by the index of places (OFFSET 0: by no other), the distance decides.
    """
    if lon is None or lat is None or not asked.scope.can("device.view"):
        return []
    seen, params = visible(asked.scope, "d")
    query = sql.SQL(
        """
        SELECT d.device_id, d.name, d.status, ST_DistanceSphere(d.geom, p.at) AS distance_m
        FROM (SELECT * FROM device n
              WHERE n.geom && ST_Expand(ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326), %(dx)s, %(dy)s) OFFSET 0) d,
             (SELECT ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326) AS at) p
        WHERE d.class = 'camera' AND d.device_id <> %(but)s AND {seen}
          AND ST_DistanceSphere(d.geom, p.at) <= %(near)s
        ORDER BY distance_m, d.device_id LIMIT %(limit)s
        """
    ).format(seen=seen)
    dy = NEAR_M / 110_000
    values = {"lon": lon, "lat": lat, "dy": dy, "dx": dy * 1.7, "but": but, "near": NEAR_M, "limit": limit, **params}
    rows = asked.conn.execute(query, values).fetchall()
    return [
        {
            "key": f"device:{r['device_id']}",
            "name": r["name"],
            "status": r["status"],
            "distance_m": round(r["distance_m"]),
        }
        for r in rows
    ]


# ---------------------------------------------------------------- history

_TOLD = {
    "urgency": "detail.urgency",
    "status": "detail.f_status",
    "incident_level": "detail.f_level",
    "title": "detail.f_title",
    "department": "detail.department",
    "address": "detail.address",
}


def history(versions: Sequence[Row], conn: Conn, told: Collection[int] = ()) -> list[Part]:
    """What happened to an event or case, newest first: each version against the one before it, in words.

    `told`: versions that are told of elsewhere.
    """
    out: list[Part] = []
    before: Mapping[str, Any] = {}
    for row in versions:
        record: Mapping[str, Any] = row["record"] if isinstance(row["record"], Mapping) else json.loads(row["record"])
        if row["version"] not in told:
            anew = row["actor"] == RECOMPUTED_BY
            text = both("detail.h_terms") if anew else _told(row["op"], before, record, conn)
            out.append({"at": iso(row["recorded_at"]), "actor": row["actor"], "text": text, "of": row["version"]})
        before = record
    return out[::-1]


def _told(op: str, before: Row, after: Row, conn: Conn) -> dict[str, str]:
    if op != "change":
        return both(f"detail.h_{op}")
    said: list[dict[str, str]] = []
    for name, key in _TOLD.items():
        if name in after and before.get(name) != after.get(name):
            values = [_shown(name, v, conn) for v in (before.get(name), after.get(name))]
            said.append(both("detail.h_field", field=both(key), before=values[0], after=values[1]))
    if not said:
        return both("detail.h_change")
    return {"zh": "；".join(s["zh"] for s in said), "en": "; ".join(s["en"] for s in said)}


def _shown(name: str, value: Any, conn: Conn) -> dict[str, str]:
    if name == "urgency" and value:
        return word(conn, "urgency", str(value))
    plain = "—" if value in (None, "") else str(value)
    return {"zh": plain, "en": plain}
