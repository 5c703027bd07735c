"""Arrays of thousands of values as PostgreSQL's own text: written in a tenth of the time the adapter takes for a list.

The statement says what they are: `%(ids)s::bigint[]`. One type always, so the server prepares one statement; a list of
small numbers would be smallint[] today and integer[] tomorrow.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable


def ints(values: Iterable[int]) -> str:
    return "{" + ",".join(map(str, values)) + "}"


def floats(values: Iterable[float | None]) -> str:
    """Shortest text that is the same number again; None is NULL. Infinite and NaN are float8's own words."""
    return "{" + ",".join(["NULL" if v is None else repr(float(v)) for v in values]) + "}"


def times(values: Iterable[dt.datetime | None]) -> str:
    """With their offset, to the microsecond. Many values of a batch share one time."""
    seen: dict[dt.datetime | None, str] = {None: "NULL"}
    out: list[str] = []
    for v in values:
        text = seen.get(v)
        if text is None and v is not None:
            text = seen[v] = v.isoformat()
        out.append(text or "NULL")
    return "{" + ",".join(out) + "}"


def texts(values: Iterable[str]) -> str:
    quoted = ['"' + v.replace("\\", "\\\\").replace('"', '\\"') + '"' for v in values]
    return "{" + ",".join(quoted) + "}"
