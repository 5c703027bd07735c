"""The made-up city's roster of one afternoon, and its handover, as `ioc.duty.desk` gives them."""

from __future__ import annotations

from typing import Any

SHIFT = {"name": "早班", "day": "2026-10-03", "starts_at": "2026-10-03T00:00:00+00:00",
         "ends_at": "2026-10-03T12:00:00+00:00"}  # fmt: skip
NIGHT = {"name": "夜班", "day": "2026-10-03", "starts_at": "2026-10-03T12:00:00+00:00",
         "ends_at": "2026-10-04T00:00:00+00:00"}  # fmt: skip


def person(duty: str, name: str, phone: str = "") -> dict[str, Any]:
    return {"duty": duty, "person": name, "phone": phone, "shift": "早班"}


def duty_now() -> dict[str, Any]:
    on = [person("leader", "周海明", "138****0931"), person("chief", "何敏仪"), person("officer", "李嘉欣"),
          person("officer", "冯立")]  # fmt: skip
    return {
        "at": "2026-10-03T06:32:08+00:00",
        "region": {"code": "990000000000", "name": "样城市"},
        "shift": {**SHIFT, "people": on[1:]},
        "on": on,
        "next": {**NIGHT, "people": [person("chief", "许家豪")]},
        "handover": None,
        "recent": [],
        "changes_at": "2026-10-03T11:00:00+00:00",
    }


def handover(state: str = "open", **more: Any) -> dict[str, Any]:
    """One that waits for 何敏仪, with two cases to be spoken of."""
    seat = {"others": 1, "confirmed": None}
    case = {"case_id": 7, "number": "N7", "title": "燃气 <b>超限</b>", "urgency": "critical", "flow": "grid"}
    case |= {"incident_level": None, "stage": "x", "asked": "", "due_at": "2026-10-03T06:00:00+00:00", "overdue": True}
    opened = {"open": 612, "critical": 1, "urgent": 5, "routine": 606, "incidents": 2, "requests": 3}
    opened |= {"overdue": 9, "held": 4}
    facts = {
        "at": "2026-10-03T06:32:08+00:00", "since": "2026-10-03T00:00:00+00:00", "open": opened,
        "cases": [case, {**case, "case_id": 8, "urgency": "urgent", "asked": "extension", "overdue": False}],
        "warnings": [{"warning_id": 1, "kind": "台风", "colour": "white", "area": "全市"}], "alarms": None,
        "changed": {"opened": 185, "closed": 138, "raised": [case]},
    }  # fmt: skip
    return {
        "ends_at": SHIFT["ends_at"], "from": "早班", "to": "夜班", "state": state, "late": False, "version": 0,
        "opens_at": "2026-10-03T11:00:00+00:00", "overdue_at": "2026-10-03T12:30:00+00:00",
        "going": {"shift": "早班", **SHIFT, "signers": ["何敏仪"], **seat},
        "coming": {"shift": "夜班", **NIGHT, "signers": ["许家豪"], **seat},
        "acts": [], "region": {"code": "990000000000", "name": "样城市"}, "facts": facts, "may": ["give"], **more,
    }  # fmt: skip
