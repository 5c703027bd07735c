"""A million rows of devices by file: rows a second and memory, for CSV and GeoPackage.

Floor: COPY of the same rows into a bare table. The command is the product's own, in a process of its own.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import psutil
import psycopg
from psycopg import sql

from ioc.errors import ConfigError
from ioc.ops.bench import Figure, Job, city, interleaved, median
from ioc.ops.bench.rig import Rig
from ioc.store.database import dsns

ROWS, QUICK_ROWS = 1_000_000, 5_000
PEAK_MB, TIMEOUT_S = 1500.0, 1800.0
COLUMNS = ("编号", "名称", "类型", "经度", "纬度", "地址")


def run(job: Job) -> list[Figure]:
    rows = QUICK_ROWS if job.quick else int(job.options.get("rows", ROWS))
    rounds = min(job.rounds, int(job.options.get("import_rounds", 1 if rows >= 500_000 else job.rounds)))
    job.generator = "the ioc import command in its own process; peak is the resident size of its process tree"
    with Rig(job.composition) as rig:
        with rig.owner() as conn:
            city.load(conn, 100)
        files = {"csv": _csv(rig.root, rows), "gpkg": _gpkg(rig.root, rows)}
        peaks: dict[str, list[float]] = {k: [] for k in files}

        def measure(kind: str) -> float:
            _forget(rig)
            rate, peak = _import(rig, files[kind], rows)
            peaks[kind].append(peak)
            return rate

        found = interleaved(
            rounds, lambda: measure("csv"), lambda: measure("gpkg"), lambda: _copy(rig, files["csv"], rows)
        )
        floor = median(found[2])
    out: list[Figure] = []
    for kind, rates in zip(files, found, strict=False):
        out.append(
            Figure(
                f"{kind} rows a second", median(rates), "rows/s", floor, "COPY into a bare table", samples=tuple(rates)
            )
        )
        out.append(Figure(f"{kind} peak memory", median(peaks[kind]), "MB", limit=PEAK_MB))
    job.say(f"{rows} rows, {rounds} round(s)")
    return out


def _points(rows: int) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], ...]:
    rng = np.random.default_rng(11)
    lon = city.WEST + city.WIDTH * rng.uniform(0.02, 0.98, rows)
    lat = city.SOUTH + city.HEIGHT * rng.uniform(0.02, 0.98, rows)
    return lon, lat


def _csv(folder: Path, rows: int) -> Path:
    path = folder / "devices.csv"
    lon, lat = _points(rows)
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        writer.writerows(
            (f"CAM{i:07d}", f"{i} 号点位", "camera", f"{x:.6f}", f"{y:.6f}", f"测试路 {i % 900} 号")
            for i, (x, y) in enumerate(zip(lon.tolist(), lat.tolist(), strict=True))
        )
    path.chmod(0o644)
    return path


def _gpkg(folder: Path, rows: int) -> Path:
    path = folder / "devices.gpkg"
    lon, lat = _points(rows)
    frame = gpd.GeoDataFrame(
        {
            "编号": [f"CAM{i:07d}" for i in range(rows)],
            "名称": [f"{i} 号点位" for i in range(rows)],
            "类型": ["camera"] * rows,
            "地址": [f"测试路 {i % 900} 号" for i in range(rows)],
        },
        geometry=gpd.points_from_xy(lon, lat),
        crs="EPSG:4490",
    )
    frame.to_file(path, driver="GPKG", layer="devices", engine="pyogrio")
    return path


def _forget(rig: Rig) -> None:
    """Each round imports new rows, not unchanged ones."""
    with rig.owner() as conn:
        conn.execute("TRUNCATE device, datastream, latest, device_cell")


def _import(rig: Rig, file: Path, rows: int) -> tuple[float, float]:
    """Rows a second of one import and its peak resident memory in MB."""
    command = [sys.executable, "-m", rig.composition.python_module, "import", "devices", str(file)]
    command += ["--crs", "EPSG:4490", "--data-dir", str(rig.root), "--json"]
    begun = time.monotonic()
    process = subprocess.Popen(
        command, cwd=rig.composition.home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    peak = _Peak(process.pid)
    peak.start()
    try:
        out, err = process.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    took = time.monotonic() - begun
    peak.stop()
    if process.returncode:
        raise ConfigError(f"导入失败：{(err or out)[-800:]}", f"the import failed: {(err or out)[-800:]}")
    stored = _stored(out)
    if stored != rows:
        raise ConfigError(f"导入 {stored} 行，应为 {rows}", f"{stored} rows stored, not {rows}")
    return rows / took, peak.megabytes


def _stored(out: str) -> int:
    """The balance the command prints as JSON, wherever it stands in its answer."""
    found = json.loads(out[out.index("{") :])
    return int(found.get("stored", found.get("balance", {}).get("stored", -1)))


class _Peak(threading.Thread):
    """Highest resident size of a process and its children, looked at ten times a second."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.megabytes = 0.0
        self._pid = pid
        self._done = threading.Event()

    def run(self) -> None:
        while not self._done.wait(0.1):
            try:
                root = psutil.Process(self._pid)
                size = sum(p.memory_info().rss for p in [root, *root.children(recursive=True)])
            except psutil.Error:
                continue  # between two looks a process may end
            self.megabytes = max(self.megabytes, size / 2**20)

    def stop(self) -> None:
        self._done.set()
        self.join(2)


def _copy(rig: Rig, file: Path, rows: int) -> float:
    with psycopg.connect(dsns(rig.settings).owner, autocommit=True) as conn:
        conn.execute("DROP TABLE IF EXISTS bench_bare")
        conn.execute("CREATE TABLE bench_bare (id text, name text, kind text, lon float8, lat float8, address text)")
        begun = time.monotonic()
        query = sql.SQL("COPY bench_bare FROM STDIN (FORMAT csv, HEADER)")
        with conn.cursor() as cur, cur.copy(query) as copy, file.open("rb") as data:
            while chunk := data.read(1 << 20):
                copy.write(chunk)
        took = time.monotonic() - begun
        conn.execute("DROP TABLE bench_bare")
    return rows / took
