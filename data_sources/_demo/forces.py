"""What emergency command stands on in the demo: targets round a fire and in the city, beds, places, trackers, plans."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from data_sources._demo import places, text
from data_sources._demo.copying import Conn
from data_sources._demo.rows import Frame
from ioc.command.plan_file import Known, read_plans
from ioc.command.samples import plans_sheet
from ioc.dictionaries import shipped
from ioc.errors import DeclarationError
from ioc.store import editions, plans
from ioc.store.editions import Edition

SOURCE, ACTOR = "demo.emergency", "demo"
MOVING = ("vehicle", "boat")
# kind, word of its name, share, headcount (low, high) or None
_TARGETS: tuple[tuple[str, str, float, tuple[int, int] | None], ...] = (
    ("school", "小学", 0.22, (120, 1600)),
    ("school", "中学", 0.10, (600, 3200)),
    ("kindergarten", "幼儿园", 0.13, (40, 360)),
    ("care_home", "敬老院", 0.08, (18, 160)),
    ("fuel_station", "加油站", 0.13, None),
    ("gas_site", "燃气储配站", 0.05, None),
    ("major_hazard", "危化品仓储", 0.04, None),
    ("bridge", "大桥", 0.09, None),
    ("power_line", "110 kV 线路", 0.04, None),
    ("substation", "变电站", 0.06, None),
    ("mall", "农贸市场", 0.06, (80, 900)),
)
# Around the fire: east and north in metres, level, headcount, material and tonnes.
_NEAR: tuple[tuple[str, str, int, int, int | None, int | None, str, float | None], ...] = (
    ("warehouse", "物流园一号仓", 0, 0, None, 86, "日用百货、锂电池", 420.0),
    ("major_hazard", "园区油品库", 410, 160, 3, 12, "柴油", 180.0),
    ("fuel_station", "园区加油站", -520, 130, None, 8, "汽油", 60.0),
    ("school", "中心小学", 760, -640, None, 1240, "", None),
    ("kindergarten", "中心幼儿园", 640, -840, None, 260, "", None),
    ("care_home", "敬老院", -980, 720, None, 74, "", None),
    ("hospital", "镇卫生院", 1150, -420, None, 90, "", None),
    ("substation", "园区变电站", -260, -380, None, 3, "", None),
    ("gas_site", "液化气充装站", -1480, -560, 4, 9, "液化石油气", 45.0),
    ("bridge", "园区大桥", 1300, 900, None, None, "", None),
    ("mall", "中心市场", 820, -460, None, 480, "", None),
    ("power_line", "园区 110 kV 线路", -200, -900, None, None, "", None),
)
_SCHOOL = {"hours": [[450, 700], [840, 1050]], "days": [1, 2, 3, 4, 5], "terms": []}
_ALWAYS = {"hours": [[0, 1440]], "days": [], "terms": []}
_MARKET = {"hours": [[330, 1140]], "days": [], "terms": []}
_OCCUPIED = {"school": _SCHOOL, "kindergarten": _SCHOOL, "care_home": _ALWAYS, "hospital": _ALWAYS, "mall": _MARKET}
_STOCK = {
    "fuel_station": ("汽油、柴油", 20, 90),
    "gas_site": ("液化石油气", 20, 200),
    "major_hazard": ("甲醇", 80, 2400),
}
_CARRIED: Mapping[str, Sequence[tuple[str, int, str]]] = {
    "team": (("担架", 4, "副"), ("液压破拆器", 2, "套"), ("救生绳", 8, "条")),
    "fire_station": (("水带", 60, "条"), ("泡沫灭火剂", 4, "t"), ("空气呼吸器", 18, "具")),
    "vehicle": (("排水泵", 1, "台"), ("照明灯组", 2, "套")),
    "boat": (("救生衣", 20, "件"), ("救生圈", 6, "个")),
    "warehouse": (("帐篷", 120, "顶"), ("棉被", 600, "床"), ("沙袋", 4000, "个")),
    "comms": (("卫星电话", 4, "部"), ("数字集群手台", 30, "部")),
}
_CLASS = {"vehicle": "truck", "boat": "boat", "fire_station": "fire_engine", "police": "police_car", "team": "car",
          "comms": "car", "warehouse": "truck"}  # fmt: skip
_INSERT = """
INSERT INTO target (source, external_id, kind, name, geom, region_id, owner, contact, level, headcount, occupied,
                    material, stock_t, inspected_on, hazards_open, health, health_limit, health_trend, health_on,
                    search, origin, recorded_at, updated_at)
