"""What command asks beside a large city is answered by indexes behind row-level security too: plans as the asker's."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from ioc.ops.bench.command_panels import Noting
from ioc.scope import Scope
from ioc.store import locate, stations, targets
from ioc.store.pool import Conn
from tests.conftest import Database

SRID, LON, LAT = 4546, 111.2, 21.6
NOW = dt.datetime(2026, 10, 3, 6, tzinfo=dt.UTC)
SCOPE = Scope("duty", frozenset({"case.view"}), False, frozenset({1}), frozenset(), 1)
ROWS = 20_000
_PLACE = "ST_Point(%(lon)s + (i %% 200) * 0.004, %(lat)s + (i / 200) * 0.004, 4326)"


@pytest.fixture
def city(db: Database) -> None:
    given: dict[str, Any] = {"lon": LON - 0.4, "lat": LAT - 0.2, "n": ROWS, "srid": SRID}
    with db.owner() as conn:
        conn.execute("INSERT INTO region (region_id, code, name, kind) VALUES (1, '449901000000', '县', 'county')")
        conn.execute("INSERT INTO setting (key, value) VALUES ('metre_srid', '4546') ON CONFLICT DO NOTHING")
        for statement in (
            "INSERT INTO target (source, external_id, kind, name, geom, region_id)"
            f" SELECT 'm', i::text, 'school', 'm', {_PLACE}, 1 FROM generate_series(1, %(n)s) i",
            "INSERT INTO grid_cell (source, code, kind, name, geom, region_id)"
            f" SELECT 'm', i::text, 'general', 'm', ST_Multi(ST_Expand({_PLACE}, 0.002)), 1"
            " FROM generate_series(1, %(n)s) i",
            "INSERT INTO device (source, external_id, kind, class, name, status, geom, geom_m, h3_10, region_id)"
            " SELECT 'm', i::text, CASE WHEN i = 4 THEN 'weather' WHEN i %% 9 = 0 THEN 'rain' ELSE 'noise' END,"
            " 'sensor', 'm', 'online', g,"
            f" ST_Transform(g, %(srid)s::int), 1, 1 FROM (SELECT i, {_PLACE} AS g FROM generate_series(1, %(n)s) i) x",
        ):
            conn.execute(statement.encode(), given)
        conn.execute("ANALYZE target, grid_cell, device")


@pytest.mark.usefixtures("city")
def test_places_are_asked_of_their_indexes(db: Database) -> None:
    asks: tuple[tuple[str, str, Callable[[Conn], Any]], ...] = (
        ("target", "target_geom", lambda c: targets.around(c, SCOPE, LON, LAT, SRID, 3000, None)),
        ("grid_cell", "grid_cell_geom", lambda c: locate.locate(c, LON, LAT, 100.0)),
        ("grid_cell", "grid_cell_geom", lambda c: locate.cells_at(c, LON, LAT)),
        ("device", "device_station_kinds", lambda c: stations.near(
            c, SCOPE, (500_000.0, 2_390_000.0), SRID, 30_000, stations.KINDS, ["rain_1h"], NOW)),
    )  # fmt: skip
    for table, index, ask in asks:
        noted: list[tuple[Any, Any]] = []
        with db.store.scoped(SCOPE) as conn:
            ask(Noting.of(conn, noted))
            plans = "\n".join(_plan(conn, *said) for said in noted)
        assert index in plans, (index, plans)
        assert not re.search(rf"Seq Scan on {table}\b", plans), (table, plans)


def _plan(conn: Conn, query: Any, params: Any) -> str:
    text = query.as_bytes(conn) if hasattr(query, "as_bytes") else str(query).encode()
    return "\n".join(str(next(iter(r.values()))) for r in conn.execute(b"EXPLAIN " + text, params).fetchall())


@pytest.mark.usefixtures("city")
def test_what_the_indexes_found_is_right(db: Database) -> None:
    with db.store.scoped(SCOPE) as conn:
        found = targets.around(conn, SCOPE, LON, LAT, SRID, 1000, None)
        every = conn.execute(
            "SELECT count(*) AS n FROM target WHERE ST_Distance(ST_Transform(geom, %(s)s::int),"
            " ST_Transform(ST_Point(%(lon)s, %(lat)s, 4326), %(s)s::int)) <= 1000",
            {"s": SRID, "lon": LON, "lat": LAT},
        ).fetchone()
        assert every is not None
        assert len(found) == every["n"] > 0
        near = stations.near(conn, SCOPE, (500_000.0, 2_390_000.0), SRID, 30_000, stations.KINDS, ["rain_1h"], NOW)
        away = [r["distance_m"] for r in near]
        assert away == sorted(away)
        kinds = Counter({r["device_id"]: r["kind"] for r in near}.values())
        assert kinds["rain"] == stations.MOST
        assert kinds["weather"] == 1, "the one mast, beyond hundreds of gauges"
        assert max(away) <= 30_000
        assert [c["code"] for c in locate.locate(conn, LON, LAT, 100.0).grid_cells] == [
            c["code"] for c in locate.cells_at(conn, LON, LAT)
        ]
