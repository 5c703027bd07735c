"""Regions: breadcrumb, children, box and outline of the place a screen stands on."""

from __future__ import annotations

import dataclasses
from typing import Any

import flask
from werkzeug.wrappers import Response

from ioc.api import Deps, _read
from ioc.api.auth import current_scope
from ioc.api.openapi import doc
from ioc.services import RegionRef
from ioc.store.regions import Regions

# Outline tolerance by what is asked for, degrees: 0.0005 is about 50 m.
OUTLINE_DEG = 0.0005
GEOJSON = "application/geo+json"


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("regions", __name__)
    regions = Regions.of(deps.store)

    @bp.get("/api/v1/regions")
    @doc(
        "Breadcrumb, children and box of a region; of the uppermost also notes on its base numbers",
        query={"region": "12-digit or zone code; empty: the uppermost the asker may see", "lang": "zh or en"},
        returns={"type": "object"},
        permission="map.view",
    )
    def tree() -> Response:
        scope = current_scope()
        scope.require("map.view")
        code, lang = _read.text("region"), _read.lang()
        crumbs, centre = regions.breadcrumb(scope, code, lang), deps.services.centre(scope)
        root = [r.code for r in crumbs] == [r.code for r in regions.tree().roots[:1]]
        return _read.tagged(
            {
                "breadcrumb": [_json(r) for r in crumbs],
                "children": [_json(r) for r in regions.children(scope, code, lang)],
                "bbox": regions.bbox(scope, code),
                # what is to be known of the place as a whole
                "notes": [n(lang) for n in centre.notes] if root else [],
                "credits": centre.credits if root else [],
            }
        )

    @bp.get("/api/v1/regions/<code>/geometry")
    @doc(
        "Outline of a region as a GeoJSON feature",
        query={"tolerance": "degrees (0.0005)"},
        media="application/geo+json",
    )
    def geometry(code: str) -> Response:
        scope = current_scope()
        scope.require("map.view")
        region = regions.find(scope, code)
        shape = regions.geometry(scope, code, _read.number("tolerance", 0, 0.1, OUTLINE_DEG))
        response = _read.tagged(
            {
                "type": "Feature",
                "properties": {"code": code, "name": region.name, "kind": region.kind, "sketch": region.sketch},
                "bbox": region.bbox,
                "geometry": shape,
            }
        )
        response.mimetype = GEOJSON
        return response

    server.register_blueprint(bp)


def _json(ref: RegionRef) -> dict[str, Any]:
    return dataclasses.asdict(ref)
