"""Where the database is: the private cluster under the data folder, or the outside PostGIS of the settings."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlencode

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ioc.settings import Settings
from ioc.store.cluster import PrivateCluster
from ioc.store.pool import Store

Role = Literal["owner", "app", "readonly"]
ROLE_NAMES: dict[Role, str] = {"owner": "ioc", "app": "ioc_app", "readonly": "ioc_readonly"}


@dataclass(frozen=True, slots=True)
class Dsns:
    """Connection strings of the three roles, as psql and psycopg accept them."""

    owner: str
    app: str
    readonly: str

    def of(self, role: Role) -> str:
        return {"owner": self.owner, "app": self.app, "readonly": self.readonly}[role]


def dsns(settings: Settings) -> Dsns:
    """Without starting anything. An outside database is entered as the given user, who then takes on the role."""
    if not settings.database_url:
        cluster = PrivateCluster(settings.root)
        return Dsns(cluster.dsn("ioc"), cluster.dsn("ioc_app"), cluster.dsn("ioc_readonly"))
    owner = settings.database_owner_url or settings.database_url
    app = settings.database_url
    return Dsns(owner, app, _as_role(owner, ROLE_NAMES["readonly"]))


def _as_role(dsn: str, role: str) -> str:
    parts = conninfo_to_dict(dsn)
    parts["options"] = f"{parts.get('options') or ''} -c role={role}".strip()
    return make_conninfo("", **parts)


def as_uri(dsn: str) -> str:
    """The same as one word without spaces, for `psql $(ioc db url)`."""
    parts = {k: str(v) for k, v in conninfo_to_dict(dsn).items() if v is not None}
    user, database = parts.pop("user", ""), parts.pop("dbname", "")
    secret = f":{quote(parts.pop('password'), safe='')}" if "password" in parts else ""
    who = f"{quote(user, safe='')}{secret}@" if user else ""
    return f"postgresql://{who}/{quote(database, safe='')}?{urlencode(parts, quote_via=quote)}"


@contextmanager
def running(settings: Settings) -> Generator[Dsns]:
    """The database of these settings, started for the duration if nobody runs it yet."""
    if settings.database_url:
        yield dsns(settings)
        return
    cluster = PrivateCluster(settings.root)
    cluster.start()
    try:
        yield dsns(settings)
    finally:
        cluster.stop()


def open_store(settings: Settings, statement_timeout_s: float = 0) -> Store:
    """The app-role pool of these settings."""
    return Store(
        dsns(settings).app,
        size=settings.pool_size,
        transaction_pooler=settings.database_pooler,
        statement_timeout_s=statement_timeout_s,
    )
