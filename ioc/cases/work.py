"""Doing something with a case: read and locked, checked by the rules, written with history, step and feed record."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

import h3.api.basic_int as h3
import numpy as np

from ioc import geo
from ioc.attachments.work import bind
from ioc.cases import applied, dispatching, follow, joining
from ioc.cases import flow as rules
from ioc.cases.dispatch import owner_cell
from ioc.cases.stepping import Act, Done
from ioc.cases.terms import RECOMPUTED_BY
from ioc.clock import Clock
from ioc.declare import Flow, Step
from ioc.errors import Conflict, Invalid, NotFound, Reason
from ioc.flows import flows, step_title
from ioc.scope import SYSTEM, Scope
from ioc.store import Conn, Store, case_steps, cases_write, request_keys
from ioc.store.locate import locate, metre_srid
from ioc.store.regions import Regions
from ioc.store.request_keys import RequestKey
from ioc.store.retry import retried
from ioc.store.worklist import case_record

# Who has none of these only looks.
WORKING = frozenset(f"case.{what}" for what in ("accept", "dispatch", "handle", "verify", "close", "approve",
                                                 "supervise", "instruct"))  # fmt: skip
UTC = ZoneInfo("UTC")

FAST_CLOCK = dt.timedelta(minutes=10)  # as for everything that comes in with a time of its own


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does it: the scope, and the name cases and timelines carry."""

    scope: Scope
    name: str = ""


