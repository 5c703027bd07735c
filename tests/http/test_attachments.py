"""Files over HTTP: taken in, given back to who may see them, bound to a case by a step, swept in the end."""

from __future__ import annotations

import concurrent.futures
import datetime as dt
import io
import os
from pathlib import Path
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient
from psycopg.types.json import Jsonb

from ioc.accounts.base import Accounts, Grant
from ioc.accounts.users import add_user
from ioc.attachments.sweep import sweep
from ioc.audit.canonical import sm3
from ioc.clock import FixedClock
from ioc.ops import keeper_loop
from ioc.settings import Settings
from ioc.store import disk
from tests.conftest import Database
from tests.http.conftest import ORIGIN, PASSWORD, SignIn
from tests.http.test_case_steps import offered, one, take
from tests.http.world import World
from tests.unit.test_attachment_content import MP4, PDF, picture

pytestmark = pytest.mark.http


@pytest.fixture
def near(accounts: Accounts) -> None:
    """A grid officer and a leader who only looks."""
    add_user(accounts, "walker", PASSWORD, ["grid"], Grant(whole=True, sensitivity=1), name="张网格", own_password=True)
    add_user(accounts, "leader", PASSWORD, ["leader"], Grant(whole=True, sensitivity=1), own_password=True)


def send(client: FlaskClient, data: bytes = b"", once: str = "", name: str = "x.jpg", **form: Any) -> Any:
    body = {"file": (io.BytesIO(data or picture()), name), **{k: str(v) for k, v in form.items()}}
    headers = {**ORIGIN, **({"Idempotency-Key": once} if once else {})}
    return client.post("/api/v1/attachments", data=body, headers=headers)


def sent(client: FlaskClient, data: bytes = b"", **form: Any) -> int:
    answer = send(client, data, **form)
    assert answer.status_code == 201, answer.text
    return answer.get_json()["attachment_id"]


def get(client: FlaskClient, attachment_id: int, query: str = "") -> Any:
    return client.get(f"/api/v1/attachments/{attachment_id}{query}")


def files(settings: Settings) -> list[Path]:
    return sorted(p for p in settings.attachments.glob("??/??/*") if p.is_file())


def test_a_picture_is_kept_by_its_digest_and_given_back_guarded(
    sign_in: SignIn, world: World, settings: Settings, db: Database
) -> None:
    town = sign_in("town")
    answer = send(town, name="../../evil.html")
    assert answer.status_code == 201
    made = answer.get_json()
    assert set(made) == {"attachment_id", "sm3", "media_type", "bytes", "width", "height"}
    assert (made["media_type"], made["width"], made["height"]) == ("image/jpeg", 80, 40)
    found = get(town, made["attachment_id"])
    assert (found.status_code, found.mimetype) == (200, "image/jpeg")
    assert sm3(found.data).hex() == made["sm3"]
    assert found.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in found.headers["Content-Security-Policy"]
    assert found.headers["Content-Disposition"] == f"inline; filename=attachment-{made['attachment_id']}.jpg"
    again = town.get(f"/api/v1/attachments/{made['attachment_id']}", headers={"If-None-Match": found.headers["ETag"]})
    assert again.status_code == 304
    small = get(town, made["attachment_id"], "?size=small")
    assert (small.status_code, small.mimetype) == (200, "image/jpeg")
    digest = made["sm3"]
    folder = settings.attachments / digest[:2] / digest[2:4]
    assert files(settings) == [folder / digest, folder / f"{digest}.small"]
    assert (folder / digest).stat().st_mode & 0o077 == 0
    log = one(db, "SELECT actor, object, detail FROM audit WHERE action = 'attachment.add'")
    assert (log["object"], log["detail"]["sm3"]) == (str(made["attachment_id"]), digest)


def test_documents_are_downloads_and_have_no_small_picture(sign_in: SignIn, world: World) -> None:
    town = sign_in("town")
    document, film = sent(town, PDF), sent(town, MP4)
    found = get(town, document)
    assert (found.mimetype, found.data) == ("application/pdf", PDF)
    assert found.headers["Content-Disposition"].startswith("attachment;")
    assert get(town, document, "?size=small").status_code == 404
    part = town.get(f"/api/v1/attachments/{film}", headers={"Range": "bytes=0-7"})
    assert (part.status_code, part.data[4:]) == (206, b"ftyp")


