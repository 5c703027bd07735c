"""`ioc embed sign`: the address a portal puts into a frame, from the command line."""

from __future__ import annotations

from ioc.accounts import embed
from ioc.accounts.base import SYSTEM, Accounts, Grant, rows
from ioc.accounts.users import region_faults
from ioc.errors import Invalid, Reason
from ioc.kpi.active import active_indicators, recorded_pack
from ioc.registry import Registry


def sign_address(
    accounts: Accounts, registry: Registry, page: str, *, region: str = "", days: float = 30, sensitivity: int = 0
) -> str:
    """`page`: /embed/map or /embed/tile/CODE[,CODE]. Returns it with its token. Raises Invalid with every reason."""
    panel = page.strip().split("?")[0].removeprefix(embed.PAGES).strip("/")
    store = accounts.store
    known = {i.code for i in active_indicators(registry, recorded_pack(store, accounts.settings))}
    asked = panel.removeprefix("tile/").split(",") if panel.startswith("tile/") else []
    faults = [
        Reason("page", "unknown_indicator", f"没有指标 {code}", f"no indicator {code}", code)
        for code in asked
        if code not in known
    ]
    with store.scoped(SYSTEM) as conn:
        faults += region_faults(conn, Grant(not region, (region,) if region else (), (), sensitivity))
        try:
            token = embed.sign(accounts, panel, region, days=days, sensitivity=sensitivity)
        except Invalid as e:
            faults += e.reasons
            token = ""
        if faults:
            raise Invalid(reasons=faults)
        detail = {"panel": panel, "region": region, "days": days}
        rows.audit(conn, actor="cli", action="embed.sign", object_=panel, detail=detail)
    return embed.address(panel, token)
