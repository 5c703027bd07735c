"""Writing what a video platform tells of its devices: the tree, the devices with a place, and their states with time.

The same for catalogues of GB/T 28181 and for WVP. A device another source already has under its national id is not
stored twice: only its state is taken.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ioc.intake.area import Area
from ioc.intake.events import reading_rules
from ioc.intake.files import changed_cells
from ioc.intake.gb_catalogue import Item
from ioc.intake.kinds import Context
from ioc.intake.kinds.devices import KIND as DEVICES
from ioc.intake.readers import Rows
from ioc.intake.rows import prepare
from ioc.intake.seen import SeenKeys
from ioc.intake.video_config import Rules, VideoConfig
from ioc.scope import SENSITIVE
from ioc.settings import Settings
from ioc.store import device_state, video_nodes
from ioc.store.area import regions
from ioc.store.cells import apply_cell_deltas
from ioc.store.locate import metre_srid
from ioc.store.merge import merge, stage
from ioc.store.pool import Conn
from ioc.store.rejects import Rejected
from ioc.store.video_nodes import Row

_FIELDS = ("external_id", "kind", "name", "national_id", "azimuth_deg", "address", "department", "private_to",
           "sensitivity", "interval_s", "lon", "lat")  # fmt: skip
_NOWHERE = ("", "0", "0.0", "0.000000", "0.00000000")


@dataclass
class Outcome:
    """What became of the items. `unplaced`: kept in the tree, on no map. `civil_elsewhere`: outside their CivilCode."""

    nodes: int = 0
    stored: int = 0
    updated: int = 0
    states: int = 0
    unplaced: int = 0
    civil_elsewhere: int = 0
    rejected: list[Rejected] = field(default_factory=list[Rejected])


@dataclass(frozen=True, slots=True)
class Teller:
    """Who tells, and when. `interval_s`: how often."""

    source: str
    platform: str
    interval_s: int
    origin: str
    actor: str
    now: dt.datetime


def write(conn: Conn, items: Sequence[Item], config: VideoConfig, settings: Settings, by: Teller) -> Outcome:
    """In the caller's transaction, after `video_nodes.take_turn`."""
    out = Outcome()
    full = [i for i in items if i.full]
    rules = {i.gb_id: config.rules(by.platform, i.gb_id) for i in full}
    things = [i for i in full if i.gb is not None and i.gb.node_kind == "device"]
    others = {k: r for k, r in video_nodes.devices_of(conn, by.source, [i.gb_id for i in things]).items()
              if r["source"] != by.source}  # fmt: skip
    placed = [i for i in things if not _nowhere(i) and i.gb_id not in others]
    if placed:
        _devices(conn, placed, rules, settings, by, out)
    found = video_nodes.devices_of(conn, by.source, [i.gb_id for i in items])
    out.unplaced = sum(i.gb_id not in found for i in things)
    nodes = _nodes(conn, full, rules, found, out)
    out.nodes = video_nodes.save_nodes(conn, by.source, by.platform, nodes, by.origin, by.now)
    alone = {i.gb_id: i.status for i in items if not i.full and i.status}
    if alone:
        video_nodes.set_states(conn, by.source, by.platform, alone, by.now)
    told = {found[i.gb_id]["device_id"]: (i.status, by.now) for i in items if i.status and i.gb_id in found}
    lost = video_nodes.mark_missing(conn, by.source, by.platform, now=by.now, gone=[i.gb_id for i in items if i.gone])
    told |= dict.fromkeys(lost, ("unknown", by.now))
    out.states = device_state.report(conn, told, by.now) if told else 0
    return out


def _nowhere(item: Item) -> bool:
    return item.lon.strip() in _NOWHERE and item.lat.strip() in _NOWHERE


# ---------------------------------------------------------------- devices


