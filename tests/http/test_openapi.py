"""The API document is valid, and holds every route there is."""

from __future__ import annotations

import re

import flask
import pytest
from openapi_spec_validator import validate

from tests.http.conftest import SignIn

pytestmark = pytest.mark.http


def test_the_document_is_valid_and_complete(server: flask.Flask, sign_in: SignIn) -> None:
    spec = sign_in("chief").get("/api/v1/openapi.json").json
    validate(spec)
    listed = {(path, method) for path, ops in spec["paths"].items() for method in ops}
    for rule in server.url_map.iter_rules():
        if rule.rule.startswith(("/api/", "/tiles/", "/basemap/")):
            path = re.sub(r"<(?:\w+(?:\([^)]*\))?:)?(\w+)>", r"{\1}", rule.rule)
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                assert (path, method.lower()) in listed, f"{method} {rule.rule} is missing"
    assert ("/live", "get") in listed


def test_every_operation_says_what_it_does(sign_in: SignIn) -> None:
    spec = sign_in("chief").get("/api/v1/openapi.json").json
    ids: list[str] = []
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            assert len(operation["summary"]) > 8 or " " in operation["summary"], f"{method} {path} has no summary"
            ids.append(operation["operationId"])
            open_to_all = operation.get("security") == []
            assert open_to_all or "401" in operation["responses"], f"{method} {path}"
    assert len(ids) == len(set(ids))


def test_the_contract_is_there(sign_in: SignIn) -> None:
    paths = sign_in("chief").get("/api/v1/openapi.json").json["paths"]
    for path, method in (
        ("/api/v1/events", "post"),
        ("/api/v1/events", "get"),
        ("/api/v1/devices/{device_id}", "get"),
        ("/api/v1/indicators", "get"),
        ("/api/v1/indicators/{code}/values", "get"),
        ("/tiles/{layer}/{z}/{x}/{y}.mvt", "get"),
        ("/healthz", "get"),
        ("/readyz", "get"),
        ("/metrics", "get"),
    ):
        assert method in paths[path], path
