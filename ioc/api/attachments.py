"""`/api/v1/attachments`: pictures, videos and documents of cases and reports."""

from __future__ import annotations

from typing import Any

import flask
from werkzeug.wrappers import Response

from ioc.api import Deps
from ioc.api.auth import current_identity
from ioc.api.openapi import doc
from ioc.attachments.content import EXTENSION, MP4, PICTURES
from ioc.attachments.work import Attachments, Sent
from ioc.errors import Invalid, Reason, TooLarge

_FORM = 64 * 1024  # what surrounds the file in a multipart body
RESULT: dict[str, Any] = {
    "type": "object",
    "required": ["attachment_id", "sm3", "media_type", "bytes", "width", "height"],
    "properties": {
        "attachment_id": {"type": "integer"},
        "sm3": {"type": "string", "description": "of the bytes kept"},
        "media_type": {"enum": list(EXTENSION)},
        "bytes": {"type": "integer"},
        "width": {"type": ["integer", "null"], "description": "pixels; pictures only"},
        "height": {"type": ["integer", "null"]},
    },
}
BODY: dict[str, Any] = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "string", "format": "binary", "description": "JPEG, PNG, WebP, PDF or MP4, told by content"},
        "case_id": {"type": "integer"},
        "event_id": {"type": "integer"},
    },
}


def register(server: flask.Flask, deps: Deps) -> None:
    kept = Attachments(deps.store, deps.settings, deps.clock)

    @server.post("/api/v1/attachments")
    @doc(
        "Send a file; the same Idempotency-Key again is the same file",
        body=BODY,
        returns=RESULT,
        statuses={
            201: "Kept",
            404: "No such case or report in the asker's scope",
            409: "The Idempotency-Key was used for another file",
            413: "Too large",
            422: "Refused, with the reasons",
            429: "Too many in the last hour",
            507: "No room",
        },
        permission="event.write or a right to work on cases",
        consumes=("multipart/form-data",),
    )
    def send() -> tuple[flask.Response, int]:
        identity = current_identity()
        request = flask.request
        limit = deps.settings.attachment_max_mb * 2**20
        request.max_content_length = limit + _FORM
        if (request.content_length or 0) > limit + _FORM:
            raise TooLarge(f"上限 {deps.settings.attachment_max_mb} MB", f"limit {deps.settings.attachment_max_mb} MB")
        file = request.files.get("file")
        if file is None:
            raise Invalid(reasons=[Reason("file", "missing", "必填", "is required")])
        data = file.read(limit + 1)
        if len(data) > limit:
            raise TooLarge(f"上限 {deps.settings.attachment_max_mb} MB", f"limit {deps.settings.attachment_max_mb} MB")
        sent = Sent(
            data,
            _number("case_id"),
            _number("event_id"),
            request.headers.get("Idempotency-Key", "").strip(),
            request.remote_addr or "",
            identity.source,
        )
        return flask.jsonify(kept.add(identity.scope, identity.name, sent)), 201

    @server.get("/api/v1/attachments/<int:attachment_id>")
    @doc(
        "A file, where its case or report is seen; before it is bound, by its uploader",
        query={"size": "small: a JPEG of at most 320 pixels (pictures)"},
        statuses={404: "Also what lies outside the asker's scope"},
        permission="case.view or event.view",
        media="application/octet-stream",
    )
    def get(attachment_id: int) -> Response:
        scope = current_identity().scope
        small = flask.request.args.get("size") == "small"
        found = kept.find(scope, attachment_id, small=small)
        shown = found.media_type in PICTURES or found.media_type == MP4
        response = flask.send_file(
            found.path,
            mimetype=found.media_type,
            as_attachment=not shown,
            download_name=f"attachment-{attachment_id}.{EXTENSION[found.media_type]}",
            conditional=True,
            etag=f"{found.sm3}{'-small' if small else ''}",
        )
        response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
        response.headers["Cache-Control"] = "private, no-cache"
        return response


def _number(name: str) -> int | None:
    text = flask.request.form.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Invalid(reasons=[Reason(name, "bad_number", "应为编号", "must be an id", text[:40])])
    return int(text)
