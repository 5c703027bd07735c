"""Drones of the demo: one beside each of the first incidents, flights of the last days with a few photos, all `demo`.

They go the way of every delivery: a folder as from a memory card, brought in by `ioc.intake.datasets.drones`.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import math
import tempfile
from pathlib import Path
from typing import Any

import h3.api.basic_int as h3
import numpy as np
import psycopg
from PIL import Image, ImageDraw
from psycopg.rows import DictRow, dict_row

from ioc.clock import Clock
from ioc.intake.datasets import Given
from ioc.intake.datasets import drones as intake
from ioc.settings import Settings
from ioc.store.locate import metre_srid

KIND, SOURCE = "drone", "demo.drone"
MOST = 3
_LEGS, _LEG_M, _APART_M, _SPEED_MPS, _STEP_S, _HEIGHT_M = 6, 420.0, 70.0, 8.0, 4.0, 80.0
_NOTES = ("河道边堆放杂物", "疑似占道经营", "围挡破损", "裸土未覆盖", "路面积水")
_DAY = dt.timedelta(days=1)
_FIELDS = ("架次", "无人机编号", "时间", "经度", "纬度", "高度", "航向", "照片", "发现问题")
_M_PER_DEGREE = 111_320.0
Conn = psycopg.Connection[DictRow]


def write(dsn_owner: str, settings: Settings, clock: Clock, seed: int, at: dt.datetime) -> dict[str, int]:
    """Returns rows by table."""
    rng = np.random.default_rng([seed, 919])
    with psycopg.Connection[DictRow].connect(dsn_owner, row_factory=dict_row) as conn:
        homes = _homes(conn)
        if not homes:
            return {}
        for i, home in enumerate(homes):
            _drone(conn, i, home, at)
        with tempfile.TemporaryDirectory(prefix="ioc-drones-") as folder:
            card = Path(folder)
            _card(card, homes, rng, at)
            given = Given(card, settings, clock, "demo", "EPSG:4490", source=SOURCE, origin="demo")
            work = intake.read(given, at)
            intake.put(conn, work, at)
        return {"drone_flight": len(homes), "drone_photo": len(work.shots)}


def _homes(conn: Conn) -> list[Any]:
    return conn.execute(
        "SELECT ST_X(geom) AS lon, ST_Y(geom) AS lat, region_id, title FROM cases WHERE origin = 'demo'"
        " AND flow = 'incident' AND closed_at IS NULL AND geom IS NOT NULL ORDER BY case_id LIMIT %s",
        (MOST,),
    ).fetchall()


def _drone(conn: Conn, i: int, home: Any, at: dt.datetime) -> None:
    lon, lat = home["lon"] + 0.002, home["lat"] + 0.001
    conn.execute(
        "INSERT INTO resource (source, external_id, kind, name, geom, geom_m, h3_10, region_id, owner_department,"
        " status, observed_at, search, origin, recorded_at, updated_at) VALUES ('demo.emergency', %(id)s, %(kind)s,"
        " %(name)s, ST_Point(%(lon)s, %(lat)s, 4326), ST_Transform(ST_Point(%(lon)s, %(lat)s, 4326), %(srid)s::int),"
        " %(cell)s, %(region)s, '应急管理局', 'available', %(at)s, %(name)s, 'demo', %(at)s, %(at)s)",
        {"id": _number(i), "kind": KIND, "name": f"巡查无人机{i + 1:02d}", "lon": lon, "lat": lat,
         "srid": metre_srid(conn, lon), "cell": h3.latlng_to_cell(lat, lon, 10), "region": home["region_id"], "at": at},
    )  # fmt: skip


def _number(i: int) -> str:
    return f"D{i + 1:03d}"


def _card(folder: Path, homes: list[Any], rng: np.random.Generator, at: dt.datetime) -> None:
    """A table of positions and photos, and the pictures."""
    with (folder / "flights.csv").open("w", encoding="utf-8", newline="") as f:
        out = csv.writer(f)
        out.writerow(_FIELDS)
        for i, home in enumerate(homes):
            began = at - dt.timedelta(hours=2) - i * _DAY - dt.timedelta(minutes=int(rng.integers(0, 50)))
            path = _path(home["lon"], home["lat"], float(rng.uniform(0, math.pi)))
            shots = set(rng.choice(np.arange(5, len(path) - 5), size=2, replace=False).tolist())
            name = f"巡查-{began:%m%d}-{i + 1}"
            for n, (lon, lat, heading) in enumerate(path):
                when = (began + dt.timedelta(seconds=n * _STEP_S)).isoformat()
                where = [f"{lon:.7f}", f"{lat:.7f}", _HEIGHT_M, round(heading)]
                out.writerow([name, _number(i), when, *where, "", ""])
                if n in shots:
                    picture = f"{_number(i)}_{n:04d}.JPG"
                    (folder / picture).write_bytes(_picture(rng, f"DEMO  {picture}"))
                    out.writerow([name, _number(i), when, *where, picture, str(rng.choice(_NOTES))])


def _path(lon: float, lat: float, turn: float) -> list[tuple[float, float, float]]:
    """Back and forth over the place, as surveys are flown: (lon, lat, heading) every `_STEP_S`."""
    corners: list[tuple[float, float]] = []
    for k in range(_LEGS):
        y = (k - (_LEGS - 1) / 2) * _APART_M
        ends = [(-_LEG_M / 2, y), (_LEG_M / 2, y)]
        corners += ends if k % 2 == 0 else ends[::-1]
    c, s = math.cos(turn), math.sin(turn)
    xy = np.array([(x * c - y * s, x * s + y * c) for x, y in corners])
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(xy, axis=0).T))])
    at = np.arange(0.0, along[-1], _SPEED_MPS * _STEP_S)
    x, y = np.interp(at, along, xy[:, 0]), np.interp(at, along, xy[:, 1])
    heading = np.degrees(np.arctan2(np.gradient(x), np.gradient(y))) % 360
    lons = lon + x / (_M_PER_DEGREE * math.cos(math.radians(lat)))
    lats = lat + y / _M_PER_DEGREE
    return list(zip(lons.tolist(), lats.tolist(), heading.tolist(), strict=True))


def _picture(rng: np.random.Generator, words: str) -> bytes:
    """Fields and a river from above, with DEMO written on it: nobody takes it for a photograph."""
    fields = rng.integers(70, 150, (6, 8, 3)) * np.array([0.8, 1.0, 0.7])
    image = Image.fromarray(fields.astype(np.uint8)).resize((640, 480), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(image)
    bend = int(rng.integers(120, 360))
    draw.line([(0, bend), (220, bend - 60), (430, bend + 50), (640, bend)], fill=(70, 100, 125), width=46)
    draw.rectangle((0, 452, 640, 480), fill=(20, 20, 20))
    draw.text((12, 458), words, fill=(235, 235, 235))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    return out.getvalue()
