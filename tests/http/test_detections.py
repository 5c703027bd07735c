"""`/api/v1/detections` over HTTP: thresholds, pictures, doubles, reviews, who may what, what it leaves elsewhere."""

from __future__ import annotations

import base64
import io
import json
import os
import struct
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flask
import psycopg
import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import settings as settings_of
from hypothesis import strategies as st

from data_sources import ai_video
from ioc.accounts.base import Grant
from ioc.intake.context import SourceContext
from ioc.registry import Registry
from ioc.settings import Settings
from tests.conftest import Database
from tests.http import world as small
from tests.http.conftest import ORIGIN
from tests.http.test_fuzz import HOSTILE, QUICK
from tests.http.world import World
from tests.store.test_observations import rows
from tests.unit.test_gb28181 import item, packet

pytestmark = pytest.mark.http
Token = Callable[..., dict[str, str]]
AT = "2026-10-03T14:30:00+08:00"
GB_ID = "44170201081326000001"


def png(size: int = 4, text: bytes = b"secret GPS") -> bytes:
    """A valid picture with a text chunk beside it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + b"\x40\x80\xc0" * size for _ in range(size)))
    note = chunk(b"tEXt", b"Comment\0" + text)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + note + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def detection(number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "id": f"D-{number}",
        "algorithm": "illegal_parking",
        "confidence": 0.91,
        "camera": GB_ID,
        "occurred_at": AT,
        "boxes": [[0.1, 0.2, 0.3, 0.4]],
        **more,
    }


@pytest.fixture
def city(db: Database, world: World) -> World:
    """The near camera has a national id; the far one is not of the near side's concern."""
    with db.owner() as conn:
        conn.execute("UPDATE device SET national_id = %s WHERE device_id = %s", (GB_ID, world.near["camera"]))
    return world


@pytest.fixture
def write(token: Token) -> dict[str, str]:
    return token("events:write", source="eye")


@pytest.fixture
def post(server: flask.Flask, city: World, write: dict[str, str]) -> Callable[..., Any]:
    def go(headers: dict[str, str] | None = None, **more: Any) -> Any:
        return server.test_client().post("/api/v1/detections", json=detection(**more), headers=headers or write)

    return go


def test_above_the_threshold_is_a_suspected_event_at_its_camera(post: Any, db: Database, city: World) -> None:
    answer = post()
    assert answer.status_code == 201, answer.get_json()
    made = answer.get_json()
    assert (made["state"], made["status"], made["algorithm"]) == ("suspected", "created", "illegal_parking")
    (event,) = rows(db, "SELECT * FROM event WHERE event_id = %s", made["event_id"])
    assert (event["source"], event["source_id"], event["suspected"], event["status"]) == ("eye", "D-1", True, "open")
    assert (event["category_scheme"], event["category_code"]) == ("gbt30428", "0505")
    assert event["device_id"] == city.near["camera"]
    assert event["attributes"]["camera"] == GB_ID
    assert event["region_id"] == city.regions[small.NEAR_VILLAGE]
    assert event["case_id"] is None


def test_below_it_waits_for_a_person_and_is_nothing_else(post: Any, db: Database) -> None:
    made = post(confidence=0.79).get_json()
    assert (made["state"], made["event_id"], made["threshold"]) == ("review", None, 0.8)
    assert rows(db, "SELECT count(*) AS n FROM event WHERE source = 'eye'") == [{"n": 0}]
    assert rows(db, "SELECT count(*) AS n FROM event_history h WHERE record ->> 'source' = 'eye'") == [{"n": 0}]
    assert rows(db, "SELECT count(*) AS n FROM cases WHERE source = 'eye'") == [{"n": 0}]


def test_doubles_are_one_also_at_once_and_after_a_decision(post: Any, db: Database, sign_in: Any) -> None:
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(post().status_code)) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(statuses) == [200] * 7 + [201]
    assert rows(db, "SELECT count(*) AS n FROM detection") == [{"n": 1}]
    assert rows(db, "SELECT count(*) AS n FROM event WHERE source = 'eye'") == [{"n": 1}]
    made = post().get_json()
    confirmed = sign_in("chief").post(f"/api/v1/detections/{made['detection_id']}/confirm", json={}, headers=ORIGIN)
    assert confirmed.get_json()["state"] == "confirmed"
    assert post().get_json()["status"] == "unchanged"
    changed = post(confidence=0.95)
    assert [(r["field"], r["code"]) for r in changed.get_json()["reasons"]] == [("id", "already_reviewed")]
    assert rows(db, "SELECT suspected FROM event WHERE source = 'eye'") == [{"suspected": False}]


