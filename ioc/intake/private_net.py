"""What must not leave the video network: addresses of hosts inside it, and what opens them (SEC-15)."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?(?![\d.])")
_IPV6 = re.compile(r"(?<![0-9A-Fa-f:.])(?:[0-9A-Fa-f]{0,4}:){3,7}[0-9A-Fa-f]{0,4}(?![0-9A-Fa-f:.])")
MASK = "*.*.*.*"


def without_addresses(text: str) -> str:
    """Text in which nothing that looks like an IP address is left. A GIS platform names cameras after theirs."""
    return _IPV6.sub(MASK, _IPV4.sub(MASK, text))


def outside_url(url: str) -> str:
    """A URL as it may be kept: scheme, host (masked when it is an address) and path. No user, port, query, fragment."""
    try:
        parts = urlsplit(url.strip())
        host = parts.hostname or ""
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not host:
        return ""
    named = MASK if ":" in host or re.fullmatch(r"[\d.]+", host) or host == "localhost" else host
    return f"{parts.scheme}://{named}{without_addresses(parts.path)}"
