"""The bell in the desk's bar: how many notices wait, and the list behind it (assets/inbox.js draws and reads them)."""

from __future__ import annotations

import json
from typing import Any

from ioc.i18n import t
from ioc.screens.elements import html
from ioc.screens.marks import icon
from ioc.screens.model import Model

_WORDS = ("title", "none", "unread", "all", "failed", "more", "urgent", "high", "medium", "low", "close")


def bell(model: Model) -> list[Any]:
    """For people only: a wall has no inbox."""
    if model.who is None or model.who.kind != "user":
        return []
    lang = model.lang
    words = {k: t(f"visible.inbox.{k}", lang) for k in _WORDS}
    attrs = {"data-inbox": json.dumps(words, ensure_ascii=False), "data-zone": model.view.zone.key, "data-key": "i"}
    label = t("visible.inbox.title", lang)
    return [
        html.Button(
            [icon("bell"), html.I("", className="num", **{"data-volatile": "1"})],
            type="button",
            id="bell",
            className="bell",
            title=f"{label} (I)",
            **{"aria-label": label, "aria-haspopup": "dialog", **attrs},
        )
    ]
