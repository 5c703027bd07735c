"""What a case says of its deadlines: why there are none, why they are provisional, which document sets them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from ioc.cases.deadlines import Deadline
from ioc.cases.terms import UNSET
from ioc.cases.worktime import Due
from ioc.store.detail_parts import Part, Row, both, field, text


def fields(row: Row) -> list[Part]:
    """Nothing for a case that came with deadlines of its own: who set them is known elsewhere."""
    if row["terms"] is None or row["closed_at"] is not None:
        return []
    ground: Mapping[str, Any] = row["terms"].get("by") or {}
    said = [field("due_ground", _ground(row, ground))] if "stage" in ground or "total" in ground else []
    note = _note(row, ground)
    return [*said, field("due_note", note)] if note else said


def _note(row: Row, ground: Mapping[str, Any]) -> dict[str, str] | None:
    if row["due_label"] == UNSET:
        return both(f"detail.due_unset_{ground.get('missing') or 'row'}")
    due = row["total_due_at"] or row["due_at"]
    note = Due(due, tuple(row["due_unpublished"])).note if due else None
    return text(note) if note else None


def _ground(row: Row, ground: Mapping[str, Any]) -> dict[str, str]:
    """`环节 4 工作时、总 7 工作日（某府办〔2026〕3号）`."""
    heads = {"stage": ("环节", "stage"), "total": ("总", "total")}
    zh, en, documents = list[str](), list[str](), list[str]()
    for name, (head_zh, head_en) in heads.items():
        term = ground.get(name)
        if term is None:
            continue
        words = Deadline(row["flow"], term["amount"], term["unit"]).text
        zh.append(f"{head_zh} {words.zh}")
        en.append(f"{head_en} {words.en}")
        issued = dt.date.fromisoformat(term["issued"]).isoformat() if term["issued"] else ""
        documents.append(" ".join(filter(None, (term["document"], issued))))
    by = "；".join(dict.fromkeys(documents))
    return {"zh": f"{'、'.join(zh)}（{by}）", "en": f"{', '.join(en)} ({by})"}
