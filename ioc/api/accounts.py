"""Accounts and API tokens, for administrators."""

from __future__ import annotations

import flask
from pydantic import BaseModel, Field
from werkzeug.wrappers import Response

from ioc.accounts.base import SYSTEM, Grant, rows
from ioc.accounts.rules import ALL_VIEWS, make_password
from ioc.accounts.tokens import create_token, revoke_token
from ioc.accounts.users import add_user, set_enabled
from ioc.api import Deps
from ioc.api._body import read
from ioc.api.auth import require
from ioc.api.openapi import doc
from ioc.api.walls import grant_of
from ioc.errors import Forbidden
from ioc.scope import Scope


class NewAccount(BaseModel):
    """Without `password` one is made and answered once; the holder changes it after the first sign-in."""

    login: str = Field(max_length=64)
    name: str = ""
    password: str = ""
    roles: list[str]
    regions: list[str] = []
    whole: bool = False
    departments: list[str] | None = None
    sensitivity: int = Field(default=0, ge=0, le=2)


class NewToken(BaseModel):
    name: str = Field(max_length=80)
    allow: list[str]
    region: str = ""
    source: str = ""
    days: int | None = Field(default=None, ge=1, le=3660)
    sensitivity: int = Field(default=1, ge=0, le=2)


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("accounts", __name__)

    @bp.get("/api/v1/accounts")
    @doc("All accounts and roles", permission="account.admin")
    def accounts() -> Response:
        _whole_admin()
        with deps.store.scoped(SYSTEM) as conn:
            return flask.jsonify({"accounts": rows.list_accounts(conn), "roles": list(rows.roles(conn).values())})

    @bp.post("/api/v1/accounts")
    @doc("Make an account", body=NewAccount, permission="account.admin", statuses={409: "It exists", 422: "Faults"})
    def new_account() -> Response:
        scope = _whole_admin()
        body = read(NewAccount)
        password = body.password or make_password()
        grant = Grant(
            body.whole,
            tuple(body.regions),
            None if body.departments is None else tuple(body.departments),
            min(body.sensitivity, scope.sensitivity),
        )
        account_id = add_user(deps.accounts, body.login, password, body.roles, grant, name=body.name, by=scope.actor)
        made = {} if body.password else {"password": password}
        return flask.jsonify({"account_id": account_id, "login": body.login, **made})

    @bp.post("/api/v1/accounts/<login>/<action>")
    @doc("Disable (ends all sessions) or enable (also unlocks) an account", permission="account.admin")
    def switch(login: str, action: str) -> Response:
        scope = _whole_admin()
        if action not in ("enable", "disable"):
            flask.abort(404)
        set_enabled(deps.accounts, login, action == "enable", scope.actor)
        deps.credentials.forget()
        return flask.jsonify({"login": login, "disabled": action == "disable"})

    @bp.get("/api/v1/tokens")
    @doc("API tokens, without their secrets", permission="account.admin")
    def tokens() -> Response:
        _whole_admin()
        with deps.store.scoped(SYSTEM) as conn:
            return flask.jsonify({"tokens": rows.list_tokens(conn)})

    @bp.post("/api/v1/tokens")
    @doc("Make an API token; this answer is the only time it is seen", body=NewToken, permission="account.admin")
    def new_token() -> Response:
        scope = _whole_admin()
        body = read(NewToken)
        base = grant_of(deps, scope, body.region, body.sensitivity)
        grant = Grant(base.whole, base.region_codes, None, base.sensitivity)
        token = create_token(
            deps.accounts, body.name, body.allow, grant, by=scope.actor, source=body.source, days=body.days
        )
        return flask.jsonify({"name": body.name, "token": token})

    @bp.post("/api/v1/tokens/<int:token_id>/revoke")
    @doc("Revoke an API token", permission="account.admin")
    def revoke(token_id: int) -> Response:
        scope = _whole_admin()
        revoke_token(deps.accounts, token_id, scope.actor)
        deps.credentials.forget()
        return flask.jsonify({"revoked": token_id})

    server.register_blueprint(bp)


def _whole_admin() -> Scope:
    """Accounts are the whole centre's business: an administrator of a part could otherwise grant the rest."""
    scope = require("account.admin")
    if not scope.whole or not scope.permissions >= ALL_VIEWS:
        raise Forbidden("需要全域管理员", "needs an administrator of the whole centre")
    return scope
