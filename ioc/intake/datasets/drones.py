"""`ioc import drones PATH`: flights and photo points of drones. PATH is a file (GPX, KML, GeoJSON, CSV, Excel, JPEG) or
a folder of them. GPX, KML and EXIF speak WGS 84; tables and GeoJSON need `--crs`. A row names its picture by `照片`.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ioc.attachments.files import Files
from ioc.attachments.pictures import prepare
from ioc.audit.canonical import sm3
from ioc.errors import DiskBudget, Invalid, Reason
from ioc.intake import drone_tracks, fields, sniff
from ioc.intake.columns import recognise
from ioc.intake.datasets import Given
from ioc.intake.datasets._areas import declared, unit_of_work
from ioc.intake.drone_rows import WGS84, Fix, Flight, Shot, check, flights, matched, shot_digest
from ioc.intake.drone_tracks import Raw
from ioc.intake.fields import TimeRules
from ioc.intake.readers import open_file
from ioc.intake.reasons import Refuse, reason
from ioc.intake.report import SHOWN, ImportReport
from ioc.intake.stewards import book
from ioc.store import Store, attachments, disk, drones, editions
from ioc.store.device_state import reload_layers
from ioc.store.editions import Edition
from ioc.store.locate import locate_many
from ioc.store.outbox import wake
from ioc.store.pool import Conn
from ioc.store.rejects import RAW_LIMIT, Rejected

DATASET = "drones"
LAYERS = ("drone_track", "drone_photo")
TRACKS = {".gpx": drone_tracks.gpx, ".kml": drone_tracks.kml, ".geojson": drone_tracks.geojson,
          ".json": drone_tracks.geojson}  # fmt: skip
TABLES = (".csv", ".txt", ".tsv", ".xlsx", ".xlsm")
PICTURES = (".jpg", ".jpeg")
MOST_FILES = 20_000
COLUMNS: Mapping[str, str] = {
    "ts": "时间|拍摄时间|记录时间|采集时间|定位时间|time|timestamp|datetime|ts|taken_at",
    "lon": "经度|longitude|lng|long|lon|x",
    "lat": "纬度|latitude|lat|y",
    "alt": "高度|海拔|海拔高度|飞行高度|altitude|alt|height|ele|elevation|z",
    "heading": "航向|方位角|朝向|偏航角|heading|course|yaw|direction",
    "flight": "架次|飞行编号|航次|任务编号|航线|flight|flight_id|mission|sortie",
    "drone": "无人机编号|无人机|机身编号|飞机编号|设备编号|drone|drone_id|uav|aircraft|serial",
    "name": "任务名称|任务|名称|name|title",
    "photo": "照片|照片文件|图片|文件名|photo|picture|image|file|filename",
    "note": "发现问题|问题|说明|备注|描述|note|finding|description|desc",
    "kind": "类型|点类型|kind|type",
    "id": "照片编号|编号|id|photo_id",
}


@dataclass
class Work:
    """One import on its way."""

    given: Given
    rules: TimeRules
    base: Path
    report: ImportReport
    fixes: list[tuple[str, Fix]] = field(default_factory=list[tuple[str, Fix]])
    shots: list[tuple[str, Shot]] = field(default_factory=list[tuple[str, Shot]])
    rejected: list[Rejected] = field(default_factory=list[Rejected])
    absent: int = 0  # photos whose file is not beside the table

    def refuse(self, item: str, reasons: list[Reason], record: Mapping[str, Any] | None = None, rows: int = 1) -> None:
        raw = fields.mask_phone(json.dumps(dict(record or {}), ensure_ascii=False, default=str)[:RAW_LIMIT])
        self.rejected.append(Rejected(item[:500], reasons, raw))
        self.report.rejected += rows
        self.report.reasons.update((r.field, r.code) for r in reasons)


def bring_in(store: Store, given: Given) -> ImportReport:
    """Raises Invalid for what concerns the whole file, DiskBudget. A bad row is a reject, as a folder's bad file."""
    began, now = given.clock.monotonic(), given.clock.now()
    work = read(given, now)
    with unit_of_work(store, given.dry_run) as conn:
        put(conn, work, now)
    work.report.seconds = given.clock.monotonic() - began
    return work.report


