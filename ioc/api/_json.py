"""Reading JSON that somebody sent: what cannot be read, written back or stored is refused here, once for every door."""

from __future__ import annotations

import json
import re
from typing import Any

# Half of a surrogate pair can only come in as an escape; only then is the text looked through.
_ESCAPED_HALF = re.compile(rb"\\u[dD][89a-fA-F]")


def loads(data: str | bytes, **options: Any) -> Any:
    """The value. Raises ValueError: no JSON, nested too deeply, or text that is no Unicode (half a surrogate pair).

    NaN and Infinity are no JSON either (RFC 8259 section 6), though Python would read them.
    """
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    try:
        value = json.loads(raw, parse_constant=_no_constant, **options)
        if _ESCAPED_HALF.search(raw):
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as e:
        raise ValueError("nested too deeply") from e
    return value


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")
