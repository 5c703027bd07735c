"""A 12345 work order as it is delivered: every field checked, every reason given, and what names a person taken apart.

Fields follow the orders of provincial and city platforms (GB/T 33358 practice; no one published schema). How a platform
names them and its codes is configuration (`hotline.toml`). Pure.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ioc.errors import ConfigError, Reason
from ioc.intake import fields
from ioc.intake.columns import plain
from ioc.intake.event_input import Reader, choice
from ioc.intake.fields import TimeRules, blank
from ioc.intake.reasons import Refuse
from ioc.intake.vocabulary import Vocabulary

# Field -> the names it goes by, besides its own; `--map` and `hotline.toml` add to them.
FIELDS: Mapping[str, str] = {
    "number": "工单编号|工单号|受理编号|编号|orderNo|orderId",
    "channel": "来源渠道|渠道|诉求渠道|来源",
    "accepted_at": "受理时间|来电时间|诉求时间|登记时间|创建时间",
    "caller": "诉求人|诉求人姓名|来电人|来电人姓名|姓名|联系人",
    "phone": "联系电话|来电号码|联系方式|手机号|手机号码|电话",
    "kind": "诉求类型|工单类型|诉求性质",
    "class1": "一级分类|一级类别",
    "class2": "二级分类|二级类别",
    "class3": "三级分类|三级类别",
    "title": "标题|工单标题|诉求标题",
    "content": "内容|诉求内容|工单内容|问题描述",
    "address": "事发地址|事发地点|地址",
    "lon": "经度|lng|longitude",
    "lat": "纬度|latitude",
    "crs": "坐标系",
    "region": "行政区划码|行政区划代码|区划代码|事发区划",
    "urgency": "紧急程度|紧急度",
    "department": "承办单位|主办单位|责任单位",
    "dispatched_at": "派单时间|转办时间",
    "signed_at": "签收时间",
    "due_at": "办理时限|截止时间|办结时限",
    "closed_at": "办结时间|办结日期",
    "result": "办理结果|处理结果|答复内容",
    "called_back_at": "回访时间",
    "satisfaction": "满意度|评价",
    "resolved": "是否解决|解决情况",
    "returns": "退单次数",
    "extensions": "延期次数",
    "duplicate": "重复标记|是否重复|重复工单",
    "confidential": "保密标记|是否保密|保密",
    "status": "工单状态|状态",
}
PRIVATE = ("caller", "phone")
# The order is not to be worked on any more, whatever the platform calls it.
WITHDRAWN = frozenset({"withdrawn", "撤单", "已撤单", "撤回", "已撤回", "退单", "已退单", "作废", "已作废"})
_SATISFACTION: Mapping[str, int] = {
    "非常满意": 5, "很满意": 5, "满意": 4, "基本满意": 3, "一般": 3, "不满意": 2, "非常不满意": 1, "很不满意": 1,
}  # fmt: skip
_ID_CARD = re.compile(r"(?<!\d)(\d{6})\d{10}(\d[\dXx])(?!\d)")
FAR = dt.timedelta(days=3650)  # a time limit lies ahead


class Mapped(BaseModel):
    """`hotline.toml`. `names`: our field = theirs, a path such as `data.orderNo`; `values.FIELD`: their word = ours;
    `categories`: their class, by any of its three names = `SCHEME:CODE`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    source: str = Field(default="hotline", min_length=1, max_length=100)
    open_case: bool = True
    crs: str = ""  # of orders that name none
    names: Mapping[str, str] = {}
    values: Mapping[str, Mapping[str, str]] = {}
    categories: Mapping[str, str] = {}


@dataclass(frozen=True)
class Order:
    """A checked order. `event` is what is reported, with nothing in it that names a person; `private` what does."""

    number: str
    event: Mapping[str, Any]
    private: Mapping[str, str]
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    due_at: dt.datetime | None = None
    confidential: bool = False
    finished: bool = False  # closed or withdrawn at the other end: nothing to open


def load(path: Path) -> Mapped:
    """Raises ConfigError with every fault; what the product knows by itself where there is no file."""
    if not path.is_file():
        return Mapped()
    try:
        found = Mapped.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeError, tomllib.TOMLDecodeError, ValidationError, RecursionError) as e:
        raise ConfigError(f"{path.name}：{e}", f"{path.name}: {e}") from e
    unknown = (set(found.names) | set(found.values)) - set(FIELDS)
    if unknown:
        words = ", ".join(sorted(unknown))
        raise ConfigError(f"{path.name}：没有字段 {words}", f"{path.name}: no such fields: {words}")
    return found


_KNOWN: Mapping[str, str] = {
    plain(name): field_ for field_, words in FIELDS.items() for name in (field_, *words.split("|"))
}


