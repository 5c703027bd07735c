"""Vector tiles of 70,000 and of 2,000,000 devices, for who sees the whole city and who sees one town.

Floor of the uncached close tiles: `pgbench` with the same statements, settings and number of connections. Every
pass asks for a version of its own, so that no answer comes from the cache but where the cache is what is measured.
"""

from __future__ import annotations

import datetime as dt
import itertools
import os
import random
import re
import selectors
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import psycopg

from ioc.declare import Layer
from ioc.errors import ConfigError
from ioc.ops.bench import Figure, Job, city, interleaved, median, percentile
from ioc.ops.bench.rig import Rig
from ioc.scope import Scope
from ioc.store import tiles
from ioc.store.cluster import find_binaries
from ioc.store.database import dsns
from ioc.store.pool import SESSION_OPTIONS, Store, scope_settings
from ioc.store.regions import Regions

SIZES = (70_000, 2_000_000)
CONNECTIONS = 4  # to the database, of the product and of pgbench
CLIENTS = 2 * CONNECTIONS  # so that the database need not wait for us, as it does not wait for pgbench
BROWSER = 6  # connections a browser opens to one host
TOWN = 20
LAYER = "camera"
ROUND = 800
GENERATOR = f"bare sockets, one process, {CLIENTS} keep-alive connections; floor: pgbench -c {CONNECTIONS} -j 1"
# A desk's map of 1400 x 800 px around the middle of a town.
VIEW_PX = (1400, 800)
VIEW_ZOOMS = (9, 12, 14)
_STATUS, _LENGTH = re.compile(rb"HTTP/1.1 (\d+)"), re.compile(rb"content-length: (\d+)", re.I)
Tile = tuple[int, int, int]
_versions = itertools.count(1)


