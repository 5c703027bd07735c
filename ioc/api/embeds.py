"""Signing embed tokens for the office portal."""

from __future__ import annotations

import flask
from pydantic import BaseModel, Field
from werkzeug.wrappers import Response

from ioc.accounts import embed
from ioc.accounts.base import SYSTEM, rows
from ioc.api import Deps
from ioc.api._body import read
from ioc.api.auth import require
from ioc.api.openapi import doc
from ioc.api.walls import grant_of


class SignEmbed(BaseModel):
    """`panel`: map, or tile/CODE. `region` empty: the whole centre."""

    panel: str = Field(max_length=80)
    region: str = ""
    days: float = 30
    sensitivity: int = Field(default=0, ge=0, le=2)


class SignedEmbed(BaseModel):
    token: str
    url: str


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("embeds", __name__)

    @bp.post("/api/v1/embed/sign")
    @doc(
        "An embed token and its address, bound to panel, region and level",
        body=SignEmbed,
        returns=SignedEmbed,
        permission="embed.sign",
    )
    def sign() -> Response:
        scope = require("embed.sign")
        body = read(SignEmbed)
        grant_of(deps, scope, body.region, body.sensitivity)
        token = embed.sign(
            deps.accounts, body.panel, body.region, days=body.days, sensitivity=body.sensitivity, by=scope.actor
        )
        with deps.store.scoped(SYSTEM) as conn:
            detail = {"panel": body.panel, "region": body.region, "days": body.days}
            rows.audit(conn, actor=scope.actor, action="embed.sign", object_=body.panel, detail=detail)
        signed = SignedEmbed(token=token, url=embed.address(body.panel, token))
        return flask.jsonify(signed.model_dump())

    server.register_blueprint(bp)
