"""Which cameras see a place: checked against plain trigonometry, and by their indexes among very many devices."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.command.asking import Ask
from ioc.command.panels import eyes as panel
from ioc.scope import SYSTEM, Scope
from ioc.store import eyes
from tests.conftest import NOW, Database

pytestmark = pytest.mark.store
LON, LAT, SRID = 111.98, 21.86, 4546
FAR_ROWS = 20_000


def camera(
    conn: Any, name: str, north: float, east: float, cone: tuple[float, float, float] | None, **more: Any
) -> int:
    """A camera `north`, `east` metres from the place; `cone`: azimuth, angle, range."""
    values = {"status": "online", "kind": "camera", "sensitivity": 0, **more}
    azimuth, fov, reach = cone or (None, None, None)
    row = conn.execute(
        "WITH p AS (SELECT ST_Translate(ST_Transform(ST_Point(%(lon)s, %(lat)s, 4326), %(srid)s::int), %(e)s, %(n)s)"
        " AS m) INSERT INTO device (source, external_id, kind, class, name, status, status_at, geom, geom_m, h3_10,"
        " region_id, azimuth_deg, fov_deg, sensitivity, attributes) SELECT 's', %(name)s, %(kind)s, 'camera', %(name)s,"
        " %(status)s, %(now)s, ST_Transform(m, 4326), m, 1, 1, %(az)s, %(fov)s, %(sens)s,"
        " CASE WHEN %(reach)s::float8 IS NULL THEN '{}'::jsonb ELSE jsonb_build_object('view_range_m',"
        " %(reach)s::float8) END FROM p RETURNING device_id",
        {"lon": LON, "lat": LAT, "srid": SRID, "e": east, "n": north, "name": name, "az": azimuth, "fov": fov,
         "reach": reach, "now": NOW, "kind": values["kind"], "status": values["status"],
         "sens": values["sensitivity"]},
    ).fetchone()  # fmt: skip
    device_id = int(row["device_id"])
    if more.get("playable", True):
        conn.execute(
            "INSERT INTO video_node (source, platform_id, gb_id, kind, device_id, region_id, updated_at)"
            " VALUES ('wvp', 'p', %s, 'device', %s, 1, %s)",
            (name, device_id, NOW),
        )
    return device_id


def test_covering_cameras_first_then_the_nearest(db: Database) -> None:
    with db.owner() as conn:
        conn.execute(
            "INSERT INTO region (region_id, code, name, kind) VALUES (1, '1', 'A', 'city'), (2, '2', 'B', 'town')"
        )
        conn.execute("INSERT INTO video_platform (source, platform_id) VALUES ('wvp', 'p')")
        ids = {
            "sees": camera(conn, "sees", 200, 0, (180, 60, 300)),
            "away": camera(conn, "away", 60, 0, (0, 60, 300)),
            "short": camera(conn, "short", 90, 0, (180, 60, 50)),
            "wraps": camera(conn, "wraps", -150, 0, (355, 20, 200)),
            "eagle": camera(conn, "eagle", 0, 2500, (270, 120, 3000), kind="eagle_eye"),
            "plain": camera(conn, "plain", 20, 20, None),
            "dark": camera(conn, "dark", 100, 0, (180, 60, 300), status="offline"),
            "secret": camera(conn, "secret", 30, 0, (180, 60, 300), sensitivity=2),
            "nopath": camera(conn, "nopath", 10, 0, None, playable=False),
            "halfcone": camera(conn, "halfcone", 40, 0, (180, 60, None)),  # type: ignore[arg-type]
        }
    names = {v: k for k, v in ids.items()}

    def asked(scope: Scope) -> dict[str, Any]:
        with db.store.scoped(scope) as conn:
            return dict(panel.find(conn, Ask(scope, LON, LAT, NOW, SRID, 5000)).data)

    data = asked(SYSTEM)
    order = [names[c["device_id"]] for c in data["cameras"]]
    assert order[:5] == ["secret", "wraps", "sees", "eagle", "dark"], "what sees it, online first, by distance"
    assert set(order[5:]) == {"nopath", "plain", "halfcone", "away", "short"}
    assert [names[i] for i in data["best"]] == ["wraps", "sees", "eagle", "plain"], "no masked, none that cannot play"
    by_name = {names[c["device_id"]]: c for c in data["cameras"]}
    assert by_name["halfcone"]["cone"] is None, "no sector where one of the three is not known"
    assert by_name["eagle"]["high_point"]
    assert by_name["sees"]["distance_m"] == pytest.approx(200, abs=0.5)
    assert data["drones"] == []
    public = Scope("p", frozenset({"*"}), whole=True, departments=None, sensitivity=0)
    assert "secret" not in [names[c["device_id"]] for c in asked(public)["cameras"]]
    elsewhere = Scope("p", frozenset({"*"}), region_ids=frozenset({2}), departments=None)
    assert asked(elsewhere)["cameras"] == []
    angles(db)
    planned(db)


def angles(db: Database) -> None:
    """The database's idea of a view against atan2, over every quadrant."""
    with db.owner() as conn:

        @settings(max_examples=60, deadline=None)
        @given(
            st.integers(-900, 900), st.integers(-900, 900), st.integers(0, 359), st.floats(5, 180), st.floats(1, 2000)
        )
        def same(dx: float, dy: float, azimuth: float, fov: float, reach: float) -> None:
            row = conn.execute(
                "SELECT ioc_in_view(%s, %s, %s::real, %s::real, %s::real) AS seen", (dx, dy, azimuth, fov, reach)
            ).fetchone()
            assert row is not None
            off = abs((math.degrees(math.atan2(dx, dy)) - azimuth + 180) % 360 - 180)
            if abs(off - fov / 2) < 0.01 or abs(math.hypot(dx, dy) - reach) < 0.01 or math.hypot(dx, dy) < 1.01:
                return
            assert row["seen"] == (off <= fov / 2 and math.hypot(dx, dy) <= reach)

        same()


