"""A centre whose every name is in Latin letters: what is Chinese on its English pages is the product's own.

So no list of exceptions is needed: a name that may be Chinese cannot be told from a word left behind.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any, LiteralString

import httpx
from psycopg import sql
from psycopg.types.json import Jsonb

from ioc.accounts.base import Accounts, Grant
from ioc.accounts.tokens import create_token
from ioc.accounts.users import add_user
from ioc.clock import SystemClock
from ioc.intake.alarm_timer import AlarmTimer
from ioc.intake.observations import ObservationIntake
from ioc.intake.publish import publish_file
from ioc.intake.readings import Reading
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import sources
from ioc.store.keeper import ensure_partitions
from tests.conftest import Database
from tests.http import world as small
from tests.http.world import World
from tests.product import PASSWORD

TABLES = ("region", "source", "device", "grid_cell", "resource", "event", "cases")
# Words of a code table, which screens translate: they stay as a department delivers them.
KEPT = ("due_label", "stages", "sources", "kind")
GB_ID = "44170201081326000001"


def build(db: Database) -> World:
    """The small centre, its Chinese names gone, with a warning, a link to a lower centre and what could not be sent."""
    now = SystemClock().now()
    with db.owner() as conn:
        ensure_partitions(conn, now)
        world = small.build(conn, now)
        for table in TABLES:
            _latin(conn, table)
        conn.execute("UPDATE cases SET stages = '[]'")
        conn.execute("UPDATE device SET national_id = %s WHERE device_id = %s", (GB_ID, world.near["camera"]))
        conn.execute("UPDATE event SET attributes = %s", (Jsonb({"reporter": "Ann"}),))
        conn.execute(
            "INSERT INTO warning (source, source_id, kind, kind_en, colour, region_ids, onset_at, expires_at)"
            " VALUES ('cap', 'w1', '暴雨', 'Rainstorm', 'yellow', %s, %s, %s)",
            ([world.regions[small.NEAR]], now, now + dt.timedelta(hours=6)),
        )
        _beside(conn, world, now)
    return world


def _latin(conn: Any, table: str) -> None:
    found = conn.execute(
        "SELECT column_name AS name FROM information_schema.columns WHERE table_name = %s AND data_type = 'text'"
        " AND is_generated = 'NEVER' AND table_schema = current_schema()",
        (table,),
    ).fetchall()
    names = [r["name"] for r in found if r["name"] not in KEPT]
    put = sql.SQL("{0} = regexp_replace(replace({0}, '近', 'Near '), '[\u4e00-\u9fff]+', 'Far', 'g')")
    sets = [put.format(sql.Identifier(n)) for n in names]
    conn.execute(sql.SQL("UPDATE {} SET {}").format(sql.Identifier(table), sql.SQL(", ").join(sets)))


_BESIDE: tuple[LiteralString, ...] = (
    "INSERT INTO lower_centre (centre_key, title, url, region_id, synced_at, read_at, updated_at)"
    " VALUES ('low', 'Lower Town', 'http://127.0.0.1:9/', %(region)s, %(now)s, %(now)s, %(now)s)",
    "INSERT INTO lower_record (centre_key, key, kind, version, closed, record, region_id, received_at)"
    " VALUES ('low', 'case:1', 'case', 1, false, %(record)s, %(region)s, %(now)s)",
    "INSERT INTO delivery (key, channel, masked, state, tries, due_at, error, error_en, created_at, updated_at)"
    " VALUES ('k1', 'sms', '138****0000', 'dead', 5, %(now)s, '对端拒绝', 'refused by the far end', %(now)s, %(now)s)",
)


def _beside(conn: Any, world: World, now: dt.datetime) -> None:
    record = {"number": "L-1", "title": "Pothole", "place": "Lower Town",
              "stage_text": {"zh": "受理", "en": "Accepted"}}  # fmt: skip
    given = {"region": world.regions[small.NEAR], "now": now, "record": Jsonb(record)}
    for query in _BESIDE:
        conn.execute(query, given)


def people(accounts: Accounts) -> None:
    whole = Grant(whole=True, sensitivity=2)
    for login, name, roles in (
        ("boss", "Bo Ss", ["admin", "chief"]),
        ("duty", "Li Jiaxin", ["officer"]),
        ("walker", "Tan Xiaoling", ["grid"]),
    ):
        add_user(accounts, login, PASSWORD, roles, whole, name=name, own_password=True)


def happen(db: Database, settings: Settings, accounts: Accounts, url: str, world: World, folder: Path) -> None:
    """Alarms of three priorities, a detection to be reviewed, a roster with a handover due, an entry of 督办."""
    clock = SystemClock()
    now = clock.now()
    with db.store.scoped(SYSTEM) as conn:
        sources.ensure(conn, "t", kind="mqtt", title="Test", classes=["sensor"], interval_s=60)
    intake = ObservationIntake(db.store, settings, clock, "t")
    for name, kind, prop, value in (
        ("Gas 1", "gas", "gas_lel", 60.0), ("Gas 2", "gas", "gas_lel", 26.0),
        ("Park 1", "parking", "parking_free", 0.0), ("Cover 1", "manhole", "tilt", 40.0),
    ):  # fmt: skip
        _device(db, name, kind, world)
        intake.submit([Reading(name, prop, value, now.isoformat())])
    AlarmTimer(db.store, clock, settings.tz, grace_s=0).turn()
    token = create_token(accounts, "eye", ("events:write",), Grant(whole=True, sensitivity=1), source="eye")
    seen = {"id": "D-1", "algorithm": "illegal_parking", "confidence": 0.7, "camera": GB_ID,
            "occurred_at": now.isoformat(), "boxes": [[0.1, 0.2, 0.3, 0.4]]}  # fmt: skip
    headers = {"Authorization": f"Bearer {token}"}
    httpx.post(f"{url}/api/v1/detections", json=seen, headers=headers, timeout=60).raise_for_status()
    _roster(db, settings, clock, folder)
    client = httpx.Client(base_url=url, headers={"Origin": url}, timeout=60)
    client.post("/api/v1/auth/sign-in", json={"login": "boss", "password": PASSWORD}).raise_for_status()
    case = world.near["case"]
    for step, given in (
        ("forward", {"department": "Roads"}),
        ("supervise", {"text": "Soon", "until": "2099-01-01", "owner": "Roads"}),
        ("urge", {"text": "Quick"}),
        ("ask_void", {"reason": "Twice"}),
    ):
        version = client.get(f"/api/v1/cases/{case}/steps").json()["version"]
        body = {"step": step, "version": version, "given": given}
        client.post(f"/api/v1/cases/{case}/steps", json=body).raise_for_status()
    client.post("/api/v1/desk/views", json={"name": "Late", "query": {"show": "overdue"}}).raise_for_status()


def _device(db: Database, name: str, kind: str, world: World) -> None:
    with db.owner() as conn:
        conn.execute(
            "INSERT INTO device (source, external_id, kind, class, name, status, geom, h3_10, interval_s, region_id)"
            " VALUES ('t', %s, %s, 'sensor', %s, 'online', ST_Point(111.15, 21.65, 4326), 622236750694711295, 300, %s)",
            (name, kind, name, world.regions[small.NEAR_VILLAGE]),
        )


def _roster(db: Database, settings: Settings, clock: SystemClock, folder: Path) -> None:
    """A shift that ends within the hour, so that the drawer asks for the handover."""
    local = clock.now().astimezone(settings.tz)
    end = (local + dt.timedelta(minutes=30)).replace(second=0, microsecond=0)
    first, second = (end - dt.timedelta(hours=8)), end
    head = "日期,班次,开始,结束,岗位,姓名,账号,电话,区划"
    lines = [
        f"{first:%Y-%m-%d},Early,{first:%H:%M},{end:%H:%M},值班长,Bo Ss,boss,13800000932,",
        f"{first:%Y-%m-%d},Early,{first:%H:%M},{end:%H:%M},带班领导,Ann Lead,,,",
        f"{first:%Y-%m-%d},Early,{first:%H:%M},{end:%H:%M},值班员,Feng Li,,,",
        f"{first:%Y-%m-%d},Early,{first:%H:%M},{end:%H:%M},值班员,Zhou Hai,,,",
        f"{second:%Y-%m-%d},Late,{second:%H:%M},{(second + dt.timedelta(hours=8)):%H:%M},值班长,Li Jiaxin,duty,,",
    ]
    file = folder / "rosters.csv"
    file.write_text("\n".join([head, *lines]) + "\n", "utf-8")
    report = publish_file(db.store, "rosters", file, settings=settings, clock=clock, actor="t")
    assert report.rejected == 0, report
