"""Who does what in the demo: departments and dispatch rules after the stories its cases tell, and the samples of
duplicate thresholds and escalation the product ships. What a place has imported itself stays in force.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from psycopg.rows import dict_row

from data_sources._demo.copying import Conn
from data_sources._demo.places import Ground
from data_sources._demo.stories import FLOWS
from ioc.cases.cells import Parsed
from ioc.cases.deadline_file import category_finder
from ioc.cases.dispatch import Rule
from ioc.cases.dispatch_file import Department, Known, read_duplicates, read_escalation
from ioc.cases.samples import sample_sheet
from ioc.dictionaries import shipped
from ioc.errors import DeclarationError
from ioc.flows import flows
from ioc.store import dispatch
from ioc.store.dispatch import Kind, Version

OF_TOWN = "街道办"  # in a story: the town of the place, which is what its grid cells belong to


def publish(conn: Conn, g: Ground, at: dt.datetime) -> int:
    """In the caller's transaction, after the cases. Returns the rows of all four tables."""
    regions = {str(r[0]) for r in conn.execute("SELECT code FROM region")}
    named = conn.execute("SELECT DISTINCT department FROM cases WHERE origin = 'demo' AND department <> '' ORDER BY 1")
    found = departments(g, regions)
    known = {d.name for d in found}
    found += [Department(f"X-{n:02d}", str(r[0]), "unit") for n, r in enumerate(named, 1) if r[0] not in known]
    tables: dict[Kind, list[dict[str, Any]]] = {
        "departments": [asdict(d) for d in found],
        "dispatch": [asdict(r) for r in rules(g, regions)],
        "duplicates": _duplicates(),
        "escalation": _escalation(),
    }
    before = conn.row_factory
    conn.row_factory = dict_row  # as the store reads its rows
    try:
        return sum(_put(conn, kind, rows, at) for kind, rows in tables.items())
    finally:
        conn.row_factory = before


def _put(conn: Any, kind: Kind, rows: Sequence[Mapping[str, Any]], at: dt.datetime) -> int:
    last = dispatch.newest(conn, kind)
    if last is not None and last["origin"] == "real":
        return 0
    digest = hashlib.blake2b(json.dumps(rows, ensure_ascii=False).encode(), digest_size=16).hexdigest()
    dispatch.put(conn, Version(kind, "demo", digest, "示例", True, "demo", "demo"), rows, at)
    return len(rows)


def _counties(g: Ground, regions: Collection[str]) -> dict[str, str]:
    """County name as the demo's departments carry it -> region code ("": the place has no such level)."""
    out: dict[str, str] = {}
    for v, name in enumerate(g.counties):
        code = f"{g.villages[v].code[:6]}000000"
        out.setdefault(str(name), code if code in regions else "")
    return out


def departments(g: Ground, regions: Collection[str]) -> list[Department]:
    """Every department a case of the demo may be given to."""
    offices = list(dict.fromkeys(s.department for f in FLOWS for s in f.stories if s.department != OF_TOWN))
    out = [
        Department(f"{code[:6] or 'C'}-{n:02d}", f"{county}{office}", "county", code)
        for county, code in _counties(g, regions).items()
        for n, office in enumerate(offices, 1)
    ]
    towns: dict[str, str] = {}
    for v, name in enumerate(g.towns):
        towns.setdefault(str(name), f"{g.villages[v].code[:9]}000")
    return out + [Department(code[:9], name, "town", code if code in regions else "") for name, code in towns.items()]


def rules(g: Ground, regions: Collection[str]) -> list[Rule]:
    """One rule a category and county, after the first story of that category; the rest to the cell's own department."""
    out = [Rule(1)]
    for county, region in _counties(g, regions).items():
        seen: set[str] = set()
        for story in (s for f in FLOWS for s in f.stories):
            if story.code in seen:
                continue
            seen.add(story.code)
            name = "" if story.department == OF_TOWN else f"{county}{story.department}"
            out.append(Rule(len(out) + 1, "", story.code, region, department=name))
    return out


def _known() -> Known:
    return Known(flows(), category_finder(shipped()), lambda word: None)


def _duplicates() -> list[dict[str, Any]]:
    found = _good(read_duplicates(sample_sheet("duplicates.csv"), _known()))
    return [{"category": category, **asdict(limits)} for category, limits in found]


def _escalation() -> list[dict[str, Any]]:
    return [asdict(r) for r in _good(read_escalation(sample_sheet("escalation.csv"), _known(), ()))]


def _good(parsed: Parsed[Any]) -> Any:
    """Raises DeclarationError: a sample with a fault is a fault of the product."""
    if parsed.value is None:
        said = parsed.reasons[0]
        raise DeclarationError(f"{said.file}: {said.reason.zh}", f"{said.file}: {said.reason.en}")
    return parsed.value
