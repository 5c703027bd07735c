"""What a team or vehicle carries, as files write it: 液压破拆器×2；泡沫 3 t；担架*4. Read once, kept as data."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

MOST = 200
_SPLIT = re.compile(r"[;；、\n|]+|[，,](?!\d{3})")
_ITEM = re.compile(r"^(?P<name>.*?)(?:\s*[xX×*:：]\s*|\s+)(?P<amount>\d+(?:\.\d+)?)\s*(?P<unit>[^\d\s.]{0,8})$")
_TIGHT = re.compile(r"^(?P<name>.*?[^\d.\sA-Za-z-])(?P<amount>\d+(?:\.\d+)?)\s*(?P<unit>[^\d\s.A-Za-z]{1,4}|t|kg|L|m)$")


def carried(text: str) -> list[dict[str, Any]]:
    """`[{name, amount, unit}]` in the order written; amount None where none is given. Never raises."""
    out: list[dict[str, Any]] = []
    for part in _SPLIT.split(text.replace("×", "*")):
        word = unicodedata.normalize("NFKC", part).strip()
        if not word:
            continue
        found = _ITEM.match(word) or _TIGHT.match(word)
        if found and found["name"].strip():
            amount = float(found["amount"])
            plain = int(amount) if amount.is_integer() else amount
            out.append({"name": found["name"].strip(), "amount": plain, "unit": found["unit"]})
        else:
            out.append({"name": word, "amount": None, "unit": ""})
    return out[:MOST]