def renamed(record: Mapping[str, Any], mapped: Mapped) -> dict[str, Any]:
    """The record by our names. A declared name wins; the first spelling that has a value counts."""
    out: dict[str, Any] = {}
    for name, path in mapped.names.items():
        value: Any = record.get(path) if path in record else _at(record, path)
        if not blank(value):
            out[name] = value
    for column, value in record.items():
        name = _KNOWN.get(plain(str(column)))
        if name is not None and name not in out and not blank(value):
            out[name] = value
    out = {k: storable(v) if isinstance(v, str) else v for k, v in out.items()}
    for name, words in mapped.values.items():
        said = str(out[name]).strip() if name in out else ""
        if said in words:
            out[name] = words[said]
    return out


def _at(record: Any, path: str) -> Any:
    for part in path.split("."):
        if not isinstance(record, Mapping):
            return None
        record = record.get(part)  # pyright: ignore[reportUnknownVariableType]
    return record  # pyright: ignore[reportUnknownVariableType]


# ---------------------------------------------------------------- persons


def mask_name(name: str) -> str:
    """张三 -> 张*, 欧阳娜娜 -> 欧***."""
    return name[:1] + "*" * min(len(name) - 1, 3) if len(name) > 1 else "*" * len(name)


def mask_number(phone: str) -> str:
    """Any way a number is written; never more than its first three and last four."""
    digits = re.sub(r"\D", "", phone)
    return f"{digits[:3]}****{digits[-4:]}" if len(digits) >= 10 else f"{digits[:1]}****" if digits else "****"


def scrub(text: str, caller: str = "", phone: str = "") -> str:
    """Text without the caller's name and number, and without phones and identity cards of anybody."""
    for number in dict.fromkeys((phone, re.sub(r"\D", "", phone))):
        if len(number) >= 5:
            text = text.replace(number, mask_number(number))
    if len(caller) >= 2:
        text = text.replace(caller, mask_name(caller))
    text = _ID_CARD.sub(lambda m: f"{m[1]}**********{m[2]}", text)
    return fields.mask_phone(text)


def redacted(record: Mapping[str, Any], mapped: Mapped) -> str:
    """What is kept of a refused order: the fields that are known, without what names a person; of others the names."""
    own = renamed(record, mapped)
    caller, phone = str(own.get("caller", "")).strip(), str(own.get("phone", "")).strip()
    kept = {k: scrub(_written(v), caller, phone) for k, v in own.items() if k not in PRIVATE}
    masks = {"caller": mask_name(caller), "phone": mask_number(phone)}
    others = [str(c)[:100] for c in record if plain(str(c)) not in _KNOWN and c not in mapped.names.values()]
    shown = {**kept, **{k: v for k, v in masks.items() if k in own}, "others": others[:100]}
    return storable(json.dumps(shown, ensure_ascii=False))


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def storable(text: str) -> str:
    """Half a surrogate pair is valid JSON, but no text."""
    return text.encode("utf-8", "replace").decode()


# ---------------------------------------------------------------- checks


def check(
    record: Mapping[str, Any], mapped: Mapped, words: Vocabulary, rules: TimeRules, source: str, root: str
) -> Order | list[Reason]:
    """The order, or every reason against it. `source`: whose numbers these are; `root`: code of the centre's region,
    which is where an order without a place is put."""
    r = Reader(renamed(record, mapped))
    caller, phone = _private(r, "caller"), _private(r, "phone")
    text = fields.text
    number = r.required("number", lambda v: text(v, 200))
    accepted = r.required("accepted_at", lambda v: fields.time(v, rules))
    content = r.optional("content", lambda v: text(v, 4000), "")
    title = r.optional("title", lambda v: text(v, 200), "") or content[:50]
    if not title:
        r.refuse("title", "missing_field")
    urgency = r.optional("urgency", choice(words, "urgency", "unknown_urgency"), "routine")
    category = _category(r, mapped, words)
    attributes, late = _attributes(r, rules), replace(rules, future=FAR)
    due = r.optional("due_at", lambda v: _time(v, late), None)
    closed = r.optional("closed_at", lambda v: _time(v, rules), None)
    confidential = r.optional("confidential", fields.flag, False)
    withdrawn = r.optional("status", lambda v: text(v, 50), "") in WITHDRAWN
    if r.reasons or number is None or accepted is None:
        return [replace(reason, value=scrub(reason.value, caller, phone)) for reason in r.reasons]
    address = str(r.record.get("address", "")).strip()
    private = {"caller": caller, "phone": phone, "title": title, "content": content, "address": address}
    masks = {"诉求人": mask_name(caller), "联系电话": mask_number(phone)}
    attributes |= {k: v for k, v in masks.items() if v and (caller if k == "诉求人" else phone)}
    attributes |= {"保密": True} if confidential else {}
    attributes |= {"已撤单": True} if withdrawn else {}
    event: dict[str, Any] = {
        "source": source,
        "source_id": number,
        "title": scrub(title, caller, phone),
        "description": scrub(content, caller, phone),
        "address": scrub(address, caller, phone),
        "urgency": urgency,
        "occurred_at": accepted.isoformat(),
        "sensitivity": 2 if confidential else 0,
        "attributes": attributes,
        **({"category": category} if category else {}),
        **_place(r, mapped, root, attributes),
        **({"status": "void" if withdrawn else "closed"} if withdrawn or closed else {}),
    }
    # what is told in the open already needs no sealing
    kept = {k: v for k, v in private.items() if v and (k in PRIVATE or v != event.get(_OPEN[k], ""))}
    return Order(number, event, kept, attributes, due, confidential, bool(closed) or withdrawn)


