"""The Dash application on the Flask server it is given: every page, its first HTML, and Dash's own calls for it.

Dash asks for its layout without saying which page it is on. So each page's configuration carries a prefix of its own,
`/_p/<base64 of the page's path and query>/`; a WSGI middleware takes it off again and puts the page's address into the
environ, where the sign-in gate, the layout and the callbacks read it. Scripts and style sheets keep the plain prefix,
so that they are cached once for all pages.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
import logging
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from threading import Lock
from typing import Any, cast
from urllib.parse import quote

import dash
import flask
from werkzeug.wrappers import Response

from ioc import __version__
from ioc.clock import Clock
from ioc.errors import Forbidden, IocError, NotFound, NotSignedIn, StoreUnavailable
from ioc.i18n import t
from ioc.scope import NOBODY, Scope
from ioc.screens import asker, phone, site, ways_in
from ioc.screens.html import Render, to_html
from ioc.screens.model import Model, make_view
from ioc.screens.state import PageState, Who
from ioc.services import Services
from ioc.settings import Settings
from ioc.ui import DIST, bundle_version

log = logging.getLogger("ioc.screens")

PREFIX = "/_p/"
ASSETS = Path(__file__).resolve().parents[2] / "assets"
URL_MAX = 2000
REPLAY_FROM = dt.timedelta(minutes=15)
# The page's HTML and the layout Dash asks for a moment later are one computation.
KEEP_S, KEEP_N = 5.0, 64
STATIC_CSS = ("tokens.css", "base.css")
RETRY_S = 5
FONT = "/_dash-component-suites/ioc.ui/dist/inter.woff2"
FONT_CSS = "/_dash-component-suites/ioc.ui/dist/ioc_ui.css"
YEAR_S = 31_536_000


def encode_page(url: str) -> str:
    return base64.urlsafe_b64encode(url[:URL_MAX].encode()).decode().rstrip("=")


def decode_page(text: str) -> str:
    """The page's address, or "" for anything that is none of ours."""
    try:
        url = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return url if url.startswith("/") and not url.startswith("//") and len(url) <= URL_MAX else ""


class PagePrefix:
    """WSGI middleware: `/_p/<page>/_dash-layout` becomes `/_dash-layout` with the page's address in the environ."""

    def __init__(self, inner: Callable[..., Iterable[bytes]]) -> None:
        self._inner = inner

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        # only we may say which page a call belongs to
        environ.pop(asker.PAGE_KEY, None)
        path = str(environ.get("PATH_INFO", ""))
        if path.startswith(PREFIX):
            name, _, rest = path.removeprefix(PREFIX).partition("/")
            url = decode_page(name)
            if url and rest.startswith("_dash-"):
                environ[asker.PAGE_KEY] = url
                environ["PATH_INFO"] = "/" + rest
        return self._inner(environ, start_response)


class _Recent:
    """The last few layouts by page and asker, for a few seconds. Not a cache of data: `services` has its own."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._items: OrderedDict[tuple[str, ...], tuple[float, Any, Model]] = OrderedDict()
        self._lock = Lock()
        self._monotonic = monotonic

    def get(self, key: tuple[str, ...]) -> tuple[Any, Model] | None:
        with self._lock:
            found = self._items.get(key)
            if found is None or self._monotonic() - found[0] > KEEP_S:
                return None
            return found[1], found[2]

    def put(self, key: tuple[str, ...], tree: Any, model: Model) -> None:
        with self._lock:
            self._items[key] = (self._monotonic(), tree, model)
            self._items.move_to_end(key)
            while len(self._items) > KEEP_N:
                self._items.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Frame:
    """What Dash's index is filled with for one request."""

    page: PageState
    url: str
    shell: str
    title: str


# Dash sends these with every page. A browser that can load our map (modules, WebGL 2) needs no polyfill, and no page of
# ours has a DataTable; both are read and run before anything is drawn.
_UNUSED = re.compile(r'<script [^>]*src="[^"]*(?:/deps/polyfill@|/dash_table/)[^"]*"[^>]*></script>')


