"""The rest of the load: regions, grids, base map, sources, resources, warnings, streams, states, events and cases."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import h3.api.basic_int as h3
import numpy as np
import shapely
from numpy.typing import NDArray

from data_sources._demo import binary, places, rows, text
from data_sources._demo.copying import Conn, copy_lines
from data_sources._demo.fleet import Fleet
from data_sources._demo.rows import Frame, iso
from data_sources._demo.sources import Systems
from data_sources._demo.work import City, last_times
from ioc.fold import fold_all
from ioc.geo import to_metres
from ioc.place import PlaceData

_BASE_TITLES = {
    "sea": ("海域", "Sea", "polygon"),
    "land": ("陆域", "Land", "polygon"),
    "outside": ("周边", "Surroundings", "polygon"),
    "water": ("水库湖泊", "Lakes", "polygon"),
    "river": ("河流", "Rivers", "line"),
    "highway": ("高速公路", "Motorways", "line"),
    "road": ("道路", "Roads", "line"),
    "rail": ("铁路", "Railways", "line"),
    "place": ("地名", "Place names", "point"),
}


def regions(conn: Conn, place: PlaceData, now: dt.datetime) -> dict[str, int]:
    """Regions of the pack, parents first. Codes that exist as real ones stay as they are. Returns ids by code."""
    ids = {r[0]: r[1] for r in conn.execute("SELECT code, region_id FROM region").fetchall()}
    for r in place.regions:
        if r.code in ids:
            continue
        row = conn.execute(
            """
            INSERT INTO region (code, name, name_en, kind, parent_id, members, geom, center, sketch, population, search,
                                source, attributes, origin, recorded_at, updated_at)
            VALUES (%s, %s, %s, %s, %s, %s, ST_SetSRID(%s::geometry, 4326), ST_SetSRID(ST_MakePoint(%s, %s), 4326), %s,
                    %s, %s, 'demo.pack', %s::jsonb, 'demo', %s, %s) RETURNING region_id
            """,
            (
                r.code,
                r.name,
                r.name_en,
                r.kind,
                ids.get(r.parent or ""),
                list(r.members),
                r.geom,
                *r.center,
                r.sketch,
                int(r.weight * 1000),
                fold_all(r.name, r.name_en, r.code),
                text.Json(dict(r.attributes)),
                now,
                now,
            ),
        ).fetchone()
        if row is not None:
            ids[r.code] = row[0]
    conn.execute("SELECT ioc_rebuild_region_closure()")
    return ids


def base_map(conn: Conn, place: PlaceData, now: dt.datetime) -> int:
    """One thematic layer a base role, with its features."""
    n = 0
    for role, (title, title_en, geometry) in _BASE_TITLES.items():
        mine = [f for f in place.features if f.role == role]
        if not mine:
            continue
        row = conn.execute(
            """
            INSERT INTO thematic_layer (key, title, title_en, theme, geometry, base_role, source, feature_count, as_of,
                                        origin, recorded_at, updated_at)
            VALUES (%s, %s, %s, '底图', %s, %s, 'demo.pack', %s, %s, 'demo', %s, %s) RETURNING layer_id
            """,
            (f"base-{role}", title, title_en, geometry, role, len(mine), now, now, now),
        ).fetchone()
        if row is None:
            continue
        lines = (
            text.line(
                (
                    row[0],
                    f.external_id,
                    f.name,
                    _hex(f.geom),
                    {**f.attributes, "name_en": f.name_en},
                    fold_all(f.name, f.name_en),
                    "demo",
                    now,
                    now,
                )
            )
            for f in mine
        )
        columns = (
            "layer_id",
            "external_id",
            "name",
            "geom",
            "attributes",
            "search",
            "origin",
            "recorded_at",
            "updated_at",
        )
        n += copy_lines(conn, "thematic_feature", columns, lines)
    return n


def _hex(wkb: bytes) -> str:
    """Hexadecimal EWKB with the system of reference, as COPY takes it."""
    return shapely.to_wkb(shapely.set_srid(shapely.from_wkb(wkb), 4326), hex=True, include_srid=True)


def sources(conn: Conn, systems: Systems, now: dt.datetime) -> int:
    for s in systems.rows():
        last = now - dt.timedelta(seconds=s.age_s)
        state = (
            "live"
            if s.age_s <= s.interval_s
            else "late"
            if not s.silent
            else "lost"
            if s.age_s > 10 * s.interval_s
            else "stale"
        )
        conn.execute(
            """
            INSERT INTO source (source_key, kind, title, title_en, owner, classes, interval_s, heartbeat, last_seen_at,
                                last_data_at, as_of, state, received, stored, origin, recorded_at, updated_at)
            VALUES (%s, 'demo', %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 0, 0, 'demo', %s, %s)
            ON CONFLICT (source_key) DO NOTHING
            """,
            (
                s.key,
                s.title,
                s.title_en,
                s.owner,
                list(s.classes),
                s.interval_s,
                s.heartbeat,
                last,
                last,
                last,
                state,
                now,
                now,
            ),
        )
        conn.execute(
            "INSERT INTO source_log (source_key, recorded_at, state, origin) VALUES (%s, %s, %s, 'demo')",
            (s.key, last if s.silent else now, state),
        )
    return len(systems.rows())


_RESOURCES: tuple[tuple[str, str, float, str, dict[str, Any]], ...] = (
    ("shelter", "应急避难场所", 0.30, "应急管理局", {"people": 400}),
    ("warehouse", "应急物资库", 0.14, "应急管理局", {"sets": 900}),
    ("team", "应急救援队", 0.14, "应急管理局", {"people": 24}),
    ("hospital", "卫生院", 0.12, "卫生健康局", {"beds": 80}),
    ("fire_station", "消防站", 0.07, "消防救援支队", {"vehicles": 4, "people": 22}),
    ("police", "派出所", 0.10, "公安局", {"people": 30}),
    ("boat", "冲锋舟", 0.04, "水务局", {"boats": 3}),
    ("vehicle", "应急抢险车", 0.04, "住建局", {"vehicles": 2}),
    ("comms", "应急通信车", 0.02, "工业和信息化局", {"vehicles": 1}),
    ("expert", "专家组", 0.03, "应急管理局", {"people": 6}),
)


def resources(conn: Conn, frame: Frame, count: int, now: dt.datetime) -> int:
    g, rng = frame.ground, np.random.default_rng([frame.seed, 505])
    points, village = places.scatter(g, places.share_out(g.weights, count), rng, 0.8, 0.2)
    order = rng.permutation(count)
    points, village = points[order], village[order]
    shares = places.share_out(np.array([r[2] for r in _RESOURCES]), count)
    which = np.repeat(np.arange(len(_RESOURCES)), shares)
    east, north = to_metres(points[:, 0], points[:, 1], frame.srid)
    geom, geom_m = binary.ewkb_points(points[:, 0], points[:, 1], 4326), binary.ewkb_points(east, north, frame.srid)

    def lines() -> Iterable[str]:
        for i in range(count):
            kind, word, _, owner, base = _RESOURCES[int(which[i])]
            v = int(village[i])
            factor = 0.5 + 1.2 * float(rng.random())
            capacity = {k: max(1, round(n * factor)) for k, n in base.items()}
            title = f"{g.towns[v]}{g.villages[v].name}{word}"
            cell = h3.latlng_to_cell(float(points[i, 1]), float(points[i, 0]), 10)
            yield text.line(
                (
                    "demo.emergency",
                    f"R{i + 1:05d}",
                    kind,
                    title,
                    geom[i],
                    geom_m[i],
                    cell,
                    int(frame.region_ids[v]),
                    f"{g.counties[v]}{owner}",
                    f"{text.name(rng)} {text.phone(rng)}",
                    capacity,
                    "available",
                    now,
                    fold_all(title, g.counties[v]),
                    "demo",
                    now,
                    now,
                )
            )

    columns = (
        "source",
        "external_id",
        "kind",
        "name",
        "geom",
        "geom_m",
        "h3_10",
        "region_id",
        "owner_department",
        "contact",
        "capacity",
        "status",
        "observed_at",
        "search",
        "origin",
        "recorded_at",
        "updated_at",
    )
    return copy_lines(conn, "resource", columns, lines())


def warnings(conn: Conn, items: Sequence[Mapping[str, Any]], ids: Mapping[str, int], now: dt.datetime) -> int:
    for k, w in enumerate(items):
        onset = (now - dt.timedelta(hours=w["since_h"])).replace(minute=0, second=0, microsecond=0)
        conn.execute(
            """
            INSERT INTO warning (source, source_id, kind, kind_en, colour, area, note, sender, region_ids, geom,
                                 onset_at,
                                 expires_at, status, origin, recorded_at, updated_at, begun_at)
            SELECT 'demo.warning', %s, %s, %s, %s, %s, %s, %s, %s,
                   (SELECT ST_Multi(ST_Union(geom)) FROM region WHERE code = ANY (%s)),
                   %s, %s, 'active', 'demo', %s, %s, %s
            """,
            (
                f"W{k + 1}",
                w["kind"],
                w["kind_en"],
                w["colour"],
                w["area"],
                w["note"],
                w["sender"],
                [ids[c] for c in w["regions"] if c in ids],
                list(w["regions"]),
                onset,
                now + dt.timedelta(hours=w["until_h"]),
                onset,
                onset,
                onset,
            ),
        )
    return len(items)


def streams(conn: Conn, city: City) -> int:
    return copy_lines(conn, "datastream", rows.STREAM_COLUMNS, rows.stream_lines(city.fleet, city.frame, city.series))


def latest(
    conn: Conn, city: City, value: NDArray[np.float64], quality: NDArray[np.int16], beyond: NDArray[np.bool_]
) -> int:
    stream = np.arange(city.series.streams)
    at = last_times(city, stream)
    received = np.minimum(at + 1.2, city.frame.now)
    types = ("int8", "timestamptz", "timestamptz", "float8", "int2", "bool")
    columns = (stream + city.frame.first_stream, binary.pg_time(at), binary.pg_time(received), value, quality, beyond)
    query = "COPY latest (datastream_id, observed_at, received_at, value, quality, exceeded) FROM STDIN (FORMAT binary)"
    with conn.cursor() as cur, cur.copy(query) as copy:
        copy.write(binary.HEADER + binary.rows(types, columns, {3: np.isnan(value)}) + binary.TRAILER)
    return len(stream)


# A state has to be known before it can change: this long before its outage a device is logged as online.
_BEFORE_S = 5 * 3600


def state_log(conn: Conn, fleet: Fleet, frame: Frame, exceeded: NDArray[np.bool_]) -> int:
    """How the states came about: outages that last, outages of the last day that are over, and what was before."""

    def lines() -> Iterable[str]:
        for i in np.flatnonzero(fleet.off_since > 0).tolist():
            at, state = iso(int(fleet.off_since[i])), "fault" if fleet.fault[i] else "offline"
            before = iso(int(fleet.off_since[i]) - _BEFORE_S)
            yield text.line((frame.first_device + i, before, before, "online", False, "demo"))
            yield text.line((frame.first_device + i, at, at, state, bool(exceeded[i]), "demo"))
        for i in np.flatnonzero(fleet.back_at > 0).tolist():
            gone, back = int(fleet.gone_at[i]), int(fleet.back_at[i])
            for at, state in ((gone - _BEFORE_S, "online"), (gone, "offline"), (back, "online")):
                yield text.line((frame.first_device + i, iso(at), iso(at), state, bool(exceeded[i]), "demo"))

    return copy_lines(
        conn, "device_state_log", ("device_id", "recorded_at", "observed_at", "status", "exceeded", "origin"), lines()
    )
