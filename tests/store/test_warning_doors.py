"""The folder and the polled address of the CAP source, down to the rows they leave."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from data_sources import cap
from data_sources._cap.folder import Folder
from ioc.clock import FixedClock
from ioc.errors import StoreUnavailable
from ioc.intake.context import SourceContext
from ioc.intake.warnings import WarningResult
from ioc.registry import Registry
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import health, sources
from tests.conftest import Database
from tests.store import world
from tests.store.test_observations import codes, rows
from tests.store.test_warnings import FOLDER, XML

pytestmark = pytest.mark.store
FEED = "https://qxj.example/feed"
ENTRY = """<entry><id>{id}</id><updated>{updated}</updated><link rel="alternate" href="{href}"
 type="application/cap+xml"/></entry>"""


def feed(*entries: tuple[str, str, str]) -> bytes:
    listed = "".join(ENTRY.format(id=i, updated=u, href=h) for i, u, h in entries)
    return f'<feed xmlns="http://www.w3.org/2005/Atom"><title>预警</title>{listed}</feed>'.encode()


class Issuer:
    """A server made of a dictionary; remembers what it was asked."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes | int] = {}
        self.asked: list[str] = []
        self.retry_after = ""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        url = str(request.url)
        self.asked.append(url)
        page = self.pages.get(url, 404)
        if isinstance(page, int):
            return httpx.Response(page, headers={"Retry-After": self.retry_after} if self.retry_after else {})
        tag = f'"{hash(page)}"'
        if request.headers.get("If-None-Match") == tag:
            return httpx.Response(304)
        return httpx.Response(200, content=page, headers={"ETag": tag})


Make = Callable[..., cap.Watch]


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def make(db: Database, settings: Settings, clock: FixedClock, issuer: Issuer) -> Make:
    with db.owner() as conn:
        world.build(conn)
    with db.store.scoped(SYSTEM) as conn:
        sources.register(conn, [(cap.SOURCE, True)], clock.now())

    def watch(client: Callable[[httpx.Request], httpx.Response] = issuer, **values: object) -> cap.Watch:
        own = settings.model_copy(update=values)
        context = SourceContext("cap", own, Registry(), db.store, clock, threading.Event())
        return cap.Watch(context, httpx.Client(transport=httpx.MockTransport(client)))

    return watch


def source(db: Database) -> tuple[str, str]:
    (row,) = rows(db, "SELECT state, error_code FROM source WHERE source_key = 'cap'")
    return row["state"], row["error_code"]


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.is_file()) if folder.exists() else []


