"""`ioc doctor`: whether this machine can draw the PDF of a report, Chinese and all."""

from __future__ import annotations

import shutil
import subprocess

from ioc.command.review import pdf
from ioc.errors import NoPdf
from ioc.i18n import Text

_FONTS = ("Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC")


def fault() -> Text | None:
    """What stands against it and what to do; None: nothing. It is tried, not supposed."""
    try:
        pdf.pdf("<p>复盘</p>")
    except NoPdf as e:
        return Text(e.message("zh"), e.message("en"))
    if shutil.which("fc-list"):
        listed = ["fc-list", ":lang=zh", "family"]
        found = subprocess.run(listed, capture_output=True, text=True, timeout=20, check=False)
        if not any(name in found.stdout for name in _FONTS):
            need = "apt install fonts-noto-cjk"
            return Text(f"PDF 没有可嵌入的中文字体：{need}", f"no Chinese font to embed in a PDF: {need}")
    return None
