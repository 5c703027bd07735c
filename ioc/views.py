"""Saved views of the desk's list: own and shared ones, named, changed, chosen as the first, thrown away.

A view holds a question (filter, order, region, place on the map); it is asked again under its reader's own scope, so
that sharing one shows nobody more than they may see.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from ioc.clock import Clock
from ioc.errors import Conflict, Forbidden, Invalid, NotFound, Reason
from ioc.flows import flows
from ioc.scope import SYSTEM, Scope
from ioc.store import Conn, Store
from ioc.store import views as rows
from ioc.store.regions import Regions

SHARE = "desk.share"
MOST, NAME_MAX = 50, 40
SHOWS = ("all", "mine", "incidents", "cases", "overdue", "closed")
URGENCIES = ("critical", "urgent", "routine")
SORTS = ("due", "new")
_ORDER = ("urgency", "flow", "topic", "sort", "v")
_TOPIC = re.compile(r"^[a-z0-9_]{1,40}(,[a-z0-9_]{1,40}){0,19}$")
_PLACE = re.compile(r"^-?\d{1,3}(\.\d{1,6})?,-?\d{1,2}(\.\d{1,6})?,\d{1,2}(\.\d{1,3})?$")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a view is to be. `query`: show, urgency, flow, topic, sort, v as texts; missing ones are usual."""

    name: str
    shared: bool
    query: Mapping[str, str]
    region: str = ""


def checked(query: Mapping[str, str]) -> dict[str, str]:
    """The query in one spelling, without what is usual anyway. Raises Invalid with every reason."""
    reasons: list[Reason] = []
    out: dict[str, str] = {}

    def one_of(name: str, known: Sequence[str], usual: str, many: bool = False) -> None:
        value = str(query.get(name) or "")
        parts = [p for p in value.split(",") if p] if many else [value] if value else []
        wrong = [p for p in parts if p not in known]
        if wrong:
            names = ", ".join(known)
            reasons.append(Reason(name, "bad_choice", f"应为 {names}", f"one of {names}", ",".join(wrong)[:80]))
        elif parts and parts != [usual]:
            out[name] = ",".join(p for p in known if p in parts)

    one_of("show", SHOWS, "all")
    one_of("urgency", URGENCIES, "", many=True)
    one_of("flow", tuple(flows()), "", many=True)
    one_of("sort", SORTS, "due")
    # topics are the centre's own table, which may change: a key that is no more shows an empty list, not an error
    topics = str(query.get("topic") or "")
    if topics and not _TOPIC.match(topics):
        reasons.append(Reason("topic", "bad_choice", "应为主题代码", "keys of topics", topics[:80]))
    elif topics:
        out["topic"] = topics
    place = str(query.get("v") or "")
    if place and (not _PLACE.match(place) or abs(float(place.split(",")[1])) > 90):
        reasons.append(Reason("v", "bad_place", "应为 经度,纬度,级别", "must be lon,lat,zoom", place[:80]))
    elif place:
        out["v"] = place
    for name in set(query) - {"show", "urgency", "flow", "topic", "sort", "v"}:
        reasons.append(Reason(name, "unknown_field", "没有此项", "no such field", str(query[name])[:80]))
    if reasons:
        raise Invalid(reasons=reasons)
    return out


def address(view: Mapping[str, Any]) -> str:
    """The query part of the page's address that shows a view: all of it, so that it can be sent to anybody."""
    query: Mapping[str, str] = view["query"]
    # a name for each in a fixed order: the store gives objects back in one of its own
    full = {
        "show": query.get("show") or "all",
        **{k: query.get(k, "") for k in _ORDER},
    }
    full |= {"region": view.get("region") or "", "view": str(view["view_id"])}
    return urlencode({k: v for k, v in full.items() if v}, safe=",:")