def _devices(
    conn: Conn, items: Sequence[Item], rules: Mapping[str, Rules], settings: Settings, by: Teller, out: Outcome
) -> None:
    """Through the same checks as a department's file: place, area, duplicates, history. One group a declared system."""
    groups: defaultdict[str, list[Item]] = defaultdict(list)
    for item in items:
        # the city's own word, then the platform's, then the standard's
        groups[rules[item.gb_id].crs or item.crs or "EPSG:4326"].append(item)
    area = Area(regions(conn), metre_srid(conn), float(settings.area_buffer_m))
    words, times = reading_rules(conn, settings, by.now)
    changed = 0
    for crs, group in sorted(groups.items()):
        records = [_record(i, rules[i.gb_id], by) for i in group]
        present = frozenset({n for r in records for n in r if n in _FIELDS} - {"lon", "lat"})
        context = Context(words, times, by.source, by.origin, by.actor, crs, present)
        found = {n: n for n in _FIELDS}
        batch = Rows(list(range(1, len(group) + 1)), records)
        prepared = prepare(batch, DEVICES, found, context, area, SeenKeys())
        out.rejected += [Rejected(group[int(r.item) - 1].gb_id, r.reasons, r.raw) for r in prepared.rejected]
        if not prepared.rows:
            continue
        srid = area.srid or metre_srid(conn, prepared.rows[0]["lon"])
        if DEVICES.before is not None:
            DEVICES.before(conn, prepared.rows, context)
        columns = DEVICES.columns(context)
        stage(conn, DEVICES.target, columns, prepared.rows)
        merged = merge(conn, DEVICES.target, columns, srid=srid, actor=by.actor, origin=by.origin, now=by.now, batch=0)
        if DEVICES.after is not None:
            DEVICES.after(conn, context)
        apply_cell_deltas(conn, changed_cells(conn))
        out.stored += merged.stored
        out.updated += merged.updated
        changed += merged.changed
    if changed:
        device_state.reload_layers(conn, ("camera", "sensor"), "catalogue", changed, by.origin)
        conn.execute("NOTIFY ioc_outbox")


def _record(item: Item, rules: Rules, by: Teller) -> dict[str, Any]:
    assert item.gb is not None
    level = SENSITIVE if item.secret else rules.sensitivity or 0
    return {
        "external_id": item.gb_id,
        "kind": item.gb.device_kind,
        "name": item.name or item.gb_id,
        "national_id": item.gb_id,
        "azimuth_deg": item.azimuth,
        "address": item.address,
        "department": rules.department,
        "private_to": rules.private_to,
        "sensitivity": level,
        "interval_s": by.interval_s,
        "lon": item.lon,
        "lat": item.lat,
        "gb_id": item.gb.words().zh,
        **item.info,
    }


# ---------------------------------------------------------------- the tree


def _nodes(
    conn: Conn, items: Sequence[Item], rules: Mapping[str, Rules], found: Mapping[str, Row], out: Outcome
) -> list[dict[str, Any]]:
    asked = {
        (_region_code(i.civil_code), found[i.gb_id]["region_id"])
        for i in items
        if i.civil_code and i.gb_id in found and found[i.gb_id]["region_id"] is not None
    }
    checks = video_nodes.civil_checks(conn, sorted(asked))
    rows: list[dict[str, Any]] = []
    for item in items:
        device, rule = found.get(item.gb_id), rules[item.gb_id]
        region = device["region_id"] if device else None
        check = checks.get((_region_code(item.civil_code), region or 0), "")
        out.civil_elsewhere += check == "elsewhere"
        rows.append(
            {
                "gb_id": item.gb_id,
                "parent_id": item.parent,
                "group_id": item.group,
                "kind": "region" if item.gb is None else item.gb.node_kind,
                "name": item.name,
                "status": item.status,
                "civil_code": item.civil_code,
                "civil_check": check,
                "device_id": device["device_id"] if device else None,
                "info": dict(item.info),
                "region_id": region,
                "private_to": device["private_to"] if device else rule.private_to,
                "sensitivity": device["sensitivity"] if device else SENSITIVE if item.secret else rule.sensitivity or 0,
            }
        )
    return rows


def _region_code(civil: str) -> str:
    """The 12 digits of the county, city or province a CivilCode names; digits 7-8 are an access unit, no town."""
    return civil[:6].ljust(12, "0")
