"""Embed tokens: signed, expiring, bound to one panel, one region and one scope. They open nothing else."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from itsdangerous import BadSignature, URLSafeSerializer

from ioc.accounts.base import Accounts, Grant
from ioc.errors import Invalid, NotSignedIn, Reason
from ioc.settings import Settings

MAX_DAYS = 366
PAGES = "/embed/"
# What the map's own page fetches: its layers, what lies under the cursor, and the list beside it.
_MAP_READS = (
    "/tiles/",
    "/basemap/",
    "/api/v1/live/",
    "/api/v1/map/",
    "/api/v1/regions",
    "/api/v1/identify",
    "/api/v1/detail/",
)


@dataclass(frozen=True, slots=True)
class Embed:
    """A verified token. `panel`: "map" or "tile/{code}"; `region`: what it shows, with all below it."""

    panel: str
    region: str
    grant: Grant
    expires_at: dt.datetime
    by: str


def _serializer(settings: Settings) -> URLSafeSerializer:
    return URLSafeSerializer(settings.secret, salt="ioc.embed.v1")


def sign(
    accounts: Accounts, panel: str, region: str = "", *, days: float = 30, sensitivity: int = 0, by: str = "cli"
) -> str:
    """A token for `/embed/{panel}`. No region: the whole centre. Raises Invalid."""
    faults: list[Reason] = []
    if panel != "map" and not (panel.startswith("tile/") and len(panel) > 5):
        faults.append(Reason("panel", "unknown_panel", "只能是 map 或 tile/指标代码", "map or tile/CODE", panel))
    if not 0 < days <= MAX_DAYS:
        faults.append(Reason("days", "bad_number", f"1 至 {MAX_DAYS} 天", f"1 to {MAX_DAYS} days", str(days)))
    if faults:
        raise Invalid(reasons=faults)
    expires = accounts.now() + dt.timedelta(days=days)
    body: dict[str, Any] = {"p": panel, "r": region, "s": sensitivity, "e": int(expires.timestamp()), "b": by}
    return str(_serializer(accounts.settings).dumps(body))


def verify(settings: Settings, token: str, now: dt.datetime) -> Embed:
    """Raises NotSignedIn for a token that is forged or has run out."""
    try:
        body: dict[str, Any] = _serializer(settings).loads(token)
    except BadSignature as e:
        raise NotSignedIn("嵌入令牌无效", "the embed token is not valid") from e
    expires = dt.datetime.fromtimestamp(body["e"], dt.UTC)
    if now >= expires:
        raise NotSignedIn("嵌入令牌已过期", "the embed token has expired")
    region = str(body["r"])
    codes: Sequence[str] = (region,) if region else ()
    return Embed(body["p"], region, Grant(not region, tuple(codes), (), int(body["s"])), expires, str(body["b"]))


def address(panel: str, token: str) -> str:
    """Path and query a portal puts into its frame."""
    return f"{PAGES}{quote(panel, safe='/,')}?token={token}"


def from_referrer(referrer: str, host: str) -> str:
    """The token of the embed page that fetches something, or ''. Browsers keep cookies out of another site's frames."""
    if PAGES not in referrer:
        return ""
    page = urlsplit(referrer)
    ours = page.path.startswith(PAGES) and page.netloc == host
    return dict(parse_qsl(page.query)).get("token", "") if ours else ""


def opens(panel: str, path: str) -> bool:
    """May a token of `panel` be shown at `path`? Its own page and what that page fetches, nothing else."""
    if path == f"{PAGES}{panel}" or path.startswith(f"{PAGES}{panel}/"):
        return True
    if panel == "map":
        return path.startswith(_MAP_READS)
    codes = panel.removeprefix("tile/").split(",")
    return any(path == f"/api/v1/indicators/{code}/values" for code in codes)