def read(given: Given, now: dt.datetime) -> Work:
    """Everything of the delivery, checked; nothing is stored. Raises Invalid for what concerns the whole file."""
    s = given.settings
    kept = dt.timedelta(days=s.retention_history_days)
    rules = TimeRules(now, s.tz, dt.timedelta(seconds=s.future_tolerance_s), kept)
    report = ImportReport(DATASET, given.source, given.file.name, given.crs, given.dry_run)
    work = Work(given, rules, given.file if given.file.is_dir() else given.file.parent, report)
    _read(work)
    return work


def put(conn: Conn, work: Work, now: dt.datetime) -> None:
    """Flights, photos with their pictures, batch, rejects and edition, in the caller's transaction."""
    _write(conn, work, now)
    work.report.shown = work.rejected[:SHOWN]
    if work.absent:
        work.report.note = f"{work.absent} 张照片的文件不在 / files of {work.absent} photos were not found"
    if not work.given.dry_run:
        book(conn, work.report, work.rejected, work.given.actor, work.given.origin, now)
        _publish(conn, work, now)


# ---------------------------------------------------------------- reading


def _read(work: Work) -> None:
    if not work.given.file.is_dir():
        _file(work, work.given.file, alone=True)
        return
    found = sorted(p for p in work.given.file.rglob("*") if p.is_file() and not p.is_symlink())
    known = [p for p in found if p.suffix.lower() in (*TRACKS, *TABLES, *PICTURES)]
    if not known or len(known) > MOST_FILES:
        raise Invalid(
            f"文件夹里应有 1 至 {MOST_FILES} 个航迹或照片文件", f"the folder must hold 1 to {MOST_FILES} files"
        )
    for path in (p for p in known if p.suffix.lower() not in PICTURES):
        try:
            _file(work, path, alone=False)
        except Invalid as e:
            work.report.read += 1
            work.refuse(path.name, list(e.reasons) or [Reason("file", "unreadable", e.message("zh"), e.message("en"))])
    named = {_beside(work, s.file) for _, s in work.shots if s.file}
    for path in (p for p in known if p.suffix.lower() in PICTURES and p.resolve() not in named):
        _row(work, path.name, {"photo": str(path.relative_to(work.base)), "kind": "photo"}, WGS84, path.stem)
    work.given.progress(work.report.read, None)


def _file(work: Work, path: Path, *, alone: bool) -> None:
    """Raises Invalid for a file that cannot be read at all."""
    ending = path.suffix.lower()
    if ending in PICTURES:
        _row(work, path.name, {"photo": path.name, "kind": "photo"}, WGS84, path.stem)
        return
    if ending not in (*TRACKS, *TABLES):
        known = " ".join((*TRACKS, *TABLES, *PICTURES))
        raise Invalid(f"不支持的文件类型 {ending}，可用：{known}", f"unknown file type {ending}, known: {known}")
    own = ending in (".gpx", ".kml")
    if not own and not work.given.crs:
        raise Invalid(reasons=[reason("crs", "missing_field")])
    crs = WGS84 if own else declared(work.given.crs)
    for raw in _rows(work.given, path):
        item = str(raw.number) if alone else f"{path.name}:{raw.number}"
        _row(work, item, raw.record, crs, path.stem)
    work.given.progress(work.report.read, None)


def _rows(given: Given, path: Path) -> Iterator[Raw]:
    if path.suffix.lower() in TABLES:
        file = open_file(path, sheet=given.sheet)
        columns = recognise(file.columns, COLUMNS, given.mapping)
        for batch in file.batches():
            for number, record in zip(batch.numbers, batch.records, strict=True):
                yield Raw(number, {f: record.get(c) for c, f in columns.items()})
        return
    if path.stat().st_size > drone_tracks.MAX_BYTES:
        raise Invalid(reasons=[reason("file", "file_too_large", path.name, limit=drone_tracks.MAX_BYTES >> 20)])
    try:
        text = path.read_bytes().decode(sniff.text_encoding(path))
        rows = list(TRACKS[path.suffix.lower()](text))
    except Refuse as e:
        raise Invalid(reasons=[e.of("file", path.name)]) from None
    if path.suffix.lower() not in (".geojson", ".json"):
        yield from rows
        return
    columns = recognise(list(dict.fromkeys(k for r in rows for k in r.record)), COLUMNS, given.mapping)
    for r in rows:
        yield Raw(r.number, {columns[k]: v for k, v in r.record.items() if k in columns})


