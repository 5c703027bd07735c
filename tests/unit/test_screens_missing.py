"""A station that says it measured nothing shows 缺测 in the detail panel, never 0 and never an empty place (SEN-07)."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from plotly.utils import PlotlyJSONEncoder

from ioc.screens.detail import detail_panel
from ioc.screens.fmt import View

NOW = dt.datetime(2026, 10, 3, 6, 32, tzinfo=dt.UTC)


def shown(lang: str, **series: Any) -> str:
    given = {"property": "pm25", "title": {"zh": "PM2.5", "en": "PM2.5"}, "unit": "µg/m³", "points": [], **series}
    detail = {"key": "device:1", "type": "device", "title": "站", "fields": [], "series": [given]}
    panel = detail_panel(detail, View(lang, NOW, ZoneInfo("Asia/Shanghai")))
    return json.dumps(panel, cls=PlotlyJSONEncoder, ensure_ascii=False)


@pytest.mark.parametrize(("lang", "word"), [("zh", "缺测"), ("en", "missing")])
def test_a_missing_value_is_called_missing(lang: str, word: str) -> None:
    told = shown(lang, value=None, quality=3, observed_at="2026-10-03T06:30:00Z")
    assert word in told
    assert "µg/m³" not in told
    assert word not in shown(lang, value=0.0, quality=0, observed_at="2026-10-03T06:30:00Z")
    assert word not in shown(lang, value=None, quality=None, observed_at=None), "nothing was ever said: no data yet"
