"""Arrays as text are, to the server, the values they were made of."""

from __future__ import annotations

import datetime as dt
import math

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ioc.scope import SYSTEM
from ioc.store import arrays
from tests.conftest import Database

TIMES = st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1), timezones=st.just(dt.UTC))
TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.integers(-(2**63), 2**63 - 1)),
    st.lists(st.none() | st.floats()),
    st.lists(st.none() | TIMES),
    st.lists(TEXT | st.sampled_from(["NULL", "null", '"', "\\", "{}", ",", ""])),
)
def test_every_value_comes_back_as_it_was(
    db: Database,
    ints: list[int],
    floats: list[float | None],
    times: list[dt.datetime | None],
    texts: list[str],
) -> None:
    with db.store.reading(SYSTEM) as conn:
        row = conn.execute(
            "SELECT %s::bigint[] AS i, %s::float8[] AS f, %s::timestamptz[] AS t, %s::text[] AS s",
            (arrays.ints(ints), arrays.floats(floats), arrays.times(times), arrays.texts(texts)),
        ).fetchone()
    assert row is not None
    assert row["i"] == ints
    assert row["t"] == times
    assert row["s"] == texts
    same = [a == b or (a is not None and b is not None and math.isnan(a) and math.isnan(b))
            for a, b in zip(row["f"], floats, strict=True)]  # fmt: skip
    assert all(same)
