"""Who asks, for pages and callbacks: the request's scope and person, as the gate before each view found them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import flask

from ioc.errors import NotSignedIn
from ioc.scope import Scope
from ioc.screens.state import PageState, Who, parse_page, who_of

PAGE_KEY = "ioc.page_url"  # WSGI environ: the page a Dash call belongs to
_KINDS = {"session": "user", "token": "user", "wall": "wall", "embed": "embed"}


def _identity() -> Any:
    return flask.g.get("ioc_identity")


def current_scope() -> Scope:
    """Raises NotSignedIn."""
    identity = _identity()
    if identity is None or identity.kind not in _KINDS:
        raise NotSignedIn()
    return identity.scope


def current_who() -> Who | None:
    identity = _identity()
    if identity is None or identity.kind not in _KINDS:
        return None
    kind = _KINDS[identity.kind]
    who = who_of(
        identity.name or identity.login, identity.roles, kind, identity.must_change, identity.scope.permissions
    )
    return replace(who, login=identity.login)


def current_login() -> str:
    """The account's name by which rosters know the asker; "" for what is no person."""
    identity = _identity()
    return str(identity.login) if identity is not None and identity.kind == "session" else ""


def current_page(default_lang: str = "zh") -> PageState:
    """The page of this request, or the one this Dash call belongs to; language and theme also from cookies."""
    url = str(flask.request.environ.get(PAGE_KEY) or "") or flask.request.full_path.rstrip("?")
    cookies = flask.request.cookies
    page = parse_page(url, cookies.get("ioc_lang", default_lang), cookies.get("ioc_theme", ""))
    signed = getattr(_identity(), "region", "")
    if page.surface == "embed" and signed and not page.region:
        # an embed was signed for one region: that is its root
        page = PageState(page.path, page.surface, page.lang, page.theme, signed, page.sel, page.args)
    return page