@dataclass
class Cases:
    """The use-cases of one store. `area_buffer_m`: how far outside the centre's area a place may lie."""

    store: Store
    clock: Clock
    area_buffer_m: float = 2000.0
    zone: ZoneInfo = UTC  # whose days number the cases, and whose working time their deadlines run in

    def offered(self, actor: Actor, case_id: int) -> dict[str, Any]:
        """The steps the actor may take now, with the version they hold for. Raises NotFound."""
        with self.store.reading(actor.scope) as conn:
            row = _found(case_steps.read(conn, actor.scope, case_id, lock=False), case_id)
        flow, state = flow_of(row), state_of(row)
        steps = rules.choices(flow, state, actor.scope, actor.name)
        return {**_told(row, state), "steps": [step_json(s) for s in steps]}

    def open(self, actor: Actor, event_id: int, flow_key: str, once: RequestKey | None = None) -> dict[str, Any]:
        """A report becomes a case in the first stage of a flow, which stands for it from now on.

        Raises NotFound, Forbidden, Invalid for a flow there is none of, Conflict where the report is part of a case
        already or is closed.
        """
        actor.scope.require("case.accept")
        flow = flows().get(flow_key)
        if flow is None or not flow.steps:
            raise Invalid(reasons=[Reason("flow", "unknown_flow", "没有此流程", "no such flow", flow_key)])
        return retried(lambda: self._open(actor, event_id, flow, once))

    def _open(self, actor: Actor, event_id: int, flow: Flow, once: RequestKey | None) -> dict[str, Any]:
        now = self.clock.now()
        with self.store.scoped(SYSTEM) as conn:
            if (before := request_keys.claim(conn, once, now)) is not None:
                return dict(before)
            event = case_steps.read_event(conn, actor.scope, event_id)
            if event is None:
                raise NotFound(f"事件 {event_id}", f"event {event_id}")
            if event["case_id"] is not None:
                context = {"case_id": event["case_id"]}
                raise Conflict(f"已立为办件 #{event['case_id']}", f"is part of case #{event['case_id']}", context)
            if event["status"] != "open":
                raise Conflict("事件已关闭", "the report is closed")
            number = case_steps.next_number(conn, now.astimezone(self.zone).date())
            market_day = dispatching.market_day(conn, now.astimezone(self.zone).date())
            plan = dispatching.plan(conn, flow, event, market_day)
            values = {**_from_event(event, flow, number, now, actor), **plan.columns}
            values |= applied.opening(conn, values, now, self.zone)
            case_id = cases_write.open_case(conn, values, actor.scope.actor, now)
            cases_write.link_event(conn, event_id, case_id, actor.scope.actor, now)
            row = _found(case_steps.read(conn, SYSTEM, case_id, lock=True), case_id)
            row = dispatching.carry_out(joining.gather(conn, row, now), plan, self._act(conn, now, plan.notify_role))
            answer = {**self.told(row), "record": case_record(conn, case_id)}
            request_keys.keep(conn, once, answer, row["origin"])
            return answer

    def todo(self, actor: Actor, case_id: int) -> dict[str, Any] | None:
        """`offered` with what its forms let one choose: departments, regions below. None: nothing to be done here."""
        try:
            found = self.offered(actor, case_id)
        except Conflict:
            return None
        with self.store.reading(SYSTEM) as conn:
            departments = case_steps.departments(conn)
        tree = Regions.of(self.store).tree()
        below = [r for r in tree.by_id.values() if r.parent_id is not None and r.parent_id == found["region_id"]]
        regions = [{"code": r.code, "name": r.name} for r in sorted(below, key=lambda r: r.code)]
        return {**found, "departments": departments, "regions": regions}

    def take(
        self,
        actor: Actor,
        case_id: int,
        key: str,
        given: Mapping[str, Any],
        version: int,
        once: RequestKey | None = None,
    ) -> dict[str, Any]:
        """One step. `version`: the one the actor saw; `once`: the same request again gets the first answer.

        Raises NotFound (also outside the scope), Conflict (somebody was first: context names what they did; or the step
        is not possible now), Forbidden, Invalid.
        """
        return retried(lambda: self._take(actor, case_id, key, given, version, once))

    def _take(
        self, actor: Actor, case_id: int, key: str, given: Mapping[str, Any], version: int, once: RequestKey | None
    ) -> dict[str, Any]:
        now = self.clock.now()
        # Under the system's scope, because a case may leave the actor's; the predicate is the actor's own.
        with self.store.scoped(SYSTEM) as conn:
            if (before := request_keys.claim(conn, once, now)) is not None:
                return dict(before)
            row = _found(case_steps.read(conn, actor.scope, case_id, lock=True), case_id)
            _refuse_stale(conn, flow_of(row), row, version)
            after = self._step(conn, actor, row, key, given, now)
            answer = {**self.told(after), "record": case_record(conn, case_id)}
            request_keys.keep(conn, once, answer, row["origin"])
            return answer

    def told(self, row: case_steps.Row) -> dict[str, Any]:
        """A case as the answers of steps give it."""
        return _told(row, state_of(row))

    def _step(
        self,
        conn: Conn,
        actor: Actor,
        row: case_steps.Row,
        key: str,
        given: Mapping[str, Any],
        now: dt.datetime,
        beside: Mapping[str, Any] | None = None,
        notify_role: str = "",
    ) -> case_steps.Row:
        """One step of a locked case in the caller's transaction, with all that follows of it. Returns the case after.

        `beside`: what is kept with the step though nobody gave it (the dispatch rule), and `columns` it sets.
        """
        flow, state = flow_of(row), state_of(row)
        kept = dict(beside or {})
        columns = kept.pop("columns", {})
        taken = rules.take(flow, key, state, given, actor.scope, now, actor.name)
        _refuse_elsewhere(taken, now)
        proof = bind(conn, actor.scope, row, taken.given, now)
        changes = {**_changes(flow, row, taken, now, actor), **self._moved(conn, row, taken), **columns}
        changes |= applied.stepping(conn, row, taken, changes, now, self.zone)
        cases_write.change_case(conn, row["case_id"], changes, actor.scope.actor, now)
        step = {
            "step": key,
            "stage_before": state.stage,
            "stage_after": taken.after.stage,
            "actor": actor.scope.actor,
            "actor_name": actor.name,
            "given": {**taken.given, **proof, **kept},
        }
        case_steps.record(conn, row, step, now)
        if taken.after.closed_at and not state.closed_at:
            cases_write.events_follow(conn, row["case_id"], "closed", actor.scope.actor, now)
        elif taken.step.reopens:
            cases_write.events_follow(conn, row["case_id"], "open", actor.scope.actor, now)
        after = _found(case_steps.read(conn, SYSTEM, row["case_id"], lock=False), row["case_id"])
        done = Done(conn, row, after, taken, actor.scope.actor, actor.name, now, self.zone)
        return follow.after_step(done, self._act(conn, now), notify_role=notify_role)

    def _act(self, conn: Conn, now: dt.datetime, notify_role: str = "") -> Act:
        """Steps the system takes by itself, in a name of its own."""

        def act(
            row: case_steps.Row, key: str, given: Mapping[str, Any], who: tuple[str, str], beside: Mapping[str, Any]
        ) -> case_steps.Row:
            actor = Actor(replace(SYSTEM, actor=who[0]), who[1])
            return self._step(conn, actor, row, key, given, now, beside, notify_role)

        return act

    # ------------------------------------------------------------ places

    def _moved(self, conn: Conn, row: case_steps.Row, taken: rules.Taken) -> dict[str, Any]:
        """The region after a transfer, or the place after a correction."""
        key = taken.step.key
        if key == "pass_up":
            return {"region_id": self._above(row["region_id"]), "department": None, "officer": ""}
        if key == "pass_down":
            below = self._below(row["region_id"], str(taken.given["region"]))
            return {"region_id": below, "department": None, "officer": ""}
        if key == "correct_place":
            return self._corrected(conn, row, taken.given["place"])
        return {}

    def _above(self, region_id: int | None) -> int:
        tree = Regions.of(self.store).tree()
        region = tree.by_id.get(region_id) if region_id is not None else None
        if region is None or region.parent_id is None:
            raise Conflict("已在最上级", "there is no level above")
        return region.parent_id

    def _below(self, region_id: int | None, code: str) -> int:
        tree = Regions.of(self.store).tree()
        region = tree.by_code.get(code)
        if region is None:
            raise Invalid(reasons=[Reason("region", "unknown_region", f"没有区划 {code}", f"no region {code}", code)])
        if region_id is not None and region.region_id not in tree.below.get(region_id, frozenset()):
            zh, en = f"{region.name} 不在当前区划之内", f"{region.name} is not inside the case's region"
            raise Invalid(reasons=[Reason("region", "not_below", zh, en, code)])
        return region.region_id

    def _corrected(self, conn: Conn, row: case_steps.Row, place: Mapping[str, Any]) -> dict[str, Any]:
        lon, lat = _degrees(place)
        found = locate(conn, lon, lat, self.area_buffer_m)
        if not found.inside:
            zh, en = "位置在本中心范围之外", "the place is outside this centre's area"
            raise Invalid(reasons=[Reason("place", "out_of_area", zh, en, f"{lon:.6f}, {lat:.6f}")])
        srid = metre_srid(conn, lon) or geo.metre_srid(lon)
        x, y = geo.to_metres(np.array([lon]), np.array([lat]), srid)
        case_steps.place(conn, row["case_id"], lon, lat, float(x[0]), float(y[0]), srid)
        cell = owner_cell(flow_of(row), found.grid_cells)
        return {
            "region_id": found.region_id,
            "grid_cell_id": cell["grid_cell_id"] if cell else None,
            "h3_10": h3.latlng_to_cell(lat, lon, 10),
        }