def test_the_event_interface_cannot_undo_a_review(
    post: Any, server: flask.Flask, db: Database, sign_in: Any, write: dict[str, str]
) -> None:
    made = post().get_json()
    chief = sign_in("chief")
    chief.post(f"/api/v1/detections/{made['detection_id']}/confirm", json={}, headers=ORIGIN)
    (event,) = rows(db, "SELECT * FROM event WHERE source = 'eye'")
    again = {
        "source": "eye", "source_id": "D-1", "title": "别的标题", "urgency": "routine", "suspected": True,
        "status": "open", "lon": 111.15, "lat": 21.65, "crs": "EPSG:4326", "occurred_at": AT,
    }  # fmt: skip
    assert server.test_client().post("/api/v1/events", json=again, headers=write).get_json()["state"] == "updated"
    (after,) = rows(db, "SELECT * FROM event WHERE source = 'eye'")
    assert (after["title"], after["suspected"], after["reviewed"]) == ("别的标题", False, "confirmed")
    assert after["version"] == event["version"] + 1


def test_pictures_by_base64_and_multipart_are_cleaned_and_only_for_who_sees_the_detection(
    post: Any, server: flask.Flask, settings: Settings, sign_in: Any, city: World, write: dict[str, str]
) -> None:
    raw = png()
    first = post(picture=base64.b64encode(raw).decode()).get_json()
    body = {"detection": json.dumps(detection(2)), "picture": (io.BytesIO(raw), "shot.exe")}
    second = server.test_client().post(
        "/api/v1/detections", data=body, headers=write, content_type="multipart/form-data"
    )
    assert second.status_code == 201, second.get_json()
    for made in (first, second.get_json()):
        answer = sign_in("chief").get(f"/api/v1/detections/{made['detection_id']}/picture")
        assert (answer.status_code, answer.mimetype) == (200, "image/png")
        assert answer.data.startswith(b"\x89PNG")
        assert b"secret" not in answer.data
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert len([p for p in (settings.root / "detections").rglob("*") if p.is_file()]) == 1, "one picture, one file"
    far = post(number=3, camera=str(city.far["camera"]), picture=base64.b64encode(raw).decode()).get_json()
    town = sign_in("town")
    assert town.get(f"/api/v1/detections/{first['detection_id']}/picture").status_code == 200
    assert town.get(f"/api/v1/detections/{far['detection_id']}/picture").status_code == 404
    assert town.get(f"/api/v1/detections/{far['detection_id']}").status_code == 404
    assert small.SECRET not in town.get("/api/v1/detections").text
    refused = town.post(f"/api/v1/detections/{far['detection_id']}/confirm", json={}, headers=ORIGIN)
    assert refused.status_code == 404
    assert server.test_client().get(f"/api/v1/detections/{first['detection_id']}/picture").status_code == 401