VALUES (%(source)s, %(id)s, %(kind)s, %(name)s, ST_GeomFromText(%(wkt)s, 4326),
        coalesce(%(region)s, (SELECT region_id FROM region WHERE kind = 'village'
                              AND ST_Covers(geom, ST_PointOnSurface(ST_GeomFromText(%(wkt)s, 4326)))
                              ORDER BY code LIMIT 1)),
        %(owner)s, %(contact)s, %(level)s, %(headcount)s, %(occupied)s, %(material)s, %(stock)s, %(inspected)s,
        %(hazards)s, %(health)s, %(limit)s, %(trend)s, %(health_on)s, %(name)s, 'demo', %(now)s, %(now)s)
"""


def write(conn: Conn, frame: Frame, resources: int, highlights: Path | None, now: dt.datetime) -> dict[str, int]:
    """In the caller's transaction, after the resources. Returns rows by table."""
    rng = np.random.default_rng([frame.seed, 606])
    rows = [*_around(highlights, rng, now), *_scattered(frame, max(12, round(resources * 0.78)), rng, now)]
    with conn.cursor() as cur:
        cur.executemany(_INSERT, [{**r, "source": SOURCE, "now": now} for r in rows])
    before = conn.row_factory
    conn.row_factory = dict_row  # as the store reads its rows
    try:
        counts = {"target": len(rows), **_forces(conn, rng, now), "plan": _plans(conn, now)}
        for dataset in ("targets", "resources", "capacity", "plans"):
            of = Edition(dataset, "演示数据", now, editions.rows_of(conn, dataset), origin="demo")
            editions.publish(conn, of, ACTOR, now)
    finally:
        conn.row_factory = before
    return counts


def _around(highlights: Path | None, rng: np.random.Generator, now: dt.datetime) -> list[dict[str, Any]]:
    """Targets within two kilometres of the first incident the pack tells of."""
    stories = json.loads(highlights.read_text("utf-8")) if highlights is not None else []
    fire = next((s for s in stories if s.get("flow") == "incident" and "lon" in s), None)
    if fire is None:
        return []
    word = str(fire.get("address") or "").removesuffix("东门")
    east, north = 1 / (111_320 * np.cos(np.radians(fire["lat"]))), 1 / 110_600
    out = []
    for n, (kind, name, dx, dy, level, people, material, stock) in enumerate(_NEAR, 1):
        x, y = fire["lon"] + dx * east, fire["lat"] + dy * north
        row = _row(f"N{n:03d}", kind, f"{word}{name}", _wkt(kind, x, y, rng), None, rng, now)
        out.append(row | {"level": level, "headcount": people, "material": material, "stock": stock})
    return out


def _scattered(frame: Frame, count: int, rng: np.random.Generator, now: dt.datetime) -> list[dict[str, Any]]:
    g = frame.ground
    points, village = places.scatter(g, places.share_out(g.weights, count), rng, 0.7, 0.3)
    order = rng.permutation(len(points))
    shares = places.share_out(np.array([t[2] for t in _TARGETS]), len(points))
    which = np.repeat(np.arange(len(_TARGETS)), shares)
    out = []
    for i, p in enumerate(order.tolist()):
        kind, word, _, people = _TARGETS[int(which[i])]
        v = int(village[p])
        x, y = float(points[p, 0]), float(points[p, 1])
        name = f"{g.towns[v]}{g.villages[v].name}{word}"
        row = _row(f"T{i + 1:04d}", kind, name, _wkt(kind, x, y, rng), int(frame.region_ids[v]), rng, now)
        if people is not None:
            row["headcount"] = int(rng.integers(*people))
        if kind == "major_hazard":
            row["level"] = int(rng.choice([1, 2, 3, 4], p=[0.08, 0.17, 0.3, 0.45]))
        out.append(row)
    return out


def _row(
    key: str, kind: str, name: str, wkt: str, region: int | None, rng: np.random.Generator, now: dt.datetime
) -> dict[str, Any]:
    material, low, high = _STOCK.get(kind, ("", 0, 0))
    watched = kind in ("bridge", "power_line") and rng.random() < 0.7
    today = now.date()
    return {
        "id": key, "kind": kind, "name": name, "wkt": wkt, "region": region, "owner": f"{name}管理单位",
        "contact": f"{text.name(rng)} {text.phone(rng)}", "level": None, "headcount": None,
        "occupied": Jsonb(_OCCUPIED.get(kind, {})), "material": material,
        "stock": float(rng.integers(low, high)) if material else None,
        "inspected": today - dt.timedelta(days=int(rng.integers(3, 240))), "hazards": int(rng.poisson(0.6)),
        "health": round(float(rng.uniform(68, 98)), 1) if watched else None, "limit": 75.0 if watched else None,
        "trend": str(rng.choice(["steady", "steady", "worse", "better"])) if watched else "",
        "health_on": today - dt.timedelta(days=int(rng.integers(1, 90))) if watched else None,
    }  # fmt: skip


