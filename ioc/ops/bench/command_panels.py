"""The panel part of `ioc bench command`: incidents opened over HTTP, every panel asked for as the page of one asks.

Half of the incidents are opened by a shift chief of the city, half by one of a county. As in a browser, five requests
run at a time: six connections to a server over HTTP/1.1, the live stream holds one. Time counts from the first
request; an answer is the callback's, with what it draws. Floor: the statements of the same panels at the same places,
on bare connections of the owner (no policies), as many at a time, nothing computed or drawn from their rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, cast

import httpx
import numpy as np
import psutil
import psycopg
from psycopg.rows import DictRow, dict_row

from ioc import geo
from ioc.clock import SystemClock
from ioc.command.asking import RADIUS_M, RINGS_M, Ask
from ioc.command.panels import finder, panels
from ioc.ops.bench import Figure, Job, city, command_city, percentile
from ioc.ops.bench.rig import Rig
from ioc.scope import Scope
from ioc.screens.dash_app import encode_page
from ioc.store.database import dsns
from ioc.store.pool import SESSION_OPTIONS

FIRST_MS, ALL_MS = 300.0, 2000.0
INCIDENTS, QUICK_INCIDENTS = 60, 4
CONNECTIONS = 5
PASSWORD = "bench-command-2026"  # noqa: S105 - of people who live as long as the measurement
COUNTY = "449901000000"
PEOPLE: Mapping[str, tuple[str, ...]] = {"benchcity": (), "benchcounty": (COUNTY,)}
_BAD = ("cnone bad", "pfault")  # what a panel says that failed


@dataclass
class Asked:
    """Milliseconds until each panel of one incident was there, and the keys of those that could not tell."""

    took: dict[str, float] = field(default_factory=dict[str, float])
    failed: list[str] = field(default_factory=list[str])

    @property
    def first(self) -> float:
        return min(self.took.values())

    @property
    def all(self) -> float:
        return max(self.took.values())


def figures(job: Job, rig: Rig) -> list[Figure]:
    """On a rig whose city and roads are there: what else command stands on is filled in first."""
    begun, now = time.monotonic(), SystemClock().now()
    size = command_city.QUICK if job.quick else command_city.Size()
    command_city.fill(rig, now, size)
    job.say(f"{size.cells:,} grid cells, {size.buildings:,} buildings, {size.targets:,} targets, {size.resources:,}"
            f" resources made in {time.monotonic() - begun:.0f} s")  # fmt: skip
    for login, region in PEOPLE.items():
        rig.user(login, PASSWORD, region=region)
    rig.kill("web")  # it has known the centre without its places
    rig.wait_back()
    count = int(job.options.get("incidents", 0)) or (QUICK_INCIDENTS if job.quick else INCIDENTS)
    places = incident_places(count)
    asked, opened = _ask_all(rig, places)
    floor = [_floor(rig, *p) for p in places]
    return [*_judged(job, asked, floor), *_by_panel(asked), *opened, *_memory(rig)]


def incident_places(count: int, seed: int = 13) -> list[tuple[float, float]]:
    """Places of chance where people live, the same every time; every other one in the first county."""
    town, lon, lat = command_city.spread(np.random.default_rng(seed), 40 * count)
    here = city.county(town) == 0
    mine = iter(np.flatnonzero(here).tolist())
    others = iter(np.flatnonzero(~here).tolist())
    return [(float(lon[i]), float(lat[i])) for n in range(count) for i in [next(mine if n % 2 else others)]]


# ------------------------------------------------------------ over HTTP, like the page


def _ask_all(rig: Rig, places: Sequence[tuple[float, float]]) -> tuple[list[Asked], list[Figure]]:
    sessions = [_signed_in(rig, login) for login in PEOPLE]
    out: list[Asked] = []
    opening: list[float] = []
    keys = _callbacks(sessions[0][0])
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for n, place in enumerate(places):
            clients = sessions[n % len(sessions)]
            begun = time.perf_counter()
            case_id = _open(clients[0], place, n)
            opening.append((time.perf_counter() - begun) * 1000)
            if n < len(sessions):  # connections and threads of the server are made once
                ask_page(pool, clients, case_id, keys)
            out.append(ask_page(pool, clients, case_id, keys))
    for clients in sessions:
        for c in clients:
            c.close()
    return out, [Figure("incident opened p95", percentile(opening, 0.95), "ms", samples=tuple(opening))]


def _signed_in(rig: Rig, login: str) -> list[httpx.Client]:
    """As many connections as a browser has left, with one person's session."""
    first = httpx.Client(base_url=rig.url, headers={"Origin": rig.url}, timeout=60)
    first.post("/api/v1/auth/sign-in", json={"login": login, "password": PASSWORD}).raise_for_status()
    more = [httpx.Client(base_url=rig.url, headers={"Origin": rig.url}, cookies=first.cookies, timeout=60)
            for _ in range(CONNECTIONS - 1)]  # fmt: skip
    return [first, *more]