@dataclass
class Views:
    """The use-cases of one store. Only people have views: raises Forbidden for a scope without an account."""

    store: Store
    clock: Clock

    def listed(self, scope: Scope) -> list[dict[str, Any]]:
        account = _account(scope)
        with self.store.scoped(SYSTEM) as conn:
            return [_told(r) for r in rows.listed(conn, scope, account)]

    def first(self, scope: Scope) -> dict[str, Any] | None:
        """The view the asker's list begins with; None: none was chosen, or it is not theirs to see any more."""
        return next((v for v in self.listed(scope) if v["default"]), None) if scope.account_id else None

    def add(self, scope: Scope, wish: Wish) -> dict[str, Any]:
        account, values = _account(scope), self._values(scope, wish)
        now = self.clock.now()
        with self.store.scoped(SYSTEM) as conn:
            conn.execute("SELECT pg_advisory_xact_lock(4930207, %s)", (account % 2**31,))
            if rows.count(conn, account) >= MOST:
                raise Conflict(f"最多保存 {MOST} 个视图", f"at most {MOST} views")
            view_id = rows.add(conn, account, values, scope.actor, now)
            return self._one(conn, scope, view_id)

    def change(self, scope: Scope, view_id: int, version: int, wish: Wish) -> dict[str, Any]:
        """Raises NotFound, Forbidden for somebody else's without the right, Conflict when it has changed meanwhile."""
        values = self._values(scope, wish)
        with self.store.scoped(SYSTEM) as conn:
            _refuse(scope, self._locked(conn, scope, view_id), version)
            rows.change(conn, view_id, values, scope.actor, self.clock.now())
            return self._one(conn, scope, view_id)

    def remove(self, scope: Scope, view_id: int, version: int) -> None:
        with self.store.scoped(SYSTEM) as conn:
            _refuse(scope, self._locked(conn, scope, view_id), version)
            rows.remove(conn, view_id, scope.actor, self.clock.now())

    def choose(self, scope: Scope, view_id: int | None) -> None:
        """The view the asker's list begins with from now on."""
        account = _account(scope)
        with self.store.scoped(SYSTEM) as conn:
            if view_id is not None:
                self._one(conn, scope, view_id)
            rows.choose(conn, account, view_id, self.clock.now())

    # ------------------------------------------------------------ parts

    def _values(self, scope: Scope, wish: Wish) -> dict[str, Any]:
        name = unicodedata.normalize("NFC", wish.name).strip()
        if not 1 <= len(name) <= NAME_MAX or any(unicodedata.category(c) == "Cc" for c in name):
            zh, en = f"名称为 1 至 {NAME_MAX} 个字", f"a name of 1 to {NAME_MAX} characters"
            raise Invalid(reasons=[Reason("name", "bad_name", zh, en, name[:60])])
        if wish.shared:
            scope.require(SHARE)
        region = Regions.of(self.store).find(scope, wish.region).region_id if wish.region else None
        return {"name": name, "shared": wish.shared, "query": checked(wish.query), "region_id": region}

    def _locked(self, conn: Conn, scope: Scope, view_id: int) -> rows.Row:
        """A view the asker sees, locked. Raises NotFound."""
        self._one(conn, scope, view_id)
        row = rows.locked(conn, view_id)
        if row is None:
            raise NotFound(f"视图 {view_id}", f"view {view_id}")
        return row

    def _one(self, conn: Conn, scope: Scope, view_id: int) -> dict[str, Any]:
        found = rows.listed(conn, scope, _account(scope), view_id)
        if not found:
            raise NotFound(f"视图 {view_id}", f"view {view_id}")
        return _told(found[0])


def _account(scope: Scope) -> int:
    if scope.account_id is None:
        raise Forbidden("需要账号登录", "needs a signed-in person")
    return scope.account_id


def _refuse(scope: Scope, row: rows.Row, version: int) -> None:
    if row["shared"]:
        scope.require(SHARE)
    elif row["account_id"] != scope.account_id:
        raise Forbidden("不是本人的视图", "somebody else's view")
    if row["version"] != version:
        raise Conflict("视图已被更改，请刷新", "the view has changed meanwhile", {"version": row["version"]})


def _told(row: rows.Row) -> dict[str, Any]:
    view = {
        "view_id": row["view_id"],
        "name": row["name"],
        "shared": row["shared"],
        "mine": row["mine"],
        "default": row["first"],
        "version": row["version"],
        "query": dict(row["query"]),
        "region": row["region"] or "",
    }
    return {**view, "address": address(view)}
