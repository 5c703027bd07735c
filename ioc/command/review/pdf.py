"""The report as PDF, by WeasyPrint in a process of its own: from its HTML, maps inside, the Chinese font embedded.

The same HTML gives the same bytes: no time of making, no random name is in the file (a test holds it to that).
"""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from ioc.command.review import press
from ioc.errors import NoPdf

NEEDS = "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"
TIMEOUT_S = 120.0
_AT_ONCE = threading.BoundedSemaphore(2)  # a report of many pages takes 200 MB while it is drawn


def pdf(html: str) -> bytes:
    """The document as it is printed. Raises NoPdf, naming what is missing."""
    # by its path and isolated: it needs the libraries of this environment and nothing of the product
    command = [sys.executable, "-I", str(Path(press.__file__))]
    try:
        with _AT_ONCE:
            done = subprocess.run(command, input=html.encode(), capture_output=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as e:
        raise NoPdf(f"超过 {TIMEOUT_S:.0f} 秒", f"took longer than {TIMEOUT_S:.0f} s") from e
    said = done.stderr.decode(errors="replace").strip()[-400:]
    if done.returncode == press.MISSING:
        zh, en = f"本机缺少系统库：apt install {NEEDS}", f"libraries are missing: apt install {NEEDS}"
        raise NoPdf(zh, en, {"missing": said})
    if done.returncode != 0 or not done.stdout.startswith(b"%PDF-"):
        raise NoPdf("排版程序出错", "the typesetter failed", {"said": said})
    return done.stdout