def _open(client: httpx.Client, place: tuple[float, float], n: int) -> int:
    body = {"title": f"测量突发事件{n}", "class": 2, "level": 3, "reason": "测量", "type": "",
            "place": {"lon": place[0], "lat": place[1], "crs": "EPSG:4490"}}  # fmt: skip
    answer = client.post("/api/v1/incidents", json=body)
    if answer.status_code != 201:
        raise RuntimeError(answer.text[:500])
    return int(answer.json()["incident_id"])


def _callbacks(client: httpx.Client) -> dict[str, str]:
    """The output of each panel's callback, as the page learns it from Dash."""
    found = client.get(f"/_p/{encode_page('/desk/command')}/_dash-dependencies").raise_for_status().json()
    return {k: next(c["output"] for c in found if f"cp-{k}.children" in c["output"]) for k in panels()}


def ask_page(pool: ThreadPoolExecutor, clients: Sequence[httpx.Client], case_id: int, keys: Mapping[str, str]) -> Asked:
    """All panels of one workspace, in the order of the page, on as many connections as `clients`."""
    free = list(clients)
    prefix = f"/_p/{encode_page(f'/desk/command/{case_id}')}"
    data = {"n": 1, "radius_m": max(RADIUS_M, RINGS_M[1]), "ring_m": RINGS_M[1], "area": None, "only": None}
    out = Asked()
    begun = time.perf_counter()

    def one(key: str) -> None:
        client = free.pop()
        try:
            parts = keys[key].strip(".").split("...")
            outputs = [dict(zip(("id", "property"), p.rsplit(".", 1), strict=True)) for p in parts]
            body = {"output": keys[key], "outputs": outputs, "changedPropIds": ["st-ask.data"],
                    "inputs": [{"id": "st-ask", "property": "data", "value": data}]}  # fmt: skip
            answer = client.post(f"{prefix}/_dash-update-component", json=body)
            out.took[key] = (time.perf_counter() - begun) * 1000
            if answer.status_code != 200 or any(mark in answer.text for mark in _BAD):
                out.failed.append(f"{key}: {answer.status_code} {answer.text[-300:]}")
        finally:
            free.append(client)

    list(pool.map(one, keys))
    return out


# ------------------------------------------------------------ the floor


class Noting:
    """Stands before a connection and its cursors, and takes down what they are asked."""

    @classmethod
    def of(cls, conn: psycopg.Connection[DictRow], noted: list[tuple[Any, Any]]) -> psycopg.Connection[DictRow]:
        """As the connection it stands for, to whoever asks it."""
        return cast("psycopg.Connection[DictRow]", cls(conn, noted))

    def __init__(self, inner: Any, noted: list[tuple[Any, Any]]) -> None:
        self._inner, self._noted = inner, noted

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def execute(self, query: Any, params: Any = None, **more: Any) -> Any:
        self._noted.append((query, params))
        return self._inner.execute(query, params, **more)

    def cursor(self, *args: Any, **more: Any) -> Noting:
        return Noting(self._inner.cursor(*args, **more), self._noted)

    def __enter__(self) -> Noting:
        return self

    def __exit__(self, *fault: object) -> None:
        self._inner.close()


