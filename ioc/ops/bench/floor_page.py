"""The floor of `ioc bench screen`: the plain Dash page a developer would write first. Run as a process of its own.

One scattergl of the same points and eight numbers, the graph in the first layout, no compression, Dash's defaults.
"""

from __future__ import annotations

import sys
from typing import Any, cast

import dash
import flask
import plotly.graph_objects as go
import psycopg
from dash import dcc, html

NUMBERS = """
SELECT count(*) FILTER (WHERE class = 'camera') AS cameras, count(*) FILTER (WHERE class = 'sensor') AS sensors,
       count(*) FILTER (WHERE class = 'camera' AND status = 'online') AS cameras_online,
       count(*) FILTER (WHERE class = 'sensor' AND status = 'online') AS sensors_online,
       count(*) FILTER (WHERE exceeded) AS exceeded, count(DISTINCT region_id) AS regions,
       count(DISTINCT kind) AS kinds, count(*) AS devices FROM device"""


def page(dsn: str) -> dash.Dash:
    server = flask.Flask("floor")
    app = dash.Dash("floor", server=cast(Any, server))

    def layout() -> html.Div:
        with psycopg.connect(dsn) as conn:
            found = conn.execute(NUMBERS).fetchone() or ()
            points = conn.execute("SELECT ST_X(geom), ST_Y(geom) FROM device").fetchall()
        figure = go.Figure(go.Scattergl(x=[p[0] for p in points], y=[p[1] for p in points], mode="markers"))
        numbers = [html.Div(f"{value:,}", id=f"n{i}", className="number") for i, value in enumerate(found)]
        return html.Div([*numbers, dcc.Graph(id="map", figure=figure)])

    app.layout = layout
    return app


if __name__ == "__main__":
    page(sys.argv[1]).run(host="127.0.0.1", port=int(sys.argv[2]), debug=False)
