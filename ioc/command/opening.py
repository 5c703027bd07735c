"""Opening an incident: from a case, a report, an alarm, an official warning, a telephone call, or by hand.

Whatever it comes from, both records name each other, and the same origin opens one incident. An exercise (演练) is one
from birth: it takes over what its origin says and leaves the origin as it is.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from ioc.cases import joining
from ioc.cases.work import Actor
from ioc.command import book, placing, tell
from ioc.command.book import Doing, step
from ioc.command.record import iso
from ioc.errors import Conflict, Invalid, NotFound, Reason
from ioc.flows import flows
from ioc.fold import fold_all
from ioc.scope import SYSTEM
from ioc.store import case_steps, cases_write, command_rows, incidents, merges
from ioc.store.pool import Conn

Row = Mapping[str, Any]
SOURCE, FLOW = "incident", "incident"
MARK = tell.MARK
BY_WORD = {"hand": "人工登记", "phone": "电话"}
COLOUR_URGENCY = {"red": "critical", "orange": "critical"}


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be opened. `place`: {lon, lat, crs} as given; `origin`: (kind, id), id 0 by hand or by telephone once
    its report is known as an event."""

    kind: str
    ref: int = 0
    title: str = ""
    description: str = ""
    cls: int | None = None
    type: str = ""
    level: int | None = None
    reason: str = ""
    exercise: bool = False
    urgency: str = ""
    address: str = ""
    place: Mapping[str, Any] | None = None
    area: Any = None  # GeoJSON text
    told_by: str = ""  # of an event: phone or alarm, where its report came so


@dataclass
class Origin:
    """What the origin says: columns of the case, and what it becomes a source as."""

    columns: dict[str, Any]
    source: dict[str, Any]
    ref: str = ""
    place: dict[str, Any] = field(default_factory=dict[str, Any])
    area: str | None = None
    case: Row | None = None
    event: Row | None = None
    warning: Row | None = None


def opened(conn: Conn, actor: Actor, wish: Wish, now: dt.datetime, zone: ZoneInfo, buffer_m: float) -> Doing:
    """The new incident, in the caller's transaction (under the system's scope; the predicate is the actor's).

    Raises NotFound, Forbidden, Invalid, Conflict (opened before: context names it).
    """
    found = _ORIGINS[wish.kind](conn, actor, wish, now)
    before = incidents.of_origin(conn, found.ref, wish.exercise) if found.ref else None
    if before is not None:
        _refuse(before["case_id"], before["number"])
    place, given = _place(conn, actor, wish, found, buffer_m)
    number = ("YL" if wish.exercise else "TF") + case_steps.next_number(conn, now.astimezone(zone).date())
    values = {**found.columns, **place, **_said(conn, wish, found)}
    values |= _fixed(actor, wish, number, found, now)
    values["search"] = fold_all(values["title"], number, str(values.get("address", "")))
    case_id = cases_write.open_case(conn, values, actor.scope.actor, now)
    kind = wish.told_by or wish.kind if wish.kind == "event" else wish.kind
    level = wish.level or found.columns.get("incident_level")
    command_rows.insert(conn, "incident", {
        "case_id": case_id, "class": _class(wish, values), "exercise": wish.exercise, "origin_kind": kind,
        "origin_ref": found.ref, "place_given": given, "geometry": wish.area or found.area,
        "proposed": _proposed(actor, level, wish.reason, now), "origin": values["origin"],
    }, actor.scope.actor, now)  # fmt: skip
    doing = book.begin(conn, actor, case_id, now, zone)
    _tie(doing, found, wish)
    said: dict[str, Any] = {
        "other": BY_WORD.get(wish.kind, found.source["source_id"]),
        "text": wish.reason or wish.description,
    }
    step(
        doing,
        "raised" if wish.kind == "case" else "open",
        {k: v for k, v in said.items() if v} | ({"level": level} if level else {}),
    )
    tell.put(conn, doing.case, "opened", "incident.opened", ("role", "chief"),
             (f"突发事件接报：{doing.case['title']}", f"Incident: {doing.case['title']}"), number, now)  # fmt: skip
    return doing


def _refuse(case_id: int, number: str) -> None:
    context = {"incident_id": case_id, "number": number}
    raise Conflict(f"已开立突发事件 {number}", f"incident {number} was opened from it", context)


