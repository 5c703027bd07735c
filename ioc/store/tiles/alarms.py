"""The alarm a mark of the map carries: the first of its device in the order of the alarm list, for who may see alarms.

`al` is its priority (1 urgent .. 4 low), `as` its state (1 unacknowledged, 2 returned and unacknowledged,
3 acknowledged), `ar` its rule. What is shelved, suppressed or out of service is not on the map.
"""

from __future__ import annotations

from psycopg import sql

from ioc.declare import Layer
from ioc.scope import Scope

PERMISSION = "alarm.view"
# Marks of one tile below z 14, where devices themselves are only counted: urgent and high alarms.
FAR_MOST = 200
_COLUMNS = sql.SQL(
    "array_position(ARRAY['urgent', 'high', 'medium', 'low'], a.priority) AS al,"
    " array_position(ARRAY['unack', 'rtn_unack', 'acked'], a.state) AS \"as\", a.rule_key AS ar"
)
_STANDS = sql.SQL("a.ended_at IS NULL AND a.hold = ''")
LISTED = sql.SQL(', al.al, al."as", al.ar')


def shown(layer: Layer, scope: Scope) -> bool:
    """Does this layer carry alarms for this asker? Cameras are watched by no rule."""
    return layer.query == "device" and layer.where.get("class") != "camera" and scope.can(PERMISSION)


def of_device(seen: sql.Composable) -> sql.Composed:
    """The alarm of each device `d`, joined as `al`. `seen`: the scope's predicate on `a`."""
    return sql.SQL(
        " LEFT JOIN LATERAL (SELECT {columns} FROM alarm a WHERE a.device_id = d.device_id AND {stands} AND {seen}"
        " ORDER BY 1, 2, a.raised_at DESC LIMIT 1) al ON true"
    ).format(columns=_COLUMNS, stands=_STANDS, seen=seen)


# The past is a union behind policies, into which no condition of a join gets: there devices are named by their ids, or
# every sensor of the city would be read beside a handful of alarms. The present chooses by statistics.
_NAMED = sql.SQL(" AND d.device_id = ANY (ARRAY(SELECT device_id FROM al))")


def far(
    point: sql.Composable, inside: sql.Composable, where: sql.Composable, seen: sql.Composable, *, past: bool = False
) -> sql.Composed:
    """Devices with an urgent or high alarm, as the layer `points` of a tile that else counts."""
    return sql.SQL(
        "WITH al AS {kept} (SELECT DISTINCT ON (a.device_id) a.device_id, {columns} FROM alarm a"
        " WHERE a.priority IN ('urgent', 'high') AND {stands} AND {seen}"
        " ORDER BY a.device_id, 2, 3, a.raised_at DESC)"
        " SELECT {point} AS geom, d.device_id AS id, d.kind AS k, d.status AS s, d.exceeded::int AS ex, d.name{listed}"
        " FROM al JOIN device d USING (device_id)"
        " WHERE {inside} AND {where}{named} ORDER BY al.al, al.\"as\", d.device_id LIMIT {most}"
    ).format(point=point, inside=inside, where=where, seen=seen, columns=_COLUMNS, stands=_STANDS, listed=LISTED,
             most=sql.Literal(FAR_MOST), named=_NAMED if past else sql.SQL(""),
             kept=sql.SQL("MATERIALIZED" if past else "NOT MATERIALIZED"))  # fmt: skip
