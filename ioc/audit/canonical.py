"""What is hashed, byte for byte. Pure: no session, locale or schema setting changes it.

SM3 is GB/T 32905-2016, by OpenSSL through `hashlib` (the vectors of its appendix are in the tests).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ioc.errors import ConfigError

GENESIS = bytes(32)


def sm3(data: bytes) -> bytes:
    """32 bytes. Raises ConfigError on a machine whose OpenSSL was built without SM3."""
    try:
        return hashlib.new("sm3", data).digest()
    except ValueError as e:
        raise ConfigError(
            "本机的 OpenSSL 不提供 SM3，请改用带国密算法的 OpenSSL",
            "this machine's OpenSSL has no SM3: install one that has",
        ) from e


def sign(key: bytes, *parts: object) -> bytes:
    """HMAC (RFC 2104) with SM3 over the JSON list of `parts`."""
    return hmac.new(key, _json(list(parts)), "sm3").digest()


def row_digest(table: str, columns: Sequence[str], record: str) -> bytes:
    """SM3 of a row. `record`: `to_jsonb(row)::text` from a session in UTC; `columns`: those that count.

    JSON with sorted keys; numbers with a fraction keep their digits, so that 1.0 and 1.00 differ.
    """
    values: Mapping[str, Any] = json.loads(record, parse_float=_digits)
    return sm3(_json([table, {c: values[c] for c in columns if c in values}]))


def _digits(text: str) -> str:
    # PostgreSQL's jsonb knows no NUL: no string of a row can look like this
    return "\0" + text


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class Link:
    """One link. `key`: the row's; `digest` None where there was no row to hash (a drop, a row that was gone)."""

    linked_at: dt.datetime
    kind: str
    table: str
    key: Any
    row_at: dt.datetime | None
    demo: bool
    columns: Sequence[str]
    digest: bytes | None

    def digest_after(self, prev: bytes) -> bytes:
        return sm3(
            _json(
                [
                    prev.hex(),
                    _time(self.linked_at),
                    self.kind,
                    self.table,
                    self.key,
                    _time(self.row_at),
                    self.demo,
                    list(self.columns),
                    self.digest.hex() if self.digest is not None else "",
                ]
            )
        )


def _time(at: dt.datetime | None) -> str:
    return "" if at is None else at.astimezone(dt.UTC).isoformat(timespec="microseconds")