def _fixed(actor: Actor, wish: Wish, number: str, found: Origin, now: dt.datetime) -> dict[str, Any]:
    first = flows()[FLOW].stages[0][0]
    level = wish.level or found.columns.get("incident_level")
    return {
        "number": number, "source": SOURCE, "source_id": f"{found.ref or wish.kind}@{number}", "flow": FLOW,
        "stage": first, "incident_level": level, "level_state": "initial" if level else "",
        "level_by": (actor.name or actor.scope.actor) if level else "", "opened_at": now, "exercise": wish.exercise,
        "raised_from": found.case["case_id"] if found.case is not None and not wish.exercise else None,
        "stages": [{"stage": first, "entered_at": now.isoformat(), "by": actor.name or actor.scope.actor}],
        "sources": [found.source],
    }  # fmt: skip


def _said(conn: Conn, wish: Wish, found: Origin) -> dict[str, Any]:
    """What was given wins over what the origin says."""
    title = (wish.title or str(found.columns.get("title") or "")).strip()
    if not title:
        raise Invalid(reasons=[Reason("title", "missing", "必填", "is required")])
    if wish.exercise and MARK not in title:
        title = f"{MARK}{title}"
    out: dict[str, Any] = {"title": title[:200]}
    words = "\n".join(p for p in (wish.description, str(found.columns.get("description") or "")) if p)
    out["description"] = words[:4000]
    if wish.address:
        out["address"] = wish.address
    if wish.urgency:
        out["urgency"] = wish.urgency
    if wish.type:
        out["category_scheme"], out["category_code"] = placing.type_of(conn, wish.type)
    return out


def _class(wish: Wish, values: Row) -> int | None:
    """As given; else by the first two digits of the type (GB/T 35561)."""
    if wish.cls is not None or values.get("category_scheme") != placing.SCHEME:
        return wish.cls
    return incidents.CLASS_OF_CODE.get(str(values.get("category_code") or "")[:2])


def _proposed(actor: Actor, level: Any, reason: str, now: dt.datetime) -> dict[str, Any] | None:
    if not level:
        return None
    who = actor.name or actor.scope.actor
    return {"level": int(level), "by": who, "actor": actor.scope.actor, "at": iso(now), "reason": reason}