@pytest.mark.parametrize(
    ("more", "field", "code"),
    [
        ({"picture": base64.b64encode(b"<svg onload='x'/>").decode()}, "picture", "not_a_picture"),
        ({"picture": base64.b64encode(b"\xff\xd8\xff\xe0\x00").decode()}, "picture", "not_a_picture"),
        ({"picture": "%%%"}, "picture", "bad_base64"),
        ({"picture": 7}, "picture", "bad_base64"),
        ({"confidence": 91}, "confidence", "out_of_range"),
        ({"confidence": True}, "confidence", "bad_number"),
        ({"algorithm": "telepathy"}, "algorithm", "unknown_algorithm"),
        ({"camera": "44170201081326009999"}, "camera", "unknown_device"),
        ({"camera": None}, "camera", "missing_place"),
        ({"occurred_at": "soon"}, "occurred_at", "bad_time"),
        ({"occurred_at": "2027-01-01T00:00:00Z"}, "occurred_at", "future_time"),
        ({"boxes": [[0.5, 0.5, 0.6, 0.1]]}, "boxes", "bad_boxes"),
        ({"boxes": [[0, 0, "nan", 1]]}, "boxes", "bad_boxes"),
        ({"id": ""}, "id", "missing_field"),
        ({"lon": 10.0, "lat": 20.0, "crs": "EPSG:4326"}, "lon", "out_of_area"),
        ({"source": "another"}, "source", "source_not_allowed"),
    ],
)
def test_refused_with_the_reason_and_nothing_kept(
    post: Any, db: Database, more: dict[str, Any], field: str, code: str
) -> None:
    for confidence in (0.95, 0.1):
        answer = post(**{"confidence": confidence, **more})
        assert answer.status_code == 422
        assert (field, code) in {(r["field"], r["code"]) for r in answer.get_json()["reasons"]}
    assert rows(db, "SELECT count(*) AS n FROM detection") == [{"n": 0}]
    assert rows(db, "SELECT count(*) AS n FROM event WHERE source = 'eye'") == [{"n": 0}]
    if field != "source":
        kept = rows(db, "SELECT raw FROM reject WHERE source = 'eye'")
        assert len(kept) == 2
        assert all('"picture"' not in r["raw"] for r in kept)


def test_only_platforms_deliver_and_only_reviewers_decide(
    post: Any, server: flask.Flask, sign_in: Any, token: Token, city: World
) -> None:
    assert sign_in("chief").post("/api/v1/detections", json=detection(), headers=ORIGIN).status_code == 403
    assert post(headers=token("read")).status_code == 403
    unbound = token("events:write", grant=Grant(whole=True, sensitivity=1))
    assert post(headers=unbound).get_json()["reasons"][0]["field"] == "source"
    assert post(headers=unbound, source="another-eye").status_code == 201
    near_only = token("events:write", source="near", grant=Grant(region_codes=(small.NEAR,), sensitivity=0))
    refused = post(headers=near_only, number=9, camera=str(city.far["camera"]))
    assert refused.get_json()["reasons"][0]["code"] == "unknown_device"
    made = post(number=4, confidence=0.1).get_json()
    for headers in (token("read"), token("events:write", source="x")):
        path = f"/api/v1/detections/{made['detection_id']}/confirm"
        assert server.test_client().post(path, json={}, headers=headers).status_code == 403


def test_a_review_is_kept_with_name_time_and_reason_and_cannot_be_lost(
    post: Any, db: Database, sign_in: Callable[[str], FlaskClient]
) -> None:
    waiting = post(confidence=0.3).get_json()
    sure = post(number=2).get_json()
    chief, town = sign_in("chief"), sign_in("town")
    listed = chief.get("/api/v1/detections?state=review").get_json()
    assert [d["detection_id"] for d in listed["detections"]] == [waiting["detection_id"]]
    assert listed["counts"] == {"review": 1, "suspected": 1, "confirmed": 0, "refuted": 0}
    path = f"/api/v1/detections/{sure['detection_id']}"
    no_reason = chief.post(f"{path}/refute", json={}, headers=ORIGIN)
    assert (no_reason.status_code, no_reason.get_json()["reasons"][0]["field"]) == (422, "reason")
    refuted = chief.post(f"{path}/refute", json={"reason": "树影", "version": 1}, headers=ORIGIN)
    assert refuted.get_json() == {
        "detection_id": sure["detection_id"], "state": "refuted", "event_id": sure["event_id"], "version": 2,
    }  # fmt: skip
    late = town.post(f"{path}/confirm", json={"version": 1}, headers=ORIGIN)
    assert late.status_code == 409
    assert "chief" in late.get_json()["zh"]
    (event,) = rows(db, "SELECT status, reviewed FROM event WHERE event_id = %s", sure["event_id"])
    assert (event["status"], event["reviewed"]) == ("void", "refuted")
    made = chief.post(f"/api/v1/detections/{waiting['detection_id']}/confirm", json={}, headers=ORIGIN).get_json()
    (born,) = rows(db, "SELECT suspected, status, reviewed FROM event WHERE event_id = %s", made["event_id"])
    assert born == {"suspected": False, "status": "open", "reviewed": "confirmed"}
    corrected = town.post(f"{path}/confirm", json={"reason": "放大后确有车辆"}, headers=ORIGIN).get_json()
    assert corrected["state"] == "confirmed"
    history = chief.get(path).get_json()["reviews"]
    assert [(r["decision"], r["actor_name"], r["reason"]) for r in history] == [
        ("refuted", "chief", "树影"),
        ("confirmed", "town", "放大后确有车辆"),
    ]
    with psycopg.connect(db.dsn_app, autocommit=True) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("DELETE FROM detection_review")