@pytest.mark.usefixtures("near")
def test_who_may_send_and_who_may_see(sign_in: SignIn, world: World, server: flask.Flask, token: Any) -> None:
    town, chief, leader = sign_in("town"), sign_in("chief"), sign_in("leader")
    assert send(server.test_client()).status_code == 401
    reader = server.test_client().post("/api/v1/attachments", data={"file": (io.BytesIO(picture()), "x")},
                                       headers=token("read"))  # fmt: skip
    assert reader.status_code == 403
    free = sent(town)
    assert get(town, free).status_code == 200
    assert get(chief, free).status_code == 404, "not bound yet: its uploader's alone"
    assert get(server.test_client(), free).status_code == 401
    bound = sent(town, case_id=world.near["case"])
    assert get(chief, bound).status_code == 200
    far = sent(chief, case_id=world.far["case"])
    assert get(town, far).status_code == 404
    reported = sent(chief, event_id=world.far["event"])
    assert get(town, reported).status_code == 404
    assert get(leader, reported).status_code == 200
    for field in ("case_id", "event_id"):
        assert send(town, **{field: world.far[field[:-3]]}).status_code == 404
        assert send(town, **{field: 10**15}).status_code == 404
        assert send(town, **{field: "x"}).get_json()["reasons"][0]["field"] == field
    both = send(town, case_id=world.near["case"], event_id=world.near["event"])
    assert both.get_json()["reasons"][0]["code"] == "one_of"


def test_what_is_refused_leaves_nothing(sign_in: SignIn, world: World, settings: Settings, db: Database) -> None:
    town = sign_in("town")
    assert send(town, b"hello").get_json()["reasons"][0]["code"] == "bad_type"
    missing = town.post("/api/v1/attachments", data={"other": "x"}, headers=ORIGIN)
    assert missing.get_json()["reasons"][0] | {"value": ""} == {
        "field": "file", "code": "missing", "zh": "必填", "en": "is required", "value": "",
    }  # fmt: skip
    assert town.post("/api/v1/attachments", data=b"{}", headers=ORIGIN).status_code == 422
    large = send(town, picture() + bytes(settings.attachment_max_mb * 2**20))
    assert (large.status_code, large.get_json()["error"]) == (413, "too_large")
    assert files(settings) == []
    assert one(db, "SELECT count(*) AS n FROM attachment")["n"] == 0


def test_the_same_key_is_the_same_file(sign_in: SignIn, world: World, db: Database) -> None:
    town = sign_in("town")
    first = send(town, once="k1").get_json()
    assert send(town, once="k1").get_json() == first
    other = send(town, picture(size=(20, 20)), once="k1")
    assert (other.status_code, other.get_json()["error"]) == (409, "conflict")
    assert send(sign_in("chief"), once="k1").get_json()["attachment_id"] != first["attachment_id"]
    assert send(town, once="k" * 201).status_code == 422
    clients = [sign_in("town") for _ in range(5)]
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda c: send(c, once="k2"), clients))
    assert {a.status_code for a in answers} == {201}
    assert len({a.get_json()["attachment_id"] for a in answers}) == 1
    assert one(db, "SELECT count(*) AS n FROM attachment WHERE once = 'k2'")["n"] == 1


def test_an_uploader_has_a_quota_and_the_disk_its_last_part(
    sign_in: SignIn, world: World, db: Database, settings: Settings, clock: FixedClock
) -> None:
    town = sign_in("town")
    sent(town)
    with db.owner() as conn:
        conn.execute(
            "INSERT INTO attachment (sm3, media_type, bytes, uploader, uploaded_at)"
            " SELECT 'x', 'image/jpeg', 1, uploader, %s FROM attachment, generate_series(1, %s)",
            (clock.now(), settings.attachments_per_hour),
        )
    assert send(town).status_code == 429
    sent(sign_in("chief"))
    clock.advance(3601)
    sent(town)
    with db.owner() as conn:
        disk.write(conn, disk.DiskState("events_stopped"))
    assert send(town).status_code == 507


@pytest.mark.usefixtures("near")
def test_handled_on_the_spot_needs_pictures_that_are_the_actors(sign_in: SignIn, world: World, db: Database) -> None:
    case, walker, chief = world.near["case"], sign_in("walker"), sign_in("chief")
    with db.owner() as conn:
        conn.execute("UPDATE cases SET officer = '张网格' WHERE case_id = %s", (case,))
    assert "self_handle" in {s["key"] for s in offered(walker, case)["steps"]}
    before, after, document, strange = (
        sent(walker),
        sent(walker, picture(size=(50, 50))),
        sent(walker, PDF),
        sent(chief),
    )
    elsewhere = sent(chief, case_id=world.far["case"])
    version = offered(walker, case)["version"]

    def handle(before: Any, after: Any) -> Any:
        return take(walker, case, "self_handle", version, result="已填平", photo_before=before, photo_after=after)

    for bad, expected in (
        ("1x", "unknown_attachment"),
        (10**15, "unknown_attachment"),
        (strange, "unknown_attachment"),
        (elsewhere, "unknown_attachment"),
        (document, "no_picture"),
    ):
        answer = handle([bad], [after])
        assert (answer.status_code, answer.get_json()["reasons"][0]["code"]) == (422, expected), bad
        assert answer.get_json()["reasons"][0]["field"] == "photo_before"
    assert handle([before], []).get_json()["reasons"][0]["code"] == "missing"
    assert offered(walker, case)["version"] == version
    assert get(chief, before).status_code == 404
    assert handle([before], [str(after)]).status_code == 200
    assert get(chief, before).status_code == 200
    row = one(db, "SELECT given FROM case_step WHERE case_id = %s", case)
    digests = {
        str(i): one(db, "SELECT sm3 FROM attachment WHERE attachment_id = %s", i)["sm3"] for i in (before, after)
    }
    assert row["given"]["attachments"] == digests
    assert row["given"]["photo_before"] == [str(before)]
    history = chief.get(f"/api/v1/detail/case:{case}").get_json()["history"]
    step = next(h for h in history if h.get("pictures"))
    assert [p["id"] for p in step["pictures"]] == [before, after]
    assert {p["by"] for p in step["pictures"]} == {"张网格"}
    assert sum(len(h.get("pictures", ())) for h in history) == 2
    again = take(walker, case, "note", text="x", photos=[before])
    assert again.status_code == 200, "a picture of the case may be shown again"
    assert take(walker, world.far["case"], "note", text="x", photos=[before]).status_code in (403, 422)


