"""`/api/v1/indicators`: what is measured, the numbers, how they went, and the records behind them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import flask
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.wrappers import Response

from ioc.api import Deps
from ioc.api.auth import current_scope
from ioc.api.openapi import doc
from ioc.declare import Indicator
from ioc.errors import Forbidden, Invalid, NotFound, Reason
from ioc.freshness import freshness
from ioc.kpi.active import active_indicators, recorded_pack
from ioc.scope import Scope
from ioc.services import TileState
from ioc.store import kpi
from ioc.store.kpi_records import LIMIT_MAX, records

KEEP_S = 1.0


class Word(BaseModel):
    zh: str
    en: str


class IndicatorOut(BaseModel):
    """A definition, and its number for the asked region.

    `state`: ok empty unconnected error forbidden loading unknown.
    """

    model_config = ConfigDict(extra="forbid")
    code: str
    title: Word
    unit: Word
    formula: Word
    owner: Word
    period: str
    compare: Word
    target: float | None
    better: str
    scale: list[float]
    decimals: int
    records: str
    state: str
    freshness: str = Field(description="live late stale lost never")
    value: float | None
    numerator: float | None
    denominator: float | None
    previous: float | None
    last_value: float | None
    as_of: str | None
    computed_at: str | None
    interval_s: float
    source: str
    series: list[float | None] = Field(description="24 hourly points, oldest first")
    note: Word | None
    error: Word | None
    error_code: str
    error_since: str | None
    retries: int
    missing_permission: str
    origin: str


class Indicators(BaseModel):
    indicators: list[IndicatorOut]


def register(server: flask.Flask, deps: Deps) -> None:
    routes = flask.Blueprint("indicators", __name__)
    catalogue = _Catalogue(deps)

    @routes.get("/api/v1/indicators")
    @doc(
        "Indicators and their numbers for a region",
        query={"region": "region code; empty: the top of the scope"},
        returns=Indicators,
    )
    def listing() -> Response:
        scope, region = current_scope(), flask.request.args.get("region", "")
        return _tagged(catalogue.body(scope, region))

    @routes.get("/api/v1/indicators/<code>/values")
    @doc(
        "One indicator: the number now and the kept points",
        query={"region": "region code", "from": "ISO time, default 24 h ago", "to": "ISO time, default now"},
    )
    def values(code: str) -> Response:
        scope, region, now = current_scope(), flask.request.args.get("region", ""), deps.clock.now()
        indicator = catalogue.one(scope, code)
        start, end = _time("from", now - dt.timedelta(days=1)), _time("to", now)
        if indicator.params.get("centre"):
            points = kpi.centre_values(deps.store, scope, code, start, end)
        else:
            points = kpi.values_between(deps.store, scope, code, region, start, end)
        tile = next(t for t in catalogue.tiles(scope, region) if t.indicator.code == code)
        return _tagged(flask.json.dumps({"current": tile_json(tile, now), "values": [_plain(p) for p in points]}))

    @routes.get("/api/v1/indicators/<code>/records")
    @doc(
        "The records behind the number",
        query={"region": "region code", "offset": "0", "limit": f"at most {LIMIT_MAX}", "part": "counted or rest"},
    )
    def behind(code: str) -> flask.Response:
        scope, args = current_scope(), flask.request.args
        indicator = catalogue.one(scope, code)
        query = indicator.records
        if part := args.get("part", ""):
            query += ("&" if "?" in query else "?") + f"part={part}"
        offset, limit = args.get("offset", 0, int), args.get("limit", 50, int)
        found = records(
            deps.store, scope, args.get("region", ""), query, offset, limit, deps.clock.now(), deps.settings
        )
        return flask.jsonify({**found, "as_of": _iso(found["as_of"]), "rows": [_plain(r) for r in found["rows"]]})

    server.register_blueprint(routes)


class _Catalogue:
    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    def active(self, scope: Scope) -> tuple[Indicator, ...]:
        pack = self._deps.cache.get(scope, "pack", (), 5, lambda: recorded_pack(self._deps.store, self._deps.settings))
        return active_indicators(self._deps.registry, pack)

    def one(self, scope: Scope, code: str) -> Indicator:
        """Raises NotFound, Forbidden."""
        found = next((i for i in self.active(scope) if i.code == code), None)
        if found is None:
            raise NotFound(f"指标 {code}", f"indicator {code}")
        scope.require(found.permission)
        return found

    def tiles(self, scope: Scope, region: str) -> list[TileState]:
        if not scope.can("indicator.view"):
            raise Forbidden(
                "需要权限 indicator.view", "needs the right indicator.view", {"permission": "indicator.view"}
            )
        deps, active = self._deps, self.active(scope)
        return deps.cache.get(
            scope,
            "tiles",
            (region, deps.versions.of("indicator")),
            KEEP_S,
            lambda: kpi.tiles(deps.store, scope, region, active, deps.clock.now()),
        )

    def body(self, scope: Scope, region: str) -> str:
        """All of them as JSON text, written once for everyone of the scope class."""
        now = self._deps.clock.now()
        return self._deps.cache.get(
            scope,
            "tiles.json",
            (region, self._deps.versions.of("indicator")),
            KEEP_S,
            lambda: flask.json.dumps({"indicators": [tile_json(t, now) for t in self.tiles(scope, region)]}),
        )


def tile_json(tile: TileState, now: dt.datetime) -> dict[str, Any]:
    """A tile as the API gives it, by `IndicatorOut`."""
    i = tile.indicator
    word = lambda t: None if t is None else {"zh": t.zh, "en": t.en}  # noqa: E731 - a name for one expression
    return {
        "code": i.code,
        "title": word(i.title),
        "unit": word(i.unit),
        "formula": word(i.formula),
        "owner": word(i.owner),
        "period": i.period,
        "compare": word(i.compare),
        "target": i.target,
        "better": i.better,
        "scale": list(i.scale),
        "decimals": i.decimals,
        "records": i.records,
        "state": tile.state,
        "freshness": freshness(tile.as_of, tile.interval, now),
        "value": tile.value,
        "numerator": tile.numerator,
        "denominator": tile.denominator,
        "previous": tile.previous,
        "last_value": tile.last_value,
        "as_of": _iso(tile.as_of),
        "computed_at": _iso(tile.computed_at),
        "interval_s": tile.interval.total_seconds(),
        "source": tile.source,
        "series": list(tile.series),
        "note": word(tile.note),
        "error": word(tile.error),
        "error_code": tile.error_code,
        "error_since": _iso(tile.error_since),
        "retries": tile.retries,
        "missing_permission": tile.missing_permission,
        "origin": tile.origin,
    }


def _iso(at: dt.datetime | None) -> str | None:
    return at.astimezone(dt.UTC).isoformat().replace("+00:00", "Z") if at else None


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {k: _iso(v) if isinstance(v, dt.datetime) else v for k, v in row.items()}


def _time(name: str, default: dt.datetime) -> dt.datetime:
    text = flask.request.args.get(name, "")
    if not text:
        return default
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError as e:
        reason = Reason(name, "bad_time", "不是 ISO 时间", "not an ISO time", text)
        raise Invalid(reasons=[reason]) from e
    return at if at.tzinfo else at.replace(tzinfo=dt.UTC)


def _tagged(body: str) -> Response:
    """JSON text with an ETag, so that pollers cost a comparison."""
    response = flask.Response(body, mimetype="application/json")
    response.headers["Cache-Control"] = "private, no-cache"
    response.add_etag()
    return response.make_conditional(flask.request)
