"""Who is asking, for every request of the WSGI side. Closed by default: a route nobody marked public needs an asker.

Three gates stand before each view, in this order: the asker (401), the origin of a write made with a cookie (403), and
the rate of writes (429). What the asker may see is the scope's business, in the views.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast
from urllib.parse import parse_qsl, quote, urlsplit

import flask
from werkzeug.wrappers import Response

from ioc.accounts import embed
from ioc.accounts.credentials import ENROL_COOKIE, SESSION_COOKIE, WALL_COOKIE, Credentials, Presented
from ioc.accounts.identity import NOBODY_ID, Identity
from ioc.api.limits import Buckets
from ioc.clock import Clock
from ioc.errors import Forbidden, NotSignedIn, TooMany
from ioc.scope import Scope
from ioc.shared import Shared

View = TypeVar("View", bound=Callable[..., Any])

# What a browser needs before anybody has signed in: code and pictures, no data.
PUBLIC_PREFIXES = ("/assets/", "/_dash-component-suites/", "/_favicon.ico", "/favicon.ico")
# Pages that say something without an asker: the sign-in form, the enrolment code, "this embed has expired". They are
# plain; what they show otherwise asks for the scope again.
OPEN_PAGES, OPEN_PAGE_PREFIX = ("/signin", "/wall"), embed.PAGES
# Programs ask here: they are told 401, not led to a form.
MACHINE_PREFIXES = ("/api/", "/tiles/", "/basemap/", "/live", "/_dash", "/_reload", "/metrics", "/healthz", "/readyz")
# In the WSGI environ: the URL of the page that a Dash call belongs to.
PAGE_KEY = "ioc.page_url"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
WRITES_PER_S, WRITES_BURST = 100.0, 1000.0
WALL_COOKIE_AGE_S = 400 * 86_400


def public(view: View) -> View:
    """Mark a view that needs no asker. It gets the scope of nobody, which sees nothing."""
    cast(Any, view).ioc_public = True
    return view


def own_key(view: View) -> View:
    """Mark a view whose caller is a machine that shows a key of its own, which the view checks itself."""
    cast(Any, view).ioc_own_key = True
    return public(view)


def current_identity() -> Identity:
    """Raises NotSignedIn."""
    identity = flask.g.get("ioc_identity", NOBODY_ID)
    if identity.kind == "nobody":
        raise NotSignedIn()
    return identity


def current_scope() -> Scope:
    """The asker's scope. Raises NotSignedIn."""
    return current_identity().scope


def require(permission: str) -> Scope:
    """The asker's scope, when it has the right. Raises NotSignedIn, Forbidden."""
    scope = current_scope()
    scope.require(permission)
    return scope


def require_session() -> Identity:
    """A person, not a token or a wall. Raises NotSignedIn, Forbidden."""
    identity = current_identity()
    if identity.kind != "session":
        raise Forbidden("需要账号登录", "needs a signed-in person")
    return identity


def install(server: flask.Flask, credentials: Credentials, clock: Clock, shared: Shared | None = None) -> None:
    writes = Buckets(WRITES_PER_S, WRITES_BURST, clock, shared=shared, name="write")

    @server.before_request
    def gate() -> Response | None:
        flask.g.ioc_scope, flask.g.ioc_identity = NOBODY_ID.scope, NOBODY_ID
        path = flask.request.path
        if path == "/" and flask.request.method in SAFE:
            return flask.redirect("/desk")
        if path.startswith(PUBLIC_PREFIXES):
            return None
        open_door = _is_public()
        identity = _identify(credentials, open_door)
        flask.g.ioc_scope, flask.g.ioc_identity = identity.scope, identity
        if identity.kind == "nobody" and not open_door:
            if _wants_page():
                return flask.redirect(f"/signin?next={quote(flask.request.full_path.rstrip('?'))}")
            raise NotSignedIn()
        if flask.request.method not in SAFE:
            # what shows a key of its own carries nothing that a browser sends by itself
            if (identity.cookie or open_door) and not _own_key():
                check_origin()
            if not writes.take(identity.secret_hash or flask.request.remote_addr or ""):
                raise TooMany()
        return None

    @server.after_request
    def renew(response: Response) -> Response:
        """A wall that has shown a credential of a day's age is given the next one with this answer."""
        identity: Identity = flask.g.get("ioc_identity", NOBODY_ID)
        if identity.kind == "wall" and response.status_code < 400:
            fresh = credentials.renewal(identity)
            if fresh:
                set_cookie(response, WALL_COOKIE, fresh, max_age=WALL_COOKIE_AGE_S)
        return response


def _is_public() -> bool:
    view = flask.current_app.view_functions.get(flask.request.endpoint or "")
    if getattr(view, "ioc_public", False):
        return True
    path = flask.request.path
    page = path.rstrip("/") in OPEN_PAGES or path.startswith(OPEN_PAGE_PREFIX)
    return page and flask.request.method in SAFE and PAGE_KEY not in flask.request.environ


def _own_key() -> bool:
    view = flask.current_app.view_functions.get(flask.request.endpoint or "")
    return bool(getattr(view, "ioc_own_key", False))


def _identify(credentials: Credentials, open_door: bool) -> Identity:
    token, path = _embed_token()
    given = Presented(
        cookies=flask.request.cookies,
        authorization=flask.request.headers.get("Authorization", ""),
        embed_token=token,
        path=path,
    )
    try:
        return credentials.identify(given)
    except NotSignedIn:
        if open_door:
            return NOBODY_ID
        raise


def _embed_token() -> tuple[str, str]:
    """An embed's token and the path it is shown at. Browsers keep cookies out of frames of another site, so it comes
    from the URL: of this request, of the page a Dash call belongs to, or of the embed page that fetches (its referrer).
    """
    path = flask.request.path
    token = flask.request.args.get("token", "")
    if token:
        return token, path
    page = urlsplit(str(flask.request.environ.get(PAGE_KEY, "")))
    if page.path.startswith(OPEN_PAGE_PREFIX):
        return dict(parse_qsl(page.query)).get("token", ""), page.path
    return embed.from_referrer(flask.request.headers.get("Referer", ""), flask.request.host), path


def _wants_page() -> bool:
    return flask.request.method in SAFE and not flask.request.path.startswith(MACHINE_PREFIXES)


def check_origin() -> None:
    """A write that came with a cookie must come from a page of ours. Raises Forbidden.

    Browsers say where a request comes from (Sec-Fetch-Site, Origin); together with SameSite=Lax cookies that is enough.
    """
    site = flask.request.headers.get("Sec-Fetch-Site", "")
    origin = flask.request.headers.get("Origin", "")
    same_host = bool(origin) and urlsplit(origin).netloc == flask.request.host
    told = site == "same-origin" if site else same_host
    if not told or (origin and not same_host):
        raise Forbidden("请求来源不符", "the request does not come from this site", {"csrf": True})


# ------------------------------------------------------------ cookies


def set_cookie(response: Response, name: str, value: str, *, max_age: int | None) -> None:
    response.set_cookie(
        name, value, max_age=max_age, httponly=True, samesite="Lax", secure=flask.request.is_secure, path="/"
    )


def drop_cookie(response: Response, name: str) -> None:
    response.delete_cookie(name, httponly=True, samesite="Lax", secure=flask.request.is_secure, path="/")


__all__ = [
    "ENROL_COOKIE",
    "SESSION_COOKIE",
    "WALL_COOKIE",
    "check_origin",
    "current_identity",
    "current_scope",
    "install",
    "own_key",
    "public",
    "require",
    "require_session",
    "set_cookie",
]