def test_files_are_read_once_they_rest_and_are_moved(db: Database, make: Make, tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    watch = make(cap_folder=str(drop))
    assert watch.turn() == 0
    (drop / "typhoon.xml").write_text(XML, "utf-8")
    (drop / "rain.json").write_bytes((FOLDER / "rainstorm.json").read_bytes())
    (drop / "notes.txt").write_text("not ours", "utf-8")
    (drop / "link.xml").symlink_to(tmp_path / "elsewhere.xml")
    assert watch.turn() == 0, "one look is not enough: it may still be written"
    (drop / "rain.json").write_bytes((FOLDER / "rainstorm.json").read_bytes() + b"\n")
    assert watch.turn() == 1, "the one that was written again rests no longer"
    assert watch.turn() == 1
    assert names(drop / "done") == ["rain.json", "typhoon.xml"]
    assert sorted(p.name for p in drop.iterdir() if not p.is_dir()) == ["link.xml", "notes.txt"]
    assert {r["kind"] for r in rows(db, "SELECT kind FROM warning")} == {"台风", "暴雨"}
    (drop / "typhoon.xml").write_text(XML, "utf-8")
    watch.turn()
    watch.turn()
    assert names(drop / "done") == ["rain.json", "typhoon.1.xml", "typhoon.xml"], "what is there stays"
    assert rows(db, "SELECT count(*) AS n FROM warning") == [{"n": 2}]
    assert source(db) == ("live", "")


def test_a_refused_file_says_why(db: Database, make: Make, tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    watch = make(cap_folder=str(drop))
    watch.turn()
    (drop / "bad.xml").write_text(XML.replace("<status>Actual", "<status>Test"), "utf-8")
    (drop / "big.xml").write_bytes(b" " * 1_200_000)
    watch.turn()
    watch.turn()
    assert names(drop / "rejected") == ["bad.xml", "bad.xml.reason", "big.xml", "big.xml.reason"]
    said = (drop / "rejected" / "bad.xml.reason").read_text("utf-8")
    assert said.startswith("status\tnot_actual\t状态为 Test，不是正式预警\t")
    assert codes(db) == ["not_actual", "xml_limit"]
    assert rows(db, "SELECT item FROM reject ORDER BY item") == [{"item": "bad.xml"}, {"item": "big.xml"}]


def test_a_database_that_is_away_leaves_the_file(tmp_path: Path) -> None:
    def away(_data: bytes, _form: str, _item: str) -> WarningResult:
        raise StoreUnavailable()

    folder = Folder(tmp_path, away)
    (tmp_path / "a.xml").write_text(XML, "utf-8")
    folder.turn()
    with pytest.raises(StoreUnavailable):
        folder.turn()
    assert names(tmp_path) == ["a.xml"]


def test_a_folder_that_cannot_be_used_is_the_sources_fault(
    db: Database, make: Make, tmp_path: Path, clock: FixedClock
) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    watch = make(cap_folder=str(tmp_path / "file"))
    watch.turn()
    assert source(db) == ("error", "source_fault")
    with db.store.reading(SYSTEM) as conn:
        assert health.warnings(conn, None, clock.now()) is None, "未接入, not 当前无生效预警"
    (tmp_path / "file").unlink()
    watch.turn()
    assert source(db) == ("live", "")


def test_a_feed_is_asked_again_only_when_due_and_read_only_when_changed(
    db: Database, make: Make, clock: FixedClock, issuer: Issuer
) -> None:
    one = "https://qxj.example/cap/1.xml"
    issuer.pages = {FEED: feed(("1", "a", "/cap/1.xml")), one: XML.encode()}
    watch = make(cap_url=FEED)
    assert watch.turn() == 1
    assert issuer.asked == [FEED, one]
    assert watch.turn() == 0
    assert len(issuer.asked) == 2, "not due"
    clock.advance(61)
    assert watch.turn() == 0
    assert issuer.asked[2:] == [FEED], "304: nothing else is fetched"
    issuer.pages[FEED] = feed(("1", "a", one), ("2", "a", "https://other.example/x.xml"))
    clock.advance(61)
    assert watch.turn() == 0
    assert issuer.asked[3:] == [FEED], "a known entry is not fetched again, another host never"
    assert codes(db) == ["foreign_link"]
    issuer.pages[FEED] = feed(("1", "b", one))
    clock.advance(61)
    assert watch.turn() == 1, "an entry that was updated is"
    assert rows(db, "SELECT count(*) AS n FROM warning") == [{"n": 1}]
    assert source(db) == ("live", "")


def test_an_address_that_fails_is_asked_later_each_time(
    db: Database, make: Make, clock: FixedClock, issuer: Issuer
) -> None:
    one = "https://qxj.example/1.xml"
    issuer.pages = {FEED: feed(("1", "a", one)), one: 500}
    watch = make(cap_url=FEED, cap_poll_s=60)
    watch.turn()
    assert source(db) == ("error", "source_fault")
    clock.advance(61)
    watch.turn()
    assert len(issuer.asked) == 2, "backed off"
    clock.advance(60)
    issuer.pages[one] = XML.encode()
    assert watch.turn() == 1, "the entry that had failed is fetched though the feed has not changed"
    assert source(db) == ("live", "")
    issuer.pages[FEED] = 503
    issuer.retry_after = "1800"
    clock.advance(61)
    watch.turn()
    clock.advance(1799)
    asked = len(issuer.asked)
    watch.turn()
    assert len(issuer.asked) == asked, "the server asked for half an hour"


def test_an_answer_that_drips_is_given_up(db: Database, make: Make, clock: FixedClock) -> None:
    class Slow(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            while True:
                clock.advance(9)
                yield b" "

    watch = make(cap_url=FEED, client=lambda _: httpx.Response(200, stream=Slow()))
    watch.turn()
    assert source(db) == ("error", "source_fault")
    assert rows(db, "SELECT error_en FROM source WHERE source_key = 'cap'")[0]["error_en"].endswith(f"60 s: {FEED}")


@pytest.mark.parametrize("body", [b"", b"<html>", b"<!DOCTYPE a><a/>", b"x" * 1_200_000])
def test_an_answer_that_is_no_feed_is_a_fault(db: Database, make: Make, issuer: Issuer, body: bytes) -> None:
    issuer.pages = {FEED: body}
    assert make(cap_url=FEED).turn() == 0
    assert source(db) == ("error", "source_fault")


def test_a_document_at_the_address_itself(db: Database, make: Make, issuer: Issuer) -> None:
    issuer.pages = {FEED: XML.encode()}
    assert make(cap_url=FEED).turn() == 1
    assert rows(db, "SELECT kind, origin FROM warning") == [{"kind": "台风", "origin": "real"}]


def test_without_folder_and_address_it_waits(make: Make) -> None:
    assert make().idle
    assert not make(cap_url=FEED).idle
