"""One message to one far end. What comes of it is an `Outcome`, never an exception; no secret is in its words."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import smtplib
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any, Literal, cast
from urllib.parse import quote, urlencode, urlsplit
from xml.sax.saxutils import escape as xml_escape

import httpx

from ioc import __version__
from ioc.clock import Clock
from ioc.errors import ConfigError
from ioc.outbound import template
from ioc.outbound.config import Answer, Channel, Outbound, Request

ANSWER_MAX = 256 * 1024
WHOLE_S = 30.0  # of one answer, however slowly it drips
LATER = frozenset({408, 409, 423, 425, 429})
_TYPES = {"json": "application/json", "form": "application/x-www-form-urlencoded", "xml": "application/xml",
          "text": "text/plain"}  # fmt: skip
TOLERANCE_S = 300.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """`accepted` 已提交; `later`: the way or the far end is not well, try again; `refused`: this message, for good."""

    kind: Literal["accepted", "later", "refused"]
    far_id: str = ""
    zh: str = ""
    en: str = ""
    wait_s: float = 0.0
    body: Any = None


def sign(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    """`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`, as Standard Webhooks 1.0 has it."""
    key = base64.b64decode(secret[6:]) if secret.startswith("whsec_") else secret.encode()
    digest = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def verify(secret: str, message_id: str, timestamp: str, body: bytes, given: str, now_s: float) -> bool:
    """Whether one of the signatures in `given` is ours and not older than five minutes."""
    if not (message_id and timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    if abs(now_s - int(timestamp)) > TOLERANCE_S:
        return False
    wanted = sign(secret, message_id, timestamp, body).encode()
    return any(hmac.compare_digest(wanted, word.encode()) for word in given.split())


class Sender:
    """Sends by one channel. Keeps the channel's connection and, where it has a login, its token."""

    def __init__(self, outbound: Outbound, channel: Channel, clock: Clock) -> None:
        self._outbound, self.channel, self._clock = outbound, channel, clock
        self._token, self._token_until = "", float("-inf")
        self._tls = ssl.create_default_context(cafile=str(outbound.root / channel.ca) if channel.ca else None)
        # no redirects, no proxies of the environment: only what is declared is asked
        self._client = httpx.Client(
            timeout=channel.timeout_s, follow_redirects=False, trust_env=False, verify=self._tls,
            headers={"User-Agent": f"ioc/{__version__}"},
        )  # fmt: skip

    def close(self) -> None:
        self._client.close()

    def send(self, values: Mapping[str, str], key: str) -> Outcome:
        """`values` as in `config.NOTICE` or `config.STEP`, and `address`."""
        try:
            if self.channel.kind == "email":
                return self._mail(values, key)
            assert self.channel.request is not None
            return self._logged_in(self.channel.request, {**values, "key": key}, self.channel.answer)
        except ConfigError as e:  # a secret that is not there
            return Outcome("later", "", e.detail, e.detail_en)

    def ask(self, far_id: str, key: str) -> Outcome:
        """The state of a message, raw in `body`."""
        assert self.channel.status is not None
        try:
            return self._logged_in(self.channel.status, {"far_id": far_id, "key": key}, Answer())
        except ConfigError as e:
            return Outcome("later", "", e.detail, e.detail_en)

    def _logged_in(self, request: Request, values: Mapping[str, str], answer: Answer) -> Outcome:
        login = self.channel.login
        if login is None:
            return self._call(request, values, answer)
        fault = self._log_in(values)
        out = fault or self._call(request, values, answer)
        said = template.word(template.find(out.body, answer.code)) if answer.code else ""
        if fault is None and said and said in answer.relogin:
            self._token_until = float("-inf")
            out = self._log_in(values) or self._call(request, values, answer)
        return out

    def _log_in(self, values: Mapping[str, str]) -> Outcome | None:
        login = self.channel.login
        assert login is not None
        if self._clock.monotonic() < self._token_until:
            return None
        out = self._call(login, values, Answer())
        token = template.word(template.find(out.body, login.token)) if out.kind == "accepted" else ""
        if not token:
            # without a token no message can be judged: the channel is at fault, not the message
            return Outcome(
                "later", "", f"登录失败：{out.zh or '应答中没有令牌'}", f"no token: {out.en or 'not in the answer'}"
            )
        life = template.find(out.body, login.expires) if login.expires else None
        life_s = float(life) if isinstance(life, int | float) and life > 0 else login.life_s
        self._token, self._token_until = token, self._clock.monotonic() + life_s * 0.9
        return None

    # ------------------------------------------------------------ HTTP

    def _call(self, request: Request, values: Mapping[str, str], answer: Answer) -> Outcome:
        filled = self._values(values)
        url = str(template.fill(request.url, filled, lambda v: quote(v, safe="")))
        if _host(url) != _host(request.url):
            return Outcome("refused", "", "地址的主机与声明不符", "the address leaves its declared host")
        body = _body(request, filled)
        headers = {k: _line(v) for k, v in template.fill(dict(request.headers), filled).items()}
        if request.body is not None or self.channel.kind == "webhook":
            headers.setdefault("Content-Type", f"{_TYPES[request.content]}; charset={request.charset}")
        key = filled["key"]
        headers.setdefault("Idempotency-Key", key)
        if self.channel.kind == "webhook" and request is self.channel.request:
            body = _event(filled) if request.body is None else body
            headers |= self._signed(key, body, filled["stamp"])
        try:
            with self._client.stream(request.method, url, content=body or None, headers=headers) as response:
                return _judge(response.status_code, response.headers, self._read(response), answer)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as e:
            return _unreachable(type(e).__name__, urlsplit(request.url).hostname or "")

    def _signed(self, key: str, body: bytes, stamp: str) -> dict[str, str]:
        assert self.channel.secret is not None
        signature = sign(self._outbound.secret(self.channel.secret), key, stamp, body)
        return {"webhook-id": key, "webhook-timestamp": stamp, "webhook-signature": signature}

    def _values(self, values: Mapping[str, str]) -> dict[str, str]:
        now = self._clock.now()
        out = dict.fromkeys(self.channel.known(), "") | dict(values)
        out |= {"stamp": str(int(now.timestamp())), "millis": str(int(now.timestamp() * 1000)), "token": self._token}
        out["now"] = now.isoformat(timespec="seconds")
        out |= {f"secret.{n}": self._outbound.secret(where) for n, where in self.channel.secrets.items()}
        for name, made in self.channel.computed.items():
            text = str(template.fill(made.of, out)).encode()
            if made.hash == "hmac-sha256":
                key = self._outbound.secret(made.key).encode() if made.key else b""
                out[f"computed.{name}"] = hmac.new(key, text, hashlib.sha256).hexdigest()
            else:
                out[f"computed.{name}"] = hashlib.new(made.hash, text, usedforsecurity=False).hexdigest()
        return out

    def _read(self, response: httpx.Response) -> bytes:
        data, until = bytearray(), self._clock.monotonic() + WHOLE_S
        for chunk in response.iter_bytes():
            data += chunk
            if len(data) > ANSWER_MAX or self._clock.monotonic() > until:
                break
        return bytes(data)

    # ------------------------------------------------------------ e-mail

    def _mail(self, values: Mapping[str, str], key: str) -> Outcome:
        channel = self.channel
        try:
            message = _message(channel, values, key)
        except (ValueError, UnicodeError):
            return Outcome("refused", "", "收件地址或主题无效", "a bad address or subject")
        plain, wrapped = smtplib.SMTP, smtplib.SMTP_SSL
        try:
            with (
                wrapped(channel.host, channel.port, timeout=channel.timeout_s, context=self._tls)
                if channel.tls == "tls"
                else plain(channel.host, channel.port, timeout=channel.timeout_s)
            ) as smtp:
                if channel.tls == "starttls":
                    smtp.starttls(context=self._tls)
                if channel.user and channel.password:
                    smtp.login(channel.user, self._outbound.secret(channel.password))
                smtp.send_message(message)
        except smtplib.SMTPRecipientsRefused as e:
            codes = [code for code, _ in e.recipients.values()]
            return _smtp(max(codes, default=550), "收件人被拒", "the recipient was refused")
        except smtplib.SMTPSenderRefused as e:
            return Outcome("later", "", f"发件人被拒（{e.smtp_code}）", f"the sender was refused ({e.smtp_code})")
        except smtplib.SMTPDataError as e:
            return _smtp(e.smtp_code, "邮件被拒", "the message was refused")
        except (smtplib.SMTPException, OSError) as e:
            return _unreachable(type(e).__name__, channel.host)
        return Outcome("accepted", str(message["Message-ID"]))


