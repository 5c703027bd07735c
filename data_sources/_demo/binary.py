"""PostgreSQL's binary COPY format from NumPy arrays: fixed-width rows at memory speed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

HEADER = b"PGCOPY\n\xff\r\n\x00" + b"\x00" * 8
TRAILER = b"\xff\xff"
# PostgreSQL counts microseconds from 2000-01-01 UTC.
PG_EPOCH_S = 946_684_800

_TYPES: Mapping[str, str] = {
    "int8": ">i8",
    "int4": ">i4",
    "int2": ">i2",
    "float8": ">f8",
    "timestamptz": ">i8",
    "bool": "?",
}


def pg_time(epoch_s: NDArray[np.float64]) -> NDArray[np.int64]:
    """Epoch seconds as `timestamptz` of the binary format."""
    return np.round((np.asarray(epoch_s) - PG_EPOCH_S) * 1e6).astype(np.int64)


def rows(
    types: Sequence[str], columns: Sequence[NDArray[np.generic]], nulls: Mapping[int, NDArray[np.bool_]] | None = None
) -> bytes:
    """Rows without header and trailer. A column in `nulls` is NULL where its mask says so (those rows come last)."""
    if nulls:
        mask = np.zeros(len(columns[0]), dtype=np.bool_)
        for m in nulls.values():
            mask |= m
        keep = ~mask
        plain = rows(types, [c[keep] for c in columns])
        holes = frozenset(nulls)
        return plain + _fixed(types, [c[mask] for c in columns], holes)
    return _fixed(types, columns, frozenset())


def _fixed(types: Sequence[str], columns: Sequence[NDArray[np.generic]], holes: frozenset[int]) -> bytes:
    layout: list[tuple[str, str]] = [("n", ">i2")]
    for i, t in enumerate(types):
        layout.append((f"l{i}", ">i4"))
        if i not in holes:
            layout.append((f"v{i}", _TYPES[t]))
    out = np.empty(len(columns[0]), dtype=np.dtype(layout))
    out["n"] = len(types)
    for i, (t, column) in enumerate(zip(types, columns, strict=True)):
        out[f"l{i}"] = -1 if i in holes else np.dtype(_TYPES[t]).itemsize
        if i not in holes:
            out[f"v{i}"] = column
    return out.tobytes()


def ewkb_points(lon: NDArray[np.float64], lat: NDArray[np.float64], srid: int) -> list[str]:
    """Points as hexadecimal EWKB, as COPY's text format takes them."""
    out = np.empty(len(lon), dtype=np.dtype([("o", "u1"), ("t", "<u4"), ("s", "<u4"), ("x", "<f8"), ("y", "<f8")]))
    out["o"], out["t"], out["s"], out["x"], out["y"] = 1, 0x20000001, srid, lon, lat
    text = out.tobytes().hex()
    return [text[i : i + 50] for i in range(0, len(text), 50)]
