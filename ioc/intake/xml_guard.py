"""XML from outside, read by expat with everything refused that a warning does not need.

No document type, hence no entity, no external reference and no DTD; size, depth, elements and attributes are limited.
The text is decoded here and given to expat as UTF-8, so that no codec of its own choosing runs.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from typing import Any, NoReturn
from xml.parsers import expat

from ioc.intake.reasons import Refuse

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 24  # CAP needs 5, inside an Atom entry 8; an XML signature beside it needs a few more
MAX_ELEMENTS = 20_000
MAX_ATTRIBUTES = 32  # of one element
_DECLARED = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
# GB 18030 holds GBK and GB 2312
_CODECS = {
    **dict.fromkeys(("utf-8", "utf8", "us-ascii", "ascii"), "utf-8"),
    **dict.fromkeys(("gb2312", "gbk", "gb18030", "cp936"), "gb18030"),
}


@dataclass(slots=True)
class Node:
    """One element: `space` is its namespace, `text` the characters directly inside it."""

    space: str
    name: str
    attributes: dict[str, str]
    children: list[Node] = field(default_factory=list["Node"])
    parts: list[str] = field(default_factory=list[str])

    @property
    def text(self) -> str:
        return "".join(self.parts).strip()

    def all(self, name: str) -> list[Node]:
        """Children of this name in the element's own namespace."""
        return [c for c in self.children if c.name == name and c.space == self.space]

    def first(self, name: str) -> Node | None:
        return next((c for c in self.children if c.name == name and c.space == self.space), None)

    def word(self, name: str) -> str:
        found = self.first(name)
        return "" if found is None else found.text


def read(data: bytes) -> Node:
    """The root element. Raises Refuse (`xml_bad`, `xml_forbidden`, `xml_limit`, `bad_encoding`), nothing else."""
    if len(data) > MAX_BYTES:
        raise Refuse("xml_limit", what="bytes", limit=MAX_BYTES)
    return read_text(_decoded(data))


def read_text(text: str, elements: int = MAX_ELEMENTS) -> Node:
    """The same for what a caller with rules of its own has decoded, and whose size it has limited."""
    reader = _Reader(elements)
    try:
        return reader.run(text.encode("utf-8"))
    except expat.ExpatError as e:
        raise Refuse("xml_bad", where=f"{e.lineno}:{e.offset}") from None


def _decoded(data: bytes) -> str:
    found = _DECLARED.match(data.removeprefix(codecs.BOM_UTF8))
    name = "utf-8" if found is None else found[1].decode("ascii").lower()
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        codec = "utf-16"
    elif name in _CODECS:
        codec = "utf-8-sig" if _CODECS[name] == "utf-8" else _CODECS[name]
    else:
        raise Refuse("bad_encoding")
    try:
        return data.decode(codec)
    except UnicodeDecodeError:
        raise Refuse("bad_encoding") from None


class _Reader:
    def __init__(self, elements: int = MAX_ELEMENTS) -> None:
        self._most = elements
        # The encoding given here overrides what the document declares: the bytes are ours.
        parser = expat.ParserCreate("utf-8", " ")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = lambda *_: _forbidden("DOCTYPE")
        parser.EntityDeclHandler = lambda *_: _forbidden("ENTITY")
        parser.UnparsedEntityDeclHandler = lambda *_: _forbidden("ENTITY")
        parser.NotationDeclHandler = lambda *_: _forbidden("NOTATION")
        parser.ExternalEntityRefHandler = lambda *_: _forbidden("external entity")
        parser.SkippedEntityHandler = lambda *_: _forbidden("entity")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        self._parser = parser
        self._open: list[Node] = []
        self._root: Node | None = None
        self._elements = 0

    def run(self, data: bytes) -> Node:
        self._parser.Parse(data, True)
        if self._root is None:
            raise Refuse("xml_bad", where="1:0")
        return self._root

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > self._most:
            raise Refuse("xml_limit", what="elements", limit=self._most)
        if len(self._open) >= MAX_DEPTH:
            raise Refuse("xml_limit", what="depth", limit=MAX_DEPTH)
        if len(attributes) > MAX_ATTRIBUTES:
            raise Refuse("xml_limit", what="attributes", limit=MAX_ATTRIBUTES)
        space, _, name = tag.rpartition(" ")
        node = Node(space, name, attributes)
        if self._open:
            self._open[-1].children.append(node)
        else:
            self._root = node
        self._open.append(node)

    def _end(self, _tag: str) -> None:
        self._open.pop()

    def _text(self, data: str) -> None:
        if self._open:
            self._open[-1].parts.append(data)


def _forbidden(what: str) -> NoReturn:
    raise Refuse("xml_forbidden", what=what)


def describe(node: Node) -> dict[str, Any]:
    """What an element says, as plain data: repeated children become lists. For keeping, not for reading."""
    out: dict[str, Any] = {}
    for child in node.children:
        value: Any = describe(child) if child.children else child.text
        out.setdefault(child.name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in out.items()}
