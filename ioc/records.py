"""The work-list record the browser gets: everything it shows is computed here, so that it holds no rule of its own.

The schema is the contract of docs/live.md and of tests/golden/record_*.json; `VERSION` changes with it. Rows come from
the views `worklist_case` and `worklist_event` (migration 021).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from ioc.cases.terms import PROVISIONAL, UNSET
from ioc.cases.topics import Topics
from ioc.declare import Flow
from ioc.flows import flows, stage_index
from ioc.i18n import Text

VERSION = 1
Row = Mapping[str, Any]
NO_TOPICS = Topics()

ICONS = frozenset(("flame", "gas", "users", "car", "drop", "warn", "broom", "camera", "lamp", "boat", "pin"))
URGENCY_RANK = {"critical": 0, "urgent": 1, "routine": 2}

# Report clocks of an incident (首报, 续报), and what is to be known of a computed deadline (ioc.cases.terms); a label
# that is not listed here is shown as it was delivered.
_DUE_LABELS = {
    PROVISIONAL: Text("暂定", "Provisional"),
    UNSET: Text("未配置时限", "No term configured"),
    "首报": Text("首报", "First report"),
    "续报": Text("续报", "Follow-up report"),
    "终报": Text("终报", "Final report"),
}
# Endings that a short place name drops: 东城区 -> 东城, 河口街道 -> 河口. A two-character name keeps its own.
_ENDINGS = re.compile(r"(?<=..)(街道|经济开发区|开发区|区|县|市|镇|乡)$")


def text_json(text: Text) -> dict[str, str]:
    return {"zh": text.zh, "en": text.en}


def _iso(value: dt.datetime | None) -> str | None:
    """UTC, whole seconds, with a Z: the one spelling both sides compare as text."""
    return None if value is None else value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@lru_cache(4096)  # a city has some thousand places, and every record names three
def short_name(name: str) -> str:
    return _ENDINGS.sub("", name)


def place_words(steps: Sequence[Mapping[str, Any]] | None, address: str) -> tuple[str, str]:
    """(full, short) place of a row from its region path, root first, and its own address.

    The root is left out (every screen is about it). A functional zone stands for the county it was cut from, because
    that is the name people use.
    """
    path = [s for s in steps or () if not s.get("root")] or list(steps or ())
    zones = [s for s in path if s["kind"] == "zone"]
    head = zones[-1:] or [s for s in path if s["kind"] in ("county", "city")][-1:]
    towns = [s for s in path if s["kind"] == "town"][-1:]
    villages = [s for s in path if s["kind"] == "village"][-1:]
    named = [str(s["name"]) for s in (*head, *towns, *villages)]
    brief = [short_name(str(s["name"])) for s in ((*head, *towns) if (head and towns) else (*head, *towns, *villages))]
    said = next((i for i, name in enumerate(named) if name in address), None)
    if said is not None:  # the address begins on one of these levels itself
        named = named[:said]
    return " ".join([*named, address] if address else named), "·".join(brief)


def _deadline(due_at: dt.datetime | None, stopped: bool, closed: bool) -> str:
    """A stopped working-time clock shows its date; a running one counts down (design.md section 2)."""
    if due_at is None or closed:
        return "none"
    return "date" if stopped else "countdown"


def _stage_words(flow: Flow, stage: str) -> dict[str, Any]:
    index = stage_index(flow, stage)
    return {
        "flow": flow.key,
        "flow_text": text_json(flow.short),
        "stage_text": text_json(flow.stages[index][1]),
        "stage_index": index,
        "stage_count": len(flow.stages),
        "stages": [text_json(word) for _, word in flow.stages],
    }


def _common(row: Row) -> dict[str, Any]:
    place, brief = place_words(row["region_steps"], row["address"])
    icon = row["icon"]
    return {
        "id": row["id"],
        "title": row["title"],
        "place": place,
        "place_short": brief or place,
        "urgency": row["urgency"],
        "level": row["incident_level"],
        "source": row["source"],
        "icon": icon if icon in ICONS else "pin",
        "lon": row["lon"],
        "lat": row["lat"],
        "region_id": row["region_id"],
        "region_code": row["region_code"],
        "region_ids": list(row["region_ids"] or ()),
        "origin": row["origin"],
        "version": row["version"],
    }


def case_to_record(row: Row, topics: Topics = NO_TOPICS) -> dict[str, Any]:
    """A row of `worklist_case` as a record."""
    flow = flows().get(row["flow"]) or flows()["grid"]
    closed = row["closed_at"] is not None
    label = "" if closed and row["due_label"] in (PROVISIONAL, UNSET) else row["due_label"]
    first = (row["sources"] or [{}])[0]
    return {
        "key": f"case:{row['id']}",
        "type": "case",
        "number": row["number"],
        **_common(row),
        **_stage_words(flow, row["stage"]),
        "provisional": row["incident_level"] is not None and row["level_state"] == "initial",
        "due_at": _iso(row["due_at"]),
        "due_kind": _deadline(row["due_at"], row["clock_stopped"], closed),
        "due_label": text_json(_DUE_LABELS.get(label, Text(label, label))) if label else None,
        "source_text": str(first.get("text") or row["source_title"] or row["source"]),
        "occurred_at": _iso(row["opened_at"]),
        "opened_at": _iso(row["opened_at"]),
        "closed": closed,
        "suspected": False,
        "topics": topics.of(row.get("category_code") or ""),
    }


def event_to_record(row: Row, topics: Topics = NO_TOPICS) -> dict[str, Any]:
    """A row of `worklist_event` as a record. A report with an initial level is an incident nobody has assessed yet."""
    closed = row["status"] != "open"
    incident = row["incident_level"] is not None
    flow = flows()["incident" if incident else "event"]
    stage = flow.closed if closed else flow.stages[0][0]
    return {
        "key": f"event:{row['id']}",
        "type": "event",
        "number": row["source_id"],
        **_common(row),
        **_stage_words(flow, stage),
        "provisional": incident,
        "due_at": None,
        "due_kind": "none",
        "due_label": None,
        "source_text": str(row["source_title"] or row["source"]),
        "occurred_at": _iso(row["occurred_at"]),
        "opened_at": _iso(row["received_at"]),
        "closed": closed,
        "suspected": row["suspected"],
        "topics": topics.of(row.get("category_code") or ""),
    }


def order_key(record: Mapping[str, Any]) -> tuple[int, float, float, int]:
    """Incidents by level, then 特急, 紧急, 一般; inside each by deadline, then newest (frontend/src/core/order.ts)."""
    rank = (record["level"] or 5) if record["flow"] == "incident" else 10 + URGENCY_RANK[record["urgency"]]
    due = _epoch(record["due_at"]) if record["due_at"] and record["due_kind"] != "none" else float("inf")
    return rank, due, -_epoch(record["opened_at"] or record["occurred_at"]), -int(record["id"])


def _epoch(text: str) -> float:
    return dt.datetime.fromisoformat(text).timestamp()
