"""One handler from the error tree to an answer: JSON for programs, a plain page for people."""

from __future__ import annotations

import logging
from html import escape

import flask
from werkzeug.exceptions import HTTPException

from ioc.errors import IocError

log = logging.getLogger("ioc.web")

Answer = tuple[flask.Response, int]


def install(server: flask.Flask) -> None:
    server.register_error_handler(IocError, _ours)
    server.register_error_handler(HTTPException, _werkzeug)
    server.register_error_handler(Exception, _unexpected)


def _ours(error: IocError) -> Answer:
    if error.severity in ("error", "critical"):
        log.error("%s %s: %s", flask.request.method, flask.request.path, error)
    return _answer(told(error), error.status)


def told(error: IocError) -> dict[str, object]:
    """The words, and facts a form needs beside them: tries left, end of a lock, the missing right,
    the version that is there now."""
    keys = ("remaining", "limit", "minutes", "until", "permission", "csrf", "version", "incident_id", "number")
    return error.as_dict() | {k: error.context[k] for k in keys if k in error.context}


def _werkzeug(error: HTTPException) -> Answer | HTTPException:
    code = error.code or 500
    if code < 400:
        return error
    name = (error.name or "error").lower().replace(" ", "_")
    return _answer({"error": name, "zh": _ZH.get(code, "请求有误"), "en": error.description or error.name}, code)


_ZH = {400: "请求有误", 404: "没有找到", 405: "不支持此方法", 413: "内容过大", 415: "不支持此内容类型"}


def _unexpected(error: Exception) -> Answer:
    log.exception("%s %s failed", flask.request.method, flask.request.path, exc_info=error)
    return _ours(IocError())


def _answer(body: dict[str, object], status: int) -> Answer:
    accept = flask.request.headers.get("Accept", "")
    if flask.request.path.startswith("/api/") or "text/html" not in accept:
        response = flask.jsonify(body)
    else:
        text = f"{escape(str(body['zh']))}<br>{escape(str(body['en']))}"
        page = f'<!doctype html><html lang="zh"><meta charset="utf-8"><title>{status}</title><p>{text}</p></html>'
        response = flask.Response(page, mimetype="text/html")
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    response.headers["Cache-Control"] = "no-store"
    return response, status