def _row(work: Work, item: str, record: Mapping[str, Any], crs: str, stem: str) -> None:
    work.report.read += 1
    told: dict[str, Any] = dict(record)
    photo = told.get("photo")
    if isinstance(photo, str) and photo.strip() and any(fields.blank(told.get(n)) for n in ("ts", "lon", "lat")):
        path = _beside(work, photo.strip())
        found = drone_tracks.exif(_bytes(work, path)) if path is not None else {}
        whole = all(n in found for n in ("lon", "lat")) and fields.blank(told.get("lon"))
        told |= {k: v for k, v in found.items() if fields.blank(told.get(k)) and (whole or k not in ("lon", "lat"))}
        crs = WGS84 if whole else crs
    got = check(told, work.rules, crs, stem)
    if isinstance(got, list):
        work.refuse(item, got, told)
    elif isinstance(got, Fix):
        work.fixes.append((item, got))
    else:
        work.shots.append((item, got))


def _beside(work: Work, name: str) -> Path | None:
    """The picture a row names, inside the folder of the import and nowhere else; by its bare name too."""
    base = work.base.resolve()
    for part in (name.replace("\\", "/"), name.replace("\\", "/").rpartition("/")[2]):
        try:
            path = (base / part).resolve()
            if path.is_relative_to(base) and path.is_file():
                return path
        except (OSError, ValueError):
            continue
    return None


def _bytes(work: Work, path: Path) -> bytes:
    """b"" for one larger than attachments may be: it has no EXIF that counts, and is refused when it is kept."""
    limit = work.given.settings.attachment_max_mb << 20
    return path.read_bytes() if path.stat().st_size <= limit else b""


# ---------------------------------------------------------------- writing


def _write(conn: Conn, work: Work, now: dt.datetime) -> None:
    good, none = flights([f for _, f in work.fixes])
    for key, rows in none.items():
        work.refuse(key, [reason("flight", "no_flight", key)], rows=rows)
    shots = matched([s for _, s in work.shots], good)
    known = drones.ids_of(conn, sorted({d for x in (*good, *shots) if (d := x.drone)}))
    places = locate_many(conn, [(f.fixes[0].lon, f.fixes[0].lat) for f in good] + [(s.lon, s.lat) for s in shots],
                         work.given.settings.area_buffer_m)  # fmt: skip
    buffer = f"{work.given.settings.area_buffer_m:g}"
    ids: dict[str, int] = {}
    for f, place in zip(good, places, strict=False):
        if not place.inside:
            work.refuse(f.key, [reason("flight", "out_of_area", f.key, buffer=buffer)], rows=len(f.fixes) + f.doubles)
            continue
        ids[f.key], became = drones.put_flight(conn, _flight(work, f, known, place.region_id, now), work.given.actor)
        _count(work.report, became, len(f.fixes))
        work.report.unchanged += f.doubles
    for (item, _), s, place in zip(work.shots, shots, places[len(good) :], strict=True):
        if not place.inside:
            work.refuse(item, [reason("lon", "out_of_area", f"{s.lon}, {s.lat}", buffer=buffer)])
            continue
        _photo(conn, work, item, s, {"flight_id": ids.get(s.flight), **_scope(known, s.drone, place.region_id)}, now)


def _count(report: ImportReport, became: str, rows: int) -> None:
    name = {"new": "stored", "change": "updated", "same": "unchanged"}[became]
    setattr(report, name, getattr(report, name) + rows)


def _scope(known: Mapping[str, Any], drone: str, region_id: int | None) -> dict[str, Any]:
    """As the drone itself is shared, at the place."""
    own = known.get(drone)
    return {"private_to": own["private_to"] if own else None, "sensitivity": own["sensitivity"] if own else 0,
            "region_id": region_id}  # fmt: skip


