"""Security headers of every answer: nothing from outside, inline code only when hashed, frames only where told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from urllib.parse import urlsplit

import flask
from werkzeug.wrappers import Response

from ioc.settings import Settings

IMMUTABLE = "public, max-age=31536000, immutable"


class Headers:
    """After-request hook. `hashes`: the inline scripts of the pages ('sha256-...'), asked once, when all are known."""

    def __init__(self, settings: Settings, hashes: Callable[[], Iterable[str]], page_key: str) -> None:
        self._settings = settings
        self._hashes = hashes
        self._page_key = page_key
        self._scripts: str | None = None

    def __call__(self, response: Response) -> Response:
        h = response.headers
        embed = self._path().startswith("/embed")
        h.setdefault("Content-Security-Policy", self.policy(embed=embed))
        h["X-Content-Type-Options"] = "nosniff"
        h["Referrer-Policy"] = "same-origin"
        h["Cross-Origin-Opener-Policy"] = "same-origin"
        h["Permissions-Policy"] = "camera=(), microphone=(), geolocation=(self), payment=(), usb=()"
        if not embed:
            h["X-Frame-Options"] = "DENY"
            h["Cross-Origin-Resource-Policy"] = "same-origin"
        if flask.request.is_secure:
            h["Strict-Transport-Security"] = "max-age=31536000"
        self._caching(response)
        return response

    def _path(self) -> str:
        page = str(flask.request.environ.get(self._page_key, ""))
        return urlsplit(page).path if page else flask.request.path

    def _caching(self, response: Response) -> None:
        path = flask.request.path
        if response.status_code in (200, 304) and path.startswith("/assets/") and "m" in flask.request.args:
            response.headers["Cache-Control"] = IMMUTABLE  # Dash puts the file's time of change into the URL
        elif path.startswith("/_dash-component-suites/") and (response.cache_control.max_age or 0) >= 31_536_000:
            response.headers["Cache-Control"] = IMMUTABLE
        elif response.mimetype == "text/html":
            response.headers["Cache-Control"] = "no-store"
        elif "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "private, no-cache"

    def policy(self, *, embed: bool) -> str:
        if self._scripts is None:
            self._scripts = " ".join(["'self'", *sorted({_quoted(h) for h in self._hashes()})])
        outside = " ".join(self._map_origins())
        rules: Sequence[tuple[str, str]] = (
            ("default-src", "'self'"),
            ("script-src", self._scripts),
            ("worker-src", "'self' blob:"),
            # Styles cannot run code; components set them inline.
            ("style-src", "'self' 'unsafe-inline'"),
            ("img-src", f"'self' data: blob: {outside}"),
            ("font-src", "'self' data:"),
            # Players feed the picture element from memory (Media Source Extensions): its address is a blob of ours.
            ("media-src", "'self' blob:"),
            ("connect-src", f"'self' {outside}"),
            ("object-src", "'none'"),
            ("base-uri", "'self'"),
            ("form-action", "'self'"),
            ("frame-src", "'self'"),
            ("frame-ancestors", self._settings.frame_ancestors if embed else "'none'"),
        )
        return "; ".join(f"{name} {value.strip()}" for name, value in rules)

    def _map_origins(self) -> list[str]:
        """The configured base map and imagery are the only things a page may fetch from elsewhere."""
        found: dict[str, None] = {}
        for url in (self._settings.basemap_url, self._settings.imagery_url):
            parts = urlsplit(url.replace("{", "").replace("}", ""))
            if parts.scheme in ("http", "https") and parts.netloc:
                found[f"{parts.scheme}://{parts.netloc}"] = None
        return list(found)


def _quoted(text: str) -> str:
    return text if text.startswith("'") else f"'{text}'"
