"""Pages over `tests.fakes`, to look at screens without a store: `python -m tests.fake_server [--port N] [--empty]`.

Live data comes once, with the snapshot; there is no stream.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import flask

from callbacks import register_callbacks
from ioc.screens.dash_app import create_dash
from ioc.screens.model import counts_json
from ioc.settings import Settings
from tests.fakes import NOW, SYSTEM, FakeServices


def create_server(services: FakeServices, folder: Path, fixed: bool = True) -> flask.Flask:
    """The pages, signed in as somebody who may do everything, on a Flask server."""
    settings = Settings(data_dir=folder)
    server = flask.Flask("fake", static_folder=None)

    asker = SimpleNamespace(
        kind="session", scope=SYSTEM, name="李嘉欣", login="zhiban", roles=("officer",), must_change=False, region=""
    )

    @server.before_request
    def gate() -> None:
        flask.g.ioc_scope, flask.g.ioc_identity = SYSTEM, asker

    create_dash(
        services,
        settings,
        register_callbacks,
        server=server,
        fixed_now=NOW if fixed else None,
        demo_users=lambda: [{"login": "zhiban", "name": "李嘉欣", "role": "officer", "password": "demo-pass"}],
    )

    @server.get("/api/v1/live/snapshot")
    def snapshot() -> flask.Response:
        body = {
            "v": 1,
            "feed": {"epoch": "fake", "last_no": 0},
            "now": NOW.isoformat(),
            "counts": counts_json(services.count),
            "rows": services.rows,
            "total": len(services.rows),
            "next": None,
        }
        return flask.Response(json.dumps(body), mimetype="application/json")

    @server.get("/api/v1/live/counts")
    def counts() -> flask.Response:
        return flask.Response(json.dumps(counts_json(services.count)), mimetype="application/json")

    @server.get("/live")
    def live() -> flask.Response:
        def stream() -> Iterator[str]:
            body = {"v": 1, "epoch": "fake", "last_no": 0, "now": NOW.isoformat()}
            yield f"event: hello\ndata: {json.dumps(body)}\n\n"
            while True:
                beat = {"now": NOW.isoformat(), "last_no": 0, "lag_ms": 12, "store": "ok"}
                yield f"event: beat\ndata: {json.dumps(beat)}\n\n"
                time.sleep(5)

        return flask.Response(stream(), mimetype="text/event-stream")

    @server.post("/api/v1/wall/enrol")
    def enrol() -> flask.Response:
        return flask.jsonify(
            {
                "state": "waiting",
                "code": "7K4-Q2M",
                "fingerprint": "A7:1C:93:E0",
                "expires_at": "2026-10-03T06:38:32Z",
            }
        )

    @server.get("/enrol-page")
    def enrol_page() -> flask.Response:
        from ioc.screens.state import parse_page

        return server.extensions["ioc_pages"]._static(parse_page("/wall"), "enrol")

    return server


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8060)
    parser.add_argument("--empty", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        create_server(FakeServices(is_empty=args.empty), Path(folder)).run("127.0.0.1", args.port, threaded=True)


if __name__ == "__main__":
    main()
