"""Issue 4, shown when done 6: a typhoon warning upgraded twice, then cancelled, by CAP through the endpoint.

The clock is the real one, the application and PostGIS too: at each step area, towns, notices and the panel are right,
and the same moments asked for with `t=` afterwards give what was known then, whatever has arrived since.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flask
import pytest
from psycopg.types.json import Jsonb

from ioc.clock import SystemClock
from ioc.command.panels import panels
from ioc.intake import datasets
from ioc.intake.datasets import Given
from ioc.intake.observations import ObservationIntake
from ioc.intake.readings import Reading
from ioc.settings import Settings
from ioc.store.keeper import ensure_partitions
from tests.conftest import Database
from tests.http.conftest import ORIGIN, SignIn
from tests.http.world import FAR_VILLAGE, NEAR_VILLAGE, World
from tests.mvt import decode

pytestmark = pytest.mark.http
HERE = {"lon": 111.15, "lat": 21.65}
# (west, east) of the area; south to north as below. The near village, the near county, both counties.
AREAS = {"blue": (111.12, 111.18), "yellow": (111.02, 111.48), "red": (111.02, 111.72)}
SEVERITY = {"blue": "Minor", "yellow": "Moderate", "red": "Extreme"}
ZH = {"blue": "蓝色", "yellow": "黄色", "red": "红色"}
WIND = {"blue": 8.0, "yellow": 14.0, "red": 26.5, "cancelled": 10.0}
INFO = """<info><language>zh-CN</language><category>Met</category><event>台风</event><urgency>Expected</urgency>
<severity>{severity}</severity><certainty>Likely</certainty>
<eventCode><valueName>国家突发事件分类</valueName><value>11B01</value></eventCode>
<effective>{sent}</effective><expires>{until}</expires><senderName>试验市气象台</senderName>
<headline>试验市气象台发布台风{zh}预警信号</headline><description>阵风加大。</description>
<area><areaDesc>试验市</areaDesc>
<polygon>{south},{west} {south},{east} {north},{east} {north},{west} {south},{west}</polygon></area></info>"""


@pytest.fixture
def clock() -> SystemClock:
    """Rows are dated by this clock and by the server's: with the real one both are the same."""
    return SystemClock()


@dataclass
class Story:
    """One centre, its people, and what has been seen at each step."""

    chief: Any
    outside: Any
    write: dict[str, str]
    db: Database
    settings: Settings

    def send(self, kind: str, number: str, sent: dt.datetime, colour: str = "", refers: str = "") -> dict[str, Any]:
        stamp = sent.astimezone(dt.timezone(dt.timedelta(hours=8))).isoformat(timespec="seconds")
        until = (sent + dt.timedelta(hours=24)).astimezone(dt.timezone(dt.timedelta(hours=8)))
        west, east = AREAS.get(colour, (0, 0))
        info = INFO.format(severity=SEVERITY[colour], sent=stamp, until=until.isoformat(timespec="seconds"),
                           zh=ZH[colour], west=west, east=east, south=21.62, north=21.68) if colour else ""  # fmt: skip
        refs = f"<references>{refers}</references>" if refers else ""
        xml = (
            f'<?xml version="1.0" encoding="UTF-8"?><alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">'
            f"<identifier>{number}</identifier><sender>qxj</sender><sent>{stamp}</sent><status>Actual</status>"
            f"<msgType>{kind}</msgType><scope>Public</scope>{refs}{info}</alert>"
        )
        answer = self.outside.post("/api/v1/warnings", data=xml.encode(),
                                   headers={**self.write, "Content-Type": "application/cap+xml"})  # fmt: skip
        assert answer.status_code == 201, answer.text
        return answer.get_json() | {"ref": f"qxj,{number},{stamp}"}

    def wind(self, value: float) -> None:
        reading = Reading("58001", "wind_speed", value, SystemClock().now())
        assert ObservationIntake(self.db.store, self.settings, SystemClock(), "气象").submit([reading]).stored == 1

    def tell(self, warning_id: int, colour: str) -> dict[str, Any]:
        body = {"title": f"台风{colour}", "body": "请注意防范", "warning_id": warning_id}
        answer = self.chief.post("/api/v1/area-notices", json=body, headers=ORIGIN)
        assert answer.status_code == 201, answer.text
        return answer.get_json()["area_notice"]

    def seen(self, t: dt.datetime | None = None) -> dict[str, Any]:
        """What the screens say now, or said at `t`."""
        asked = {} if t is None else {"t": t.isoformat().replace("+00:00", "Z")}
        panel = self.chief.post(
            "/api/v1/command/panels/weather", json=HERE, headers=ORIGIN, query_string=asked
        ).get_json()
        notices = self.chief.get("/api/v1/area-notices", query_string=asked).get_json()["area_notices"]
        data = self.chief.get("/tiles/warning/6/51/28.mvt", query_string=asked or {"v": str(time.monotonic_ns())}).data
        areas = decode(data).get("areas", []) if data else []
        wind = panel["data"]["values"]["wind_speed"]
        return {
            "warnings": [(w["colour"], w["state"], w["change"], [b["colour"] for b in w["before"]])
                         for w in panel["data"]["warnings"]],
            "wind": wind["value"],
            "wind_at": wind["observed_at"],
            "wind_age_s": wind["age_s"],
            "notices": sorted((n["title"], n["total"], tuple(sorted(v["name"] for v in n["villages"])), n["read"])
                              for n in notices),
            "areas": sorted(max(abs(x) for part in a.parts for x, _ in part) for a in areas),
            "on_map": sorted(a.props.get("k", "") + str(a.props.get("c", a.props.get("colour", ""))) for a in areas),
        }  # fmt: skip


