"""First HTML of the work list, its counters and the day's timeline (frontend/src/ui/LiveList.tsx, counters.tsx)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, cast

from ioc.i18n import t
from ioc.records import order_key
from ioc.ui.due import due, parse
from ioc.ui.markup import (
    Frame,
    Item,
    Props,
    attrs,
    due_mark,
    esc,
    icon,
    is_incident,
    kind_text,
    level_mark,
    mark,
    number,
    pick,
    steps,
    urgency_mark,
)

DESK_ROWS = 20


def shown(item: Item, show: str, now: dt.datetime) -> bool:
    if (show == "closed") != bool(item["closed"]):
        return False
    if show in ("incidents", "cases"):
        return is_incident(item) == (show == "incidents")
    deadline = parse(item["due_at"]) if item["due_kind"] != "none" else None
    return show != "overdue" or (deadline is not None and deadline < now)


def live_list(props: Props, f: Frame) -> str:
    variant = str(props.get("variant") or f.surface)
    source = cast(Sequence[Item], props.get("rows") or f.rows)
    rows = sorted((r for r in source if shown(r, str(props.get("show") or "all"), f.now)), key=order_key)
    if props.get("sort") == "new":
        rows.sort(key=lambda r: (-_opened(r), -int(r["id"])))
    for key, wanted in cast(Mapping[str, Sequence[str]], props.get("filter") or {}).items():
        rows = [r for r in rows if not wanted or r[key] in wanted]
    first = int(props.get("offset") or 0)
    limit = int(props.get("limit") or (DESK_ROWS if variant == "desk" else len(rows)))
    draw = _desk_row if variant == "desk" else _wall_row
    body = "".join(draw(r, f) for r in rows[first : first + limit])
    box = attrs(props, "ql" if variant == "desk" else "rows", "live-list")
    return f'<div{box} role="listbox" aria-label="{esc(t("ui.list", f.lang))}">{body}</div>'


def _opened(item: Item) -> float:
    found = parse(item["opened_at"] or item["occurred_at"])
    return found.timestamp() if found else 0.0


def _row_class(item: Item) -> str:
    return "inc" if is_incident(item) else {"critical": "u2", "urgent": "u1", "routine": "u0"}[item["urgency"]]


def _option(item: Item) -> str:
    return f'role="option" aria-selected="false" data-key-row="{escape(item["key"])}"'


def _row_due(item: Item, f: Frame) -> str:
    return due_mark(due(item, f.now, f.lang, f.zone))


def _desk_row(item: Item, f: Frame) -> str:
    kind, source = kind_text(item, f.lang), pick(item["source_text"], f.lang)
    line = " · ".join(filter(None, (kind, item["place"], "" if source == kind else source)))
    title = esc(item["title"])
    extra = "".join(f" {c}" for c, on in (("closed", item["closed"]), ("susp", item["suspected"])) if on)
    right = f'<span class="due dt">{esc(t("ui.closed", f.lang))}</span>' if item["closed"] else _row_due(item, f)
    return (
        f'<div class="q {_row_class(item)}{extra}" {_option(item)}>'
        f'{mark(item, f.lang)}<div class="ellip"><b>{icon(item["icon"])}'
        f'<span class="ellip" title="{escape(item["title"])}">{title}</span></b><p class="ellip">{esc(line)}</p></div>'
        f'<div class="rt">{right}{steps(item, f.lang)}</div></div>'
    )


def _wall_row(item: Item, f: Frame) -> str:
    words = (kind_text(item, f.lang), item["place_short"], pick(item["stage_text"], f.lang))
    return (
        f'<div class="erow {_row_class(item)}" {_option(item)}>'
        f'{mark(item, f.lang)}<div class="ellip"><b class="ellip">{esc(item["title"])}</b>'
        f'<small class="ellip">{esc(" · ".join(filter(None, words)))}</small></div>{_row_due(item, f)}</div>'
    )


def _of_level(counts: Props, name: str, level: int) -> int:
    """Levels are numbers in Python and text after JSON."""
    by_level = cast(Mapping[Any, int], counts.get(name) or {})
    return int(by_level.get(level) or by_level.get(str(level)) or 0)


def _levels(counts: Props, lang: str) -> str:
    out = ""
    for level in (1, 2, 3, 4, *((0,) if _of_level(counts, "incidents", 0) else ())):
        total = _of_level(counts, "incidents", level)
        provisional = total > 0 and _of_level(counts, "provisional", level) == total
        zero = "" if total else ' class="z"'
        out += f"<span{zero}>{level_mark(level, provisional, lang)}{total}</span>"
    return out


def _urgencies(counts: Props, lang: str) -> str:
    out = ""
    for name in ("critical", "urgent", "routine"):
        css = "w2" if name == "routine" else "" if counts[name] else "z"
        small = "" if name == "critical" else f"<small>{esc(t(f'ui.{name}', lang))}</small>"
        classed = f' class="{css}"' if css else ""
        out += f'<span{classed}><i class="mkc">{urgency_mark(name, lang)}</i>{small}{number(counts[name])}</span>'
    return out


def count_row(props: Props, f: Frame) -> str:
    counts = cast(Props | None, props.get("counts"))
    variant = str(props.get("variant") or ("wall" if f.surface == "wall" else "desk-cases"))
    box = attrs(props, "counts num" if variant == "wall" else f"cnt {variant} num")
    if counts is None:
        return f'<div{box} aria-busy="true"></div>'
    if variant == "wall":
        return (
            f"<div{box}><div><h3>{esc(t('ui.incidents', f.lang))}</h3>{_levels(counts, f.lang)}</div>"
            f"<div><h3>{esc(t('ui.cases', f.lang))}</h3>{_urgencies(counts, f.lang)}</div></div>"
        )
    if variant == "desk-incidents":
        return f"<div{box}>{_levels(counts, f.lang)}</div>"
    over = number(counts["overdue"]) if counts["overdue"] else ""
    if variant == "overdue":
        inner = f'<span class="dev num">{over}</span>' if over else '<span class="z">0</span>'
        return f"<span{box}>{inner}</span>"
    total = f'<span class="tot">{esc(t("ui.openCases", f.lang))} <b>{number(counts["open"])}</b></span>'
    chip = f'<span class="dev num">{esc(t("ui.overdue", f.lang))} {over}</span>' if over else ""
    return f"<div{box}>{total}{_urgencies(counts, f.lang)}{chip}</div>"


def timeline(props: Props, f: Frame) -> str:
    """Bars without labels: their width is known only in the browser."""
    hours = cast(Sequence[int | None], (props.get("counts") or {}).get("hours") or ())
    wall = (props.get("variant") or f.surface) == "wall"
    top, unit = max([10, *(h or 0 for h in hours)]), 46 if wall else 28
    foot, tall = (50, 78) if wall else (34, 52)
    current = max((i for i, h in enumerate(hours) if h is not None), default=-1)
    bars = ""
    for i, h in enumerate(hours):
        high = (3 if wall else 2) if h is None else max(1.0, h / top * unit)
        fill = "--bg-3" if h is None else "--ink-1" if i == current else "--series-2"
        bars += (
            f'<rect x="{i * 10 + 0.5}" y="{foot - high:.1f}" width="9" height="{high:.1f}" fill="var({fill})"></rect>'
        )
    css = "hist" if wall else "hg"
    return (
        f'<div{attrs(props, "timeline")}><svg class="{css}" viewBox="0 0 240 {tall}" preserveAspectRatio="none">'
        f"{bars}</svg></div>"
    )
