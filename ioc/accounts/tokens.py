"""API tokens: shown once, stored as a hash, limited to named actions and to a scope."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from ioc.accounts.base import SYSTEM, Accounts, Grant, rows
from ioc.accounts.rules import action_faults, hash_secret, new_token
from ioc.accounts.users import region_faults
from ioc.errors import Invalid, NotFound, Reason
from ioc.scope import INTERNAL

WHOLE = Grant(whole=True, sensitivity=INTERNAL)


def create_token(
    accounts: Accounts,
    name: str,
    actions: Sequence[str],
    grant: Grant = WHOLE,
    *,
    by: str = "cli",
    source: str = "",
    days: int | None = None,
) -> str:
    """A new token, the only time it is seen. `source` binds its writes to one source. Raises Invalid."""
    faults = action_faults(actions)
    if not name.strip():
        faults.append(Reason("name", "missing", "缺少名称", "a name is needed"))
    token = new_token()
    with accounts.store.scoped(SYSTEM) as conn:
        faults += region_faults(conn, grant)
        if faults:
            raise Invalid(reasons=faults)
        row = {
            "name": name.strip(),
            "hash": hash_secret(token),
            "actions": list(dict.fromkeys(actions)),
            "source": source,
            "created_by": by,
            "expires_at": accounts.now() + dt.timedelta(days=days) if days else None,
            **grant.columns(),
        }
        token_id = rows.add_token(conn, row)
        detail = {"name": row["name"], "actions": row["actions"]}
        rows.audit(conn, actor=by, action="token.create", object_=str(token_id), detail=detail)
    return token


def revoke_token(accounts: Accounts, token_id: int, by: str) -> None:
    with accounts.store.scoped(SYSTEM) as conn:
        if not rows.revoke_token(conn, token_id, accounts.now()):
            raise NotFound(f"令牌 {token_id}", f"token {token_id}")
        rows.audit(conn, actor=by, action="token.revoke", object_=str(token_id))