class PageDash(dash.Dash):
    """Dash whose index is one of our pages."""

    pages: Pages

    def index(self, *_args: Any, **_kwargs: Any) -> Any:
        return self.pages.answer()

    def interpolate_index(self, **parts: str) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Our document round Dash's parts, with the page's own prefix in its configuration."""
        frame: Frame = flask.g.ioc_frame
        text = parts["config"]
        config = json.loads(text[text.index(">") + 1 : text.rindex("</script>")])
        config["requests_pathname_prefix"] = f"{PREFIX}{encode_page(frame.url)}/"
        raw = json.dumps(config, ensure_ascii=True).replace("<", "\\u003c")
        return _DOCUMENT.format(
            attrs=_html_attrs(frame.page),
            title=escape(frame.title),
            bundle=escape(bundle_version(), quote=True),
            css=parts["css"],
            shell=frame.shell,
            config=f'<script id="_dash-config" type="application/json">{raw}</script>',
            scripts=_UNUSED.sub("", parts["scripts"]),
            renderer=parts["renderer"],
            noscript=escape(t("screens.noscript", frame.page.lang)),
        )


class Pages:
    """Answers of the pages' catch-all route."""

    def __init__(
        self,
        app: dash.Dash,
        services: Services,
        settings: Settings,
        scope: Callable[[], Scope],
        who: Callable[[], Who | None],
        render: Render | None,
        demo_users: Callable[[], Sequence[Mapping[str, Any]]],
        fixed_now: dt.datetime | None,
        monotonic: Callable[[], float],
    ) -> None:
        self.app, self.services, self.settings = app, services, settings
        self.scope, self.who, self.render, self.demo_users = scope, who, render, demo_users
        self.fixed_now = fixed_now
        self._recent = _Recent(monotonic)

    # -------------------------------------------------------- trees

    def page(self) -> PageState:
        return asker.current_page(self.settings.lang)

    def tree(self, page: PageState, fresh: bool) -> tuple[Any, Model]:
        """The page's components; `fresh` False takes those made for its HTML a moment ago."""
        scope, who = self.scope(), self.who()
        name = f"{who.name}/{who.kind}" if who else ""
        key = (page.path, page.lang, page.theme, repr(sorted(page.args.items())), scope.class_key, name)
        found = None if fresh else self._recent.get(key)
        if found is not None:
            return found
        tree, model = site.build(self.services, scope, page, who, self.fixed_now)
        self._recent.put(key, tree, model)
        return tree, model

    def layout(self) -> Any:
        """Dash's layout: that of the page which asked. Dash also calls it once at start, outside of any request."""
        if not flask.has_request_context():
            return dash.html.Main()
        page = self.page()
        if not site.kind_of(page):
            return dash.html.Main()
        return self.tree(page, fresh=False)[0]

    # -------------------------------------------------------- answers

    def answer(self) -> Response:
        page = self.page()
        try:
            return self._answer(page)
        except NotSignedIn:
            if page.path == "/wall":
                return self._static(page, "enrol")
            if page.surface == "embed":
                return self._fault(page, 401, "screens.embed.gone", "screens.embed.gone_why")
            wanted = quote(flask.request.full_path.rstrip("?"), safe="")
            return flask.redirect(f"/signin?next={wanted}", 302)  # pyright: ignore[reportReturnType]
        except Forbidden as error:
            return self._fault(page, 403, "screens.err.403", error.message(page.lang))
        except NotFound as error:
            return self._fault(page, 404, "screens.err.404", error.message(page.lang))
        except StoreUnavailable:
            return self._fault(page, 503, "screens.err.503", "screens.err.503_why", RETRY_S)

    def _answer(self, page: PageState) -> Response:
        if page.path == "/signin":
            return self._static(page, "sign_in")
        if page.path == "/desk/password":
            self.scope()
            return self._static(page, "password")
        if page.path == "/m":
            return self._phone(page)
        if page.path == "/desk/replay":
            self.scope()
            return flask.redirect(page.href("/desk", t=self._a_while_ago()), 302)  # pyright: ignore[reportReturnType]
        if not site.kind_of(page):
            return self._fault(page, 404, "screens.err.404", "screens.err.404_why")
        who = self.who()
        self.scope()
        if who is not None and who.must_change and page.surface == "desk":
            return flask.redirect(page.href("/desk/password"), 302)  # pyright: ignore[reportReturnType]
        if wanted := self._first_view(page):
            return flask.redirect(wanted, 302)  # pyright: ignore[reportReturnType]
        tree, model = self.tree(page, fresh=True)
        return Response(self.html(page, to_html(tree, self.render), site.title(model)), mimetype="text/html")

    def _first_view(self, page: PageState) -> str:
        """Where the list begins for this person, when the address asks for nothing of its own; "": here."""
        asks = {"show", "urgency", "flow", "sort", "view", "sel", "region", "v"} & page.args.keys()
        if page.path != "/desk/events" or asks:
            return ""
        try:
            found = next((v for v in self.services.saved_views(self.scope()) if v["default"]), None)
        except IocError as error:  # the page itself says what is wrong
            log.warning("views without the store: %s", error)
            return ""
        kept = [f"{k}={quote(v, safe='')}" for k, v in page.args.items()]
        return f"{page.path}?{'&'.join([*kept, found['address']])}" if found else ""

    def _a_while_ago(self) -> str:
        """Where the replay of a desk begins: a quarter of an hour back, standing still."""
        at = (self.services.now() - REPLAY_FROM).replace(microsecond=0)
        return at.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")

    def _phone(self, page: PageState) -> Response:
        """The officer's page: no Dash, and nothing in it about who asks."""
        self.scope()
        who = self.who()
        if who is not None and who.must_change:
            return flask.redirect("/desk/password", 302)  # pyright: ignore[reportReturnType]
        body = to_html(phone.shell(page, self.settings.timezone))
        head = f'<script src="{escape(phone.script_url(), quote=True)}"></script>'
        return Response(self.plain(page, body, t("phone.myWork", page.lang), "phone.css", head), mimetype="text/html")

    def html(self, page: PageState, shell: str, title: str) -> str:
        """The page of Dash with our shell where its "Loading..." would stand."""
        flask.g.ioc_frame = Frame(page, flask.request.full_path.rstrip("?"), shell, title)
        return dash.Dash.index(self.app)

    # -------------------------------------------------------- plain pages

    def _front(self) -> ways_in.Front:
        """Before sign-in only the centre's name is said; without a store not even that."""
        try:
            centre = self.services.centre(NOBODY)
            users = self.demo_users() if centre.demo else ()
        except IocError as error:
            log.warning("front page without the store: %s", error)
            return ways_in.Front("IOC", __version__, demo=False)
        lang = self.page().lang
        title = centre.title(lang) or t("screens.empty.new", lang)
        return ways_in.Front(
            title,
            centre.version or __version__,
            centre.demo,
            users,
            self.settings.lockout_failures,
            self.settings.lockout_minutes,
        )

    def _static(self, page: PageState, kind: str) -> Response:
        front = self._front()
        view = make_view(self.services, page.lang)
        if kind == "sign_in":
            body, title = ways_in.sign_in(page, front, view), t("screens.title.signin", page.lang)
        elif kind == "password":
            who = self.who()
            body, title = ways_in.password(page, front, bool(who and who.must_change)), t("screens.pw.title", page.lang)
        else:
            address = f"{flask.request.host}/wall"
            body, title = ways_in.enrol(page, front, view, address), t("screens.title.enrol", page.lang)
        return Response(self.plain(page, to_html(body), f"{title} · {front.title}"), mimetype="text/html")

    def _fault(self, page: PageState, status: int, title: str, why: str, retry_s: int = 0) -> Response:
        words = [t(key, page.lang) if key.startswith("screens.") else key for key in (title, why)]
        body = to_html(ways_in.fault_page(page, words[0], words[1], retry_s))
        response = Response(self.plain(page, body, words[0]), status=status, mimetype="text/html")
        if retry_s:
            response.headers["Retry-After"] = str(retry_s)
        return response

    def plain(self, page: PageState, body: str, title: str, sheet: str = "pages.css", script: str = "") -> str:
        names = (*STATIC_CSS, sheet)
        links = "".join(f'<link rel="stylesheet" href="{escape(asset_url(name), quote=True)}">' for name in names)
        return _PLAIN.format(
            attrs=_html_attrs(page),
            title=escape(title),
            css=f'{links}<link rel="stylesheet" href="{FONT_CSS}?v={bundle_version()}">{script}',
            body=body,
            script="" if script else f'<script src="{escape(asset_url("pages.js"), quote=True)}" defer></script>',
        )


