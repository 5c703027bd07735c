"""Every route, by every asker: none without one, nothing from outside the scope, no write from another site.

The routes are those of the url map, so that a new route is under test before anybody thinks of it.
"""

from __future__ import annotations

import base64
import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import flask
import httpx
import pytest
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from ioc.errors import NotSignedIn
from ioc.web import THREADS_BESIDE_POOL
from tests.http.conftest import ORIGIN, Running, SignIn
from tests.http.world import CITY, FAR, FAR_TOWN, FAR_VILLAGE, NEAR_TOWN, SECRET, World

pytestmark = pytest.mark.http

# Open to everybody, and why: they show no row of the store.
PUBLIC = {
    "/healthz",
    "/readyz",
    "/api/v1/auth/sign-in",
    "/api/v1/wall/enrol",
}
# The base map is the same for everybody who may see a map: outlines and names of the whole centre are no secret.
SAME_FOR_ALL = "/basemap/"
BROWSER = ("/assets", "/_dash-component-suites", "/_favicon.ico")
# Far and near values for every kind of argument a rule may have.
FAR_ARGUMENTS: dict[str, Callable[[World], list[str]]] = {
    "layer": lambda w: ["camera", "sensor", "grid_cell", "event", "case", "resource", "region", "heat"],
    "device_id": lambda w: [str(w.far["camera"]), str(w.far["sensor"])],
    "event_id": lambda w: [str(w.far["event"])],
    "case_id": lambda w: [str(w.far["case"])],
    "key": lambda w: [f"{k}:{w.far[v]}" for k, v in KEYS.items()] + [f"region:{FAR_TOWN}"],
    "code": lambda w: [FAR_TOWN, FAR, FAR_VILLAGE, "camera_online", "ABC-DEF"],
    "region": lambda w: [FAR_TOWN],
    "z": lambda w: ["15"],
    "x": lambda w: ["26550", "26551"],
    "y": lambda w: ["14355", "14356"],
    "name": lambda w: ["county", "town", "boundaries", "place", "base"],
    "role": lambda w: ["county", "town", "boundaries", "place"],
    "path": lambda w: ["desk", "desk/events"],
    "login": lambda w: ["admin"],
    "action": lambda w: ["disable"],
}
KEYS = {"case": "case", "event": "event", "device": "camera", "grid": "grid", "resource": "resource"}
QUERIES = (
    "",
    f"?region={FAR_TOWN}",
    f"?region={CITY}",
    f"?q={SECRET}",
    "?lon=111.65&lat=21.65&z=16&layers=camera,sensor,grid_cell,event,case,resource,region",
    "?bbox=111,21,112,22&limit=100",
    "?from=2026-10-01&to=2026-10-04&hours=24",
)


def rules(server: flask.Flask) -> list[Rule]:
    return [r for r in server.url_map.iter_rules() if not r.rule.startswith(BROWSER)]


def own_key(server: flask.Flask, rule: Rule) -> bool:
    """A far end shows a key of its own there, and no cookie of ours counts."""
    return getattr(server.view_functions[rule.endpoint], "ioc_own_key", False)


def addresses(rule: Rule, world: World) -> Iterator[str]:
    """The rule with far-side values in every argument."""
    names = sorted(rule.arguments)
    choices = [FAR_ARGUMENTS.get(n, lambda w: ["1"])(world) for n in names]
    for values in itertools.product(*choices):
        text = rule.rule
        for name, value in zip(names, values, strict=True):
            start = next(i for i in range(len(text)) if text.startswith(("<" + name, "<int:" + name, "<path:" + name,
                         "<string:" + name, "<float:" + name), i))  # fmt: skip
            text = text[:start] + value + text[text.index(">", start) + 1 :]
        yield text


def test_nothing_answers_without_an_asker(server: flask.Flask, world: World) -> None:
    visitor = server.test_client()
    asked = 0
    for rule in rules(server):
        if rule.rule in PUBLIC:
            continue
        for address in addresses(rule, world):
            for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"}):
                answer = visitor.open(address, method=method, headers=ORIGIN, json={} if method != "GET" else None)
                asked += 1
                if answer.status_code in (301, 302, 303, 308):
                    assert answer.location.startswith(("/signin", "/desk", "http://localhost/")), address
                    continue
                refused = (401, 403, 404, 405) if own_key(server, rule) else (401, 404, 405)
                assert answer.status_code in refused, f"{method} {address}: {answer.status_code}"
                assert SECRET not in answer.get_data(as_text=True)
    assert asked > 30


def test_public_routes_show_no_row(server: flask.Flask, world: World) -> None:
    visitor = server.test_client()
    known = {r.rule for r in server.url_map.iter_rules()}
    assert known >= PUBLIC
    for address in PUBLIC:
        for answer in (visitor.get(address), visitor.post(address, json={}, headers=ORIGIN)):
            assert SECRET.encode() not in answer.data