_OPEN: Mapping[str, str] = {"title": "title", "content": "description", "address": "address"}
_WORDS = (("channel", "来源渠道"), ("kind", "诉求类型"), ("class1", "一级分类"), ("class2", "二级分类"),
          ("class3", "三级分类"), ("department", "承办单位"))  # fmt: skip
_TIMES = (("dispatched_at", "派单时间"), ("signed_at", "签收时间"), ("closed_at", "办结时间"),
          ("called_back_at", "回访时间"))  # fmt: skip


def _attributes(r: Reader, rules: TimeRules) -> dict[str, Any]:
    """What is shown of the order beside the event's own fields, by the words people know it by."""
    out: dict[str, Any] = {}
    for name, word in _WORDS:
        out[word] = r.optional(name, lambda v: fields.text(v, 100), "")
    for name, word in _TIMES:
        at = r.optional(name, lambda v: _time(v, rules), None)
        out[word] = at.astimezone(rules.tz).isoformat(timespec="minutes") if at else ""
    due = r.optional("due_at", lambda v: _time(v, replace(rules, future=FAR)), None)
    out["办理时限"] = due.astimezone(rules.tz).isoformat(timespec="minutes") if due else ""
    out["退单次数"] = r.optional("returns", lambda v: fields.integer(v, 0, 1000), 0)
    out["延期次数"] = r.optional("extensions", lambda v: fields.integer(v, 0, 1000), 0)
    out["满意度"] = r.optional("satisfaction", _satisfaction, 0)
    out["重复"] = r.optional("duplicate", fields.flag, False)
    if "resolved" in r.record:
        out["是否解决"] = "是" if r.optional("resolved", fields.flag, False) else "否"
    result = r.optional("result", lambda v: fields.text(v, 4000), "")
    out["办理结果"] = scrub(result, str(r.record.get("caller", "")).strip(), str(r.record.get("phone", "")).strip())
    return {k: v for k, v in out.items() if v not in ("", 0, False)}


def _private(r: Reader, name: str) -> str:
    """Never refused: a reason would repeat it. The NUL no database holds is dropped."""
    value = r.record.get(name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    found = "" if value is None else str(value).replace("\x00", "").strip()[:100]
    if name in r.record:
        r.record = {**r.record, name: found}
    return found


def _time(value: Any, rules: TimeRules) -> dt.datetime | None:
    return fields.time(value, rules)


def _satisfaction(value: Any) -> int:
    word = fields.text(value, 20)
    return _SATISFACTION[word] if word in _SATISFACTION else fields.integer(value, 1, 5)


def _category(r: Reader, mapped: Mapped, words: Vocabulary) -> dict[str, str] | None:
    """The finest class a table knows, as declared or by its very name; else what kind of call it was."""
    for name in ("class3", "class2", "class1"):
        said = str(r.record.get(name, "")).strip()
        scheme, _, code = mapped.categories.get(said, "").partition(":")
        if code:
            return {"scheme": scheme, "code": code}
        found, code = words.any_category(said) if said else ("", "")
        if found and found != "12345":
            return {"scheme": found, "code": code}
    kind = r.optional("kind", lambda v: _kind(v, words), "")
    return {"scheme": "12345", "code": kind} if kind else None


def _kind(value: Any, words: Vocabulary) -> str:
    return words.category("12345", fields.text(value, 50))[1]


def _place(r: Reader, mapped: Mapped, root: str, attributes: dict[str, Any]) -> dict[str, Any]:
    """Coordinates with their system, else the region's code in twelve digits, else the whole centre, and saying so."""
    if not (blank(r.record.get("lon")) and blank(r.record.get("lat"))):
        crs = r.record.get("crs") or mapped.crs or None
        return {"lon": r.record.get("lon"), "lat": r.record.get("lat"), "crs": crs}
    code = str(r.record.get("region", "")).strip().removesuffix(".0")
    if code:
        return {"region": code.ljust(12, "0") if code.isdigit() and len(code) < 12 else code}
    attributes["位置"] = "未提供"
    return {"region": root}


__all__ = ["FIELDS", "Mapped", "Order", "Refuse", "check", "load", "mask_name", "mask_number", "redacted", "scrub"]
