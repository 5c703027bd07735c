"""`outbound.toml` of an installation: channels, who gets what by which of them, and what goes back to other systems.

Secrets are named there, never written there: `env:NAME` is a variable of the environment or a line of `ioc.env`,
`file:PATH` a file of the data folder.
"""

from __future__ import annotations

import codecs
import csv
import datetime as dt
import fnmatch
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ioc.accounts.phones import account_ring
from ioc.errors import ConfigError
from ioc.outbound import template
from ioc.sealing import Ring
from ioc.settings import Settings

Words = tuple[str, ...]
Content = Literal["json", "form", "xml", "text"]
Key = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
SecretName = Annotated[str, Field(pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$")]
PRIORITIES = ("urgent", "high", "medium", "low")
TO_KINDS = ("account", "department", "role", "person")
# What a template may ask for, beside `secret.X` and `computed.X`.
COMMON = frozenset({"key", "stamp", "millis", "now", "token", "far_id", "address"})
NOTICE = frozenset({"notice_id", "kind", "title", "title_en", "body", "body_en", "about", "priority", "to", "to_kind",
                    "created_at"})  # fmt: skip
STEP = frozenset({"source", "source_id", "number", "step", "say", "stage", "at", "actor", "department", "officer",
                  "result", "reason", "text", "satisfaction"})  # fmt: skip


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(_Model):
    """How to read what a far end says: paths into its JSON. `ok` empty: every 2xx is a yes.

    `retry`: codes that mean "later"; `relogin`: codes that mean the token of `login` is over.
    """

    id: str = ""
    code: str = ""
    ok: Words = ()
    retry: Words = ()
    relogin: Words = ()


class _Told(_Model):
    """Words of a far end for the states it reports."""

    state: str
    delivered: Words = ()
    read: Words = ()
    failed: Words = ()

    def meaning(self, value: Any) -> Literal["delivered", "read", "dead"] | None:
        said = template.word(value)
        return (
            "read" if said in self.read else "delivered" if said in self.delivered
            else "dead" if said in self.failed else None
        )  # fmt: skip


class Request(_Model):
    """One declared call. `body`: a table (json, form) or a text (xml, text)."""

    url: str
    method: Literal["GET", "POST", "PUT"] = "POST"
    headers: Mapping[str, str] = {}
    content: Content = "json"
    charset: str = "utf-8"
    body: Mapping[str, Any] | str | None = None

    @model_validator(mode="after")
    def _fixed_host(self) -> Request:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "${" in parts.netloc or "@" in parts.netloc:
            raise ValueError("url must name a fixed http(s) host, without user or place holders in it")
        _ = parts.port  # raises for one that is no number
        try:
            codecs.lookup(self.charset)
        except LookupError as e:
            raise ValueError(f"no such charset: {self.charset}") from e
        if isinstance(self.body, str) == (self.content in ("json", "form")) and self.body is not None:
            raise ValueError("body must be a table for json and form, a text for xml and text")
        return self


class Login(Request):
    """Fetches a token that templates use as `${token}`; it is fetched again when it is over."""

    token: str
    expires: str = ""  # path of its life in seconds
    life_s: float = Field(default=3600, gt=0)


class Status(Request, _Told):
    """Asks for the state of `${far_id}` until it is final or `until_s` have passed."""

    every_s: float = Field(default=60, ge=5)
    until_s: float = Field(default=86_400, gt=0)


class Receipt(_Told):
    """What the far end sends to `POST /api/v1/receipts/CHANNEL`.

    `auth`: `signature` (HMAC of id, timestamp and body as in our own webhooks) or `token` (header `X-Receipt-Token` or
    `?token=`). `items`: path of the list, "" for one object; `id`, `key`: paths of the far end's id or our key.
    """

    auth: Literal["signature", "token"] = "signature"
    secret: SecretName
    items: str = ""
    id: str = ""
    key: str = ""

    @model_validator(mode="after")
    def _named(self) -> Receipt:
        if not (self.id or self.key):
            raise ValueError("a receipt needs the path of an id or a key")
        return self


class Computed(_Model):
    """A value made of others, for gateways that want a checksum: `hash` of the text `of`, in lower-case hex."""

    hash: Literal["md5", "sha1", "sha256", "hmac-sha256"]
    of: str
    key: SecretName | None = None


class Channel(_Model):
    """One way out. `address`: which address of a contact it uses; "" for a channel that is one far end for all."""

    key: Key
    kind: Literal["webhook", "http", "email"]
    title: str
    title_en: str = ""
    address: str = ""
    request: Request | None = None
    answer: Answer = Answer()
    login: Login | None = None
    status: Status | None = None
    receipt: Receipt | None = None
    secrets: Mapping[str, SecretName] = {}
    computed: Mapping[str, Computed] = {}
    secret: SecretName | None = None  # webhook: signs
    plain: bool = False  # http without TLS, said on purpose
    ca: str = ""  # file of the certificate authority, where it is the city's own
    timeout_s: float = Field(default=10, gt=0, le=60)
    most_tries: int = Field(default=20, ge=1, le=100)
    host: str = ""
    port: int = Field(default=587, ge=1, le=65535)
    tls: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: SecretName | None = None
    sender: str = ""

    @model_validator(mode="after")
    def _whole(self) -> Channel:
        if self.kind == "email":
            if not (self.host and self.sender and self.address):
                raise ValueError("email needs host, sender and address")
            if self.tls == "none" and not self.plain:
                raise ValueError("e-mail without TLS must be said with plain = true")
        elif self.request is None:
            raise ValueError(f"{self.kind} needs a request")
        if self.kind == "webhook" and self.secret is None:
            raise ValueError("webhook needs a secret")
        for call in self.calls():
            if urlsplit(call.url).scheme == "http" and not self.plain:
                raise ValueError("http without TLS must be said with plain = true")
        unknown = {n for c in self.calls() for n in template.names([c.url, c.headers, c.body])} - self.known()
        unknown |= {n for c in self.computed.values() for n in template.names(c.of)} - self.known()
        if unknown:
            raise ValueError(f"unknown names in templates: {', '.join(sorted(unknown))}")
        return self

    def calls(self) -> list[Request]:
        return [c for c in (self.request, self.login, self.status) if c is not None]

    def known(self) -> frozenset[str]:
        own = {f"secret.{n}" for n in self.secrets} | {f"computed.{n}" for n in self.computed}
        return COMMON | NOTICE | STEP | own


class Route(_Model):
    """Notices that go by `channel`. `kinds` are patterns (`case.*`); `quiet`: held in quiet hours, unless urgent."""

    channel: Key
    kinds: Words = ("*",)
    priorities: tuple[Literal["urgent", "high", "medium", "low"], ...] = PRIORITIES
    to: tuple[Literal["account", "department", "role", "person"], ...] = TO_KINDS
    refs: Words = ()  # only these addressees
    quiet: bool = True

    def takes(self, kind: str, priority: str, to_kind: str, to_ref: str) -> bool:
        return (
            priority in self.priorities
            and to_kind in self.to
            and (not self.refs or to_ref in self.refs)
            and any(fnmatch.fnmatchcase(kind, p) for p in self.kinds)
        )


class Quiet(_Model):
    start: dt.time
    end: dt.time


class Contact(_Model):
    kind: Literal["account", "department", "role", "person"]
    ref: str
    addresses: Mapping[str, str]  # phone, email, or whatever a channel's `address` names


class Writeback(_Model):
    """Steps of cases that came from `source` go back by `channel`. `steps`: our step -> the word they use for it."""

    source: str
    channel: Key
    steps: Mapping[str, str]


class _File(_Model):
    channel: tuple[Channel, ...] = ()
    route: tuple[Route, ...] = ()
    contact: tuple[Contact, ...] = ()
    contacts: str = ""  # CSV: kind, ref, and one column an address
    writeback: tuple[Writeback, ...] = ()
    quiet: Quiet | None = None
    max_age_s: float = Field(default=3600, gt=0)  # an older notice is no news: it stays in the inbox

    @model_validator(mode="after")
    def _fits(self) -> _File:
        keys = [c.key for c in self.channel]
        if len(keys) != len(set(keys)):
            raise ValueError("two channels have one key")
        missing = {r.channel for r in (*self.route, *self.writeback)} - set(keys)
        if missing:
            raise ValueError(f"no such channel: {', '.join(sorted(missing))}")
        return self


@dataclass(frozen=True)
class Outbound:
    """What one installation sends, and the secrets it sends with."""

    file: _File = field(default_factory=_File)
    contacts: Mapping[tuple[str, str], Mapping[str, str]] = field(default_factory=dict[Any, Any])
    root: Path = Path()
    env: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    phones: Ring | None = None  # opens the telephone numbers of accounts

    @cached_property
    def channels(self) -> Mapping[str, Channel]:
        return {c.key: c for c in self.file.channel}

    def secret(self, name: SecretName) -> str:
        """Raises ConfigError naming the secret, never its value."""
        kind, _, where = name.partition(":")
        if kind == "env":
            found = self.env.get(where, "")
        else:
            try:
                found = (self.root / where).read_text("utf-8").strip()
            except (OSError, UnicodeError) as e:
                raise ConfigError(f"密钥文件 {where} 无法读取", f"the secret file {where} cannot be read") from e
        if not found:
            raise ConfigError(f"没有密钥 {name}", f"no secret {name}")
        return found

    def address(self, channel: Channel, to_kind: str, to_ref: str, phone: str = "") -> str:
        """Whereto, "" where nobody has said. A person without an account brings the phone along;
        that of an account is told by `phone`, and comes after what the contacts say."""
        known = self.contacts.get((to_kind, to_ref), {}).get(channel.address, "")
        return known or (phone if channel.address == "phone" else "")


def path_of(settings: Settings) -> Path:
    return settings.root / Path(settings.outbound_file).expanduser()


def load(settings: Settings) -> Outbound:
    """The file as it stands; nothing is sent where there is none. Raises ConfigError with every fault."""
    path = path_of(settings)
    if not path.is_file():
        return Outbound(root=settings.root)
    try:
        found = _File.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeError, tomllib.TOMLDecodeError, RecursionError) as e:
        raise ConfigError(f"{path.name}：{e}", f"{path.name}: {e}") from e
    except ValidationError as e:
        # without the input: somebody may have written a secret into the wrong place
        said = "; ".join(f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in e.errors(include_input=False))
        raise ConfigError(f"{path.name}：{said}", f"{path.name}: {said}") from None
    env_file = settings.root / "ioc.env"
    kept = {k: v for k, v in dotenv_values(env_file).items() if v} if env_file.is_file() else {}
    contacts = _contacts(found.contact, settings.root / found.contacts if found.contacts else None)
    return Outbound(found, contacts, settings.root, {**kept, **os.environ}, account_ring(settings))


def _contacts(given: Sequence[Contact], path: Path | None) -> dict[tuple[str, str], Mapping[str, str]]:
    out: dict[tuple[str, str], Mapping[str, str]] = {(c.kind, c.ref): c.addresses for c in given}
    if path is None:
        return out
    try:
        with path.open(encoding="utf-8-sig", newline="") as f:
            rows = list(csv.DictReader(f))
    except (OSError, UnicodeError, csv.Error) as e:
        raise ConfigError(f"通讯录 {path.name} 无法读取", f"the contacts {path.name} cannot be read") from e
    for number, row in enumerate(rows, 2):
        kind, ref = (row.pop("kind", "") or "").strip(), (row.pop("ref", "") or "").strip()
        if kind not in TO_KINDS or not ref:
            raise ConfigError(f"{path.name} 第 {number} 行：kind 或 ref 有误", f"{path.name} row {number}: kind or ref")
        out[kind, ref] = {k: v.strip() for k, v in row.items() if k and isinstance(v, str) and v.strip()}
    return out
