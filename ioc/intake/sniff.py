"""What a text file is written in: encoding, delimiter. The whole file is looked at: its last row counts too."""

from __future__ import annotations

import codecs
import csv
from pathlib import Path

from ioc.errors import Invalid
from ioc.intake.reasons import reason

CHUNK = 1 << 20
DELIMITERS = ",;\t|，"
# Language driver ids of dBASE files (byte 29) that say what the text is in; 0 and others say nothing.
DBF_CODE_PAGES = {0x4D: "GB18030", 0x7A: "GB18030", 0x78: "BIG5"}


def text_encoding(path: Path) -> str:
    """`utf-8-sig`, `utf-16` or `gb18030` (which contains GBK and GB2312). Raises Invalid when it is none of them."""
    with path.open("rb") as f:
        head = f.read(4)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    for name in ("utf-8-sig", "gb18030"):
        if _decodes(path, name):
            return name
    raise Invalid(reasons=[reason("file", "bad_encoding", path.name)])


def _decodes(path: Path, name: str) -> bool:
    decoder = codecs.getincrementaldecoder(name)("strict")
    with path.open("rb") as f:
        while chunk := f.read(CHUNK):
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError:
                return False
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def delimiter(header: str) -> str:
    """The one that separates most names of the header line, quoted parts aside."""
    counts = {d: len(next(csv.reader([header], delimiter=d))) for d in DELIMITERS}
    best = max(DELIMITERS, key=lambda d: counts[d])
    return best if counts[best] > 1 else ","


def dbf_encoding(shapefile: Path) -> str:
    """Encoding of a Shapefile's attributes: what its bytes say, then its .cpg, then its language driver.

    The bytes come first because .cpg files are often wrong or missing: text that decodes as UTF-8 throughout is UTF-8
    (Chinese GBK text practically never does). Raises Invalid when nothing fits.
    """
    table = _beside(shapefile, ".dbf")
    if table is None:
        return "UTF-8"
    raw = table.read_bytes()[:64]
    if len(raw) < 32:
        raise Invalid(reasons=[reason("file", "bad_encoding", table.name)])
    ascii_only, utf8 = _field_bytes(table, raw)
    if ascii_only or utf8:
        return "UTF-8"
    said = _beside(shapefile, ".cpg")
    name = said.read_text("ascii", "replace").strip() if said else ""
    page = name or DBF_CODE_PAGES.get(raw[29], "GB18030")
    if page.upper() in ("UTF-8", "UTF8", "65001"):
        page = "GB18030"  # it says UTF-8, and it is not
    if page.isdigit() or page.upper().startswith(("CP", "GB", "936", "OEM", "ANSI")):
        return "GB18030"
    return page


def _beside(shapefile: Path, ending: str) -> Path | None:
    for name in (shapefile.with_suffix(ending), shapefile.with_suffix(ending.upper())):
        if name.exists():
            return name
    return None


def _field_bytes(table: Path, head: bytes) -> tuple[bool, bool]:
    """(only ASCII, valid UTF-8) of the text fields. A name cut off at its field's width may end in half a character."""
    header, record = int.from_bytes(head[8:10], "little"), int.from_bytes(head[10:12], "little")
    bad = total = 0
    with table.open("rb") as f:
        f.seek(header)
        while row := f.read(record * 2000):
            high = sum(b > 0x7F for b in row) if not row.isascii() else 0
            if not high:
                continue
            total += high
            text = row.decode("utf-8", "replace")
            bad += text.count("�")
    return total == 0, bad * 20 <= total
