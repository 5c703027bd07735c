"""`ioc import departments|dispatch|duplicates|escalation|topics`: a centre's own tables.

Each is taken whole or refused whole.
"""

from __future__ import annotations

import getpass
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from ioc.cases import dispatch_file as files
from ioc.cases.cells import Parsed, RowReason
from ioc.cases.deadline_file import category_finder
from ioc.cases.sheets import Sheet, read_sheet
from ioc.cases.topic_file import read_topics
from ioc.clock import Clock
from ioc.errors import Invalid, Reason
from ioc.flows import flows
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import Store, centre, dictionaries, disk, dispatch
from ioc.store.dispatch import Kind, Version
from ioc.store.pool import Conn
from ioc.store.rejects import Rejected, store_rejects

KINDS: tuple[Kind, ...] = ("departments", "dispatch", "duplicates", "escalation", "topics")
SHOWN = 20
Rows = Sequence[Mapping[str, Any]]


def import_table(
    store: Store, settings: Settings, clock: Clock, kind: Kind, name: str, content: bytes, actor: str, dry_run: bool
) -> dict[str, Any]:
    """A new version of the table in `content`. What stands against it is stored and counted as rejects.

    Raises Invalid with every reason (`context["rows"]`: with its row) for a table that is refused, DiskBudget.
    """
    now = clock.now()
    with store.scoped(SYSTEM) as conn:
        disk.read(conn).require("event")
        demo = centre.facts(conn).demo
        words = dictionaries.current(conn, now.astimezone(settings.tz).date())
        known = files.Known(
            flows(), category_finder(words), _regions(conn), {str(d["name"]) for d in dispatch.departments(conn)}
        )
        roles = [str(r["role_key"]) for r in conn.execute("SELECT role_key FROM role").fetchall()]
    try:
        sheet = read_sheet(name, content)
    except Invalid as e:
        _refuse(store, kind, name, [RowReason(name, 0, r) for r in e.reasons], now, dry_run)
        raise
    rows, reasons = _read(kind, sheet, known, roles)
    if sheet.sample and not demo:
        zh, en = "示例文件，请换成本地的文件", "a sample: import your own table"
        reasons = [*reasons, RowReason(name, 0, Reason("file", "sample", zh, en, name))]
    if reasons:
        _refuse(store, kind, name, reasons, now, dry_run)
        raise Invalid(name, name, reasons=[r.reason for r in reasons], context={"rows": [r.as_dict() for r in reasons]})
    result: dict[str, Any] = {"kind": kind, "file": name, "rows": len(rows), "dry_run": dry_run, "version": None}
    if dry_run:
        return {**result, "state": "dry_run"}
    version = Version(
        kind, name, hashlib.blake2b(content, digest_size=16).hexdigest(), sheet.notes.get("文号", ""), sheet.sample,
        actor, "demo" if sheet.sample else "real",
    )  # fmt: skip
    with store.scoped(SYSTEM) as conn:
        number = dispatch.put(conn, version, rows, now)
    return {**result, "version": number, "state": "unchanged" if number is None else "stored"}


def _read(kind: Kind, sheet: Sheet, known: files.Known, roles: Sequence[str]) -> tuple[Rows, Sequence[RowReason]]:
    if kind == "duplicates":
        found = files.read_duplicates(sheet, known)
        rows: Rows = [{"category": category, **asdict(limits)} for category, limits in found.value or ()]
        return rows, found.reasons
    readers: Mapping[str, Callable[[], Parsed[Any]]] = {
        "departments": lambda: files.read_departments(sheet, known),
        "dispatch": lambda: files.read_dispatch(sheet, known),
        "escalation": lambda: files.read_escalation(sheet, known, roles),
        "topics": lambda: read_topics(sheet, known.category_of),
    }
    parsed = readers[kind]()
    return [asdict(row) for row in cast(Sequence[Any], parsed.value or ())], parsed.reasons


def _regions(conn: Conn) -> Callable[[str], str | None]:
    """A code, or a name that exactly one region has."""
    rows = conn.execute("SELECT code, name FROM region").fetchall()
    codes = {str(r["code"]) for r in rows}
    names: dict[str, list[str]] = {}
    for row in rows:
        names.setdefault(str(row["name"]), []).append(str(row["code"]))

    def find(word: str) -> str | None:
        if word in codes:
            return word
        named = names.get(word, [])
        return named[0] if len(named) == 1 else None

    return find


def _refuse(store: Store, kind: str, name: str, reasons: Sequence[RowReason], now: Any, dry_run: bool) -> None:
    """Kept like every reject, by row of the file; a dry run keeps nothing."""
    if dry_run:
        return
    rows: dict[int, list[Reason]] = {}
    for found in reasons:
        rows.setdefault(found.row, []).append(found.reason)
    rejected = [Rejected(f"{name}:{row}", of, json.dumps({"file": name, "row": row})) for row, of in rows.items()]
    with store.scoped(SYSTEM) as conn:
        store_rejects(conn, f"import:{kind}", rejected, now, origin="real")


def run(settings: Settings, clock: Clock, kind: str, file: Path, dry_run: bool, as_json: bool) -> None:
    """The command. Prints what became of the file; raises Invalid where it is refused."""
    from ioc.store.database import open_store, running
    from ioc.store.prepare import prepare

    with running(settings) as found:
        prepare(found.owner, clock.now())
        store = open_store(settings)
        try:
            actor = f"cli:{getpass.getuser()}"
            result = import_table(
                store, settings, clock, cast(Kind, kind), file.name, file.read_bytes(), actor, dry_run
            )
        except Invalid as e:
            _tell(e)
            if not e.context.get("rows"):
                raise
            zh, en = "整份拒绝，现行版本不变", "refused whole, what is in force stays"
            raise Invalid(f"{file.name}：{zh}", f"{file.name}: {en}") from e  # the reasons stand above, by row
        finally:
            store.close()
    if as_json:
        print(json.dumps(result, ensure_ascii=False, indent=1))
    else:
        words = {
            "stored": "已导入 stored",
            "unchanged": "与现行版本相同 unchanged",
            "dry_run": "试运行，没有写入 dry run",
        }
        version = f"，版本 version {result['version']}" if result["version"] else ""
        print(f"{words[result['state']]}: {result['rows']} 行 rows{version}")


def unlisted(store: Store, names: Sequence[str]) -> list[str]:
    """Those of `names` the table of departments lacks. Without a table nothing can be said: []."""
    with store.scoped(SYSTEM) as conn:
        known = {str(d["name"]) for d in dispatch.departments(conn)}
    return [n for n in names if known and n not in known]


def _tell(error: Invalid) -> None:
    for row in list(error.context.get("rows", ()))[:SHOWN]:
        print(f"  行 row {row['row']}: {row['field']}: {row['zh']} / {row['en']} [{row['value']}]")
