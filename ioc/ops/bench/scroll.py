"""How long a task of the page lasts while somebody scrolls through 20,000 alarms: a part of `ioc bench screen`."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import BrowserContext

from ioc.clock import SystemClock
from ioc.ops.bench import Figure
from ioc.ops.bench.rig import Rig

MANY = 20_000
ROW_PX = 62  # of the alarm list
LONGEST_MS = 200.0  # a press is answered within a fifth of a second
TIMEOUT_MS = 120_000
# Spread over the priorities as a flood is: few urgent ones, most of them low.
_FLOOD = (
    "INSERT INTO alarm (rule_key, datastream_id, device_id, category, priority, state, first_at, raised_at,"
    " received_at, region_id, value, limit_value, origin) SELECT 'river_warning', 1000000000 + i, d.device_id, 'water',"
    " (ARRAY['urgent', 'high', 'medium', 'low'])[1 + least(3, i / 500)], 'unack', t.at, t.at, t.at, d.region_id, i, 5,"
    " 'demo' FROM (SELECT device_id, region_id FROM device WHERE kind = 'water_level' LIMIT 1) d,"
    " generate_series(0, %(many)s - 1) i, LATERAL (SELECT %(now)s - i * interval '1 s' AS at) t"
)
_WATCH = """
window.long = [];
new PerformanceObserver((list) => window.long.push(...list.getEntries().map((e) => [e.startTime, e.duration])))
  .observe({ entryTypes: ['longtask'] });
"""
# From a part of the list to another in so many frames; the longest task on the way, 0 where none was longer than 50 ms.
_GLIDE = """async ([from, to, frames]) => {
  const box = document.querySelector('.al-list');
  const start = performance.now();
  const whole = box.scrollHeight - box.clientHeight;
  for (let i = 1; i <= frames; i++) {
    box.scrollTop = whole * (from + ((to - from) * i) / frames);
    await new Promise((done) => requestAnimationFrame(done));
  }
  await new Promise((done) => setTimeout(done, 100));
  return Math.max(0, ...window.long.filter(([at]) => at >= start).map(([, ms]) => ms));
}"""
_WAYS = ([0, 0.5, 20], [0.5, 1, 20], [1, 0.25, 20])
PASSES = 3


def figures(context: BrowserContext, rig: Rig) -> list[Figure]:
    """The longest task of each way, the best of `PASSES`: the page's own work comes back with every one of them."""
    with rig.owner() as conn:
        conn.execute(_FLOOD, {"many": MANY, "now": SystemClock().now()})
        conn.execute("ANALYZE alarm")
    page = context.new_page()
    page.add_init_script(_WATCH)
    page.goto(f"{rig.url}/desk/alarms", wait_until="commit", timeout=TIMEOUT_MS)
    whole = f"() => document.querySelector('.al-list')?.scrollHeight >= {MANY * ROW_PX}"
    page.wait_for_function(whole, timeout=TIMEOUT_MS, polling=200)
    longest: tuple[float, ...] = tuple(min(_pass(page, way) for _ in range(PASSES)) for way in _WAYS)
    return [
        Figure(f"{MANY:,} alarms: longest task while scrolling", max(longest), "ms", limit=LONGEST_MS, samples=longest)
    ]


def _pass(page: Any, way: list[float]) -> float:
    return float(page.evaluate(_GLIDE, way))