# ------------------------------------------------------------ parts

# fmt: off
_TAKEN_OVER = (
    "title", "description", "category_scheme", "category_code", "urgency", "incident_level", "address", "region_id",
    "h3_10", "private_to", "sensitivity", "search", "origin", "lon", "lat", "x_m", "y_m", "srid",
)
# fmt: on


def _from_event(event: case_steps.Row, flow: Flow, number: str, now: dt.datetime, actor: Actor) -> dict[str, Any]:
    first = flow.stages[0][0]
    source = {"source": event["source"], "source_id": event["source_id"], "text": event["title"]}
    return {
        **{name: event[name] for name in _TAKEN_OVER},
        "number": number,
        "source": event["source"],
        "source_id": event["source_id"],
        "flow": flow.key,
        "stage": first,
        "level_state": "initial" if event["incident_level"] else "",
        "opened_at": now,
        "stages": [{"stage": first, "entered_at": now.isoformat(), "by": actor.name or actor.scope.actor}],
        "sources": [{**source, "at": event["occurred_at"].isoformat()}],
    }


def _degrees(place: Mapping[str, Any]) -> tuple[float, float]:
    try:
        crs = geo.parse_crs(str(place["crs"]))
        lon, lat = geo.to_wgs84(np.array([float(place["lon"])]), np.array([float(place["lat"])]), crs)
    except (ValueError, TypeError) as e:
        zh, en = "坐标或坐标系有误", "bad coordinates or CRS"
        raise Invalid(reasons=[Reason("place", "bad_place", zh, en, str(dict(place))[:120])]) from e
    if not (np.isfinite(lon[0]) and np.isfinite(lat[0])):
        zh, en = "坐标无法换算", "the coordinates cannot be converted"
        raise Invalid(reasons=[Reason("place", "bad_place", zh, en, str(dict(place))[:120])])
    return float(lon[0]), float(lat[0])