def test_pictures_of_a_case_and_its_reports_are_in_its_history_and_open_details_are_told(
    sign_in: SignIn, world: World, db: Database
) -> None:
    case, event, chief = world.near["case"], world.near["event"], sign_in("chief")
    with db.owner() as conn:
        said = Jsonb({"anonymous": True, "reporter": "王某"})
        conn.execute("UPDATE event SET case_id = %s, attributes = %s WHERE event_id = %s", (case, said, event))
    mine, theirs = sent(chief, case_id=case), sent(chief, picture(size=(9, 9)), event_id=event)
    told = one(
        db, "SELECT count(*) AS n FROM outbox WHERE topic = 'case' AND op = 'change' AND entity_id = %s", str(case)
    )
    assert told["n"] == 2
    history = chief.get(f"/api/v1/detail/case:{case}").get_json()["history"]
    pictures = {p["id"]: p for h in history for p in h.get("pictures", ())}
    assert set(pictures) == {mine, theirs}
    assert pictures[theirs]["by"] == {"zh": "匿名", "en": "Anonymous"}
    assert "chief" not in str(next(h for h in history if h.get("pictures", [{}])[0].get("id") == theirs))
    reported = chief.get(f"/api/v1/detail/event:{event}").get_json()["history"]
    assert [p["id"] for h in reported for p in h.get("pictures", ())] == [theirs]
    assert "王某" not in chief.get(f"/api/v1/detail/event:{event}").text
    page = chief.get(f"/desk?sel=case:{case}")
    assert page.status_code == 200


def test_what_nobody_needs_is_swept(
    sign_in: SignIn, world: World, db: Database, settings: Settings, clock: FixedClock
) -> None:
    town = sign_in("town")
    bound = sent(town, case_id=world.near["case"])
    free = sent(town, picture(size=(33, 33)))
    kept = len(files(settings))
    stray = settings.attachments / "ab" / "cd" / ("abcd" + "0" * 60)
    stray.parent.mkdir(parents=True, exist_ok=True)
    stray.write_bytes(b"x")
    half = stray.with_name("abcd.123.new")
    half.write_bytes(b"x")

    def aged(days: float) -> None:
        clock.advance(days * 86_400)
        for path in files(settings):
            stamp = clock.now().timestamp() - days * 86_400
            os.utime(path, (stamp, stamp))

    with db.owner() as conn:
        assert sweep(conn, clock.now(), settings) == 0
        assert len(files(settings)) == kept + 2, "young: on their way to their row"
        (settings.attachments / "swept").unlink()
        aged(2)
        assert sweep(conn, clock.now(), settings) == 1
        assert len(files(settings)) == kept
        aged(2)
        assert sweep(conn, clock.now(), settings) == 1
        assert conn.execute("SELECT attachment_id FROM attachment").fetchall() == [{"attachment_id": bound}]
        assert len(files(settings)) == kept - 2
        town = sign_in("town")
        assert get(town, free).status_code == 404
        assert get(town, bound).status_code == 200
        aged(settings.retention_history_days)
        assert keeper_loop.turn(conn, settings, clock)
    assert files(settings) == []


def test_a_file_that_two_rows_speak_of_goes_with_the_last(
    sign_in: SignIn, world: World, db: Database, settings: Settings, clock: FixedClock
) -> None:
    town = sign_in("town")
    sent(town)
    clock.advance(2 * 86_400)
    town = sign_in("town")
    second = sent(town)
    assert len(files(settings)) == 2, "one file and its small picture"
    later = clock.now() + dt.timedelta(days=1.5)
    for path in files(settings):
        os.utime(path, (0, 0))
    with db.owner() as conn:
        assert sweep(conn, later, settings) == 1
    assert get(town, second).status_code == 200
