"""The REST interface of WVP-PRO, as of its versions 2.7: sign-in, devices and channels by pages.

`GET /api/user/login?username=&password=<md5>` answers `{"code": 0, "data": {"accessToken": ...}}`; the token goes into
the header `access-token` and lasts half an hour or what the installation says; an API key goes into `api-key`.
`GET /api/device/query/devices?page=&count=` and `.../devices/{id}/channels?page=&count=` answer
`{"code": 0, "msg": ..., "data": {"total": n, "list": [...]}}`. Versions before 2.6 leave the outer object away, and
name a channel `channelId`; both are understood. Any other answer is a fault that says what came.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, cast
from urllib.parse import quote

import httpx

from ioc.errors import SourceFault

PAGE = 200
MAX_PAGES = 5000
MAX_BYTES = 16 * 1024 * 1024
TIMEOUT_S = 15.0
# a token that is not good any more: 401 by its entry point, 400 by the filter that found it expired
_RENEW = frozenset({400, 401, 403})
Json = Mapping[str, Any]


class WvpFault(SourceFault):
    """`wait_s`: what the server asked for. `answered`: the status it answered with; 0: none, or a refusal in words."""

    wait_s: float = 0.0
    answered: int = 0


class WvpClient:
    """One installation. Signs in when it must, and again when its token is refused; once a request.

    Threads may share it: at worst two sign in at once.
    """

    def __init__(self, base: str, user: str, password: str, api_key: str, client: httpx.Client) -> None:
        self._base, self._user, self._password, self._key = base.rstrip("/"), user, password, api_key
        self._client = client
        self._token = ""

    def devices(self) -> Iterator[Json]:
        """Every device (platform, recorder, camera). Raises WvpFault."""
        return self._pages("/api/device/query/devices")

    def channels(self, device_id: str) -> Iterator[Json]:
        return self._pages(f"/api/device/query/devices/{quote(device_id, safe='')}/channels")

    def get(self, path: str, params: Mapping[str, Any] | None = None, *, timeout_s: float = TIMEOUT_S) -> Any:
        """The data of one answer, within its own time limit. Raises WvpFault."""
        return self._get(path, params or {}, timeout_s=timeout_s)

    def post(self, path: str, params: Mapping[str, Any], *, timeout_s: float = TIMEOUT_S) -> Any:
        return self._get(path, params, method="POST", timeout_s=timeout_s)

    def picture(self, path: str, *, timeout_s: float = TIMEOUT_S) -> bytes:
        """A JPEG, as it comes. Raises WvpFault for anything else."""
        if not self._token and not self._key:
            self._sign_in()
        status, body = self._raw("GET", path, {}, self._headers(), timeout_s)
        if status != 200 or not body.startswith(b"\xff\xd8"):
            raise _fault(path, "没有可用的截图", "there is no snapshot")
        return body

    # ------------------------------------------------------------ pages

    def _pages(self, path: str) -> Iterator[Json]:
        got, total = 0, 1
        for page in range(1, MAX_PAGES + 1):
            answer = self._get(path, {"page": page, "count": PAGE})
            total, rows = _page(answer, path)
            got += len(rows)
            yield from rows
            if got >= total:
                return
            if not rows:
                # half a list must not pass for a whole one: what is missing would be called gone
                raise _fault(
                    path, f"列表到第 {page} 页为止，{got}/{total} 项", f"ends at page {page}, {got} of {total}"
                )
        raise _fault(path, "页数过多", "too many pages")

    def _get(self, path: str, params: Mapping[str, Any], *, method: str = "GET", timeout_s: float = TIMEOUT_S) -> Any:
        if not self._token and not self._key:
            self._sign_in()
        status, body = self._ask(path, params, self._headers(), method, timeout_s)
        if not self._key and (status in _RENEW or _code(body) == 401):
            self._token = ""
            self._sign_in()
            status, body = self._ask(path, params, self._headers(), method, timeout_s)
        return self._good(path, status, body)

    def _headers(self) -> dict[str, str]:
        return {"api-key": self._key} if self._key else {"access-token": self._token}

    def _sign_in(self) -> None:
        path = "/api/user/login"
        digest = hashlib.md5(self._password.encode(), usedforsecurity=False).hexdigest()  # what its sign-in page sends
        status, body = self._ask(path, {"username": self._user, "password": digest}, {})
        data = self._good(path, status, body)
        token = cast("Json", data).get("accessToken") if isinstance(data, dict) else None
        if not isinstance(token, str) or not token:
            raise _fault(path, "登录应答中没有 accessToken", "the sign-in's answer has no accessToken")
        self._token = token

    # ------------------------------------------------------------ one request

    def _ask(
        self, path: str, params: Mapping[str, Any], headers: Mapping[str, str], method: str = "GET",
        timeout_s: float = TIMEOUT_S,
    ) -> tuple[int, Any]:  # fmt: skip
        status, body = self._raw(method, path, params, headers, timeout_s)
        return status, _json(body)

    def _raw(
        self, method: str, path: str, params: Mapping[str, Any], headers: Mapping[str, str], timeout_s: float
    ) -> tuple[int, bytes]:
        try:
            with self._client.stream(
                method, self._base + path, params=dict(params), headers=dict(headers), timeout=timeout_s
            ) as answer:
                body = bytearray()
                for chunk in answer.iter_bytes():
                    body += chunk
                    if len(body) > MAX_BYTES:
                        raise _fault(path, f"应答超过 {MAX_BYTES} 字节", f"an answer of more than {MAX_BYTES} bytes")
        except (httpx.HTTPError, httpx.InvalidURL) as e:
            name = type(e).__name__
            raise _fault(path, f"无法连接（{name}）", f"cannot be reached ({name})") from e
        if answer.status_code in (429, 503):
            fault = _fault(path, f"应答 {answer.status_code}", f"answered {answer.status_code}")
            asked = answer.headers.get("retry-after", "")
            fault.wait_s = min(float(asked), 3600.0) if asked.isascii() and asked.isdigit() else 0.0
            raise fault
        return answer.status_code, bytes(body)

    def _good(self, path: str, status: int, body: Any) -> Any:
        """The data of an answer. Nothing of a refusal's text is repeated but its code: it may name the account."""
        if status != 200:
            fault = _fault(path, f"应答 {status}", f"answered {status}")
            fault.answered = status
            raise fault
        code = _code(body)
        if code is not None:
            if code != 0:
                raise _fault(path, f"拒绝，代码 {code}", f"refused with code {code}")
            return cast("Json", body).get("data")
        return body


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _code(body: Any) -> int | None:
    value = cast("Json", body).get("code") if isinstance(body, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _page(data: Any, path: str) -> tuple[int, list[Json]]:
    page = cast("Json", data) if isinstance(data, dict) else {}
    rows, total = page.get("list"), page.get("total")
    if not isinstance(rows, list) or not isinstance(total, int) or isinstance(total, bool) or total < 0:
        raise _fault(path, "应答不是 {total, list} 形式的分页", "the answer is no page of {total, list}")
    found = cast("list[Any]", rows)
    if not all(isinstance(r, dict) for r in found):
        raise _fault(path, "列表中有非对象项", "the list holds something that is no object")
    return total, cast("list[Json]", found)


def _fault(path: str, zh: str, en: str) -> WvpFault:
    return WvpFault(f"{zh}：{path}", f"{en}: {path}")
