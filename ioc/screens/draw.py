"""Small drawings as SVG markup: sparkline, hour trend, observation curve. Numbers only, so there is nothing to escape.

Colours come from CSS classes and tokens, sizes from the box the drawing is put into.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from ioc.ui import Svg

Points = Sequence[tuple[float, float]]


def _path(points: Points) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _runs(points: Sequence[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    """Unbroken stretches: a gap in the data is a gap in the line."""
    runs: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if point is None:
            runs.append([])
        else:
            runs[-1].append(point)
    return [run for run in runs if run]


def spark(
    series: Sequence[float | None], target: float | None = None, width: int = 120, height: int = 40
) -> Svg | None:
    """Trend of the last values with its end marked; None when there is nothing to draw."""
    known = [v for v in series if v is not None]
    if len(known) < 2:
        return None
    low, high = min(known), max(known)
    reach = (high - low) or 1.0
    step = (width - 6) / max(1, len(series) - 1)

    def y(value: float) -> float:
        return height - 4 - (value - low) / reach * (height - 8)

    runs = _runs([None if v is None else (2 + i * step, y(v)) for i, v in enumerate(series)])
    parts: list[str] = []
    if target is not None and low <= target <= high:
        parts.append(f'<path class="tg" d="M0 {y(target):.1f}H{width}"/>')
    for run in runs:
        if len(run) > 1:
            parts.append(f'<path class="ar" d="{_path(run)}L{run[-1][0]:.1f} {height}L{run[0][0]:.1f} {height}z"/>')
            parts.append(f'<path class="ln" d="{_path(run)}"/>')
    end = runs[-1][-1]
    parts.append(f'<path class="pt" d="M{end[0]:.1f} {end[1]:.1f}h.01"/>')
    return Svg(className="spark", viewBox=f"0 0 {width} {height}", fit="none", inner="".join(parts))


def nice_top(value: float) -> int:
    """The next round number above `value` that divides into three steps: 3, 6, 15, 30, 60, 150 ..."""
    base = 1
    while True:
        for factor in (3, 6, 15):
            if value <= factor * base:
                return factor * base
        base *= 10


def nice_axis(low: float, high: float) -> tuple[float, float, float]:
    """Bottom, middle and top of an axis on round numbers; what begins near zero starts at zero."""
    if 0 <= low <= high * 0.6:
        low = 0.0
    reach = (high - low) or abs(high) * 0.2 or 1.0
    step = 10.0 ** math.floor(math.log10(reach / 2))
    step *= next(f for f in (1, 2, 2.5, 5, 10, 20) if f * step * 2 >= reach)
    start = math.floor(low / step) * step
    while start + 2 * step < high:
        step *= 2
        start = math.floor(low / step) * step
    return start, start + step, start + 2 * step


def trend(
    today: Sequence[float | None],
    before: Sequence[float],
    words: tuple[str, str, str],
    class_name: str = "",
    width: int = 504,
    height: int = 250,
) -> Svg:
    """Hourly counts of today against the same weekday a week ago. `words`: today, before, suffix of an hour."""
    known = [v for v in today if v is not None]
    top = nice_top(max([1.0, *known, *before]))
    left, right, bottom = 44, width - 6, height - 30

    def x(hour: float) -> float:
        return left + hour / 23 * (right - left)

    def y(value: float) -> float:
        return bottom - value / top * (bottom - 14)

    parts = [
        f'<path class="gl" d="M{left} {y(v):.1f}H{width}"/>'
        f'<text x="{left - 10}" y="{y(v) + 7:.1f}" text-anchor="end">{v:.0f}</text>'
        for v in (0, top / 3, top * 2 / 3, top)
    ]
    if before:
        parts.append(f'<path class="lw" d="{_path([(x(i), y(v)) for i, v in enumerate(before[:24])])}"/>')
    line = [(x(i), y(v)) for i, v in enumerate(today[:24]) if v is not None]
    if line:
        parts.append(
            f'<path class="td" d="{_path(line)}"/>'
            f'<circle class="tp" cx="{line[-1][0]:.1f}" cy="{line[-1][1]:.1f}" r="5"/>'
        )
    for hour in (0, 6, 12, 18, 23):
        anchor = "start" if hour == 0 else "end" if hour == 23 else "middle"
        shown = f"{24 if hour == 23 else hour:02d}{escape(words[2])}"
        parts.append(f'<text x="{x(hour):.1f}" y="{height - 4}" text-anchor="{anchor}">{shown}</text>')
    return Svg(
        className=f"chart {class_name}".strip(),
        viewBox=f"0 0 {width} {height}",
        inner="".join(parts),
        label=f"{words[0]} / {words[1]}",
    )


def curve(
    points: Sequence[tuple[float, float]],
    limit: float | None,
    limit_text: str,
    high: bool,
    ticks: tuple[str, str, str],
    value_text: str,
    width: int = 394,
    height: int = 112,
) -> Svg:
    """One property of one device over time. `points`: (0..1 of the time span, value); beyond the limit is brighter."""
    values = [v for _, v in points]
    floor: float = min([*values, *([limit] if limit is not None else [])])
    ceiling: float = max([*values, *([limit] if limit is not None else [])])
    floor, middle, ceiling = nice_axis(floor, ceiling)
    left, right, top, bottom = 34, width - 8, 16, height - 24

    def xy(at: float, value: float) -> tuple[float, float]:
        return left + at * (right - left), bottom - (value - floor) / (ceiling - floor) * (bottom - top)

    parts: list[str] = []
    for value in (floor, middle, ceiling):
        y = xy(0, value)[1]
        parts.append(
            f'<path class="gl" d="M{left} {y:.1f}H{right}"/>'
            f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{_short(value)}</text>'
        )
    if limit is not None:
        y = xy(0, limit)[1]
        parts.append(
            f'<path class="lim" d="M{left} {y:.1f}H{right}"/>'
            f'<text class="lt" x="{left + 2}" y="{y - 5:.1f}">{escape(limit_text)}</text>'
        )
    drawn = [xy(at, v) for at, v in points]
    if len(drawn) > 1:
        parts.append(f'<path class="ln" d="{_path(drawn)}"/>')
    over: list[tuple[float, float] | None] = [
        xy(at, v) if limit is not None and (v > limit if high else v < limit) else None for at, v in points
    ]
    parts += [f'<path class="ov" d="{_path(run)}"/>' for run in _runs(over) if len(run) > 1]
    if drawn:
        end = drawn[-1]
        parts.append(f'<circle class="tp" cx="{end[0]:.1f}" cy="{end[1]:.1f}" r="4"/>')
        below = end[1] < top + 6
        y = end[1] + (18 if below else -9)
        parts.append(f'<text class="vt" x="{end[0]:.1f}" y="{y:.1f}" text-anchor="end">{escape(value_text)}</text>')
    for i, tick in enumerate(ticks):
        x, anchor = (left, "start") if i == 0 else ((left + right) / 2, "middle") if i == 1 else (right, "end")
        parts.append(f'<text x="{x:.1f}" y="{height - 4}" text-anchor="{anchor}">{escape(tick)}</text>')
    return Svg(className="tr", viewBox=f"0 0 {width} {height}", inner="".join(parts), label=value_text)


def _short(value: float) -> str:
    return f"{value:.10g}" if abs(value) < 10000 else f"{value / 1000:.10g}k"


def ring_inner(state: str, fraction: float) -> str:
    """Inner markup of the freshness ring: drains up to one interval, dashed when late or stale, struck when lost."""
    circumference = 31.4
    if state in ("late", "stale"):
        return '<circle cx="8" cy="8" r="5" class="a" stroke-dasharray="2.2 1.73"/>'
    if state != "live":
        return '<circle cx="8" cy="8" r="5" class="t"/><path class="a" d="M3.5 12.5l9-9"/>'
    left = circumference * (1 - min(1.0, max(0.0, fraction)) * 0.85)
    return (
        '<circle cx="8" cy="8" r="5" class="t"/>'
        f'<circle cx="8" cy="8" r="5" class="a" stroke-dasharray="{left:.1f} {circumference}"'
        ' transform="rotate(-90 8 8)"/>'
    )


def steps_share(values: Sequence[int]) -> list[float]:
    """Bar lengths in percent of the largest."""
    top = max(values, default=0) or 1
    return [round(100 * v / top, 1) for v in values]
