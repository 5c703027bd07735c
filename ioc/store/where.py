"""The explicit predicate of a scope. Row-level security is the backstop; this is what the planner works with."""

from __future__ import annotations

from typing import Any

from psycopg import sql

from ioc.scope import SENSITIVE, Scope


def visible(scope: Scope, alias: str = "d") -> tuple[sql.Composable, dict[str, Any]]:
    """Predicate and parameters for a table with `region_id`, `private_to`, `sensitivity`, known as `alias`.

    Parameter names start with the alias, so that several tables of one query do not collide. A scope that may see
    everything gives TRUE, which costs the planner nothing.
    """
    parts: list[sql.Composable] = []
    params: dict[str, Any] = {}

    def column(name: str) -> sql.Composable:
        return sql.Identifier(alias, name)

    if not scope.whole:
        parts.append(sql.SQL("{} = ANY({}::int[])").format(column("region_id"), sql.Placeholder(f"{alias}_regions")))
        params[f"{alias}_regions"] = sorted(scope.region_ids)
    if scope.sensitivity < SENSITIVE:
        parts.append(sql.SQL("{} <= {}").format(column("sensitivity"), sql.Placeholder(f"{alias}_sensitivity")))
        params[f"{alias}_sensitivity"] = scope.sensitivity
    if scope.departments is not None:
        column_ = column("private_to")
        parts.append(
            sql.SQL("({0} IS NULL OR {0} = '' OR {0} = ANY({1}::text[]))").format(
                column_, sql.Placeholder(f"{alias}_departments")
            )
        )
        params[f"{alias}_departments"] = sorted(scope.departments)
    return (sql.SQL(" AND ").join(parts) if parts else sql.SQL("TRUE")), params