def over() -> dt.datetime:
    """The first whole second at which everything so far is known; returns when it has passed."""
    at = SystemClock().now().replace(microsecond=0) + dt.timedelta(seconds=1)
    while SystemClock().now() <= at:
        time.sleep(0.02)
    return at


@pytest.fixture
def story(
    server: flask.Flask, sign_in: SignIn, token: Callable[..., dict[str, str]], db: Database, settings: Settings,
    world: World, tmp_path: Path,
) -> Story:  # fmt: skip
    now = SystemClock().now()
    with db.owner() as conn:
        ensure_partitions(conn, now, days_back=2, days_ahead=2)
        for code, name in ((NEAR_VILLAGE, "近村主任"), (FAR_VILLAGE, "远村主任")):
            conn.execute(
                "UPDATE grid_cell SET officers = %s WHERE region_id = %s",
                (Jsonb([{"name": name, "role": "网格员", "phone": "13800000000"}]), world.regions[code]),
            )
    file = tmp_path / "站点.csv"
    file.write_text(
        "站号,站名,站类,经度,纬度,隶属单位,观测要素\n58001,近气象站,气象站,111.16,21.65,气象局,风速\n", "utf-8"
    )
    report = datasets.bring_in(
        db.store, "stations", Given(file, settings, SystemClock(), "t", "EPSG:4326", source="气象")
    )
    assert report.stored == 1, report
    return Story(sign_in("chief"), server.test_client(), token("events:write"), db, settings)


def test_upgraded_twice_then_cancelled_and_the_same_again_in_replay(story: Story, world: World) -> None:
    moments: dict[str, dt.datetime] = {}
    live: dict[str, dict[str, Any]] = {}
    towns = {v: k for k, v in world.regions.items()}
    ref, ids, where = "", {}, {}
    for colour in AREAS:
        done = story.send("Update" if ref else "Alert", f"W-{colour}", SystemClock().now(), colour, ref)
        assert [r["outcome"] for r in done["references"]] == (["ended"] if ref else [])
        ref, ids[colour] = done["ref"], done["warning_id"]
        where[colour] = {towns[i] for i in done["region_ids"]}
        story.tell(done["warning_id"], ZH[colour])
        story.wind(WIND[colour])
        moments[colour], live[colour] = over(), {}
        live[colour] = story.seen()
    done = story.send("Cancel", "W-over", SystemClock().now(), refers=ref)
    assert [r["outcome"] for r in done["references"]] == ["ended"]
    story.wind(WIND["cancelled"])
    moments["cancelled"] = over()
    live["cancelled"] = story.seen()

    assert where["blue"] == {NEAR_VILLAGE}
    assert NEAR_VILLAGE in where["yellow"]
    assert FAR_VILLAGE not in where["yellow"]
    assert {NEAR_VILLAGE, FAR_VILLAGE} <= where["red"]
    assert live["blue"]["warnings"] == [("blue", "in_force", "new", [])]
    assert live["yellow"]["warnings"] == [("yellow", "in_force", "up", ["blue"])]
    assert live["red"]["warnings"] == [("red", "in_force", "up", ["yellow", "blue"])]
    assert live["cancelled"]["warnings"] == [("red", "cancelled", "up", ["yellow", "blue"])]
    near, both = ("近村",), tuple(sorted(("近村", "远方秘密村")))
    told = [("台风蓝色", 1, near, 0), ("台风黄色", 1, near, 0), ("台风红色", 2, both, 0)]
    for step, n in (("blue", 1), ("yellow", 2), ("red", 3), ("cancelled", 3)):
        assert live[step]["notices"] == sorted(told[:n]), step
        assert live[step]["wind"] == WIND[step]
        assert len(live[step]["areas"]) == (0 if step == "cancelled" else 1), "one area in force, none after the end"
    assert live["blue"]["areas"] < live["yellow"]["areas"] < live["red"]["areas"], "the area grows"
    again(story, moments, live)
    later(story, moments, live, ids)


def again(story: Story, moments: dict[str, dt.datetime], live: dict[str, dict[str, Any]]) -> None:
    """The four moments by `t=`: what the screens said then, the values with their age then."""
    for step, at in moments.items():
        then = story.seen(at)
        age = then.pop("wind_age_s")
        assert then == {k: v for k, v in live[step].items() if k != "wind_age_s"}, step
        assert age == round((at - dt.datetime.fromisoformat(then["wind_at"])).total_seconds()), "its age at that moment"
    before = min(moments.values()) - dt.timedelta(seconds=30)
    panel = story.chief.post("/api/v1/command/panels/weather", json=HERE, headers=ORIGIN,
                             query_string={"t": before.isoformat().replace("+00:00", "Z")}).get_json()  # fmt: skip
    assert panel["data"]["warnings"] == [], "before the first nobody knew of any"
    assert not panel["data"].get("values")


