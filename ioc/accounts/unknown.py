"""Failures of logins that do not exist, counted like those of logins that do: answers do not tell them apart."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import threading
from collections import OrderedDict
from typing import Any

from ioc.accounts.rules import Attempts
from ioc.shared import Shared

KEPT_S = 86_400


class UnknownLogins:
    """One a web process; thread-safe.

    In Redis where there is one: counted by each web process alone, they would be told by coming down more slowly.
    """

    def __init__(self, shared: Shared | None = None, size: int = 10_000) -> None:
        self._shared = shared
        self._seen: OrderedDict[str, Attempts] = OrderedDict()
        self._lock = threading.Lock()
        self._size = size

    def get(self, login: str) -> Attempts:
        shared = self._shared
        found: Any = shared.ask(lambda: shared.client.get(_key(login)), lambda: None) if shared else None
        if found:
            return _from_json(found)
        with self._lock:
            return self._seen.get(login, Attempts())

    def put(self, login: str, attempts: Attempts) -> None:
        shared, text = self._shared, _to_json(attempts)
        if shared and shared.ask(lambda: bool(shared.client.set(_key(login), text, ex=KEPT_S)), lambda: False):
            return
        with self._lock:
            self._seen[login] = attempts
            self._seen.move_to_end(login)
            while len(self._seen) > self._size:
                self._seen.popitem(last=False)


def _key(login: str) -> str:
    return f"ioc:unknown:{hashlib.blake2b(login.encode(), digest_size=16).hexdigest()}"


def _to_json(attempts: Attempts) -> str:
    until = attempts.locked_until
    return json.dumps({"failed": attempts.failed, "until": until.isoformat() if until else None})


def _from_json(text: bytes) -> Attempts:
    found = json.loads(text)
    return Attempts(found["failed"], dt.datetime.fromisoformat(found["until"]) if found["until"] else None)
