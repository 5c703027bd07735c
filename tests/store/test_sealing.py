"""Keys of sealed data: rows pass to a new one in a running centre, after a kill too; none goes while rows need it."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ioc.accounts import phones
from ioc.clock import FixedClock
from ioc.errors import ConfigError, Conflict, IocError, NotFound
from ioc.intake.hotline import caller_ring
from ioc.ops import doctor, seal
from ioc.scope import SYSTEM
from ioc.sealing import Ring, Sealer, key_file
from ioc.settings import Settings
from ioc.store import callers, sealed
from tests.conftest import NOW, Database

pytestmark = pytest.mark.store
ROOT = Path(__file__).resolve().parents[2]
WHO = {"name": "张三", "phone": "13812345678"}


def put(db: Database, keys: Ring, *numbers: int) -> None:
    with db.store.scoped(SYSTEM) as conn:
        sealed.hold(conn)
        sealer = keys.newest()
        for n in numbers:
            name = f"N{n:05d}"
            row = conn.execute(
                "INSERT INTO event (source, source_id, title, occurred_at, received_at) VALUES ('h', %s, 't', %s, %s)"
                " ON CONFLICT (source, source_id) DO UPDATE SET title = 't' RETURNING event_id",
                (name, NOW, NOW),
            ).fetchone()
            assert row
            blob = sealer.seal({**WHO, "number": name}, f"h\n{name}")
            callers.put(conn, "h", name, row["event_id"], blob, sealer.key_id, "real", NOW)


def opened(db: Database, settings: Settings) -> list[str]:
    """Every row opens, and says which it is."""
    keys = caller_ring(settings)
    with db.owner() as conn:
        rows = conn.execute("SELECT * FROM caller ORDER BY source_id").fetchall()
    return [keys.open(bytes(r["sealed"]), f"h\n{r['source_id']}", r["key_id"])["number"] for r in rows]


def finding(settings: Settings, clock: FixedClock) -> doctor.Finding:
    return next(f for f in doctor.examine(settings, clock) if f.key == "sealed")


def numbers(count: int) -> list[str]:
    return [f"N{n:05d}" for n in range(count)]


def test_rows_pass_to_a_new_key_and_the_old_one_may_go(db: Database, settings: Settings, clock: FixedClock) -> None:
    put(db, caller_ring(settings), *range(25))
    with db.store.scoped(SYSTEM) as conn:
        conn.execute("INSERT INTO account (login, name, password_hash, roles) VALUES ('li', '李', 'x', '{grid}')")
        phones.put_phone(conn, phones.account_ring(settings), "li", "13900001111")
    with db.owner() as conn:
        before = conn.execute("SELECT source_id, sealed, updated_at FROM caller ORDER BY 1").fetchall()
    assert finding(settings, clock).state == "ok"
    steps: list[tuple[int, int]] = []
    done = seal.rotate(db.store, settings, clock, "t", batch=10, told=lambda n, whole: steps.append((n, whole)))
    assert (done.made, done.done, done.bad) == (2, 26, [])
    assert steps == [(0, 26), (10, 26), (20, 26), (25, 26), (26, 26)]
    assert opened(db, settings) == numbers(25)
    with db.store.reading(SYSTEM) as conn:
        assert phones.phone_of(conn, phones.account_ring(settings), "li") == "13900001111"
    with db.owner() as conn:
        after = conn.execute("SELECT source_id, sealed, updated_at FROM caller ORDER BY 1").fetchall()
        audit = conn.execute("SELECT action, object FROM audit ORDER BY audit_id").fetchall()
    assert all(a["sealed"] != b["sealed"] and a["updated_at"] == b["updated_at"]
               for a, b in zip(before, after, strict=True))  # fmt: skip
    assert [(a["action"], a["object"]) for a in audit] == [("seal.rotate", "2"), ("seal.rotated", "2")]
    assert stat.S_IMODE(settings.seal_keys.stat().st_mode) == 0o600
    seal.remove(db.store, settings, 1, "t")
    (settings.root / "secret").unlink()  # what embeds are signed with may now be thrown away
    assert opened(db, Settings(**settings.model_dump())) == numbers(25)
    assert finding(settings, clock).state == "ok"


def test_a_key_stays_while_rows_need_it_and_the_newest_always(
    db: Database, settings: Settings, clock: FixedClock
) -> None:
    put(db, caller_ring(settings), 1, 2)
    key_file(settings).add(clock.now())
    found = finding(settings, clock)
    assert (found.state, "2 rows still under an old one" in found.en) == ("warn", True)
    with pytest.raises(Conflict, match="rows need it"):
        seal.remove(db.store, settings, 1, "t")
    with pytest.raises(Conflict, match="in use"):
        seal.remove(db.store, settings, 2, "t")
    with pytest.raises(NotFound):
        seal.remove(db.store, settings, 7, "t")
    assert [k.number for k in key_file(settings).read()] == [1, 2]
    assert opened(db, settings) == numbers(3)[1:]


def test_an_unfinished_rotation_is_gone_on_with_before_another_key_is_made(
    db: Database, settings: Settings, clock: FixedClock
) -> None:
    put(db, caller_ring(settings), *range(5))
    key_file(settings).add(clock.now())
    done = seal.rotate(db.store, settings, clock, "t")
    assert (done.made, done.key, done.done) == (None, 2, 5)
    assert seal.rotate(db.store, settings, clock, "t").made == 3
    assert opened(db, settings) == numbers(5)


def test_killed_in_the_middle_nothing_is_lost_and_the_same_command_ends_it(
    db: Database, settings: Settings, clock: FixedClock
) -> None:
    """SIGKILL while the centre goes on writing; the rest is done by the second run, under the key of the first."""
    put(db, caller_ring(settings), *range(300))
    old = caller_ring(settings).newest().key_id
    env = {"PATH": "/usr/bin:/bin", "IOC_DATABASE_URL": settings.database_url,
           "IOC_DATABASE_OWNER_URL": settings.database_owner_url, "IOC_DATA_DIR": str(settings.data_dir)}  # fmt: skip
    command = [sys.executable, "-m", "app", "seal", "rotate", "--batch", "10"]
    running = subprocess.Popen([*command, "--rest", "0.2"], cwd=ROOT, env=env, stderr=subprocess.PIPE)

    def left() -> int:
        with db.owner() as conn:
            row = conn.execute("SELECT count(*)::int AS n FROM caller WHERE key_id = %s", (old,)).fetchone()
        return row["n"] if row else 0

    deadline = time.monotonic() + 60
    while left() > 280 and time.monotonic() < deadline and running.poll() is None:
        time.sleep(0.02)
    put(db, caller_ring(settings), 5, 299, 300)  # orders that come, and come again, meanwhile
    os.kill(running.pid, signal.SIGKILL)
    running.wait(10)
    assert running.returncode == -signal.SIGKILL, running.stderr and running.stderr.read()
    between = left()
    assert 0 < between < 300
    assert opened(db, settings) == numbers(301), "both keys open what they sealed"
    assert finding(settings, clock).state == "warn"
    with pytest.raises(Conflict):
        seal.remove(db.store, settings, 1, "t")
    again = subprocess.run(
        [*command, "--json"], cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=100
    )
    assert again.returncode == 0, again.stderr
    assert f'"key": 2, "made": null, "rows": {between}' in again.stdout
    assert (left(), opened(db, settings)) == (0, numbers(301))
    assert finding(settings, clock).state == "ok"


def test_a_row_that_does_not_open_is_named_and_keeps_its_key(
    db: Database, settings: Settings, clock: FixedClock
) -> None:
    put(db, caller_ring(settings), 1, 2, 3)
    with db.owner() as conn:
        conn.execute("UPDATE caller SET sealed = '\\x00' WHERE source_id = 'N00002'")
    done = seal.rotate(db.store, settings, clock, "t", batch=1)
    assert (done.done, done.bad) == (2, ["caller h/N00002"])
    with pytest.raises(Conflict):
        seal.remove(db.store, settings, 1, "t")


def test_rows_under_a_key_that_is_not_here_are_told(db: Database, settings: Settings, clock: FixedClock) -> None:
    other = Sealer(b"x" * 32, "caller")
    put(db, caller_ring(settings), 1)
    with db.owner() as conn:
        conn.execute("UPDATE caller SET key_id = %s", (other.key_id,))
    found = finding(settings, clock)
    assert (found.state, "1 under one that is not here" in found.en) == ("fail", True)


def test_who_seals_and_who_drops_a_key_wait_for_each_other(db: Database, settings: Settings, clock: FixedClock) -> None:
    """A writer that has taken the old key, and not yet committed, is not left without it."""
    keys = caller_ring(settings)
    with db.store.scoped(SYSTEM) as conn:
        sealed.hold(conn)
        old = keys.newest()
        key_file(settings).add(clock.now())
        raised: list[IocError] = []

        def drop() -> None:
            try:
                seal.remove(db.store, settings, 1, "t")
            except IocError as e:
                raised.append(e)

        thread = threading.Thread(target=drop)
        thread.start()
        with db.owner() as other:
            while not other.execute(
                "SELECT 1 AS waits FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            ).fetchone():
                assert thread.is_alive()
        row = conn.execute(
            "INSERT INTO event (source, source_id, title, occurred_at, received_at) VALUES ('h', 'N', 't', %s, %s)"
            " RETURNING event_id",
            (NOW, NOW),
        ).fetchone()
        assert row
        callers.put(conn, "h", "N", row["event_id"], old.seal(WHO, "h\nN"), old.key_id, "real", NOW)
    thread.join(20)
    assert [type(e) for e in raised] == [Conflict]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"keys": []}', '{"keys": [{"number": 1, "made_at": "", "key": "YQ=="}]}', '{"keys": [1]}',
     '{"keys": [{"number": 2, "made_at": "", "key": null}, {"number": 1, "made_at": "", "key": null}]}'],
)  # fmt: skip
def test_a_key_file_that_cannot_be_read_is_said_not_replaced(settings: Settings, text: str) -> None:
    settings.seal_keys.parent.mkdir(parents=True, exist_ok=True)
    settings.seal_keys.write_text(text)
    with pytest.raises(ConfigError):
        caller_ring(settings).newest()
    with pytest.raises(ConfigError):
        key_file(settings).add(NOW)
    assert settings.seal_keys.read_text() == text


def test_every_sealed_column_is_declared(db: Database) -> None:
    """A table that gets ciphertext and is not declared would be left behind by a rotation."""
    with db.owner() as conn:
        found: list[Any] = conn.execute(
            "SELECT table_name AS t, column_name AS c FROM information_schema.columns"
            " WHERE table_schema = 'public' AND data_type = 'bytea' AND column_name LIKE '%%seal%%' ORDER BY 1"
        ).fetchall()
    assert [(r["t"], r["c"]) for r in found] == sorted((s.table, s.column) for s in sealed.SEALED)