def test_what_is_part_of_a_case_is_not_pulled_from_under_it(post: Any, sign_in: Any) -> None:
    made = post().get_json()
    chief = sign_in("chief")
    case = chief.post("/api/v1/cases", json={"event_id": made["event_id"], "flow": "grid"}, headers=ORIGIN)
    assert case.status_code == 201, case.get_json()
    path = f"/api/v1/detections/{made['detection_id']}"
    refused = chief.post(f"{path}/refute", json={"reason": "误报"}, headers=ORIGIN)
    assert refused.status_code == 409
    assert chief.post(f"{path}/confirm", json={}, headers=ORIGIN).status_code == 200


def test_types_are_configured_and_a_rule_may_open_a_case(post: Any, db: Database, sign_in: Any) -> None:
    chief = sign_in("chief")
    shipped = chief.get("/api/v1/detections/types").get_json()["types"]
    assert len(shipped) == 12
    town = sign_in("town")
    assert town.put("/api/v1/detections/types/fight", json={"threshold": 0.1}, headers=ORIGIN).status_code == 403
    bad = chief.put("/api/v1/detections/types/Bad-Code", json={"urgency": "x", "case_flow": "y"}, headers=ORIGIN)
    assert {r["field"] for r in bad.get_json()["reasons"]} == {"code", "zh", "en", "urgency", "case_flow"}
    changed = chief.put(
        "/api/v1/detections/types/illegal_parking",
        json={"threshold": 0.95, "case_flow": "grid", "case_confidence": 0.97},
        headers=ORIGIN,
    )
    assert changed.get_json()["threshold"] == 0.95
    assert post(confidence=0.94).get_json()["state"] == "review"
    plain = post(number=2, confidence=0.96).get_json()
    ruled = post(number=3, confidence=0.98).get_json()
    (a,) = rows(db, "SELECT case_id FROM event WHERE event_id = %s", plain["event_id"])
    (b,) = rows(db, "SELECT case_id, suspected FROM event WHERE event_id = %s", ruled["event_id"])
    assert a["case_id"] is None
    assert (b["case_id"] is not None, b["suspected"]) == (True, True)
    assert rows(db, "SELECT count(*) AS n FROM audit WHERE action = 'detection_type.change'") == [{"n": 1}]
    new = chief.put("/api/v1/detections/types/helmet", json={"zh": "未戴头盔", "en": "No helmet"}, headers=ORIGIN)
    assert (new.get_json()["threshold"], new.get_json()["urgency"]) == (0.8, "routine")
    assert post(number=4, algorithm="未戴头盔").get_json()["state"] == "suspected"
    chief.put("/api/v1/detections/types/helmet", json={"enabled": False}, headers=ORIGIN)
    assert post(number=5, algorithm="helmet").status_code == 422


def test_a_private_camera_makes_a_private_detection(
    post: Any, server: flask.Flask, db: Database, sign_in: Any, city: World, token: Token
) -> None:
    with db.owner() as conn:
        conn.execute("UPDATE device SET private_to = '公安局' WHERE device_id = %s", (city.near["camera"],))
    made = post(confidence=0.2).get_json()
    sure = post(number=2, algorithm="face", confidence=0.99).get_json()
    assert rows(db, "SELECT private_to, sensitivity FROM detection ORDER BY 2") == [
        {"private_to": "公安局", "sensitivity": 0},
        {"private_to": "公安局", "sensitivity": 2},
    ]
    assert rows(db, "SELECT private_to, sensitivity FROM event WHERE source = 'eye'") == [
        {"private_to": "公安局", "sensitivity": 2}
    ]
    other = token("read", grant=Grant(whole=True, sensitivity=2, departments=("城管局",)))
    client = server.test_client()
    assert client.get("/api/v1/detections", headers=other).get_json()["count"] == 0
    assert client.get(f"/api/v1/detections/{made['detection_id']}", headers=other).status_code == 404
    assert sign_in("town").get("/api/v1/detections").get_json()["count"] == 1, "not the sensitive one"
    assert sign_in("chief").get("/api/v1/detections").get_json()["count"] == 2
    assert sure["state"] == "suspected"