def planned(db: Database) -> None:
    """Among 20,000 devices nearby the planner takes the two small indexes; so it does among 2,000,000."""
    with db.owner() as conn:
        conn.execute(
            "INSERT INTO device (source, external_id, kind, class, name, status, geom, geom_m, h3_10, region_id,"
            " azimuth_deg, fov_deg, attributes) SELECT 'm', 'm' || i, k, k, 'm', 'online', g,"
            " ST_Transform(g, %(srid)s::int), 1, 1, i %% 360, 60,"
            " CASE WHEN i %% 8 = 0 THEN '{\"view_range_m\": 80}' ELSE '{}' END::jsonb"
            " FROM (SELECT i, CASE WHEN i %% 4 = 0 THEN 'camera' ELSE 'sensor' END AS k,"
            " ST_Point(%(lon)s + (i %% 200) * 0.002, %(lat)s + (i / 200) * 0.002, 4326) AS g"
            " FROM generate_series(1, %(n)s) i) x",
            {"lon": LON, "lat": LAT, "n": FAR_ROWS, "srid": SRID},
        )
        conn.execute("ANALYZE device")
    given_ = {"lon": LON, "lat": LAT, "srid": SRID, "limit": 24, "radius": 5000}
    with db.store.scoped(SYSTEM) as conn:  # behind row-level security, as everybody asks
        for which, index in (("covering", "device_cones_street"), ("nearest", "device_eyes")):
            query, params = eyes.query(which, SYSTEM)
            rows = conn.execute(b"EXPLAIN " + query.as_bytes(conn), {**params, **given_}).fetchall()  # type: ignore[arg-type]
            plan = "\n".join(next(iter(r.values())) for r in rows)
            assert index in plan, plan
            assert "Seq Scan on device" not in plan, plan