def _wkt(kind: str, x: float, y: float, rng: np.random.Generator) -> str:
    if kind not in ("bridge", "power_line"):
        return f"POINT({x:.6f} {y:.6f})"
    length, angle = (0.0012 if kind == "bridge" else 0.012), float(rng.uniform(0, np.pi))
    dx, dy = length * np.cos(angle), length * np.sin(angle)
    return f"LINESTRING({x - dx:.6f} {y - dy:.6f}, {x + dx:.6f} {y + dy:.6f})"


def _forces(conn: Conn, rng: np.random.Generator, now: dt.datetime) -> dict[str, int]:
    """Equipment and people, free beds and places, and where the trackers are."""
    conn.execute(
        "UPDATE resource r SET people = (capacity->>'people')::int, vehicle_class = coalesce(c.class, ''),"
        " carried = coalesce(c.carried, '[]') FROM (SELECT * FROM jsonb_to_recordset(%s)"
        " AS k (kind text, class text, carried jsonb)) c WHERE r.origin = 'demo' AND c.kind = r.kind",
        (Jsonb([{"kind": k, "class": _CLASS.get(k, ""), "carried": [_item(*i) for i in _CARRIED.get(k, ())]}
                for k in sorted({*_CLASS, *_CARRIED})]),),
    )  # fmt: skip
    rows: list[Any] = conn.execute(
        "SELECT resource_id, kind, capacity, region_id FROM resource WHERE origin = 'demo' ORDER BY external_id"
    ).fetchall()
    told = [v for r in rows if (v := _figures(r, rng, now)) is not None]
    moving = [r["resource_id"] for r in rows if r["kind"] in MOVING]
    with conn.cursor() as cur:
        cur.executemany(
            "INSERT INTO resource_capacity (resource_id, what, observed_at, figures, reported_by, received_at,"
            " region_id, origin)"
            " VALUES (%(id)s, %(what)s, %(at)s, %(figures)s, '演示数据', %(at)s, %(region)s, 'demo')",
            told,
        )
    conn.execute(
        "INSERT INTO resource_live (resource_id, observed_at, received_at, geom, speed_kmh, region_id, origin)"
        " SELECT resource_id, %(now)s, %(now)s, geom, 0, region_id, 'demo' FROM resource"
        " WHERE resource_id = ANY (%(ids)s)",
        {"ids": moving, "now": now},
    )
    conn.execute(
        "INSERT INTO resource_position (resource_id, observed_at, recorded_at, lon, lat, speed_kmh, region_id, origin)"
        " SELECT resource_id, observed_at, received_at, ST_X(geom), ST_Y(geom), 0, region_id, 'demo'"
        " FROM resource_live WHERE resource_id = ANY (%s)",
        (moving,),
    )
    return {"resource_capacity": len(told), "resource_live": len(moving)}


def _item(name: str, amount: int, unit: str) -> dict[str, Any]:
    return {"name": name, "amount": amount, "unit": unit}


def _figures(row: Mapping[str, Any], rng: np.random.Generator, now: dt.datetime) -> dict[str, Any] | None:
    at = now - dt.timedelta(minutes=int(rng.integers(4, 200)))
    given = {"id": row["resource_id"], "at": at, "region": row["region_id"]}
    if row["kind"] == "shelter":
        total = int((row["capacity"] or {}).get("people", 400))
        figures: dict[str, Any] = {"total": total, "free": total - int(rng.integers(0, max(1, total // 5)))}
        return given | {"what": "places", "figures": Jsonb(figures)}
    if row["kind"] != "hospital" or rng.random() < 0.08:  # a few report nothing
        return None
    beds = int((row["capacity"] or {}).get("beds", 80))
    total_ = {"general": beds, "icu": max(1, beds // 14), "burns": beds // 40, "isolation": max(1, beds // 20)}
    free = {k: int(rng.integers(0, max(1, n // 3) + 1)) for k, n in total_.items()}
    figures = {"total": total_, "free": free, "doctors": max(3, beds // 4), "ambulances": int(rng.integers(1, 5)),
               "blood_u": int(rng.integers(0, 80))}  # fmt: skip
    return given | {"what": "beds", "figures": Jsonb(figures)}


def _plans(conn: Conn, now: dt.datetime) -> int:
    """The sample plans, marked 示例. Raises DeclarationError: a sample with a fault is a fault of the product."""
    words = shipped()

    def find(table: str, word: str) -> str:
        entry = words[table].find(word)
        return entry.code if entry else ""

    known = Known(lambda w: find("category.gbt35561", w), lambda w: "", lambda w: find("resource_kind", w))
    read = read_plans(plans_sheet(), known)
    if read.value is None:
        said = read.reasons[0]
        raise DeclarationError(f"{said.file}: {said.reason.zh}", f"{said.file}: {said.reason.en}")
    there = plans.kept(conn)
    fresh = [p for p in read.value if (p.code, p.version) not in there]
    for plan in fresh:
        plans.add(conn, plan, ACTOR, now)
    return len(fresh)
