"""Whose thematic layers are whose: the same rule as for rows."""

from __future__ import annotations

import pytest

from ioc.errors import NotFound
from ioc.scope import SYSTEM, Scope
from ioc.store import thematic
from tests.conftest import Database

pytestmark = pytest.mark.store


def test_a_layer_is_shared_its_departments_or_above_the_asker(db: Database) -> None:
    with db.owner() as conn:
        for key, department, sensitivity in (
            ("shared", None, 0),
            ("blank", "", 0),
            ("water", "水务局", 0),
            ("fire", "消防", 0),
            ("secret", None, 2),
        ):
            conn.execute(
                "INSERT INTO thematic_layer (key, title, theme, geometry, source, private_to, sensitivity)"
                " VALUES (%s, %s, 'x', 'point', 's', %s, %s)",
                (key, key, department, sensitivity),
            )
    scope = Scope("w", frozenset({"map.view"}), whole=True, departments=frozenset({"水务局"}), sensitivity=1)
    with db.store.scoped(scope) as conn:
        assert {r["key"] for r in thematic.rows(conn, scope)} == {"shared", "blank", "water"}
        with pytest.raises(NotFound):
            thematic.find(conn, scope, "fire")
    with db.store.scoped(SYSTEM) as conn:
        assert len(thematic.rows(conn, SYSTEM)) == 5
