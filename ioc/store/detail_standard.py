"""What a station's readings mean by the standard of the day: lines of its detail. Absent values are 缺测, never 0."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from ioc import aqi, standards
from ioc.i18n import t
from ioc.standards import Edition, WaterClass
from ioc.store import standards as tables
from ioc.store.detail_parts import Part, Row
from ioc.store.pool import Conn

LANGS = ("zh", "en")
TIGHT = 0.1
OLD = 10  # intervals after which a value says nothing of now (design.md section 8: lost)
_HOUR = """
SELECT s.property, avg(o.value) AS value FROM datastream s JOIN observation o USING (datastream_id)
WHERE s.device_id = %s AND o.observed_at > %s AND o.observed_at <= %s AND o.quality <= 1 AND o.value >= 0
GROUP BY s.property
"""


def assessment(conn: Conn, row: Row, streams: Sequence[Row], now: dt.datetime, tz: ZoneInfo) -> list[Part]:
    """`{label, value}` lines. `row` is the device, `streams` its datastreams with their latest value."""
    day = now.astimezone(tz).date()
    has = {s["property"] for s in streams}
    out: list[Part] = []
    if row["kind"] == "air" and has & set(aqi.POLLUTANTS):
        out.append(_line("aqi", _air(conn, row, day, now)))
    if row["kind"] == "water_quality":
        out.append(_line("water_class", _water(conn, row, streams, day, now)))
    if "noise" in has and row["kind"] == "noise":
        out.append(_line("noise_limit", _noise(conn, row, streams, now, tz)))
    if row["kind"] == "parking":
        out.append(_line("parking", _parking(current(streams, now))))
    return out


def _line(key: str, value: Mapping[str, str]) -> Part:
    return {"label": {lang: t(f"detail.{key}", lang) for lang in LANGS}, "value": dict(value)}


def _both(key: str, **values: Any) -> dict[str, str]:
    """As `detail_parts.both`, with `{zh, en}` values taken language by language."""
    return {
        lang: t(f"standards.{key}", lang, **{k: v[lang] if isinstance(v, dict) else v for k, v in values.items()})
        for lang in LANGS
    }


def _air(conn: Conn, row: Row, day: dt.date, now: dt.datetime) -> Mapping[str, str]:
    """The last hour's mean of each pollutant, as the tile takes it."""
    since = now - dt.timedelta(hours=1)
    means = {r["property"]: r["value"] for r in conn.execute(_HOUR, (row["device_id"], since, now)).fetchall()}
    found = aqi.aqi(means, day, tables=tables.aqi_tables(conn))
    if found is None:
        return _both("missing")
    note = found.note()
    return {"zh": f"{found.value} · {note.zh}", "en": f"{found.value} · {note.en}"}


def current(streams: Sequence[Row], now: dt.datetime) -> dict[str, float | None]:
    """Latest good or suspect values by property; None: 缺测, bad, or too old to speak of now."""
    return {s["property"]: _fresh(s, now) for s in streams}


def _fresh(s: Row, now: dt.datetime) -> float | None:
    at = s["observed_at"]
    if at is None or s["value"] is None or (s["quality"] or 0) > 1:
        return None
    return float(s["value"]) if now - at <= OLD * dt.timedelta(seconds=s["interval_s"]) else None


def _parking(values: Mapping[str, float | None]) -> Mapping[str, str]:
    """SEN-15: below a tenth of the spaces yellow, none left red."""
    free, total = values.get("parking_free"), values.get("parking_total")
    if free is None:
        return _both("missing")
    if not total:
        return _both("parking_open", free=f"{free:g}")
    word: Any = _both("full") if free <= 0 else _both("tight") if free < TIGHT * total else ""
    return _both("parking", free=f"{free:g}", total=f"{total:g}", share=f"{100 * free / total:.0f}", word=word)


def _water(conn: Conn, row: Row, streams: Sequence[Row], day: dt.date, now: dt.datetime) -> Mapping[str, str]:
    attributes: Mapping[str, Any] = row["attributes"] or {}
    body = standards.water_body(attributes)
    if body == "sea":
        return _both("sea")
    edition = standards.in_force(tables.editions(conn, "water"), day)
    if edition is None:
        return _both("no_edition")
    target = standards.attribute(attributes, standards.WATER_TARGET)
    found = standards.water_class(current(streams, now), edition, body, target)
    if found is None:
        return _both("missing")
    return _said(found, {s["property"]: {"zh": s["zh"], "en": s["en"]} for s in streams})


def _said(found: WaterClass, names: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    out: dict[str, str] = {}
    for lang in LANGS:

        def listed(codes: Sequence[str], lang: str = lang) -> str:
            return ("、" if lang == "zh" else ", ").join(names.get(c, {}).get(lang, c) for c in codes)

        parts = [f"{found.name(lang)}（{found.edition}）" if lang == "zh" else f"{found.name(lang)} ({found.edition})"]
        if found.worst:
            parts.append(t("standards.worst", lang, factors=listed(found.worst)))
        if found.meets is not None:
            parts.append(t(f"standards.{'meets' if found.meets else 'fails'}", lang, target=found.target))
        if found.missing:
            parts.append(t("standards.without", lang, factors=listed(found.missing)))
        if found.left_out:
            parts.append(t("standards.no_body", lang, factors=listed(found.left_out)))
        out[lang] = " · ".join(parts)
    return out


def _noise(conn: Conn, row: Row, streams: Sequence[Row], now: dt.datetime, tz: ZoneInfo) -> Mapping[str, str]:
    stream = next(s for s in streams if s["property"] == "noise")
    edition = standards.in_force(tables.editions(conn, "noise"), now.astimezone(tz).date())
    if edition is None:
        return _both("no_edition")
    return _noise_said(row["attributes"] or {}, stream, edition, now, tz)


def _noise_said(
    attributes: Mapping[str, Any], stream: Row, edition: Edition, now: dt.datetime, tz: ZoneInfo
) -> Mapping[str, str]:
    zone = standards.noise_zone(attributes, edition)
    if not zone:
        return _both("no_zone")
    value = _fresh(stream, now)
    if value is None:
        return _both("missing")
    limit = standards.noise_limit(zone, stream["observed_at"].astimezone(tz), edition)
    if limit is None:
        return _both("no_zone")
    verdict = _both("within" if value <= limit.limit else "beyond")
    return _both("noise", zone=zone, period=_both(limit.period), value=f"{value:g}", limit=f"{limit.limit:g}",
                 verdict=verdict, edition=limit.edition)  # fmt: skip
