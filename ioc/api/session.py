"""Signing in and out, who I am, and changing one's password."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

import flask
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.wrappers import Response

from ioc.accounts.rules import hash_secret
from ioc.accounts.signing import change_password, sign_in, sign_out
from ioc.api import Deps
from ioc.api._body import read
from ioc.api.auth import (
    ENROL_COOKIE,
    SESSION_COOKIE,
    current_identity,
    drop_cookie,
    public,
    require_session,
    set_cookie,
)
from ioc.api.limits import Buckets
from ioc.api.openapi import doc
from ioc.errors import BadPassword, IocError, Locked, TooMany

# One address may try this often, whatever the logins: a guesser with a list of names is slowed, a shift change is not.
TRIES_PER_S, TRIES_BURST = 0.5, 60.0


class SignIn(BaseModel):
    model_config = ConfigDict(extra="ignore")
    login: str = Field(min_length=1, max_length=64)
    password: str = Field(min_length=1, max_length=256)
    next: str = ""


class ChangePassword(BaseModel):
    old: str = Field(max_length=256)
    new: str = Field(max_length=256)
    next: str = ""


class Me(BaseModel):
    """The asker, as the page header and the password page need it."""

    kind: str
    name: str
    login: str
    roles: list[str]
    permissions: list[str]
    must_change: bool
    whole: bool


def safe_next(text: str) -> str:
    """A path of our own to go on to; anything that could lead elsewhere becomes the desk."""
    parts = urlsplit(text)
    local = text.startswith("/") and not text.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
    return text if local and "\\" not in text and not text.startswith("/signin") else "/desk"


def register(server: flask.Flask, deps: Deps) -> None:
    bp = flask.Blueprint("session", __name__)
    tries = Buckets(TRIES_PER_S, TRIES_BURST, deps.clock, shared=deps.shared, name="sign-in")

    @bp.post("/api/v1/auth/sign-in")
    @public
    @doc(
        "Sign in; sets the session cookie. A form is answered with a redirect, JSON with JSON",
        body=SignIn,
        returns={"type": "object", "properties": {"next": {"type": "string"}, "must_change": {"type": "boolean"}}},
        statuses={303: "Form: to `next` or back to the form", 401: "Wrong", 423: "Locked", 429: "Too often"},
        tag="auth",
    )
    def sign_in_view() -> Response:
        form = not flask.request.is_json
        onward = safe_next(flask.request.form.get("next", "") if form else "")
        try:
            if not tries.take(flask.request.remote_addr or ""):
                raise TooMany()
            body = read(SignIn)
            onward = safe_next(body.next)
            agent = flask.request.headers.get("User-Agent", "")
            done = sign_in(
                deps.accounts, body.login, body.password, address=flask.request.remote_addr or "", agent=agent
            )
        except IocError as e:
            if not form:
                raise
            return flask.redirect(f"/signin?{_why(e, onward)}", 303)
        response: Response = (
            flask.redirect(onward, 303)
            if form
            else flask.jsonify({"next": onward, "must_change": done.must_change, "login": done.login})
        )
        set_cookie(response, SESSION_COOKIE, done.secret, max_age=None)
        drop_cookie(response, ENROL_COOKIE)
        return response

    @bp.post("/api/v1/auth/sign-out")
    @doc("Sign out; ends the session", statuses={303: "Form: to the sign-in page"}, tag="auth")
    def sign_out_view() -> Response:
        identity = require_session()
        sign_out(deps.accounts, flask.request.cookies.get(SESSION_COOKIE, ""), identity.login)
        deps.credentials.forget()
        form = not flask.request.is_json
        response: Response = flask.redirect("/signin", 303) if form else flask.jsonify({"signed_out": True})
        drop_cookie(response, SESSION_COOKIE)
        return response

    @bp.get("/api/v1/auth/me")
    @doc("Who is asking", returns=Me, tag="auth")
    def me() -> Response:
        identity = current_identity()
        facts = Me(
            kind=identity.kind,
            name=identity.name,
            login=identity.login,
            roles=list(identity.roles),
            permissions=sorted(identity.scope.permissions),
            must_change=identity.must_change,
            whole=identity.scope.whole,
        )
        return flask.jsonify(facts.model_dump())

    @bp.post("/api/v1/auth/password")
    @doc(
        "Change one's own password; ends all other sessions",
        body=ChangePassword,
        statuses={303: "Form: onward", 422: "Every rule it breaks"},
        tag="auth",
    )
    def password() -> Response:
        identity = require_session()
        if not tries.take(f"password:{identity.login}"):
            raise TooMany()
        body = read(ChangePassword)
        keep = hash_secret(flask.request.cookies.get(SESSION_COOKIE, ""))
        change_password(deps.accounts, identity.login, body.old, body.new, keep_session=keep)
        deps.credentials.forget()
        if flask.request.is_json:
            return flask.jsonify({"changed": True})
        return flask.redirect(safe_next(body.next), 303)

    server.register_blueprint(bp)


def _why(error: IocError, onward: str) -> str:
    """The reason in the form's URL: e=bad&left=2, e=locked&until=..., e=often, e=input."""
    words = {"e": "input", "next": onward}
    if isinstance(error, BadPassword):
        words |= {"e": "bad", "left": str(error.context.get("remaining", 0))}
    elif isinstance(error, Locked):
        words |= {"e": "locked", "until": str(error.context.get("until", ""))}
    elif isinstance(error, TooMany):
        words |= {"e": "often"}
    elif error.status >= 500:
        words |= {"e": "down"}
    return urlencode(words)