@pytest.mark.parametrize("login", ["town", "wall", "token", "embed"])
def test_a_town_sees_nothing_of_the_other_county(
    server: flask.Flask, world: World, sign_in: SignIn, token: Callable[..., dict[str, str]], login: str
) -> None:
    """Answers are searched for the word every far row carries, packed tiles and JSON escapes included."""
    client, headers = _asker(server, sign_in, token, login)
    marks = {SECRET.encode(), SECRET.encode("unicode_escape").lower()}
    asked = refused = 0
    for rule in rules(server):
        if "GET" not in (rule.methods or set()):
            continue
        for address in addresses(rule, world):
            for query in QUERIES:
                extra = f"{'&' if query else '?'}{headers['query']}" if "query" in headers else ""
                given = {k: v for k, v in headers.items() if k != "query"}
                answer = client.get(address + query + extra, headers=given)
                asked += 1
                refused += answer.status_code >= 400
                assert answer.status_code < 500 or address == "/readyz", (
                    f"{address}{query}: {answer.status_code} {answer.text[:300]}"
                )
                if address.startswith(SAME_FOR_ALL):
                    continue
                body = answer.data.lower().replace(query.encode(), b"")
                assert not any(m in body for m in marks), f"{login} sees the far county at {address}{query}"
    assert asked > refused > 0


def _asker(
    server: flask.Flask, sign_in: SignIn, token: Callable[..., dict[str, str]], login: str
) -> tuple[FlaskClient, dict[str, str]]:
    from ioc.accounts.base import Grant

    if login == "town":
        return sign_in("town"), {}
    if login == "token":
        return server.test_client(), token("admin", grant=Grant(region_codes=(NEAR_TOWN,), sensitivity=2))
    if login == "embed":
        body = {"panel": "map", "region": NEAR_TOWN}
        made = sign_in("chief").post("/api/v1/embed/sign", json=body, headers=ORIGIN).json["token"]
        return server.test_client(), {"query": f"token={made}"}
    wall = server.test_client()
    code = wall.post("/api/v1/wall/enrol", json={}, headers=ORIGIN).json["code"]
    body = {"code": code, "name": "w", "region": NEAR_TOWN}
    assert sign_in("chief").post("/api/v1/wall/confirm", json=body, headers=ORIGIN).status_code == 200
    assert wall.post("/api/v1/wall/enrol", json={}, headers=ORIGIN).json["state"] == "confirmed"
    return wall, {}


def test_the_city_does_see_it(server: flask.Flask, world: World, sign_in: SignIn) -> None:
    """The other direction: were the word nowhere, the test above would prove nothing."""
    chief = sign_in("chief")
    snapshot = chief.get("/api/v1/live/snapshot").text
    assert SECRET in snapshot
    counts = chief.get("/api/v1/live/counts").json
    assert (counts["open"], counts["critical"], counts["overdue"], counts["incidents"]["3"]) == (2, 2, 2, 2)
    assert counts["provisional"]["3"] == 2
    assert (counts["devices"]["camera"], counts["devices"]["sensor_exceeded"], counts["devices"]["grid_cell"]) == (
        2,
        2,
        2,
    )
    assert counts["today"] == 2
    assert counts["hours"][14] == 2
    assert counts["hours"][15:] == [None] * 9
    town = sign_in("town").get("/api/v1/live/counts").json
    assert (town["open"], town["devices"]["camera"], town["devices"]["resource"], town["today"]) == (1, 1, 1, 1)


def test_writes_from_another_site_are_refused(server: flask.Flask, world: World, sign_in: SignIn) -> None:
    admin = sign_in("admin")
    asked = 0
    for rule in rules(server):
        for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD", "GET"}):
            for address in itertools.islice(addresses(rule, world), 1):
                for headers in (
                    {},
                    {"Origin": "http://evil.example"},
                    {"Origin": "null"},
                    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
                    {"Sec-Fetch-Site": "same-site"},
                ):
                    answer = admin.open(address, method=method, headers=headers, json={})
                    asked += 1
                    assert answer.status_code == 403, f"{method} {address} {headers}: {answer.status_code}"
                    assert own_key(server, rule) or answer.json["csrf"] is True
    assert asked >= 5 * 8
    good = admin.post(
        "/api/v1/tokens", json={"name": "t", "allow": ["read"]}, headers={"Sec-Fetch-Site": "same-origin"}
    )
    assert good.status_code == 200


def test_a_token_needs_no_origin(server: flask.Flask, token: Callable[..., dict[str, str]]) -> None:
    made = server.test_client().post("/api/v1/tokens", json={"name": "t", "allow": ["read"]}, headers=token("admin"))
    assert made.status_code == 200


def test_pages_lead_to_the_sign_in_and_calls_do_not(server: flask.Flask) -> None:
    visitor = server.test_client()
    page = {"Accept": "text/html"}
    assert visitor.get("/", headers=page).location in ("/desk", "/signin?next=/")
    assert visitor.get("/api/v1/live/counts", headers=page).status_code == 401
    assert visitor.get("/api/v1/nothing").status_code == 401
    assert visitor.get("/api/v1/live/counts").headers["WWW-Authenticate"] == "Bearer"