def _html_attrs(page: PageState) -> str:
    attrs = {
        "lang": "zh-CN" if page.lang == "zh" else "en",
        "data-theme": page.theme,
        "data-surface": page.surface,
        "data-panel": page.args.get("panel", ""),
    }
    return "".join(f' {name}="{escape(value, quote=True)}"' for name, value in attrs.items() if value)


def asset_url(name: str) -> str:
    """With the time of its last change, so that it may be kept for good."""
    path = ASSETS / name
    stamp = int(path.stat().st_mtime) if path.exists() else 0
    return f"/assets/{name}?m={stamp}"


_DOCUMENT = """<!DOCTYPE html>
<html{attrs}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1,viewport-fit=cover">
<meta name="ioc-bundle" content="{bundle}">
<title>{title}</title>
<link rel="icon" href="data:,">
{css}
</head>
<body>
<noscript>{noscript}</noscript>
<div id="react-entry-point">{shell}</div>
<footer hidden>{config}{scripts}{renderer}</footer>
</body>
</html>"""

_PLAIN = """<!DOCTYPE html>
<html{attrs}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1,viewport-fit=cover">
<title>{title}</title>
<link rel="icon" href="data:,">
{css}
</head>
<body>{body}{script}</body>
</html>"""


def create_dash(
    services: Services,
    settings: Settings,
    register_callbacks: Callable[[dash.Dash, Services], None],
    *,
    server: flask.Flask,
    scope: Callable[[], Scope] = asker.current_scope,
    who: Callable[[], Who | None] = asker.current_who,
    demo_users: Callable[[], Sequence[Mapping[str, Any]]] = lambda: (),
    render: Render | None = None,
    fixed_now: dt.datetime | None = None,
    clock: Clock | None = None,
) -> dash.Dash:
    """Mount the pages on `server`. `render` draws the browser's components for the first HTML."""
    app = PageDash(
        "ioc",
        server=cast(Any, server),
        assets_folder=str(ASSETS),
        assets_ignore=r"(pages|phone)\.(js|css)",
        suppress_callback_exceptions=True,
        update_title="",
        title="IOC",
        compress=False,
    )
    monotonic = clock.monotonic if clock is not None else _monotonic
    pages = Pages(app, services, settings, scope, who, render or _shell(), demo_users, fixed_now, monotonic)
    app.layout = pages.layout
    app.pages = pages
    server.extensions["ioc_pages"] = pages
    register_callbacks(app, services)
    server.add_url_rule(FONT, "ioc_font", _font)
    server.add_url_rule("/m/sw.js", "ioc_phone_worker", _worker)
    server.wsgi_app = PagePrefix(server.wsgi_app)  # type: ignore[method-assign]
    return app


def _font() -> Response:
    """The font beside the bundle's style sheet. Dash serves scripts and style sheets there and nothing else."""
    response = flask.send_from_directory(DIST, "inter.woff2", mimetype="font/woff2", max_age=YEAR_S)
    response.headers["Cache-Control"] = f"public, max-age={YEAR_S}, immutable"
    return response


def _worker() -> Response:
    """The service worker of `/m`: of that page alone, whatever else this origin shows."""
    response = flask.send_from_directory(DIST, phone.WORKER, mimetype="text/javascript", max_age=0)
    response.headers["Service-Worker-Allowed"] = "/m"
    return response


def _monotonic() -> float:
    from ioc.clock import SystemClock

    return SystemClock().monotonic()


def _shell() -> Render | None:
    """Python drawings of the browser's components, where the bundle's package has them."""
    from importlib.util import find_spec

    if find_spec("ioc.ui.shell") is None:
        return None
    from importlib import import_module

    return getattr(import_module("ioc.ui.shell"), "render", None)
