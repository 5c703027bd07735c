"""Readings of devices that have a model, in our words, before anything else looks at them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from ioc.errors import Reason
from ioc.intake import fields
from ioc.intake.fields import TimeRules
from ioc.intake.model_file import key, parse
from ioc.intake.models import DeviceModel, Status, translate
from ioc.intake.readings import Reading
from ioc.intake.reasons import Refuse
from ioc.intake.vocabulary import Vocabulary
from ioc.store import device_models
from ioc.store.pool import Conn
from ioc.store.rejects import Rejected

log = structlog.get_logger(__name__)


@dataclass
class Batch:
    """`told`: (device, status, time) a device said of itself, in the order of arrival."""

    readings: Sequence[Reading]
    refused: list[Rejected] = field(default_factory=list[Rejected])
    told: list[tuple[str, Status, dt.datetime]] = field(default_factory=list[tuple[str, Status, dt.datetime]])


class ModelBook:
    """The models in force. One small query a batch finds whether a file has brought another version meanwhile."""

    def __init__(self) -> None:
        self._version = 0
        self._models: dict[str, DeviceModel] = {}

    def fresh(self, conn: Conn, words: Vocabulary) -> bool:
        """Read anew what has changed. False: there is no model at all."""
        version = device_models.newest(conn)
        if version != self._version:
            self._models = load(conn, words)
            self._version = version
        return bool(self._models)

    def find(self, name: str) -> DeviceModel | None:
        return self._models.get(key(name)) if name else None


def load(conn: Conn, words: Vocabulary) -> dict[str, DeviceModel]:
    """The newest version of each model. One that no longer fits the code tables is left out and logged."""
    out: dict[str, DeviceModel] = {}
    for row in device_models.current(conn):
        reasons: list[Reason] = []
        model = parse(row["definition"], words, reasons)
        if model is None:
            log.error("device model left out", model=row["name"], reasons=[f"{r.field}: {r.en}" for r in reasons])
        else:
            out[row["key"]] = model
    return out


def in_our_words(readings: Sequence[Reading], model_of: Callable[[str], DeviceModel | None], rules: TimeRules) -> Batch:
    """Readings with a model translated, the others as they are. One message's values stand together."""
    known: dict[str, DeviceModel | None] = {}
    for r in readings:
        if r.device not in known:
            known[r.device] = model_of(r.device)
    if not any(known.values()):
        return Batch(readings)
    ours: list[Reading] = []
    out = Batch(ours)
    group: list[Reading] = []
    for r in readings:
        if group and (r.device, r.at) != (group[0].device, group[0].at):
            _flush(group, known, rules, out, ours)
            group = []
        group.append(r)
    _flush(group, known, rules, out, ours)
    return out


def _flush(
    group: Sequence[Reading], known: dict[str, DeviceModel | None], rules: TimeRules, out: Batch, ours: list[Reading]
) -> None:
    model = known[group[0].device]
    if model is None:
        ours += group
        return
    found = translate(model, group)
    ours += found.readings
    out.refused += found.refused
    if found.told is not None:
        try:
            out.told.append((group[0].device, found.told, fields.time(group[0].at, rules)))
        except Refuse:
            return  # its values are refused for the same reason