def statements(conn: psycopg.Connection[DictRow], key: str, ask: Ask) -> list[tuple[Any, Any]]:
    """What the panel `key` asks the database for `ask`. `conn` may read everything."""
    noted: list[tuple[Any, Any]] = []
    finder(key)(Noting.of(conn, noted), ask)
    return noted


def _floor(rig: Rig, lon: float, lat: float) -> Asked:
    """The same panels as bare SQL. Statements are taken down first, which also warms what they read."""
    scope = Scope("bench", frozenset({"case.view", "device.view", "resource.view", "duty.phone"}), True, frozenset(),
                  None, 2)  # fmt: skip
    ask = Ask(scope, lon, lat, SystemClock().now(), geo.metre_srid(city.WEST + city.WIDTH / 2))
    owners = [_bare(rig) for _ in range(CONNECTIONS)]
    try:
        asks = {k: statements(owners[0], k, ask) for k in panels()}
        out, free = Asked(), list(owners)
        begun = time.perf_counter()

        def one(key: str) -> None:
            conn = free.pop()
            for query, params in asks[key]:
                cur = conn.execute(query, params)
                if cur.description:
                    cur.fetchall()
            out.took[key] = (time.perf_counter() - begun) * 1000
            free.append(conn)

        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(one, asks))
        return out
    finally:
        for conn in owners:
            conn.close()


def _bare(rig: Rig) -> psycopg.Connection[DictRow]:
    return psycopg.Connection[DictRow].connect(
        dsns(rig.settings).owner, autocommit=True, row_factory=dict_row, options=SESSION_OPTIONS
    )


# ------------------------------------------------------------ figures


def _judged(job: Job, asked: Sequence[Asked], floor: Sequence[Asked]) -> list[Figure]:
    failed = [f for a in asked for f in a.failed]
    for said in failed[:3]:
        job.say(f"a panel could not tell: {said}")
    out: list[Figure] = []
    shares: tuple[tuple[str, float], ...] = (("p50", 0.5), ("p95", 0.95))
    parts: tuple[tuple[str, Callable[[Asked], float], float], ...] = (
        ("first panel", lambda a: a.first, FIRST_MS), ("all panels", lambda a: a.all, ALL_MS))  # fmt: skip
    for name, of, limit in parts:
        for label, share in shares:
            got, bare = ([of(a) for a in runs] for runs in (asked, floor))
            out.append(Figure(f"{name} {label}", percentile(got, share), "ms", percentile(bare, share), "bare SQL",
                              None if job.quick or label == "p50" else limit, samples=tuple(got),
                              note=f"{len(asked)} incidents"))  # fmt: skip
    return [*out, Figure("panels that could not tell", len(failed), "panels", limit=0)]


def _by_panel(asked: Sequence[Asked]) -> list[Figure]:
    return [Figure(f"panel {k} p95", percentile([a.took[k] for a in asked], 0.95), "ms") for k in panels()]


def _memory(rig: Rig) -> list[Figure]:
    """Proportional set size by part: what is shared is counted once."""
    sums: dict[str, float] = {}
    for name in ("web", "ingest", "postgres"):
        pid = rig.pid(name)
        if pid <= 0:
            continue
        root = psutil.Process(pid)
        for p in (root, *root.children(recursive=True)):
            try:
                sums[name] = sums.get(name, 0.0) + p.memory_full_info().pss / 2**20
            except psutil.Error:
                continue
    return [Figure(f"memory of {name}", mb, "MB") for name, mb in sums.items()]