def later(story: Story, moments: dict[str, dt.datetime], live: dict[str, dict[str, Any]], ids: dict[str, int]) -> None:
    """A value and a warning that were late: not in the picture of the moment, told by the switch of corrections."""

    def corrections(step: str) -> list[tuple[str, str]]:
        t = moments[step].isoformat().replace("+00:00", "Z")
        got = story.chief.get("/api/v1/replay/corrections", query_string={"at": t}).get_json()
        return [(r["key"], c["field"]) for r in got["rows"] if r["key"].startswith("warning") for c in r["changes"]]

    assert {s: corrections(s) for s in moments} == {s: [] for s in moments}, "an upgrade in its time corrects nothing"
    reading = Reading("58001", "wind_speed", 99.0, moments["yellow"] - dt.timedelta(milliseconds=200))
    ObservationIntake(story.db.store, story.settings, SystemClock(), "气象").submit([reading])
    late = story.send("Alert", "W-late", moments["blue"] - dt.timedelta(seconds=120), "yellow")
    with story.db.owner() as conn:
        row = conn.execute("SELECT source_id FROM warning WHERE warning_id = %s", (ids["blue"],)).fetchone()
    assert row == {"source_id": "W-blue"}
    over()
    for step, at in moments.items():
        then = story.seen(at)
        assert then["wind"] == WIND[step], "what arrived later was not known then"
        assert then["warnings"] == live[step]["warnings"], step
    for step in ("blue", "yellow", "red", "cancelled"):
        assert corrections(step) == [(f"warning:{late['warning_id']}", "sent_at")], step
    now = story.seen()
    assert ("yellow", "in_force", "new", []) in now["warnings"]
    # a cancellation that had been sent before a moment and came after it
    known = over()
    ended = story.send("Cancel", "W-late-over", moments["blue"] - dt.timedelta(seconds=90), refers=late["ref"])
    assert [r["outcome"] for r in ended["references"]] == ["ended"]
    t = known.isoformat().replace("+00:00", "Z")
    got = story.chief.get("/api/v1/replay/corrections", query_string={"at": t}).get_json()["rows"]
    assert [(r["key"], r["changes"]) for r in got] == [
        (
            f"warning:{late['warning_id']}",
            [
                {
                    "field": "status",
                    "was": "active",
                    "now": "cancelled",
                    "was_said": {"zh": "生效", "en": "in force"},
                    "now_said": {"zh": "已解除", "en": "cancelled"},
                }
            ],
        )
    ]
    every_panel(story, known)
    an_entry(story)


def an_entry(story: Story) -> None:
    """What the timeline of an incident said at a moment, corrected afterwards: told by the switch alone."""

    def act(key: str, **given: Any) -> int:
        answer = story.chief.post(f"{url}/acts", json={"act": key, "given": given}, headers=ORIGIN)
        assert answer.status_code == 200, answer.text
        return int(answer.get_json()["no"])

    place = {**HERE, "crs": "EPSG:4490"}
    wish = {"title": "台风倒树", "class": 1, "level": 4, "reason": "阵风", "place": place}
    opened = story.chief.post("/api/v1/incidents", json=wish, headers=ORIGIN)
    url = f"/api/v1/incidents/{opened.get_json()['incident_id']}"
    entry = act("log", text="到场 4 车 21 人")
    t = over().isoformat().replace("+00:00", "Z")
    act("correct", refers=entry, text="到场 4 车 23 人")
    told = story.chief.get("/api/v1/replay/corrections", query_string={"at": t}).get_json()["rows"]
    assert {"field": "entry", "was": "到场 4 车 21 人", "now": "到场 4 车 23 人"} in [
        c for r in told for c in r["changes"]
    ]
    then = story.chief.get(f"{url}/timeline", query_string={"t": t}).get_json()["entries"]
    assert "23 人" not in str(then)
    assert "21 人" in str(then)
    case = url.rpartition("/")[2]
    nxt = story.chief.get("/api/v1/replay/step", query_string={"at": t, "case": case}).get_json()["at"]
    assert nxt is None or nxt > t, "the next step of this incident, which is its correction"


def every_panel(story: Story, at: dt.datetime) -> None:
    """No panel breaks over what was known then; and what only reads is all that a moment lets through."""
    t = {"t": at.isoformat().replace("+00:00", "Z")}
    for key in panels():
        got = story.chief.post(f"/api/v1/command/panels/{key}", json=HERE, headers=ORIGIN, query_string=t)
        assert got.get_json()["state"] in ("ok", "empty", "missing"), (key, got.text)
        assert got.headers["X-Ioc-As-Of"] == at.isoformat()
    assert story.chief.post("/api/v1/area-notices", json={}, headers=ORIGIN, query_string=t).status_code == 423
