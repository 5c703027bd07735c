"""Everything the village page says about a region, read under the asker's scope: four cards, a comparison, a list.

A card is {state, rows, as_of, sources ...}; `state` is ok, unconnected (no source has ever delivered: 未接入), empty,
or forbidden with the right that is missing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from ioc.flows import flows
from ioc.patrols.coverage import Coverage, coverage, together
from ioc.scope import Scope
from ioc.store import Conn, Store, patrols, playback, villages
from ioc.store.regions import Region, Regions
from ioc.villages import figures
from ioc.villages.lists import listed
from ioc.villages.playback import as_json, counts, moments

Part = dict[str, Any]
COMPARED = 60  # rows of the comparison
CELLS = 20_000


def village(store: Store, scope: Scope, code: str, asked: Mapping[str, str], now: dt.datetime, tz: ZoneInfo) -> Part:
    """The page of region `code` ("": the asker's top). `asked`: `list`, `offset`. Raises NotFound."""
    regions = Regions.of(store)
    region = regions.root(scope, code)
    if region is None:
        return {"region": None, "cards": {}, "compare": {"rows": [], "kind": ""}, "list": None}
    ids = regions.ids(scope, region.code)
    with store.reading(scope) as conn:
        cards = {
            "facilities": _facilities(conn, scope, ids),
            "people": _figures(conn, scope, region, ids, "people"),
            "services": _services(conn, scope, region, ids, now),
            "playback": _playback(conn, scope, ids, now),
        }
        compare = _compare(conn, scope, regions, region, now, tz)
        for card in cards.values():
            card["sources"] = villages.titles(conn, card.get("sources") or ())
        chosen = listed(conn, scope, ids, asked.get("list", ""), _offset(asked.get("offset", "")), now)
    head = {"code": region.code, "name": region.name, "kind": region.kind, "sketch": region.sketch}
    return {"region": head, "cards": cards, "compare": compare, "list": chosen}


def _offset(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0


def _newest(rows: Sequence[Mapping[str, Any]], name: str = "as_of") -> Any:
    return max((r[name] for r in rows if r[name] is not None), default=None)


def _facilities(conn: Conn, scope: Scope, ids: Sequence[int] | None) -> Part:
    if not scope.can("device.view"):
        return {"state": "forbidden", "right": "device.view"}
    devices = villages.facilities(conn, scope, ids)
    things = villages.resources(conn, scope, ids) if scope.can("resource.view") else []
    if not devices and not things:
        heard = villages.connected(conn, ("camera", "sensor", "device", "resource"))
        return {"state": "empty" if heard else "unconnected"}
    return {
        "state": "ok",
        "devices": [dict(r) for r in devices],
        "resources": [dict(r) for r in things],
        "total": sum(r["total"] for r in devices),
        "online": sum(r["online"] for r in devices),
        "resource_total": sum(r["total"] for r in things),
        "as_of": _newest([*devices, *things]),
        "sources": sorted({s for r in (*devices, *things) for s in r["sources"]}),
    }


def _figures(conn: Conn, scope: Scope, region: Region, ids: Sequence[int] | None, section: str) -> Part:
    """Imported figures; above a village their sums. Small counts of people are withheld."""
    if not scope.can("map.view"):
        return {"state": "forbidden", "right": "map.view"}
    rows = villages.figures(conn, scope, ids, section)
    if not rows:
        return {"state": "unconnected"}
    items: dict[str, list[int]] = {}
    for r in rows:
        items.setdefault(r["item"], []).append(r["value"])
    out: list[Part] = []
    for item in sorted(items, key=figures.rank):
        values = items[item]
        if section == "people":
            said = figures.shown(values[0]) if region.kind == "village" else figures.total(values)
        else:
            said = figures.Shown(sum(values))
        out.append({"item": item, "value": said.value, "withheld": said.withheld, "of": len(values)})
    dates = [r["as_of"] for r in rows]
    return {
        "state": "ok", "rows": out, "as_of": max(dates), "since": min(dates),
        "villages": len({r["region_id"] for r in rows}), "sources": sorted({r["source"] for r in rows}),
    }  # fmt: skip


def _services(conn: Conn, scope: Scope, region: Region, ids: Sequence[int] | None, now: dt.datetime) -> Part:
    """The office's own table where one was imported; beside it what our cases say of the last 30 days."""
    imported = _figures(conn, scope, region, ids, "service")
    work: list[Part] = []
    as_of = None
    if scope.can("case.view"):
        found = villages.work(conn, scope, ids, now - villages.PERIOD)
        known = flows()
        for r in found:
            title = known[r["flow"]].title if r["flow"] in known else None
            words = {"zh": title.zh, "en": title.en} if title else {"zh": r["flow"], "en": r["flow"]}
            work.append({"flow": r["flow"], "label": words, "total": r["total"], "open": r["open"]})
        as_of = _newest(found)
    if imported["state"] == "ok":
        return {**imported, "work": work, "work_as_of": as_of}
    if work:
        return {"state": "ok", "rows": [], "work": work, "work_as_of": as_of, "as_of": None, "sources": []}
    if imported["state"] == "forbidden" or villages.connected(conn, ("case", "village")):
        return {**imported, "state": "empty" if imported["state"] == "unconnected" else imported["state"]}
    return imported


def _playback(conn: Conn, scope: Scope, ids: Sequence[int] | None, now: dt.datetime) -> Part:
    if not scope.can("event.view"):
        return {"state": "forbidden", "right": "event.view"}
    row = villages.happened(conn, scope, ids, now - villages.PERIOD)
    if row["as_of"] is None:
        return {"state": "empty" if villages.connected(conn, ("event", "case")) else "unconnected"}
    return {"state": "ok", "verified": row["verified"], "suspected": row["suspected"], "as_of": row["as_of"]}


# ------------------------------------------------------------ side by side


def _compare(conn: Conn, scope: Scope, regions: Regions, region: Region, now: dt.datetime, tz: ZoneInfo) -> Part:
    """The villages of a town (of a village: its neighbours); above a town what lies below."""
    tree = regions.tree()
    above = tree.by_id.get(region.parent_id or 0) if region.kind == "village" else region
    if above is None or not (scope.whole or above.region_id in scope.region_ids):
        rows = [region]
    else:
        rows = [r for r in tree.children(above) if scope.whole or r.region_id in scope.region_ids] or [region]
    rows = rows[:COMPARED]
    groups: dict[str, Sequence[int]] = {
        r.code: sorted(tree.below[r.region_id] if scope.whole else tree.below[r.region_id] & scope.region_ids)
        for r in rows
    }
    counts = villages.compared(conn, scope, groups, now - villages.PERIOD)
    people = _people(conn, scope, groups)
    walks = _walks(conn, scope, groups, now, tz) if scope.can("grid.view") else {}
    out = [
        {
            "code": r.code, "name": r.name, "kind": r.kind, "here": r.code == region.code,
            **_filled(counts[r.code], scope), "people": people[r.code], "walked": walks.get(r.code),
        }
        for r in rows
    ]  # fmt: skip
    return {"rows": out, "of": above.name if above is not None else region.name, "kind": rows[0].kind if rows else ""}


_COUNTED = (("devices", "device.view"), ("online", "device.view"), ("resources", "resource.view"),
            ("events", "event.view"), ("open_cases", "case.view"))  # fmt: skip


def _filled(row: Mapping[str, Any], scope: Scope) -> Part:
    return {name: int(row.get(name, 0)) if scope.can(right) else None for name, right in _COUNTED}


def _people(conn: Conn, scope: Scope, groups: Mapping[str, Sequence[int]]) -> dict[str, dict[str, figures.Shown]]:
    """Households, residents, elderly and children of each group."""
    every = [i for ids in groups.values() for i in ids]
    rows = villages.figures(conn, scope, every, "people")
    by_place: dict[int, dict[str, int]] = {}
    for r in rows:
        by_place.setdefault(r["region_id"], {})[r["item"]] = r["value"]
    out: dict[str, dict[str, figures.Shown]] = {}
    for code, ids in groups.items():
        out[code] = {
            item: figures.total([by_place[i][item] for i in ids if item in by_place.get(i, {})])
            for item in ("households", "residents", "elderly", "children")
        }
    return out


def _walks(
    conn: Conn, scope: Scope, groups: Mapping[str, Sequence[int]], now: dt.datetime, tz: ZoneInfo
) -> dict[str, float | None]:
    every = [i for ids in groups.values() for i in ids]
    of_cell = villages.planned(conn, scope, groups)
    found: dict[str, list[Coverage]] = {}
    for r in patrols.coverage_rows(conn, scope, every, now, limit=CELLS, walked=True):
        code = of_cell.get(r["grid_cell_id"])
        if code is not None:
            found.setdefault(code, []).append(coverage(r["last_at"], r["done"], r["planned"], now, tz))
    return {code: together(cells) for code, cells in found.items()}


# ------------------------------------------------------------ playback


def play(store: Store, scope: Scope, code: str, since: dt.datetime, until: dt.datetime) -> Part:
    """Events and cases of a region in a period, with their steps. Raises NotFound."""
    ids = Regions.of(store).ids(scope, code)
    with store.reading(scope) as conn:
        found, more = playback.things(conn, scope, ids, since, until)
    ms = [round(at.timestamp() * 1000) for at in (since, until)]
    steps = moments(found, ms[0], ms[1])
    return {
        "region": code, "since": ms[0], "until": ms[1], "moments": steps,
        "counts": [counts(found, at) for at in steps], "things": [as_json(t) for t in found], "more": more,
    }  # fmt: skip
