"""Addresses of other systems that an incident opens: the meeting (会商) and the AR guidance (实景指挥). Pure.

Both are configured templates with `{number}`, `{case_id}`, `{lon}`, `{lat}`; where none is set nothing is shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

_NAMES = ("number", "case_id", "lon", "lat")
_NAMED = re.compile(r"\{(" + "|".join(_NAMES) + r")\}")


def opened(template: str, incident: Mapping[str, Any] | None) -> str | None:
    """The address with what is known of the incident filled in, percent-encoded; None where the template is empty, or
    names something that is not known (an incident without a place has no `lon`)."""
    needed = set(_NAMED.findall(template))
    known = {n: incident[n] for n in needed if incident is not None and incident.get(n) is not None}
    if not template or needed - set(known):
        return None
    return _NAMED.sub(lambda m: quote(str(known[m[1]]), safe=""), template)
