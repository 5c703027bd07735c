"""The map's configuration, the base map, everything under a cursor, and search."""

from __future__ import annotations

import flask
from werkzeug.wrappers import Response

from ioc.api import Deps, _read
from ioc.api._kept import TileMemory
from ioc.api._tiles import MIME, tagged
from ioc.api.auth import current_scope
from ioc.api.openapi import doc
from ioc.declare import Indicator
from ioc.fold import fold
from ioc.store import search as searching
from ioc.store import thematic
from ioc.store.base_features import BaseMap
from ioc.store.identify import Cursor, identify
from ioc.store.regions import Regions

# One day: the style names the version, so a changed base map has a new address.
BASE_AGE_S = 86_400
BASE_BYTES = 32 * 2**20
_CHART = "chart"


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("map", __name__)
    regions = Regions.of(deps.store)

    @bp.get("/api/v1/map/config")
    @doc(
        "Style, view, layer panel and layer specs of the map component",
        query={"surface": "wall, desk or embed", "theme": "dark, light or led", "lang": "zh or en", "region": "code"},
        returns={"type": "object"},
        permission="map.view",
    )
    def config() -> Response:
        scope = current_scope()
        scope.require("map.view")
        surface, theme = _read.text("surface", "desk"), _read.text("theme", "dark")
        return _read.tagged(deps.services.map_config(scope, surface, theme, _read.lang(), _read.text("region")))

    kept, base = TileMemory(BASE_BYTES), BaseMap.of(deps.store)

    @bp.get("/basemap/<int:z>/<int:x>/<int:y>.mvt")
    @doc(
        "Vector tile (MVT 2.1) of the offline base map, up to zoom 14; 204 where it is empty",
        query={"v": "version, as the style names it"},
        media=MIME,
        statuses={204: "Nothing here", 304: "Not modified"},
    )
    def basemap(z: int, x: int, y: int) -> Response:
        current_scope().require("map.view")
        found = kept.get((base.version(), z, x, y), BASE_AGE_S, lambda: tagged(base.tile(z, x, y)))
        response = flask.Response(found.body, status=200 if found.body else 204, mimetype=MIME)
        response.set_etag(found.etag)
        versioned = "v" in flask.request.args
        response.headers["Cache-Control"] = f"private, max-age={BASE_AGE_S}" if versioned else "private, no-cache"
        return response.make_conditional(flask.request)

    @bp.get("/api/v1/identify")
    @doc(
        "Everything under the cursor: points, then lines, then areas from small to large",
        query={
            "lon": "degrees",
            "lat": "degrees",
            "z": "zoom",
            "layers": "comma-separated keys",
            "region": "code",
            "by": "what grid cells are coloured by, if anything",
        },
        returns={"type": "object"},
        permission="map.view",
    )
    def under() -> Response:
        scope = current_scope()
        scope.require("map.view")
        region_ids = regions.ids(scope, _read.text("region"))
        cursor = Cursor(
            lon=_read.number("lon", -180, 180),
            lat=_read.number("lat", -90, 90),
            z=_read.number("z", 0, 24, 14),
            scope=scope,
            region_ids=region_ids,
            now=deps.clock.now(),
            lang=_read.lang(),
            coloured=bool(_read.text("by")),
        )
        keys = [k for k in _read.text("layers").split(",") if k][:40]
        with deps.store.scoped(scope) as conn:
            layers = thematic.resolve_many(conn, scope, deps.registry.layers, keys)
            return _read.tagged({"items": identify(conn, regions, cursor, layers)})

    @bp.get("/api/v1/search")
    @doc(
        "Places, devices, events, cases and indicators by name or id; traditional characters are folded",
        query={"q": "text", "limit": "most items a group (20)", "lang": "zh or en"},
        returns={"type": "object"},
    )
    def search() -> Response:
        scope = current_scope()
        limit, lang, q = _read.whole("limit", 1, 100, 20), _read.lang(), _read.text("q")
        with deps.store.scoped(scope) as conn:
            groups = searching.search(conn, regions, scope, q, limit, lang)
        if scope.can("indicator.view"):
            groups += _indicators(list(deps.services.indicators(scope)), q, limit, lang)
        return _read.tagged({"groups": groups})

    server.register_blueprint(bp)


def _indicators(found: list[Indicator], q: str, limit: int, lang: str) -> list[searching.Item]:
    words = searching.parse(q).words
    items = [
        {
            "key": f"indicator:{i.code}",
            "title": i.title(lang),
            "sub": i.unit(lang),
            "lon": None,
            "lat": None,
            "icon": "chart",
        }
        for i in found
        if words and all(w in fold(f"{i.title.zh} {i.title.en} {i.code}") for w in words)
    ]
    return [{"type": "indicator", "items": items[:limit]}] if items else []
