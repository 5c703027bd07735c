"""What goes wrong with input from outside, for the fuzz tests of the parsers: bytes, mutated samples, wild values."""

from __future__ import annotations

import datetime as dt
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

# A parser answers within two seconds, whatever it is given; many times slower than any does on a slow machine.
QUICK = settings(
    max_examples=100,
    deadline=dt.timedelta(seconds=2),
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
DEEP = 3000
CHUNKS = (
    b"\x00", b"\xed\xa0\x80", b"\xff\xfe", b"\xef\xbb\xbf", b"\\ud800", b"\\u0000", b"9" * 400, b"9" * 5000, b"-1e999",
    b"1e400", b"NaN", b"Infinity", b"[" * DEEP, b'{"a":' * DEEP, b'"', b"'", b",", b"\t", b"\r", b"\n\n", b"#", b"<",
    b"<!DOCTYPE x [<!ENTITY a 'b'>]>", b"&a;", b"<a>" * DEEP, b"{}", b"[]", b"null", b"true", b"99999-99-99",
    b"0000-00-00", b"24:61", "\uff11\uff12".encode(), "\u202e".encode(), "二〇二六".encode(), b"x" * 70_000,
)  # fmt: skip
TEXTS = st.sampled_from(
    ["", " ", "\x00", "a\x00b", "\ud800", "\u202e", "x" * 5000, "9" * 400, "9" * 5000, "1e999", "-1e999", "NaN",
     "Infinity", "-0", "²", "٣", "\uff11", "0000-00-00", "9999-12-31T23:59:59+23:59", "0001-01-01T00:00:00-23:59",
     "2026-02-30", "=1+1", "../../x", "%s", "{0}", "是", "全市", "441702"]
)  # fmt: skip
SCALARS = (
    st.none() | st.booleans() | st.floats() | TEXTS | st.text(max_size=12)
    | st.sampled_from([0, -1, 1, 2**31, 2**63, -(2**63) - 1, 10**30, 10**400])
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def nested(depth: int) -> Any:
    """Deeper than a parser would read, as a caller in Python can give it."""
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


WILD = VALUES | st.sampled_from([200, 900]).map(nested)


@st.composite
def mutated(draw: st.DrawFn, *samples: bytes) -> bytes:
    """A real sample with a few things done to it: cut, doubled, moved, with a hostile chunk or a flipped byte in it."""
    data = draw(st.sampled_from(samples))
    for _ in range(draw(st.integers(1, 4))):
        if not data:
            return draw(st.binary(max_size=300))
        at, length = draw(st.integers(0, len(data))), draw(st.integers(1, 60))
        what = draw(st.sampled_from(["cut", "end", "twice", "chunk", "over", "byte"]))
        if what == "cut":
            data = data[:at] + data[at + length :]
        elif what == "end":
            data = data[:at]
        elif what == "twice":
            data = data[:at] + data[at : at + length] * 2 + data[at + length :]
        elif what == "byte":
            data = data[:at] + bytes([draw(st.integers(0, 255))]) + data[at + 1 :]
        else:
            chunk = draw(st.sampled_from(CHUNKS))
            data = data[:at] + chunk + data[at + (length if what == "over" else 0) :]
    return data


@st.composite
def changed(draw: st.DrawFn, sample: Any) -> Any:
    """A JSON sample with wild values in some of its places; keys may go."""
    if draw(st.integers(0, 7 if isinstance(sample, dict | list) else 3)) == 0:
        return draw(WILD)
    if isinstance(sample, dict):
        kept = {k: draw(changed(v)) for k, v in sample.items() if draw(st.integers(0, 9))}
        return kept | draw(st.dictionaries(TEXTS, VALUES, max_size=1))
    if isinstance(sample, list):
        return [draw(changed(v)) for v in sample]
    return sample