@dataclass
class Subject:
    """One running centre of one size, asked by one kind of person."""

    rig: Rig
    layer: Layer
    scope: Scope
    token: str
    tiles: Sequence[Tile]

    def paths(self, wanted: Sequence[Tile], *, cached: bool = False) -> list[str]:
        """Addresses; each pass has a version of its own, so that nothing is answered from an earlier one."""
        version = "" if cached else f"?v={next(_versions)}"
        return [f"/tiles/{LAYER}/{z}/{x}/{y}.mvt{version}" for z, x, y in wanted]

    def rate(self, paths: Sequence[str], connections: int = CLIENTS) -> float:
        """Tiles a second over `connections`."""
        return len(paths) / _fetch(self.rig.port, paths, self.token, connections)[0]

    def fresh_rate(self) -> float:
        """Tiles a second, none of them cached."""
        return self.rate([p for _ in range(self.passes) for p in self.paths(self.tiles)])

    @property
    def passes(self) -> int:
        """A round has a few hundred requests, also where a town has few tiles."""
        return max(1, ROUND // len(self.tiles))

    def latencies(self, wanted: Sequence[Tile]) -> list[float]:
        """Milliseconds of each tile, one after the other."""
        return _fetch(self.rig.port, self.paths(wanted), self.token, 1)[1]

    def floor(self, now: dt.datetime) -> float:
        """Statements a second of pgbench over the same tiles."""
        info = dsns(self.rig.settings).app
        statements: list[str] = []
        with psycopg.connect(info) as conn, psycopg.ClientCursor(conn) as cur:
            for z, x, y in self.tiles:
                q = tiles.TileQuery(self.scope, self.layer, z, x, y, now)
                statements += [cur.mogrify(text, params) for text, params in tiles.statements(conn, q)]
        return _pgbench(info, statements, self.scope, self.passes)


def run(job: Job) -> list[Figure]:
    job.generator = GENERATOR
    given = str(job.options.get("devices", ""))  # "70000,2000000"
    sizes = tuple(map(int, given.split(","))) if given else (2_000, 4_000) if job.quick else SIZES
    if len(sizes) != 2:
        raise ConfigError(f"devices={given}：要两个数", f"devices={given}: two numbers are needed")
    layer = job.composition.registry().layers[LAYER]
    now = dt.datetime.now(dt.UTC)
    figures: list[Figure] = []
    with ExitStack() as stack:
        subjects: dict[int, tuple[Subject, Subject]] = {}
        for size in sizes:
            rig = stack.enter_context(Rig(job.composition, env={"IOC_POOL_SIZE": str(CONNECTIONS)}))
            begun = time.monotonic()
            with rig.owner() as conn:
                city.load(conn, size)
            job.say(f"{size:,} devices loaded in {time.monotonic() - begun:.0f} s")
            subjects[size] = _subjects(rig, layer, 40 if job.quick else 400)
        for size, pair in subjects.items():
            for subject, who in zip(pair, ("city", "town"), strict=True):
                figures += _close(job, subject, f"{size // 1000}k, {who}", now)
                figures.append(_far(job, subject, f"{size // 1000}k, {who}"))
            figures.append(_cached(job, pair[0], f"{size // 1000}k"))
        figures += _views(job, subjects[sizes[0]][0], subjects[sizes[1]][0])
    return figures


def _subjects(rig: Rig, layer: Layer, count: int) -> tuple[Subject, Subject]:
    """Who sees the whole city, and who sees one town, each with tiles where things stand."""
    code = city.town_code(TOWN)
    store = Store(dsns(rig.settings).app, size=2)
    try:
        everything = Scope("bench", frozenset({"*"}), whole=True, departments=None, sensitivity=1)
        ids = Regions(store).ids(everything, code) or ()
    finally:
        store.close()
    town = Scope("bench", frozenset({"*"}), region_ids=frozenset(ids), departments=None, sensitivity=1)
    return (
        Subject(rig, layer, everything, rig.token("city"), _tiles(rig, 14, count)),
        Subject(rig, layer, town, rig.token("town", [code]), _tiles(rig, 14, count, ids)),
    )


def _tiles(rig: Rig, z: int, count: int, region_ids: Sequence[int] = ()) -> list[Tile]:
    """Tiles that hold devices, in an order of chance that is the same every time.

    Close up only those that show marks: a tile with too many is answered by another, cheaper statement.
    """
    with rig.owner() as conn:
        rows = conn.execute(
            "SELECT floor((ST_X(geom) + 180) / 360 * %(n)s)::int AS x,"
            " floor((0.5 - ln(tan(radians(45 + ST_Y(geom) / 2))) / (2 * pi())) * %(n)s)::int AS y"
            " FROM device WHERE class = 'camera' AND (%(all)s OR region_id = ANY (%(ids)s))"
            " GROUP BY 1, 2 HAVING count(*) <= %(dense)s OR NOT %(marks)s ORDER BY 1, 2",
            {
                "dense": tiles.DENSE,
                "marks": z > tiles.PINS_TO,
                "n": 1 << z,
                "all": not region_ids,
                "ids": list(region_ids),
            },
        ).fetchall()
    found = [(z, int(r["x"]), int(r["y"])) for r in rows]
    random.Random(7).shuffle(found)  # noqa: S311 - a repeatable order, no secret
    return found[:count]


# ---------------------------------------------------------------- figures


def _close(job: Job, subject: Subject, name: str, now: dt.datetime) -> list[Figure]:
    subject.fresh_rate()  # connections open, statements prepared
    rate, floor = interleaved(job.rounds, subject.fresh_rate, lambda: subject.floor(now))
    limit = None if job.quick else 0.8
    return [
        Figure(
            f"z14 uncached, {name}", median(rate), "tiles/s", median(floor), "pgbench, same SQL", limit, "high",
            "ratio", tuple(rate), note=f"{len(subject.tiles)} tiles, {subject.passes} passes",
        )
    ]  # fmt: skip


def _far(job: Job, subject: Subject, name: str) -> Figure:
    wanted = [t for z in (8, 9, 10, 11, 12, 13) for t in _tiles(subject.rig, z, 12)]
    samples = [percentile(subject.latencies(wanted), 0.95) for _ in range(job.rounds)]
    return Figure(f"z8-13 p95 uncached, {name}", median(samples), "ms", samples=tuple(samples))


def _cached(job: Job, subject: Subject, name: str) -> Figure:
    many = subject.paths([subject.tiles[0]] * (200 if job.quick else 4000), cached=True)
    subject.rate(many[:1])
    samples = [subject.rate(many) for _ in range(job.rounds)]
    return Figure(f"cached, {name}", median(samples), "tiles/s", samples=tuple(samples))


def _views(job: Job, small: Subject, large: Subject) -> list[Figure]:
    """What one waits for when a view opens: all its tiles, over a browser's connections, none cached."""
    out: list[Figure] = []
    for z in VIEW_ZOOMS:
        wanted = _view(z)

        def seconds(subject: Subject, wanted: Sequence[Tile] = wanted) -> float:
            return 1000 * len(wanted) / subject.rate(subject.paths(wanted), BROWSER)

        of_small, of_large = interleaved(job.rounds, lambda: seconds(small), lambda: seconds(large))
        limit = None if job.quick else 1.5
        out.append(
            Figure(
                f"view z{z}, {len(wanted)} tiles, 2M", median(of_large), "ms", median(of_small), "the same at 70k",
                limit, "low", "ratio", tuple(of_large),
            )
        )  # fmt: skip
    return out


def _view(z: int) -> list[Tile]:
    """Tiles (512 px) under a desk's map that is centred on a town."""
    lon, lat = city.town_centre(TOWN)
    column, row = (lon + 180) / 360 * (1 << z), _row(lat, z)
    wide, high = VIEW_PX[0] / 512 / 2, VIEW_PX[1] / 512 / 2
    columns = range(int(column - wide), int(column + wide) + 1)
    return [(z, x, y) for x in columns for y in range(int(row - high), int(row + high) + 1)]


def _row(lat: float, z: int) -> float:
    """Row of a latitude, with its fraction, by bisection on the tiles' own edges."""
    low, high = 0, 1 << z
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if tiles.lonlat_box(z, 0, middle)[3] >= lat else (low, middle)
    _, south, _, north = tiles.lonlat_box(z, 0, low)
    return low + (north - lat) / (north - south)


# ---------------------------------------------------------------- load and floor


@dataclass(slots=True)
class _Client:
    """One keep-alive connection of the load generator, and the answer it is reading."""

    sock: socket.socket
    path: str = ""
    begun: float = 0.0
    got: bytes = b""

    def ask(self, path: str, token: str) -> None:
        self.path, self.got, self.begun = path, b"", time.perf_counter()
        self.sock.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n".encode())

    def complete(self) -> bool:
        """Reads what is there. Raises ConfigError for an answer that is none."""
        more = self.sock.recv(1 << 18)
        self.got += more
        end = self.got.find(b"\r\n\r\n")
        status = _STATUS.match(self.got)
        if not more or (end >= 0 and (not status or status[1] not in (b"200", b"204"))):
            raise ConfigError(f"{self.path}: {self.got[:40]!r}", f"{self.path}: {self.got[:40]!r}")
        if end < 0 or status is None:
            return False
        length = _LENGTH.search(self.got, 0, end) if status[1] == b"200" else None
        return len(self.got) >= end + 4 + (int(length[1]) if length else 0)


def _fetch(port: int, paths: Sequence[str], token: str, connections: int) -> tuple[float, list[float]]:
    """Seconds for all paths, and milliseconds of each. Bare sockets: what asks shares the machine with what answers."""
    waiting = list(reversed(paths))
    took: list[float] = []
    with selectors.DefaultSelector() as selector:
        begun = time.perf_counter()
        for _ in range(min(connections, len(waiting))):
            client = _Client(socket.create_connection(("127.0.0.1", port)))
            client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.ask(waiting.pop(), token)
            selector.register(client.sock, selectors.EVENT_READ, client)
        while selector.get_map():
            for key, _ in selector.select():
                client = cast(_Client, key.data)
                if not client.complete():
                    continue
                took.append((time.perf_counter() - client.begun) * 1000)
                if waiting:
                    client.ask(waiting.pop(), token)
                else:
                    selector.unregister(client.sock)
                    client.sock.close()
        return time.perf_counter() - begun, took


def _pgbench(info: str, statements: Sequence[str], scope: Scope, passes: int) -> float:
    """Statements a second over `CONNECTIONS` connections; each runs the whole list, `passes` times."""
    settings = " ".join(f"-c {k}={_plain(v)}" for k, v in scope_settings(scope).items())
    environment: dict[str, str] = {**os.environ, "PGOPTIONS": f"{SESSION_OPTIONS} {settings}"}
    command: list[Any] = [find_binaries() / "pgbench", "-n", "-c", str(CONNECTIONS), "-j", "1", "-t", str(passes)]
    with tempfile.TemporaryDirectory(prefix="ioc-bench-") as folder:
        script = Path(folder) / "tiles.sql"
        script.write_text(";\n".join(" ".join(s.split()) for s in statements) + ";\n")
        done = subprocess.run(
            [*command, "-f", script, info], env=environment, capture_output=True, text=True, timeout=600
        )
    found = re.search(r"tps = ([0-9.]+) \(without", done.stdout)
    if done.returncode or not found:
        raise ConfigError(f"pgbench：{done.stderr[-400:]}", f"pgbench: {done.stderr[-400:]}")
    return float(found[1]) * len(statements)


def _plain(value: str) -> str:
    """A value inside PGOPTIONS, where a space ends it."""
    return value.replace("\\", "\\\\").replace(" ", "\\ ")