def test_health(server: flask.Flask, sign_in: SignIn, sequencing: object) -> None:
    visitor = server.test_client()
    assert visitor.get("/healthz").json == {"ok": True}
    for _ in range(100):
        ready = visitor.get("/readyz")
        if ready.status_code == 200:
            break
    assert ready.json["checks"]["database"]["ok"]
    assert ready.json["checks"]["migrations"]["ok"]
    metrics = sign_in("chief").get("/metrics").text
    assert "ioc_feed_clients 0.0" in metrics
    assert 'ioc_http_seconds_count{method="GET",route="/healthz",status="200"} 1.0' in metrics


def test_health_answers_while_every_thread_waits_for_the_database(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow database must not look like a process that hangs: the supervisor would kill it over and over."""
    waiting, go = threading.Semaphore(0), threading.Event()

    def slow(*_: object) -> None:
        waiting.release()
        go.wait(20)
        raise NotSignedIn()

    monkeypatch.setattr("ioc.accounts.credentials.Credentials.identify", slow)
    workers = running.application.state.deps.settings.pool_size + THREADS_BESIDE_POOL
    with ThreadPoolExecutor(workers) as pool:
        try:
            for _ in range(workers):
                pool.submit(httpx.get, f"{running.url}/api/v1/live/counts", timeout=30)
            assert all(waiting.acquire(timeout=10) for _ in range(workers))
            answer = httpx.get(f"{running.url}/healthz", timeout=2)
        finally:
            go.set()
    assert answer.json() == {"ok": True}
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


def test_security_headers_are_on_every_answer(server: flask.Flask, sign_in: SignIn) -> None:
    chief = sign_in("chief")
    for address in ("/healthz", "/api/v1/live/counts", "/api/v1/nothing", "/api/v1/accounts"):
        h = chief.get(address).headers
        assert h["X-Content-Type-Options"] == "nosniff"
        assert h["Referrer-Policy"] == "same-origin"
        policy = dict(p.strip().split(" ", 1) for p in h["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == "'self'"
        assert "unsafe" not in policy["script-src"]
        assert policy["object-src"] == "'none'"
        assert policy["connect-src"] == "'self'"


def test_answers_are_compressed(server: flask.Flask, sign_in: SignIn) -> None:
    chief = sign_in("chief")
    plain = chief.get("/api/v1/live/snapshot")
    assert "Content-Encoding" not in plain.headers
    for encoding in ("br", "gzip"):
        packed = chief.get("/api/v1/live/snapshot", headers={"Accept-Encoding": encoding})
        assert packed.headers["Content-Encoding"] == encoding
        assert len(packed.data) < len(plain.data) / 2
        tag = packed.headers["ETag"]
        again = chief.get("/api/v1/live/snapshot", headers={"Accept-Encoding": encoding, "If-None-Match": tag})
        assert again.status_code == 304


def test_an_unexpected_fault_tells_nothing(
    server: flask.Flask, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("password=hunter2 at /srv/secret.py")

    monkeypatch.setattr("ioc.services_live.LiveServices.counts", broken)
    answer = sign_in("chief").get("/api/v1/live/counts")
    assert answer.status_code == 500
    assert answer.json["error"] == "error"
    assert "hunter2" not in answer.text


def _pages() -> list[str]:
    far = f"region={FAR_TOWN}"
    return [
        f"/desk?{far}",
        f"/wall?{far}",
        f"/desk/events?{far}&sel=case:CASE",
        "/desk/events?sel=event:EVENT",
        f"/desk?{far}&lang=en",
    ]


@pytest.mark.parametrize("login", ["town", ""])
def test_pages_and_their_dash_calls_keep_to_the_scope(
    server: flask.Flask, world: World, sign_in: SignIn, login: str
) -> None:
    client = sign_in(login) if login else server.test_client()
    for page in _pages():
        page = page.replace("CASE", str(world.far["case"])).replace("EVENT", str(world.far["event"]))
        prefix = base64.urlsafe_b64encode(page.encode()).decode().rstrip("=")
        for address in (page, f"/_p/{prefix}/_dash-layout", f"/_p/{prefix}/_dash-dependencies"):
            answer = client.get(address)
            assert answer.status_code < 500, f"{address}: {answer.status_code}"
            text = answer.get_data(as_text=True)
            assert SECRET not in text, address
            assert SECRET.encode("unicode_escape").decode() not in text, address
        call = client.post(f"/_p/{prefix}/_dash-update-component", json={"output": "x.y", "inputs": []}, headers=ORIGIN)
        assert login or call.status_code == 401, "callbacks need an asker on every page"


def test_a_page_of_ones_own_scope_is_shown(world: World, sign_in: SignIn) -> None:
    answer = sign_in("town").get(f"/desk?region={NEAR_TOWN}")
    assert answer.status_code == 200
    assert "近镇" in answer.text
    assert "unsafe" not in answer.headers["Content-Security-Policy"].split("script-src")[1].split(";")[0]
