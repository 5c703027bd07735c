"""What a page is asked to show: everything comes from its URL and from who asks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs, urlencode
from zoneinfo import ZoneInfo

from ioc.i18n import Lang, Text, as_lang, catalogue

Surface = Literal["wall", "desk", "embed", "phone"]
Theme = Literal["dark", "light"]


@dataclass(frozen=True, slots=True)
class Who:
    """The asker as the page greets them. `kind` tells a person from a wall's or an embed's own credential."""

    name: str
    role: Text
    kind: Literal["user", "wall", "embed"] = "user"
    must_change: bool = False
    permissions: frozenset[str] = frozenset()
    login: str = ""  # of a person: what waits in a browser is theirs and nobody else's

    def can(self, permission: str) -> bool:
        return permission in self.permissions or "*" in self.permissions


def who_of(
    name: str, roles: Iterable[str], kind: str, must_change: bool = False, permissions: Iterable[str] = ()
) -> Who:
    """`Who` from what a credential says; role keys become their words, an unknown role keeps its own."""
    words = catalogue()
    found = [
        words.get(f"screens.role.{role}") or Text(role, role) for role in (*roles, *(() if kind == "user" else (kind,)))
    ]
    role = Text("、".join(r.zh for r in found), ", ".join(r.en for r in found))
    shown = "wall" if kind == "wall" else "embed" if kind == "embed" else "user"
    return Who(name, role, shown, must_change, frozenset(permissions))


@dataclass(frozen=True, slots=True)
class View:
    """Language, zone and time: what every panel needs beside its data."""

    lang: Lang
    now: dt.datetime
    zone: ZoneInfo

    def local(self, at: dt.datetime) -> dt.datetime:
        return at.astimezone(self.zone)


# What travels along from page to page.
KEPT = ("region", "layers", "colour", "v", "lang", "theme", "still", "t", "marks")


@dataclass(frozen=True, slots=True)
class PageState:
    """A page's URL, read. `path` has no trailing slash; `args` are the query's first values."""

    path: str
    surface: Surface
    lang: Lang
    theme: Theme
    region: str = ""
    sel: str = ""
    args: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def past(self) -> bool:
        """Whether the page shows a moment other than the present."""
        return self.args.get("t", "live") != "live"

    def href(self, path: str, **changes: str) -> str:
        """A link to `path` that keeps region, layers, view, language and theme; a value "" drops the key."""
        kept = {k: v for k, v in self.args.items() if k in KEPT}
        query = {k: v for k, v in {**kept, **changes}.items() if v}
        return f"{path}?{urlencode(query, safe=',:')}" if query else path


def surface_of(path: str) -> Surface:
    head = path.strip("/").split("/", 1)[0]
    return {"wall": "wall", "embed": "embed", "m": "phone"}.get(head, "desk")  # type: ignore[return-value]


def parse_page(url: str, default_lang: str = "zh", default_theme: str = "") -> PageState:
    """`/desk/events?region=…&lang=en` to a PageState. Unknown values fall back, they never fail a page.

    Embeds are light unless told otherwise (they stand in a light portal), walls always dark.
    """
    raw_path, _, query = url.partition("?")
    path = "/" + raw_path.strip("/")
    args = {k: v[0] for k, v in parse_qs(query, keep_blank_values=False).items()}
    surface = surface_of(path)
    usual: Theme = "light" if surface == "embed" else "light" if default_theme == "light" else "dark"
    wanted = args.get("theme", usual)
    theme: Theme = "dark" if surface == "wall" or wanted == "dark" else "light" if wanted == "light" else usual
    return PageState(
        path=path,
        surface=surface,
        lang=as_lang(args.get("lang", default_lang)),
        theme=theme,
        region=args.get("region", "")[:40],
        sel=args.get("sel", "")[:80],
        args=args,
    )
