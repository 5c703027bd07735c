"""`ioc import stewards FILE`: who is responsible for a place, a kind of device or one device. No place, so no CRS.

Rows are known by their number, else by duty, place and name; a file that is brought again changes nothing. Phones are
masked before anything is stored.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ioc.clock import Clock
from ioc.errors import Invalid
from ioc.fold import fold
from ioc.intake import fields
from ioc.intake.columns import recognise
from ioc.intake.event_input import Reader
from ioc.intake.readers import open_file
from ioc.intake.reasons import Refuse, reason
from ioc.intake.report import SHOWN, ImportReport
from ioc.intake.vocabulary import Vocabulary
from ioc.scope import SYSTEM
from ioc.settings import Settings
from ioc.store import Store, dictionaries, imports, sources, stewards
from ioc.store.pool import Conn
from ioc.store.rejects import Rejected, store_rejects

KIND = "stewards"
INTERVAL_S = 31 * 86_400
COLUMNS: Mapping[str, str] = {
    "external_id": "编号|人员编号|序号|id|code",
    "duty": "职责|角色|岗位|责任类型|责任人类型|职务|duty|role",
    "name": "姓名|责任人|责任人姓名|名称|name",
    "phone": "电话|联系电话|手机|手机号|手机号码|联系方式|phone|tel|mobile",
    "login": "账号|登录名|用户名|login|account",
    "region": "区划代码|行政区划代码|责任区|责任区划|所属区划|区划|region|civilcode",
    "device": "设备编号|站点编号|设备编码|测站编码|device",
    "kinds": "设备类型|类型|监测类型|适用类型|kinds|kind",
    "sensitivity": "敏感级别|敏感等级|密级|sensitivity",
    "private_to": "共享范围|仅限部门|private_to",
    "state": "状态|在岗状态|任职状态|在职状态|status|state",
}
# Words of a file for who is in office and who has left.
IN_OFFICE = frozenset({"在任", "在岗", "在职", "有效", "正常", "启用", "active", "current"})
LEFT = frozenset(
    {"离任", "离职", "离岗", "停用", "注销", "撤销", "免职", "退休", "无效", "删除", "ended", "left", "inactive"}
)
# Duties by the words files use. A city's own word stays as it is and may be named by a rule of its own.
DUTIES: Mapping[str, tuple[str, ...]] = {
    "river_chief": ("河长", "河湖长", "村级河长", "镇级河长", "县级河长", "湖长", "riverchief"),
    "grid_officer": ("网格员", "网格长", "专职网格员", "综合网格员", "gridofficer"),
    "fire_warden": ("消防责任人", "消防安全责任人", "消防管理人", "护林员", "firewarden"),
    "gas_keeper": ("燃气责任人", "燃气安全员", "燃气管理员", "gaskeeper"),
}


class _DryRun(Exception):
    """Ends the transaction without a trace."""


def duty(value: Any) -> str:
    """The key of a duty. Raises Refuse for an empty or over-long word."""
    word = fields.text(value, 60)
    plain = fold(word).replace(" ", "").replace("_", "")
    return next((key for key, words in DUTIES.items() if plain in map(fold, words)), word)


def has_left(value: Any) -> bool:
    """Raises Refuse for a word that says neither."""
    word = fold(fields.text(value, 20)).strip()
    if word not in LEFT and word not in IN_OFFICE:
        raise Refuse("bad_choice", choices="在任, 离任 / active, left")
    return word in LEFT


@dataclass
class _Known:
    """Regions and devices of this centre by what files call them."""

    regions: Mapping[str, int]
    devices: Mapping[str, int]
    logins: frozenset[str]
    words: Vocabulary


def import_stewards(
    store: Store,
    path: Path,
    *,
    settings: Settings,
    clock: Clock,
    actor: str,
    mapping: Mapping[str, str] | None = None,
    dry_run: bool = False,
    source: str = "files",
    sheet: str = "",
    origin: str = "real",
    whole: bool = False,
) -> ImportReport:
    """Raises Invalid for what concerns the whole file, StoreUnavailable. What concerns a row is a reject.

    `whole`: the file is the whole register of its source, and who is not in it has left; a file with a refused row ends
    nobody, for that row may be the one missed.
    """
    began, now = clock.monotonic(), clock.now()
    file = open_file(path, sheet=sheet)
    found = recognise(file.columns, COLUMNS, mapping or {})
    lacking = [n for n in ("duty", "name") if n not in found.values()]
    if lacking:
        raise Invalid(reasons=[reason(n, "missing_field") for n in lacking])
    report = ImportReport(KIND, source, path.name, "", dry_run)
    report.columns = {v: k for k, v in found.items()}
    report.extra = [c for c in file.columns if c and c not in found]
    with contextlib.suppress(_DryRun), store.scoped(SYSTEM) as conn:
        known = _known(conn, settings, now)
        rows, rejected = _read(file, found, known, report)
        for row in rows:
            row |= {"source": source, "origin": origin}
        stored, updated = stewards.save(conn, rows, now, actor)
        report.unchanged += len(rows) - stored - updated
        if whole and not rejected:
            updated += stewards.end_absent(conn, source, {r["external_id"] for r in rows}, actor, now)
        elif whole:
            report.note = "有被拒绝的行，未将缺席者离任 / rows were refused: nobody was ended for being absent"
        report.stored, report.updated = stored, updated
        report.rejected = len(rejected)
        report.shown = rejected[:SHOWN]
        for r in rejected:
            report.reasons.update((x.field, x.code) for x in r.reasons)
        if dry_run:
            raise _DryRun
        book(conn, report, rejected, actor, origin, now)
    report.seconds = clock.monotonic() - began
    return report


def book(conn: Conn, report: ImportReport, rejected: Sequence[Rejected], actor: str, origin: str, now: Any) -> None:
    """The batch with its balance, its rejects, and that its source was heard; of every table of people."""
    sources.ensure(conn, report.source, kind="files", title=report.source, classes=[], interval_s=INTERVAL_S,
                   origin=origin)  # fmt: skip
    names = {"kind": report.kind, "source": report.source, "file_name": report.file, "crs": ""}
    report.batch_id = imports.begin(conn, **names, actor=actor, now=now)
    store_rejects(conn, report.source, rejected, now, batch_id=report.batch_id, origin=origin)
    imports.progress(conn, report.batch_id, report.counts())
    arrival = sources.Arrival(report.read, report.stored + report.updated, report.unchanged, report.rejected, now)
    for key in dict.fromkeys((report.source, "files")):
        sources.arrived(conn, key, arrival, now)
    imports.finish(conn, report.batch_id, "done", report.note, now)


def _known(conn: Conn, settings: Settings, now: Any) -> _Known:
    regions = {r["code"]: r["region_id"] for r in conn.execute("SELECT code, region_id FROM region")}
    devices: dict[str, int] = {}
    for r in conn.execute("SELECT external_id, device_id FROM device WHERE class = 'sensor'"):
        devices[r["external_id"]] = 0 if r["external_id"] in devices else r["device_id"]  # 0: several sources have it
    logins = frozenset(r["login"] for r in conn.execute("SELECT login FROM account"))
    words = Vocabulary(dictionaries.current(conn, now.astimezone(settings.tz).date()))
    return _Known(regions, devices, logins, words)


def _read(
    file: Any, found: Mapping[str, str], known: _Known, report: ImportReport
) -> tuple[list[dict[str, Any]], list[Rejected]]:
    rows: dict[str, dict[str, Any]] = {}
    rejected: list[Rejected] = []
    for batch in file.batches():
        for record, number in zip(batch.records, batch.numbers, strict=True):
            report.read += 1
            reader = Reader({f: record.get(c) for c, f in found.items()})
            row = _row(reader, known)
            if row is not None and row["external_id"] in rows:
                if rows[row["external_id"]] == row:
                    report.unchanged += 1
                    continue
                reader.refuse("external_id", "duplicate_key", row["external_id"])
            if reader.reasons or row is None:
                masked = fields.mask_phone(json.dumps(record, ensure_ascii=False, default=str))
                rejected.append(Rejected(str(number), reader.reasons, masked))
            else:
                rows[row["external_id"]] = row
    return list(rows.values()), rejected


def _row(r: Reader, known: _Known) -> dict[str, Any] | None:
    def text(limit: int) -> Any:
        return lambda v: fields.text(v, limit)

    def region(value: Any) -> int:
        code = fields.text(value, 20)
        found = known.regions.get(code) or known.regions.get(code.ljust(12, "0"))
        if found is None:
            raise Refuse("unknown_region")
        return found

    def device(value: Any) -> int:
        found = known.devices.get(fields.text(value, 200))
        if not found:
            raise Refuse("unknown_device")
        return found

    def kinds(value: Any) -> list[str]:
        words = fields.text(value, 300).replace("，", ",").replace("、", ",").replace(";", ",").split(",")
        return sorted({known.words.find("device_kind", w.strip()).code for w in words if w.strip()})

    name, what = r.required("name", text(100)), r.required("duty", duty)
    region_id, device_id = r.optional("region", region, None), r.optional("device", device, None)
    login = r.optional("login", text(100), "")
    if login and login not in known.logins:
        r.refuse("login", "bad_choice", login, choices="账号 / logins")
    if region_id is None and device_id is None and not r.reasons:
        r.refuse("region", "missing_field")
    out: dict[str, Any] = {
        "duty": what,
        "name": name,
        "phone": r.optional("phone", lambda v: fields.mask_phone(fields.text(v, 60)), ""),
        "login": login,
        "region_id": region_id,
        "device_id": device_id,
        "kinds": r.optional("kinds", kinds, []),
        "private_to": r.optional("private_to", text(100), None),
        "sensitivity": r.optional("sensitivity", lambda v: fields.integer(v, 0, 2), 0),
        "gone": r.optional("state", has_left, False),
    }
    out["external_id"] = r.optional("external_id", text(200), f"{what}/{region_id or ''}/{device_id or ''}/{name}")
    return None if r.reasons else out
