"""One ASGI application: `/live` natively, everything else (pages, callbacks, API, tiles) in Flask behind it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from types import FrameType
from typing import Any, cast

import dash
import flask
from a2wsgi import WSGIMiddleware
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from ioc import moment
from ioc.accounts.base import Accounts
from ioc.accounts.credentials import Credentials
from ioc.accounts.unknown import UnknownLogins
from ioc.accounts.users import sign_in_hints
from ioc.api import Deps, _json, _moment, auth, clean, events_asgi, health, register_all
from ioc.api import errors as api_errors
from ioc.api.tiles_asgi import PREFIX, Tiles
from ioc.api.video_media import Media
from ioc.api.video_mux import Mux
from ioc.cache import CacheUser, make_cache
from ioc.clock import Clock
from ioc.compress import Compressor
from ioc.feed.endpoint import Live
from ioc.feed.hub import Hub
from ioc.feed.versions import FeedVersions
from ioc.headers import Headers
from ioc.metrics import Metrics
from ioc.registry import Registry
from ioc.services import Services
from ioc.services_past import PastServices
from ioc.settings import Settings
from ioc.shared import open_shared
from ioc.store import Store
from ioc.store.past import AskedStore, Past

log = logging.getLogger("ioc.web")

BODY_MAX = 8 * 1024 * 1024
# Threads for the WSGI side: more than database connections, so that a cached answer never waits behind a query.
THREADS_BESIDE_POOL = 8

Pages = Callable[[flask.Flask], dash.Dash]


class JsonProvider(flask.json.provider.DefaultJSONProvider):
    """Times as ISO 8601, Chinese as it is."""

    ensure_ascii = False
    compact = True
    sort_keys = False

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return _json.loads(s, **kwargs)

    @staticmethod
    def default(o: Any) -> Any:
        iso = getattr(o, "isoformat", None)
        return iso() if iso is not None else flask.json.provider.DefaultJSONProvider.default(o)


def bare_server(settings: Settings) -> flask.Flask:
    server = flask.Flask("ioc", static_folder=None)
    server.json = JsonProvider(server)
    server.url_map.converters["int"] = clean.Id
    server.config["MAX_CONTENT_LENGTH"] = BODY_MAX
    server.secret_key = settings.secret
    return server


def compose(server: flask.Flask, deps: Deps, pages: Pages | None, metrics: Metrics) -> None:
    """Put gates, API, pages and hooks on the WSGI side. `pages` builds the Dash application on the given server."""
    server.extensions["ioc_metrics"] = metrics.registry
    server.before_request(metrics.begin)
    auth.install(server, deps.credentials, deps.clock, deps.shared)
    _moment.install(server, deps.settings, deps.live_clock or deps.clock)
    server.before_request(_front_door)
    clean.install(server)
    api_errors.install(server)
    register_all(server, deps)
    app = pages(server) if pages is not None else None
    if app is not None:
        # Dash otherwise does this inside the first request, with that request's asker: a wall without one would be
        # the first to come after a restart and be turned away.
        with server.app_context():
            app._setup_server()  # pyright: ignore[reportPrivateUsage]

    def hashes() -> Sequence[str]:
        found = list(app.csp_hashes()) if app is not None else []
        return [*found, *server.extensions.get("ioc_csp_hashes", ())]

    # Hooks run last to first: headers, then compression, then measuring.
    server.after_request(metrics.end)
    server.after_request(Compressor(deps.settings.root / "cache" / "compressed"))
    server.after_request(Headers(deps.settings, hashes, auth.PAGE_KEY))


def _front_door() -> None:
    path, rule = flask.request.path, flask.request.url_rule
    # The pages' catch-all must not answer for an address of the API that does not exist.
    catch_all = rule is not None and rule.rule == "/<path:path>"
    if catch_all and path.startswith(auth.MACHINE_PREFIXES):
        flask.abort(404)


def create_web(
    settings: Settings,
    services: Services,
    registry: Registry,
    store: Store,
    clock: Clock,
    register_callbacks: Callable[..., None] | None = None,
) -> Starlette:
    """The ASGI application. Its parts are on `app.state`: hub, live, deps, server.

    `register_callbacks(app, services)` is handed in by the composition root; without it there are no pages.
    """
    server = bare_server(settings)
    versions = FeedVersions()
    shared = open_shared(settings)
    accounts = Accounts(store, settings, clock, UnknownLogins(shared))
    credentials = Credentials(accounts)
    hub = Hub(store.dsn, clock, versions)
    live = Live(hub, store, credentials)
    cache = make_cache(server, shared)
    if isinstance(services, CacheUser):
        services.use_cache(cache, lambda: versions.of("indicator"))
    deps = Deps(settings, store, registry, clock, services, cache, accounts, credentials, versions, shared)
    past = Past(store)
    looking = _looking(deps, past)
    pages = None if register_callbacks is None else _pages(looking, register_callbacks)
    metrics = Metrics(CollectorRegistry(), hub)
    compose(server, looking, pages, metrics)
    media = Media(server.extensions["ioc_video"], credentials)
    wsgi = WSGIMiddleware(cast(Any, server), workers=settings.pool_size + THREADS_BESIDE_POOL)
    app = _Front(
        Tiles(deps, metrics.observe, past),
        events_asgi.Reports(deps, metrics.observe),
        routes=[
            Route("/live", live.handle, methods=["GET"]),
            Route("/healthz", health.alive, methods=["GET"]),
            Route("/video/mux/{key}", Mux(media).handle, methods=["GET"]),
            Route("/video/{view_id:int}/{token}/{path:path}", media.handle, methods=["GET"]),
            Mount("/", app=cast(Any, wsgi)),
        ],
        lifespan=_lifespan(hub, live, media),
    )
    app.state.hub, app.state.live, app.state.deps, app.state.server = hub, live, deps, server
    return app


def _looking(deps: Deps, past: Past) -> Deps:
    """What pages and API use: of the present, or of the moment a request asks for (`t=`)."""
    services = moment.turned(deps.services, lambda at: PastServices(deps.settings, past.at(at), deps.registry))
    clock = moment.AskedClock(deps.clock)
    return replace(deps, store=AskedStore(deps.store, past), services=services, clock=clock, live_clock=deps.clock,
                   past=past)  # fmt: skip


class _Front(Starlette):
    """Tiles and machines' reports go past everything else: there are very many of them, and each costs little."""

    def __init__(self, tiles: Tiles, reports: events_asgi.Reports, **given: Any) -> None:
        super().__init__(**given)
        self._tiles, self._reports = tiles, reports

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(PREFIX):
            await self._tiles(scope, receive, send)
        elif events_asgi.taken(scope):
            await self._reports(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def _pages(deps: Deps, register_callbacks: Callable[..., None]) -> Pages:
    from ioc.screens.dash_app import create_dash

    return lambda server: create_dash(
        deps.services,
        deps.settings,
        register_callbacks,
        server=server,
        demo_users=lambda: sign_in_hints(deps.accounts),
        clock=deps.clock,
    )


def _lifespan(
    hub: Hub, live: Live, media: Media
) -> Callable[[Starlette], contextlib.AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        tasks = [asyncio.create_task(hub.run()), asyncio.create_task(live.watch())]
        _end_streams_when_told(hub)
        try:
            yield
        finally:
            hub.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await media.close()

    return lifespan


def _end_streams_when_told(hub: Hub) -> None:
    """Streams never end by themselves, and the server waits for them before it tells the application: hear its signal.

    The server's own handler, installed before, is called as well. Only in a main thread (tests serve from others).
    """
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        inner = signal.getsignal(number)

        def told(n: int, frame: FrameType | None, inner: Any = inner) -> None:
            loop.call_soon_threadsafe(hub.close)
            if callable(inner):
                inner(n, frame)

        signal.signal(number, told)
