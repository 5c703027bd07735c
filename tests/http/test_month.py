"""云潭's month through the public intake, with doubles and refuted ones: 10 防溺水, 200 违停, 79 疑似违建, 11 疑似水面.

Exactly 300 on tile, list, interface and map, verified and suspected apart, on a centre without demo.
"""

from __future__ import annotations

import gzip
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import flask
import pytest

from ioc.clock import FixedClock
from ioc.declare import Indicator, Layer
from ioc.i18n import Text
from ioc.kpi.worker import KpiWorker
from ioc.registry import discover
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import kpi, sources
from ioc.store.kpi_records import records
from ioc.store.regions import Regions
from tests.conftest import Database
from tests.http import world as small
from tests.http.conftest import ORIGIN
from tests.http.test_detections import GB_ID
from tests.http.world import World
from tests.mvt import decode
from tests.store.test_observations import rows

pytestmark = pytest.mark.http

# algorithm, category, how many; suspected ones stay so, the others are confirmed by a person
MONTH = {
    "drowning": ("2101", 10, False),
    "illegal_parking": ("0505", 200, False),
    "illegal_building": ("0101", 79, True),
    "water_work": ("2102", 11, True),
}
REFUTED = {"drowning": 3, "illegal_parking": 12, "illegal_building": 5, "water_work": 2}
NEAR_BOX = (111.11, 21.61, 111.19, 21.69)


def kind_indicator(code: str, zh: str, category: str) -> Indicator:
    """What a place declares for a kind of its own."""
    return Indicator(
        code=f"month_{code}",
        title=Text(zh, code),
        unit=Text("件", ""),
        query="events_month",
        params={"count": "all", "kind": category},
        source="event",
        formula=Text(zh, code),
        records=f"events?period=month&count=all&kind={category}",
        decimals=0,
    )


@pytest.fixture
def month(
    server: flask.Flask, world: World, db: Database, sign_in: Any, token: Callable[..., dict[str, str]]
) -> dict[str, list[int]]:
    """Everything sent in by two ways, some of it twice or three times, and reviewed. Detections by algorithm."""
    with db.owner() as conn:
        conn.execute("DELETE FROM event")
        conn.execute("UPDATE device SET national_id = %s WHERE device_id = %s", (GB_ID, world.near["camera"]))
    rnd = random.Random(3)
    client, write, chief = server.test_client(), token("events:write", source="eye"), sign_in("chief")
    bodies: list[dict[str, Any]] = []
    for algorithm, (_, count, _) in MONTH.items():
        for n in range(count + REFUTED[algorithm]):
            bodies.append(
                {
                    "id": f"{algorithm}-{n}",
                    "algorithm": algorithm,
                    # a part is not sure enough and becomes an event by a person's word alone; suspected ones are sure
                    "confidence": 0.95 if MONTH[algorithm][2] or n % 3 else 0.5,
                    "camera": GB_ID,
                    "occurred_at": f"2026-10-0{1 + n % 3}T0{n % 6}:{n % 60:02d}:00Z",
                    "lon": round(rnd.uniform(NEAR_BOX[0], NEAR_BOX[2]), 6),
                    "lat": round(rnd.uniform(NEAR_BOX[1], NEAR_BOX[3]), 6),
                    "crs": "EPSG:4326",
                }
            )
    # what happened last month is not of this month's numbers
    sent = [*bodies, *rnd.sample(bodies, 90), *rnd.sample(bodies, 40)]
    rnd.shuffle(sent)
    out: dict[str, list[int]] = {a: [] for a in MONTH}
    known: dict[str, int] = {}
    for body in sent:
        answer = client.post("/api/v1/detections", json=body, headers=write)
        assert answer.status_code == (200 if body["id"] in known else 201), answer.get_json()
        known[body["id"]] = answer.get_json()["detection_id"]
    last = {**bodies[0], "id": "september", "confidence": 0.95, "occurred_at": "2026-09-30T15:59:59Z"}
    assert client.post("/api/v1/detections", json=last, headers=write).status_code == 201
    for algorithm, (_, count, suspected) in MONTH.items():
        for n in range(count + REFUTED[algorithm]):
            number = known[f"{algorithm}-{n}"]
            out[algorithm].append(number)
            if n >= count:
                done = chief.post(f"/api/v1/detections/{number}/refute", json={"reason": "误报"}, headers=ORIGIN)
            elif not suspected:
                done = chief.post(f"/api/v1/detections/{number}/confirm", json={}, headers=ORIGIN)
            else:
                continue
            assert done.status_code == 200, done.get_json()
    # the far end retries what it already sent, after the reviews
    for body in rnd.sample(bodies, 30):
        assert client.post("/api/v1/detections", json=body, headers=write).get_json()["status"] == "unchanged"
    return out


