"""What is hashed: the standard's vectors, and a canonical form that neither order nor session can change."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.audit.canonical import GENESIS, Link, row_digest, sign, sm3

NOW = dt.datetime(2026, 10, 3, 6, 32, 8, 123456, tzinfo=dt.UTC)
LINK = Link(NOW, "row", "case_step", [17, 4], NOW, False, ("a", "b"), sm3(b"x"))


@pytest.mark.parametrize(
    ("message", "digest"),
    [  # GB/T 32905-2016, appendix A
        (b"abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
        (b"abcd" * 16, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
    ],
)
def test_the_vectors_of_the_standard(message: bytes, digest: str) -> None:
    assert sm3(message).hex() == digest


json_values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(record=st.dictionaries(st.text(min_size=1), json_values, min_size=1), seed=st.randoms())
def test_the_order_of_keys_does_not_matter_and_every_value_does(record: dict[str, Any], seed: Any) -> None:
    columns = sorted(record)
    items = list(record.items())
    seed.shuffle(items)
    assert row_digest("t", columns, json.dumps(record)) == row_digest("t", columns, json.dumps(dict(items), indent=1))
    name = columns[0]
    other = {**record, name: [record[name], "changed"]}
    assert row_digest("t", columns, json.dumps(other)) != row_digest("t", columns, json.dumps(record))
    assert row_digest("u", columns, json.dumps(record)) != row_digest("t", columns, json.dumps(record))


def test_numbers_keep_their_digits_and_columns_added_later_do_not_count() -> None:
    digests = {row_digest("t", ["a"], text) for text in ('{"a": 1}', '{"a": 1.0}', '{"a": 1.00}', '{"a": "1.0"}')}
    assert len(digests) == 4
    assert row_digest("t", ["a"], '{"a": 1, "b": 2}') == row_digest("t", ["a"], '{"a": 1}')
    assert row_digest("t", ["a", "b"], '{"a": 1}') != row_digest("t", ["a", "b"], '{"a": 1, "b": null}')


@pytest.mark.parametrize(
    "change",
    [
        {"linked_at": NOW + dt.timedelta(microseconds=1)},
        {"kind": "lost"},
        {"table": "case_history"},
        {"key": [17, 5]},
        {"row_at": None},
        {"demo": True},
        {"columns": ("a",)},
        {"digest": sm3(b"y")},
    ],
    ids=lambda c: next(iter(c)),
)
def test_everything_a_link_says_is_in_its_digest(change: dict[str, Any]) -> None:
    assert replace(LINK, **change).digest_after(GENESIS) != LINK.digest_after(GENESIS)
    assert LINK.digest_after(sm3(b"other")) != LINK.digest_after(GENESIS)


def test_a_link_is_the_same_in_every_zone() -> None:
    there = NOW.astimezone(dt.timezone(dt.timedelta(hours=8)))
    assert replace(LINK, linked_at=there, row_at=there).digest_after(GENESIS) == LINK.digest_after(GENESIS)


def test_a_signature_needs_the_key() -> None:
    assert sign(b"k", "head", 1, "ab") == sign(b"k", "head", 1, "ab")
    assert len({sign(b"k", "head", 1, "ab"), sign(b"l", "head", 1, "ab"), sign(b"k", "head", 2, "ab")}) == 3
