"""Who called: kept only as far as it is needed to call back and to tell two callers apart (SEC-02, SEC-13)."""

from __future__ import annotations

import re

from ioc.intake.fields import mask_phone

_LONG_NUMBER = re.compile(r"(?<!\d)(\d{3})\d{3,8}(\d{4})(?!\d)")
_DOUBLE = (
    "欧阳", "司马", "上官", "诸葛", "司徒", "东方", "皇甫", "尉迟", "公孙", "慕容", "夏侯", "令狐", "宇文", "长孙",
)  # fmt: skip


def mask_name(name: str) -> str:
    """陈**; a double surname stays whole. A Latin name keeps its first letter. "" stays ""."""
    word = name.strip()
    if not word:
        return ""
    head = 2 if word.startswith(_DOUBLE) else 1
    return word[:head] + "**"


def mask_number(phone: str) -> str:
    """138****5678; whatever else is written with digits in it loses their middle too."""
    word = phone.strip()
    masked = mask_phone(word)
    if masked != word:
        return masked
    digits = re.sub(r"[\s\-()（）]", "", word)
    masked = _LONG_NUMBER.sub(lambda m: f"{m[1]}****{m[2]}", digits)
    return masked if masked != digits or len(digits) < 5 else digits[:2] + "*" * (len(digits) - 4) + digits[-2:]
