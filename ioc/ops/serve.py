"""The `web` process: uvicorn around the composed ASGI application."""

from __future__ import annotations

from typing import Any

import psycopg
import uvicorn

from ioc.settings import Settings

LOOPBACK = "127.0.0.1"


def bind_host(settings: Settings, owner_dsn: str) -> str:
    """Loopback until an administrator has set a password of their own, then the configured address."""
    if settings.host:
        return settings.host
    with psycopg.connect(owner_dsn, connect_timeout=5) as conn:
        row = conn.execute(
            "SELECT EXISTS (SELECT FROM account"
            " WHERE 'admin' = ANY(roles) AND NOT disabled AND password_set_at IS NOT NULL)"
        ).fetchone()
    return settings.public_host if row and row[0] else LOOPBACK


def serve(application: Any, settings: Settings, host: str) -> None:
    uvicorn.run(
        application,
        host=host,
        port=settings.port,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=settings.trusted_proxies,
        # open event streams never end by themselves; screens come back when the new process serves
        timeout_graceful_shutdown=2,
        backlog=2048,
    )
