"""What another centre's API answers, checked: pages of its feed, its open records, its numbers."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import httpx

from data_sources._lower.config import Centre
from ioc.errors import Reason, SourceFault
from ioc.intake.reasons import reason
from ioc.store.lower import Place, Record
from ioc.store.rejects import Rejected

PAGE = 500
MAX_BYTES = 32 * 2**20
MAX_RECORD = 64 * 1024  # characters of one record
MAX_PAGES = 1000
WHOLE_S = 60.0  # of one answer, however slowly it drips
TIMEOUT_S = 10.0
_KEY = re.compile(r"(case|event):[0-9]{1,18}")
# Bulk changes of these layers mean that the lists are to be fetched anew (docs/live.md, topic reload).
LISTS = frozenset({"events", "cases", "event", "case", "heat"})
NUMBERS = ("code", "title", "unit", "value", "numerator", "denominator", "state", "decimals", "note", "as_of",
           "computed_at", "interval_s", "period", "owner", "formula", "target", "better", "origin")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """A page of the feed: `resync` or `reload` say that the lists are to be fetched."""

    until: Place
    more: bool
    resync: str
    reload: bool
    numbers: bool  # indicators have changed
    rows: Sequence[Record]
    refused: Sequence[Rejected]


class Api:
    """One centre. Raises SourceFault for everything that is no usable answer."""

    def __init__(self, centre: Centre, client: httpx.Client, monotonic: Callable[[], float]) -> None:
        self._centre, self._client, self._monotonic = centre, client, monotonic

    def page(self, after: Place) -> Answer:
        asked = {"after": f"{after[0]}-{after[1]}", "topics": "case,event,indicator,reload", "limit": str(PAGE)}
        body = self._get("/api/v1/feed", asked)
        until = _position(body.get("next"))
        if until is None or not isinstance(body.get("rows"), list):
            raise _nonsense("/api/v1/feed")
        rows: list[Record] = []
        refused: list[Rejected] = []
        reload = numbers = False
        for given in cast("list[Any]", body["rows"]):
            item = _object(given)
            topic = item.get("topic")
            if topic in ("case", "event"):
                _sort(self._record(_object(item.get("record")), item), rows, refused)
            elif topic == "reload":
                layers = _object(item.get("record")).get("layers")
                named = {str(v) for v in cast("list[Any]", layers)} if isinstance(layers, list) else set[str]()
                reload = reload or not named or bool(named & LISTS)
            numbers = numbers or topic == "indicator"
        return Answer(until, bool(body.get("more")), str(body.get("resync") or ""), reload, numbers, rows, refused)

    def everything(self) -> tuple[Place, list[Record], list[Rejected]]:
        """All open records, and the place in the feed they are at least as new as."""
        place: Place | None = None
        found: dict[str, Record] = {}
        refused: list[Rejected] = []
        after = ""
        for _ in range(MAX_PAGES):
            body = self._get("/api/v1/live/rows", {"after": after, "limit": str(PAGE)})
            feed = _object(body.get("feed"))
            epoch, last = feed.get("epoch"), feed.get("last_no")
            if not isinstance(epoch, str) or not isinstance(last, int) or not isinstance(body.get("rows"), list):
                raise _nonsense("/api/v1/live/rows")
            if not epoch:
                raise SourceFault("对方的消息流尚未就绪", "its feed is not ready yet")
            if isinstance(last, bool) or _position(f"{epoch}-{last}") != (epoch, last):
                raise _nonsense("/api/v1/live/rows")
            if place is not None and place[0] != epoch:
                raise SourceFault("对方在读取中更换了消息流", "its feed began anew while it was read")
            place = (epoch, last) if place is None else (epoch, min(place[1], last))
            rows: list[Record] = []
            for given in cast("list[Any]", body["rows"]):
                _sort(self._record(_object(given), {}), rows, refused)
            for row in rows:
                if row.key not in found or found[row.key].version <= row.version:
                    found[row.key] = row
            after = body.get("next") or ""
            if not after:
                return place, list(found.values()), refused
            if not isinstance(after, str):
                break
        raise _nonsense("/api/v1/live/rows")

    def regions(self) -> list[str]:
        """Codes of its root (as the token sees it) and of what lies directly below."""
        body = self._get("/api/v1/regions", {})
        crumbs, below = body.get("breadcrumb"), body.get("children")
        if not isinstance(crumbs, list) or not isinstance(below, list):
            raise _nonsense("/api/v1/regions")
        codes = [_object(r).get("code") for r in (*cast("list[Any]", crumbs)[-1:], *cast("list[Any]", below))]
        return [c for c in codes if isinstance(c, str) and 0 < len(c) <= 40]

    def indicators(self, region: str) -> list[dict[str, Any]]:
        body = self._get("/api/v1/indicators", {"region": region})
        if not isinstance(body.get("indicators"), list):
            raise _nonsense("/api/v1/indicators")
        out: list[dict[str, Any]] = []
        for given in cast("list[Any]", body["indicators"]):
            item = _object(given)
            code = item.get("code")
            if not isinstance(code, str) or not code or len(code) > 100 or not _origin(item.get("origin")):
                raise _nonsense("/api/v1/indicators")
            kept = {n: item.get(n) for n in NUMBERS}
            if not _storable(kept):
                raise _nonsense("/api/v1/indicators")
            out.append({**kept, "as_of": _time(item.get("as_of"))})
        return out

    # ------------------------------------------------------------

    def _record(self, record: Mapping[str, Any], row: Mapping[str, Any]) -> Record | Rejected:
        """`row`: the feed's envelope; a list's rows have none."""
        key, version = record.get("key") or row.get("key"), record.get("version")
        removed = row.get("op") == "remove"
        origin = record.get("origin") or row.get("origin")
        reasons: list[Reason] = []
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            reasons.append(reason("key", "bad_code", key))
        if not removed and (not isinstance(version, int) or isinstance(version, bool) or not 0 <= version < 2**31):
            reasons.append(reason("version", "bad_number", version))
        if not removed and not isinstance(record.get("closed"), bool):
            reasons.append(reason("closed", "bad_choice", record.get("closed"), choices="true, false"))
        if not removed and not _origin(origin):
            reasons.append(reason("origin", "bad_choice", origin, choices="real, demo"))
        if not _storable(record):
            reasons.append(reason("record", "too_long", "", limit=MAX_RECORD))
        for name in ("region", "private_to"):
            word = row.get(name)
            if word is not None and (not isinstance(word, str) or not _storable({"": word})):
                reasons.append(reason(name, "bad_text", word))
        if reasons:
            raw = json.dumps({"row": dict(row), "record": dict(record)}, ensure_ascii=False, default=str)
            return Rejected(str(key)[:200], reasons, raw)
        level = row.get("sensitivity")
        private = row.get("private_to")
        return Record(
            key=str(key),
            version=0 if removed else cast("int", version),
            closed=bool(record.get("closed")),
            region=str(row.get("region") or record.get("region_code") or "")[:40],
            sensitivity=max(self._centre.sensitivity, level if isinstance(level, int) and 0 <= level <= 2 else 0),
            private_to=private[:100] if isinstance(private, str) and private else None,
            origin="demo" if origin == "demo" else "real",
            record=record,
            removed=removed,
        )

    def _get(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        url = f"{self._centre.url}{path}"
        headers = {"Authorization": f"Bearer {self._centre.token}", "Accept": "application/json"}
        try:
            with self._client.stream("GET", url, params=dict(query), headers=headers) as response:
                if response.status_code in (401, 403):
                    raise SourceFault(
                        f"令牌无效或权限不足（{response.status_code}）",
                        f"the token is refused ({response.status_code})",
                    )
                if response.status_code != 200:
                    raise SourceFault(
                        f"应答 {response.status_code}：{path}", f"answered {response.status_code}: {path}"
                    )
                data = self._whole(response, path)
        except (httpx.HTTPError, httpx.InvalidURL) as e:
            name = type(e).__name__
            raise SourceFault(f"无法连接（{name}）", f"cannot be reached ({name})") from e
        try:
            body = json.loads(data)
        except (ValueError, RecursionError):
            raise _nonsense(path) from None
        if not isinstance(body, dict):
            raise _nonsense(path)
        return cast("dict[str, Any]", body)

    def _whole(self, response: httpx.Response, path: str) -> bytes:
        data, until = bytearray(), self._monotonic() + WHOLE_S
        for chunk in response.iter_bytes():
            data += chunk
            if len(data) > MAX_BYTES or self._monotonic() > until:
                raise SourceFault(f"应答过大或过慢：{path}", f"an answer too large or too slow: {path}")
        return bytes(data)


def _sort(found: Record | Rejected, rows: list[Record], refused: list[Rejected]) -> None:
    if isinstance(found, Record):
        rows.append(found)
    else:
        refused.append(found)


def _nonsense(path: str) -> SourceFault:
    return SourceFault(f"应答不符合约定：{path}", f"an answer of another form: {path}")


def _object(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _origin(value: Any) -> bool:
    return value in ("real", "demo")


def _storable(value: Mapping[str, Any]) -> bool:
    """PostgreSQL keeps neither NUL nor half a surrogate pair in jsonb."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return len(text) <= MAX_RECORD and "\\u0000" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


def _position(value: Any) -> Place | None:
    epoch, _, number = value.rpartition("-") if isinstance(value, str) and len(value) <= 64 else ("", "", "")
    if not epoch or "\x00" in epoch or not (number.isascii() and number.isdigit()):
        return None
    return (epoch, int(number)) if int(number) < 2**62 else None


def _time(value: Any) -> dt.datetime | None:
    try:
        at = dt.datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at if at is not None and at.tzinfo else None