def test_the_picture_address_is_kept_without_what_opens_it(post: Any, sign_in: Any) -> None:
    url = "http://admin:pw@192.168.3.7:8000/snap/1.jpg?token=abc"
    made = post(picture_url=url, confidence=0.2).get_json()
    text = sign_in("chief").get(f"/api/v1/detections/{made['detection_id']}").text
    assert "http://*.*.*.*/snap/1.jpg" in text
    assert not any(word in text for word in ("192.168", "admin:pw", "token=", "8000"))
    assert post(number=2, picture_url=url, confidence="x").status_code == 422


def test_figures_say_how_often_each_was_wrong(post: Any, sign_in: Any, city: World) -> None:
    chief = sign_in("chief")
    made = [post(number=n, confidence=0.1 if n % 2 else 0.9).get_json()["detection_id"] for n in range(6)]
    fight = post(number=9, algorithm="fight", confidence=0.99).get_json()["detection_id"]
    for i in made[:3]:
        chief.post(f"/api/v1/detections/{i}/refute", json={"reason": "误报"}, headers=ORIGIN)
    chief.post(f"/api/v1/detections/{made[3]}/confirm", json={}, headers=ORIGIN)
    chief.post(f"/api/v1/detections/{fight}/confirm", json={}, headers=ORIGIN)
    found = chief.get("/api/v1/detections/figures").get_json()
    by = {r["key"]: r for r in found["algorithms"]}
    assert (by["illegal_parking"]["refuted_rate"], by["illegal_parking"]["total"]) == (75.0, 6)
    assert by["fight"]["refuted_rate"] == 0.0
    (camera,) = found["cameras"]
    assert (camera["key"], camera["device_id"], camera["refuted"], camera["confirmed"]) == (
        GB_ID, city.near["camera"], 3, 2,
    )  # fmt: skip
    assert camera["refuted_rate"] == 60.0


def test_a_suspected_report_of_another_source_is_reviewed_too(
    server: flask.Flask, db: Database, city: World, sign_in: Any, token: Token
) -> None:
    body = {
        "source": "patrol", "source_id": "P-1", "title": "疑似违建", "urgency": "routine", "suspected": True,
        "category": {"scheme": "gbt30428", "code": "0101"}, "lon": 111.15, "lat": 21.65, "crs": "EPSG:4326",
        "occurred_at": AT,
    }  # fmt: skip
    made = server.test_client().post("/api/v1/events", json=body, headers=token("events:write")).get_json()
    chief = sign_in("chief")
    path = f"/api/v1/events/{made['event_id']}"
    assert chief.post(f"{path}/refute", json={}, headers=ORIGIN).status_code == 422
    done = chief.post(f"{path}/confirm", json={}, headers=ORIGIN).get_json()
    assert (done["state"], done["version"]) == ("confirmed", 2)
    assert chief.post(f"{path}/confirm", json={}, headers=ORIGIN).get_json()["version"] == 2
    plain = city.near["event"]
    assert chief.post(f"/api/v1/events/{plain}/confirm", json={}, headers=ORIGIN).status_code == 409
    assert rows(db, "SELECT event_id, decision, actor_name FROM detection_review") == [
        {"event_id": made["event_id"], "decision": "confirmed", "actor_name": "chief"}
    ]


def test_pictures_nothing_names_are_swept(
    post: Any, db: Database, settings: Settings, clock: Any, tmp_path: Path
) -> None:
    kept = base64.b64encode(png(5)).decode()
    post(picture=kept)
    post(number=2, picture=base64.b64encode(png(6)).decode(), algorithm="none")  # refused
    files = [p for p in (settings.root / "detections").rglob("*") if p.is_file()]
    assert len(files) == 2
    context = SourceContext("ai_video", settings, Registry(), db.store, clock, threading.Event())
    assert ai_video.sweep(context) == 0, "young files are left alone"
    for path in files:
        os.utime(path, (1_000_000_000, 1_000_000_000))
    assert ai_video.sweep(context) == 1
    (left,) = [p for p in (settings.root / "detections").rglob("*") if p.is_file()]
    (row,) = rows(db, "SELECT picture FROM detection")
    assert left.name == row["picture"]


