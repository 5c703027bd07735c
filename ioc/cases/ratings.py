"""What people said after their case was dealt with (回访, 评价). Pure."""

from __future__ import annotations

from collections.abc import Mapping

BAD = 2  # 差评: at most this of 5
ACTOR, NAME = "system:repair", "差评整改"


def is_bad(rating: int | None) -> bool:
    return rating is not None and rating <= BAD


def repair_rate(bad: int, repaired: int) -> float | None:
    """差评整改率, percent: repaired bad ratings ÷ bad ratings (EVT-15). None where nobody complained."""
    return 100.0 * repaired / bad if bad else None


def shares(counts: Mapping[str, int], digits: int = 1) -> dict[str, float]:
    """Percent of each reason; rounded to `digits` they sum to exactly 100 (largest remainder; EVT-16).

    Raises ValueError for a negative count. Empty where nothing was counted.
    """
    if any(n < 0 for n in counts.values()):
        raise ValueError("counts are not negative")
    total = sum(counts.values())
    if not total:
        return {}
    units = 100 * 10**digits
    floors = {key: n * units // total for key, n in counts.items()}
    left = units - sum(floors.values())
    for key in sorted(counts, key=lambda k: (-(counts[k] * units % total), k))[:left]:
        floors[key] += 1
    return {key: value / 10**digits for key, value in floors.items()}