def tiles_of(client: Any, key: str, z: int) -> Counter[str]:
    """Marks of a layer in every tile over the near town, by category."""
    import math

    def at(lon: float, lat: float) -> tuple[int, int]:
        n = 1 << z
        y = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2
        return int((lon + 180) / 360 * n), int(y * n)

    (x0, y1), (x1, y0) = at(NEAR_BOX[0], NEAR_BOX[1]), at(NEAR_BOX[2], NEAR_BOX[3])
    found: Counter[str] = Counter()
    for x in range(x0, x1 + 1):
        for y in range(y0, y1 + 1):
            answer = client.get(f"/tiles/{key}/{z}/{x}/{y}.mvt")
            assert answer.status_code in (200, 204), answer.text
            body = answer.data
            layers = decode(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body) if body else {}
            found.update(str(f.props["k"]) for f in layers.get("points", []))
    return found


def test_exactly_three_hundred_everywhere_and_suspected_apart(
    month: dict[str, list[int]], db: Database, clock: FixedClock, settings: Settings, sign_in: Any, world: World
) -> None:
    chief = sign_in("chief")
    want = {category: count for category, count, _ in MONTH.values()}
    verified = {category: count for category, count, suspected in MONTH.values() if not suspected}
    doubted = {category: count for category, count, suspected in MONTH.values() if suspected}
    assert sum(want.values()) == 300

    # the interface
    counts = chief.get("/api/v1/events/counts").get_json()
    assert {n: counts[n] for n in ("total", "verified", "suspected")} == {
        "total": 300, "verified": 210, "suspected": 90,
    }  # fmt: skip
    kinds = {k["code"]: (k["verified"], k["suspected"]) for k in counts["kinds"]}
    assert kinds == {"2101": (10, 0), "0505": (200, 0), "0101": (0, 79), "2102": (0, 11)}
    bounds = "from=2026-10-01T00:00:00%2B08:00&limit=1000&status=open"
    for flag, expected in (("false", verified), ("true", doubted)):
        listed = chief.get(f"/api/v1/events?{bounds}&suspected={flag}").get_json()["events"]
        assert Counter(e["category_code"] for e in listed) == expected

    # the tiles, as the worker computes them
    own = tuple(kind_indicator(a, a, category) for a, (category, _, _) in MONTH.items())
    shipped = [i for i in discover("ioc.indicators", "INDICATOR").values() if isinstance(i, Indicator)]
    with db.store.scoped(SYSTEM) as conn:
        sources.arrived(conn, "eye", sources.Arrival(1, 1, as_of=clock.now()), clock.now())
    KpiWorker(db.store, (*shipped, *own), clock, settings).cycle()
    found = {t.indicator.code: t for t in kpi.tiles(db.store, SYSTEM, "", (*shipped, *own), clock.now())}
    assert (found["events_month"].value, found["suspected_month"].value) == (300, 90)
    note = found["events_month"].note
    assert note is not None
    assert note.zh == "已核实 210 · 疑似 90"
    assert {a: found[f"month_{a}"].value for a in MONTH} == {a: n for a, (_, n, _) in MONTH.items()}
    assert found["detections_refuted"].numerator == sum(REFUTED.values()) == 22
    assert found["detections_refuted"].denominator == 22 + 210

    # the lists behind them
    for indicator in (i for i in (*shipped, *own) if i.query == "events_month"):
        listed = records(db.store, SYSTEM, "", indicator.records, 0, 500, clock.now(), settings)
        assert listed["total"] == len(listed["rows"]) == found[indicator.code].value, indicator.code
    town = records(db.store, SYSTEM, small.FAR_TOWN, "events?period=month&count=all", 0, 500, clock.now(), settings)
    assert town["total"] == 0

    # the map
    assert tiles_of(chief, "event", 15) == verified
    both = tiles_of(chief, "event_suspected", 15)
    both["2101"] -= 1  # September's is open and suspected too: the map shows what is open, whatever the month
    assert +both == doubted
    panel = {layer["key"]: layer["count"] for layer in chief.get("/api/v1/map/config").get_json()["layers"]}
    assert (panel["event"], panel["event_suspected"]) == (210, 90 + 1)

    # the work list holds what is open, each once
    page = rows(db, "SELECT count(*) AS n FROM event WHERE status = 'open' AND case_id IS NULL")
    assert page == [{"n": 301}]
    assert rows(db, "SELECT DISTINCT origin FROM event") == [{"origin": "real"}]
    assert isinstance(discover("layers", "LAYER")["event_suspected"], Layer)
    assert Regions.of(db.store).tree().roots[0].code == small.CITY