def test_a_detection_with_one_wrong_field_is_taken_whole_or_not_at_all(
    server: flask.Flask, city: World, write: dict[str, str], db: Database
) -> None:
    client, sent = server.test_client(), 0

    @settings_of(QUICK, max_examples=150)
    @given(st.sampled_from([*sorted(detection()), "title", "picture", "attributes", "extra", "crs", "lon"]), HOSTILE)
    def ask(name: str, value: Any) -> None:
        nonlocal sent
        sent += 1
        body = {**detection(sent), name: {"a": value} if name == "attributes" else value}
        raw = json.dumps(body).encode()
        answer = client.post("/api/v1/detections", data=raw, headers={**write, "Content-Type": "application/json"})
        assert answer.status_code in (200, 201, 413, 422), answer.text
        if answer.status_code == 422:
            assert answer.get_json()["reasons"]

    ask()
    made = "SELECT count(*) AS n FROM event WHERE source = 'eye'"
    assert rows(db, made) == rows(db, "SELECT count(*) AS n FROM detection WHERE state = 'suspected'")
    assert rows(db, "SELECT count(*) AS n FROM detection WHERE event_id IS NULL AND state <> 'review'") == [{"n": 0}]


def test_wrong_words_in_addresses_and_reviews_are_refused(post: Any, sign_in: Any) -> None:
    made, chief = post(confidence=0.2).get_json(), sign_in("chief")
    path = f"/api/v1/detections/{made['detection_id']}"
    for query in ("state=x", "algorithm=a%00b", "limit=0", "after=-1", "since=soon", "until=9e99"):
        assert chief.get(f"/api/v1/detections?{query}").status_code == 422, query
    assert chief.get("/api/v1/video/nodes?parent=%00").status_code == 422
    assert chief.get("/api/v1/video/nodes?placed=maybe").status_code == 422
    assert chief.get("/api/v1/video/nodes").get_json() == {"nodes": [], "count": 0}
    assert chief.get("/api/v1/events?suspected=perhaps&status=x&from=y").status_code == 422
    for reason in ("a\x00b", "x" * 501):
        assert chief.post(f"{path}/refute", json={"reason": reason}, headers=ORIGIN).status_code == 422
    assert chief.post(f"{path}/refute", json={"version": 0}, headers=ORIGIN).status_code == 422
    assert chief.post("/api/v1/detections/99999999/confirm", json={}, headers=ORIGIN).status_code == 404


def test_a_catalogue_by_http_is_a_tokens_and_xml(server: flask.Flask, city: World, sign_in: Any, token: Token) -> None:
    client, whole = server.test_client(), token("events:write", source="police")
    body = packet(item()).encode("gb18030")
    done = client.post("/api/v1/video/catalogue", data=body, headers={**whole, "Content-Type": "text/xml"})
    assert done.status_code == 200, done.get_json()
    found = done.get_json()
    # the camera is another source's already: known in the tree, not stored twice
    assert (found["round"], found["rejected"], found["nodes"], found["stored"]) == ("complete", 0, 1, 0)
    nodes = sign_in("chief").get("/api/v1/video/nodes?source=police").get_json()["nodes"]
    assert [(n["gb_id"], n["status"]) for n in nodes] == [(GB_ID, "online")]
    assert client.post("/api/v1/video/catalogue", data=body, headers=whole).status_code == 422
    broken = client.post("/api/v1/video/catalogue", data=b"<!DOCTYPE x>", headers={**whole, "Content-Type": "text/xml"})
    assert (broken.status_code, broken.get_json()["reasons"][0]["code"]) == (422, "xml_forbidden")
    person = sign_in("chief").post("/api/v1/video/catalogue", data=body, headers={**ORIGIN, "Content-Type": "text/xml"})
    assert person.status_code == 403