def _refuse_elsewhere(taken: rules.Taken, now: dt.datetime) -> None:
    """A place of arrival is a place, and nothing has been done in the future (a phone's clock may be a little fast)."""
    if taken.step.key == "arrive":
        _degrees(taken.given["place"])
    done_at = taken.given.get("done_at")
    if done_at is not None and dt.datetime.fromisoformat(done_at) > now + FAST_CLOCK:
        zh, en = "本机时间快于服务器，请校准手机时间", "the phone's clock is ahead: set it right"
        raise Invalid(reasons=[Reason("done_at", "future_time", zh, en, str(done_at))])


def _found(row: case_steps.Row | None, case_id: int) -> case_steps.Row:
    if row is None:
        raise NotFound(f"办件 {case_id}", f"case {case_id}")
    return row


def flow_of(row: case_steps.Row) -> Flow:
    """The flow a case is worked on in. Raises Conflict where it has no steps here."""
    found = flows().get(row["flow"])
    if found is None or not found.steps:
        raise Conflict(f"流程 {row['flow']} 不能在此办理", f"cases of the flow {row['flow']} are not worked on here")
    return found


def state_of(row: case_steps.Row) -> rules.State:
    names = ("flow", "hold", "ended", "asked", "request", "department", "officer", "satisfaction", "closed_at")
    stage = _stage_key(flows()[row["flow"]], row["stage"]) if row["flow"] in flows() else row["stage"]
    return rules.State(stage=stage, responded_at=row["responded_at"], **{n: row[n] for n in names})


def _stage_key(flow: Flow, stage: str) -> str:
    """Imported cases may name their stage by its Chinese word."""
    return next((key for key, word in flow.stages if stage in (key, word.zh)), flow.stages[0][0])


def _refuse_stale(conn: Conn, flow: Flow, row: case_steps.Row, version: int) -> None:
    if version == row["version"]:
        return
    done = case_steps.since(conn, row["case_id"], version)
    if not done and case_steps.only(conn, row["case_id"], version, RECOMPUTED_BY):
        return  # new deadlines by a publication: nothing that somebody decided
    context: dict[str, Any] = {"version": row["version"], "since": [_done(d) for d in done]}
    if not done:  # an import or a source has changed it
        raise Conflict("办件已被更新，请刷新后再办", "the case has changed meanwhile", context)
    last = done[-1]
    title = step_title(flow, last["step"])
    who_zh, who_en = last["actor_name"] or "其他人", last["actor_name"] or "somebody"
    raise Conflict(f"{who_zh} 已{title.zh}", f"{who_en} was first: {title.en}", context)


def _done(step: case_steps.Row) -> dict[str, Any]:
    return {"step": step["step"], "by": step["actor_name"], "at": step["at"].isoformat(), "stage": step["stage_after"]}


def _changes(flow: Flow, row: case_steps.Row, taken: rules.Taken, now: dt.datetime, actor: Actor) -> dict[str, Any]:
    before, after = taken.before, taken.after
    out: dict[str, Any] = {
        name: getattr(after, name)
        for name in ("stage", "hold", "ended", "asked", "request", "department", "officer", "satisfaction",
                     "responded_at", "closed_at")
        if getattr(after, name) != row[name]
    }  # fmt: skip
    out["clock_stopped"] = bool(after.hold)
    if after.stage != before.stage:
        entered = {"stage": after.stage, "entered_at": now.isoformat(), "by": actor.name or actor.scope.actor}
        out["stages"] = [*(row["stages"] or ()), entered]
        out["due_at"] = row["total_due_at"]  # the next stage has no term of its own yet; the whole case's still runs
    if after.closed_at and not before.closed_at:
        due = row["total_due_at"]
        # what ended without being closed is neither on time nor late
        out["on_time"] = None if after.ended or due is None else now <= due
    if taken.step.reopens:
        out["on_time"] = None
    return out


def _told(row: case_steps.Row, state: rules.State) -> dict[str, Any]:
    return {
        "case_id": row["case_id"],
        "number": row["number"],
        "version": row["version"],
        "flow": row["flow"],
        "stage": state.stage,
        "hold": state.hold,
        "ended": state.ended,
        "asked": state.asked,
        "request": dict(state.request),
        "department": state.department,
        "officer": state.officer,
        "region_id": row["region_id"],
    }


def step_json(step: Step) -> dict[str, Any]:
    return {
        "key": step.key,
        "title": {"zh": step.title.zh, "en": step.title.en},
        "needs": list(step.needs),
        "may": list(step.may),
        "to": step.to,
    }
