"""The tables of `docs/`, made from what is declared. `scripts/docs` writes them; a test fails while they are behind."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ioc import errors
from ioc.registry import Registry
from ioc.settings import Settings

_BLOCK = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.S)


def render(text: str, registry: Registry) -> str:
    """`text` with every `<!-- table: name --> ... <!-- end -->` block filled anew. Raises KeyError."""

    def fill(found: re.Match[str]) -> str:
        return f"{found[1]}\n{TABLES[found[2]](registry)}\n{found[3]}"

    return _BLOCK.sub(fill, text)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(_cell(c) for c in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def _seconds(value: Any) -> str:
    total = int(value.total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if total >= size and total % size == 0:
            return f"{total // size} {unit}"
    return f"{total} s"


def layers(registry: Registry) -> str:
    rows = (
        (f"`{x.key}`", x.title.zh, x.title.en, x.theme.zh, x.geometry, x.query, x.permission, _seconds(x.interval))
        for x in registry.layers.values()
    )
    return _table(("key", "图层", "layer", "theme", "geometry", "query", "right", "interval"), rows)


def indicators(registry: Registry) -> str:
    packs = [(p.key, i) for p in registry.packs.values() for i in p.indicators]
    both = [("", i) for i in registry.indicators.values()] + packs
    rows = (
        (
            f"`{i.code}`", i.title.zh, i.title.en, i.formula.zh, i.formula.en, _target(i.target, i.better, i.unit.zh),
            i.period, f"`{i.query}`", f"`{i.records}`", pack or "—",
        )
        for pack, i in both
    )  # fmt: skip
    head = ("code", "指标", "indicator", "口径", "formula", "target", "period", "query", "records", "pack")
    return _table(head, rows)


def _target(target: float | None, better: str, unit: str) -> str:
    return "—" if target is None else f"{'≥' if better == 'high' else '≤'} {target:g} {unit}".strip()


def sources(registry: Registry) -> str:
    rows = (
        (
            f"`{s.key}`",
            s.title.zh,
            s.title.en,
            _seconds(s.interval),
            "heartbeat" if s.heartbeat else "data",
            s.docs or "—",
        )
        for s in registry.sources.values()
    )
    return _table(("key", "数据源", "source", "interval", "fresh by", "how"), rows)


def flows(registry: Registry) -> str:
    rows = (
        (f"`{f.key}`", f.title.zh, f.title.en, "–".join(t.zh for _, t in f.stages), f.waiting.zh)
        for f in registry.flows.values()
    )
    return _table(("key", "流程", "flow", "stages", "waiting"), rows)


def alarm_rules(registry: Registry) -> str:
    rows = (
        (
            f"`{r.key}`", r.title.zh, r.title.en, r.test, r.priority, f"`{r.property or '—'}`",
            _limit(r.params, r.limit_from), r.source.zh + ("（示例）" if r.example else ""),
        )
        for r in registry.alarm_rules.values()
    )  # fmt: skip
    return _table(("key", "规则", "rule", "test", "priority", "property", "limit", "来源"), rows)


def _limit(params: Mapping[str, Any], limit_from: Sequence[str]) -> str:
    """Shipped limits, or the attribute they come from."""
    names = ("high", "low", "per_hour", "count", "for_s", "intervals", "factor")
    own = ", ".join(f"{n} {params[n]:g}" for n in names if isinstance(params.get(n), int | float))
    return "; ".join(p for p in (" / ".join(n for n in limit_from if not n.startswith("@")), own) if p) or "—"


def packs(registry: Registry) -> str:
    rows = (
        (f"`{p.key}`", p.place.zh, p.place.en, f"`{p.root_region}`", f"{p.demo.get('cameras', 0):,}",
         f"{p.demo.get('sensors', 0):,}")
        for p in registry.packs.values()
    )  # fmt: skip
    return _table(("key", "地方", "place", "root region", "demo cameras", "demo sensors"), rows)


def settings(registry: Registry) -> str:
    rows = (
        (f"`IOC_{name.upper()}`", f"`{field.get_default(call_default_factory=False)!s}`")
        for name, field in Settings.model_fields.items()
    )
    return _table(("variable", "default"), rows)


def faults(registry: Registry) -> str:
    found = sorted(_subclasses(errors.IocError), key=lambda c: (c.status, c.code))
    return _table(
        ("code", "HTTP", "severity", "中文", "English"),
        ((f"`{c.code}`", c.status, c.severity, c.zh, c.en) for c in found),
    )


def _subclasses(kind: type[errors.IocError]) -> list[type[errors.IocError]]:
    """Those of `ioc.errors` itself, so that the table does not depend on what else has been imported."""
    return [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, kind) and c is not kind]


TABLES: Mapping[str, Callable[[Registry], str]] = {
    "layers": layers,
    "indicators": indicators,
    "sources": sources,
    "flows": flows,
    "alarm_rules": alarm_rules,
    "packs": packs,
    "settings": settings,
    "errors": faults,
}
