"""A header record of docs/command.md, for the screens of command."""

from __future__ import annotations

from typing import Any

OPENED = "2026-10-03T06:06:21+00:00"


def incident(**more: Any) -> dict[str, Any]:
    stages = [("接报", "Received", "done", OPENED), ("处置", "Handling", "now", None), ("终止", "Ended", "ahead", None)]
    return {
        "case_id": 7, "number": "TF20261003-002", "title": "物流仓库火情", "place": "阳东区 北惯镇",
        "lon": 112.0, "lat": 21.9, "opened_at": OPENED, "version": 3, "origin": "demo", "exercise": False,
        "ended": None,
        "stages": [{"key": z, "zh": z, "en": e, "state": s, "at": at} for z, e, s, at in stages],
        "level": {"value": 3, "state": "confirmed", "by": "陈志强", "at": "2026-10-03T06:20:00Z", "proposed": None},
        "response": {"level": 3, "scope": "市级", "approved_by": "陈志强", "approved_at": "2026-10-03T06:20:00Z"},
        "response_asked": None,
        "report_due": {"at": "2026-10-03T07:06:21+00:00", "label": {"zh": "续报", "en": "Follow-up"}},
        "tasks": {"open": 2},
        "may": [{"act": "propose_level", "zh": "初判级别", "en": "Propose a level", "needs": ["level", "reason"]}],
    } | more  # fmt: skip