def _message(channel: Channel, values: Mapping[str, str], key: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = channel.sender, values["address"]
    message["Subject"] = _line(values.get("title", ""))
    domain = channel.sender.rpartition("@")[2].rstrip(">")
    # the same at every try: mail programs show it once
    message["Message-ID"] = f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{domain}>"
    parts = (values.get("title", ""), values.get("body", ""), values.get("title_en", ""), values.get("body_en", ""))
    message.set_content("\n\n".join(p for p in parts if p) + "\n")
    return message


def _smtp(code: int, zh: str, en: str) -> Outcome:
    return Outcome("refused" if code >= 500 else "later", "", f"{zh}（{code}）", f"{en} ({code})")


def _unreachable(name: str, host: str) -> Outcome:
    return Outcome("later", "", f"无法连接 {host}（{name}）", f"{host} cannot be reached ({name})")


def _host(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _line(text: str) -> str:
    """One header line: what breaks lines becomes a blank."""
    return " ".join(text.split())


def _body(request: Request, values: Mapping[str, str]) -> bytes:
    if request.body is None:
        return b""
    if request.content == "json":
        return json.dumps(template.fill(request.body, values), ensure_ascii=False).encode(request.charset, "replace")
    if request.content == "form":
        pairs = cast("Mapping[str, Any]", template.fill(request.body, values))
        named = {k: template.word(v) for k, v in pairs.items()}
        return urlencode(named, encoding=request.charset, errors="replace").encode()
    escape = xml_escape if request.content == "xml" else str
    return str(template.fill(request.body, values, escape)).encode(request.charset, "replace")


def _event(values: Mapping[str, str]) -> bytes:
    """The body of a webhook that declares none of its own: what is known, without addresses and secrets."""
    hidden = ("secret.", "computed.")
    private = ("address", "token", "far_id", "now", "millis", "stamp")
    told = {k: v for k, v in values.items() if v and k not in private and not k.startswith(hidden)}
    return json.dumps(told, ensure_ascii=False, sort_keys=True).encode()


def _judge(status: int, headers: Mapping[str, str], raw: bytes, answer: Answer) -> Outcome:
    try:
        body = json.loads(raw) if raw else None
    except (ValueError, RecursionError):
        body = None
    if status >= 500 or status in LATER or 300 <= status < 400:
        wait = headers.get("retry-after", "")
        wait_s = min(float(wait), 3600.0) if wait.isascii() and wait.isdigit() else 0.0
        zh, en = ("（不跟随重定向）", " (redirects are not followed)") if 300 <= status < 400 else ("", "")
        return Outcome("later", "", f"应答 {status}{zh}", f"answered {status}{en}", wait_s, body)
    if not 200 <= status < 300:
        return Outcome("refused", "", f"应答 {status}", f"answered {status}", body=body)
    code = template.word(template.find(body, answer.code)) if answer.code else ""
    if answer.ok and code not in answer.ok:
        kind = "later" if code in answer.retry or code in answer.relogin or not code else "refused"
        return Outcome(kind, "", f"应答码 {code[:40] or '缺失'}", f"answer code {code[:40] or 'missing'}", body=body)
    found = template.find(body, answer.id) if answer.id else None
    return Outcome("accepted", template.word(found)[:200], body=body)


def reachable(channel: Channel) -> Outcome:
    """Whether the channel's far end takes a connection: a sign of life while there is nothing to say."""
    at = urlsplit(channel.request.url) if channel.request else None
    host = (at.hostname if at else channel.host) or ""
    port = (at.port or (443 if at.scheme == "https" else 80)) if at else channel.port
    try:
        with socket.create_connection((host, port), timeout=min(channel.timeout_s, 5.0)):
            return Outcome("accepted")
    except OSError as e:
        return _unreachable(type(e).__name__, host)