def _flight(work: Work, f: Flight, known: Mapping[str, Any], region_id: int | None, now: dt.datetime) -> dict[str, Any]:
    own = known.get(f.drone)
    return {
        "source": work.given.source, "external_id": f.key, "drone": f.drone, "name": f.name, "now": now,
        "resource_id": own["resource_id"] if own else None, "begun_at": f.fixes[0].at, "ended_at": f.fixes[-1].at,
        "wkt": f.wkt, "has_altitude": all(x.altitude_m is not None for x in f.fixes), "points": len(f.fixes),
        "distance_m": f.distance_m, "digest": f.digest, "origin": work.given.origin,
        **_scope(known, f.drone, region_id),
    }  # fmt: skip


def _photo(conn: Conn, work: Work, item: str, s: Shot, place: Mapping[str, Any], now: dt.datetime) -> None:
    try:
        attachment_id, digest = _picture(conn, work, s, now)
    except Invalid as e:
        work.refuse(item, list(e.reasons), {"photo": s.file})
        return
    values = {
        "source": work.given.source, "external_id": s.key, "drone": s.drone, "taken_at": s.at, "lon": s.lon,
        "lat": s.lat, "altitude_m": s.altitude_m, "heading_deg": s.heading_deg, "note": s.note,
        "attachment_id": attachment_id, "digest": shot_digest(replace(s, file=""), digest),
        "origin": work.given.origin, "now": now, **place,
    }  # fmt: skip
    _count(work.report, drones.put_photo(conn, values, work.given.actor)[1], 1)


def _picture(conn: Conn, work: Work, s: Shot, now: dt.datetime) -> tuple[int | None, str]:
    """(attachment, digest of the bytes sent): checked and written anew like every other picture. Raises Invalid."""
    path = _beside(work, s.file) if s.file else None
    if path is None:
        work.absent += bool(s.file)
        return None, ""
    settings = work.given.settings
    if path.stat().st_size > settings.attachment_max_mb << 20:
        raise Invalid(reasons=[reason("photo", "file_too_large", s.file, limit=settings.attachment_max_mb)])
    data = path.read_bytes()
    given = sm3(data).hex()
    uploader, once = f"drones:{work.given.source}"[:200], f"{s.key}:{given}"[:200]
    before = attachments.by_key(conn, uploader, once)
    if before is not None:
        return int(before["attachment_id"]), given
    prepared = prepare(data)
    if prepared.small is None:
        raise Invalid(reasons=[reason("photo", "bad_picture", s.file)])
    if work.given.dry_run:
        return None, given
    _room(conn, work, len(prepared.data))
    try:
        kept = Files(settings.attachments).keep(prepared)
    except OSError as e:
        raise DiskBudget(f"附件无法写入：{e.strerror}", f"the file cannot be written: {e.strerror}") from e
    values = {"sm3": kept, "given_sm3": given, "media_type": prepared.media_type, "bytes": len(prepared.data),
              "width": prepared.width, "height": prepared.height, "uploader": uploader, "uploader_name": s.drone,
              "once": once, "case_id": None, "event_id": None, "bound_at": now,
              "origin": work.given.origin}  # fmt: skip
    return attachments.add(conn, values, now), given


def _room(conn: Conn, work: Work, size: int) -> None:
    settings = work.given.settings
    budget = settings.attachment_budget_mb
    if budget and attachments.total_bytes(conn) + size > budget * 2**20:
        raise DiskBudget(f"附件已满 {budget} MB", f"attachments fill their {budget} MB")
    free = Files(settings.attachments).free_mb()
    if free - size // 2**20 < settings.disk_free_min_mb * disk.LAST_SHARE:
        raise DiskBudget(f"剩余 {free} MB", f"{free} MB free")


def _publish(conn: Conn, work: Work, now: dt.datetime) -> None:
    found, report = drones.counts(conn), work.report
    if not found["flights"] and not found["photos"]:
        return
    editions.publish(
        conn,
        Edition(DATASET, report.source, found["newest"], int(found["flights"] + found["photos"]), report.rejected,
                report.file, report.batch_id, {"flights": found["flights"], "photos": found["photos"]},
                "demo" if work.given.origin == "demo" else "real"),
        work.given.actor, now,
    )  # fmt: skip
    if changed := report.stored + report.updated:
        reload_layers(conn, LAYERS, "import", changed, work.given.origin)
        wake(conn)