def _place(
    conn: Conn, actor: Actor, wish: Wish, found: Origin, buffer_m: float
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Columns of the place, and the coordinates as they were given."""
    if wish.place is not None:
        return placing.placed(conn, actor.scope, wish.place, buffer_m), dict(wish.place)
    if found.place.get("lon") is not None:
        return found.place, {}
    zh, en = "须给出位置：地图点、地址命中或坐标", "a place is needed: a point, an address found, or coordinates"
    raise Invalid(reasons=[Reason("place", "missing", zh, en)])


def _tie(doing: Doing, found: Origin, wish: Wish) -> None:
    """The origin names the incident too. An exercise leaves what is real as it is."""
    if wish.exercise:
        return
    conn, number = doing.conn, doing.case["number"]
    if found.case is not None:
        from_case = {"other": number, **({"text": wish.reason} if wish.reason else {})}
        who = doing.who
        joining.step(conn, found.case, "raise", {"raised_to": doing.case_id}, from_case, who, doing.now)
    if found.event is not None:
        cases_write.link_event(conn, found.event["event_id"], doing.case_id, doing.who[0], doing.now)
    if found.warning is not None:
        values = {
            "case_id": doing.case_id, "kind": "warning", "other_id": found.warning["warning_id"],
            "reason": "由预警开立", "by_name": doing.who[1], "at": doing.now, "origin": doing.case["origin"],
        }  # fmt: skip
        command_rows.insert(conn, "link", values, doing.who[0], doing.now)


# ------------------------------------------------------------ origins

_TAKEN = ("title", "description", "category_scheme", "category_code", "urgency", "address", "private_to",
          "sensitivity", "origin", "department")  # fmt: skip
_POINT = ("lon", "lat", "x_m", "y_m", "srid", "region_id", "grid_cell_id", "h3_10")


def _of_case(conn: Conn, actor: Actor, wish: Wish, now: dt.datetime) -> Origin:
    case = merges.lock(conn, actor.scope, [wish.ref]).get(wish.ref)
    if case is None:
        raise NotFound(f"办件 {wish.ref}", f"case {wish.ref}")
    if case["flow"] == FLOW:
        raise Conflict("已是突发事件", "is an incident already", {"incident_id": case["case_id"]})
    if case["raised_to"] is not None and not wish.exercise:
        number = conn.execute("SELECT number FROM cases WHERE case_id = %s", (case["raised_to"],)).fetchone()
        _refuse(case["raised_to"], str(number["number"]) if number else f"#{case['raised_to']}")
    if case["closed_at"] is not None or case["ended"]:
        raise Conflict("办件已结束", "the case is over")
    where = conn.execute(
        "SELECT ST_X(geom) AS lon, ST_Y(geom) AS lat, ST_X(geom_m) AS x_m, ST_Y(geom_m) AS y_m,"
        " nullif(ST_SRID(geom_m), 0) AS srid FROM cases WHERE case_id = %s",
        (wish.ref,),
    ).fetchone()
    place = {**{n: case[n] for n in ("region_id", "grid_cell_id", "h3_10")}, **(where or {})}
    source = {"source": case["source"], "source_id": case["number"], "text": case["title"], "at": now.isoformat()}
    return Origin({n: case[n] for n in _TAKEN}, source, f"case:{wish.ref}", place, case=case)


def _of_event(conn: Conn, actor: Actor, wish: Wish, now: dt.datetime) -> Origin:
    event = case_steps.read_event(conn, actor.scope, wish.ref)
    if event is None:
        raise NotFound(f"事件 {wish.ref}", f"event {wish.ref}")
    if event["case_id"] is not None and not wish.exercise:
        row = conn.execute("SELECT flow, number FROM cases WHERE case_id = %s", (event["case_id"],)).fetchone()
        if row is not None and row["flow"] == FLOW:
            _refuse(event["case_id"], row["number"])
        context = {"case_id": event["case_id"]}
        raise Conflict(f"已立为办件 #{event['case_id']}", f"is part of case #{event['case_id']}", context)
    if event["status"] != "open" and not wish.exercise:
        raise Conflict("事件已关闭", "the report is closed")
    columns = {n: event[n] for n in _TAKEN if n != "department"}
    columns["incident_level"] = event["incident_level"]
    cells = event["grid_cell_ids"] or [None]
    place = {**{n: event[n] for n in _POINT if n != "grid_cell_id"}, "grid_cell_id": cells[0]}
    source = {"source": event["source"], "source_id": event["source_id"], "text": event["title"],
              "at": event["occurred_at"].isoformat()}  # fmt: skip
    return Origin(columns, source, f"event:{wish.ref}", place, event=event)


def _of_warning(conn: Conn, actor: Actor, wish: Wish, now: dt.datetime) -> Origin:
    """An official warning (CAP): its area is the incident's, its colour stays the warning's."""
    row = incidents.area_warning(conn, actor.scope, wish.ref)
    if row is None:
        raise NotFound(f"预警 {wish.ref}", f"warning {wish.ref}")
    if row["exercise"] and not wish.exercise:
        raise Conflict("演练预警只能开立演练事件", "an exercise's warning opens an exercise only")
    if row["status"] != "active":
        raise Conflict("预警已失效", "the warning is no longer in force")
    place: dict[str, Any] = {}
    if row["lon"] is not None and wish.place is None:
        place = placing.at(conn, SYSTEM, row["lon"], row["lat"], 0.0)
    columns: dict[str, Any] = {
        "title": f"{row['kind']}预警：{row['area']}".rstrip("："), "description": str(row["note"] or ""),
        "category_scheme": "", "category_code": "", "urgency": COLOUR_URGENCY.get(row["colour"], "urgent"),
        "address": str(row["area"] or "")[:500], "private_to": None, "sensitivity": 0, "origin": row["origin"],
    }  # fmt: skip
    shape = row["geometry"]
    source = {"source": "warning", "source_id": f"warning:{wish.ref}", "text": columns["title"],
              "at": row["onset_at"].isoformat()}  # fmt: skip
    area = json.dumps(shape) if shape and shape.get("coordinates") else None
    return Origin(columns, source, f"warning:{wish.ref}", place, area, warning=row)


def _by_hand(_conn: Conn, _actor: Actor, wish: Wish, now: dt.datetime) -> Origin:
    columns: dict[str, Any] = {
        "title": wish.title, "description": "", "category_scheme": "", "category_code": "", "urgency": "critical",
        "address": "", "private_to": None, "sensitivity": 0, "origin": "real",
    }  # fmt: skip
    source = {"source": wish.kind, "source_id": wish.kind, "text": wish.title, "at": now.isoformat()}
    return Origin(columns, source)


_ORIGINS = {"case": _of_case, "event": _of_event, "warning": _of_warning, "hand": _by_hand, "phone": _by_hand}
