"""What can be imported: one `Kind` each, with its columns, its checks and what follows from its rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ioc.errors import Reason
from ioc.intake.event_input import Reader
from ioc.intake.fields import TimeRules
from ioc.intake.vocabulary import Vocabulary
from ioc.store.gridding import Box
from ioc.store.merge import Target
from ioc.store.pool import Conn

Place = Literal["point", "optional_point", "polygon", "optional_polygon", "any", "mixed"]


@dataclass(frozen=True)
class LayerOptions:
    """How a thematic layer is shown; for the kind `layer` only."""

    key: str = ""
    title: str = ""
    title_en: str = ""
    theme: str = "专题"
    style: Mapping[str, Any] = field(default_factory=dict[str, Any])
    sensitivity: int = 0
    base_role: str | None = None
    private_to: str | None = None
    period: str = ""


@dataclass
class Context:
    """What checks of one file may use. `present`: fields the file delivers."""

    words: Vocabulary
    rules: TimeRules
    source: str
    origin: str
    actor: str
    crs: str
    present: frozenset[str] = frozenset()
    layer: LayerOptions = field(default_factory=LayerOptions)
    layer_id: int = 0
    geometry: str = ""  # point, line or polygon of a thematic layer
    touched: Box | None = None  # around all grid cells the file has changed
    codes: set[str] = field(default_factory=set[str])  # regions that exist or were accepted in this file
    keys: set[str] = field(default_factory=set[str])  # ids of the file's good rows, where the kind gathers them


Values = dict[str, Any]
Check = Callable[[Reader, Context, dict[str, Any]], Values | None]


@dataclass(frozen=True)
class Kind:
    """`check(reader, context, extra)` returns the row's columns, or None after giving its reasons to the reader.

    `columns(context)` are the target's columns this file writes. `before(conn, rows, context)` may refuse rows by what
    is in the store: index -> reason. `after(conn, context)` runs in the rows' transaction, with `done` and `before` at
    hand.
    """

    key: str
    fields: Mapping[str, str]
    place: Place
    target: Target
    required: tuple[str, ...]
    check: Check
    columns: Callable[[Context], Sequence[str]]
    layers: Callable[[Context], Sequence[str]]
    classes: tuple[str, ...]
    id_field: str = "external_id"
    before: Callable[[Conn, Sequence[Values], Context], Mapping[int, Reason]] | None = None
    after: Callable[[Conn, Context], None] | None = None
    topic: str = ""  # event and case rows are told one by one when they are few
    survey: Callable[[Sequence[Mapping[str, Any]], Context], None] | None = None  # all rows, before any is checked
    finish: Callable[[Conn, Context], None] | None = None  # once, after the last row
    edition: str = ""  # the dataset of emergency command (`ioc.command.datasets`) a file of this kind is an edition of
