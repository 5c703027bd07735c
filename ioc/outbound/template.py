"""`${name}` in declared URLs, headers and bodies. Pure: a template says where values go, no more."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

PLACE = re.compile(r"\$\{([A-Za-z0-9_.]+)\}")
Escape = Callable[[str], str]


def names(template: Any) -> Iterator[str]:
    """Every name a text, list or table asks for."""
    if isinstance(template, str):
        yield from PLACE.findall(template)
    elif isinstance(template, Mapping):
        for key, value in cast("Mapping[str, Any]", template).items():
            yield from names(key)
            yield from names(value)
    elif isinstance(template, list | tuple):
        for value in cast("list[Any]", template):
            yield from names(value)


def fill(template: Any, values: Mapping[str, str], escape: Escape = str) -> Any:
    """`template` with its places filled. Numbers, truth values and nulls stay as they are.

    Filled inside the structure, so that no value can end a string of a JSON body. Raises KeyError for an unknown name.
    """
    if isinstance(template, str):
        return PLACE.sub(lambda m: escape(values[m[1]]), template)
    if isinstance(template, Mapping):
        table = cast("Mapping[str, Any]", template)
        return {k: fill(v, values, escape) for k, v in table.items()}
    if isinstance(template, list | tuple):
        return [fill(v, values, escape) for v in cast("list[Any]", template)]
    return template


def find(body: Any, path: str) -> Any:
    """The value at a path such as `data.0.msgId`; None where there is none, the whole body for ""."""
    for part in path.split(".") if path else ():
        if isinstance(body, Mapping):
            body = cast("Mapping[str, Any]", body).get(part)
        elif isinstance(body, list) and part.isdigit() and int(part) < len(cast("list[Any]", body)):
            body = cast("list[Any]", body)[int(part)]
        else:
            return None
    return body


def word(value: Any) -> str:
    """A code as it is compared and kept: 0 and "0" are the same, true is "true"; nothing a database cannot hold."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = "" if value is None else str(value).strip()
    return text.replace("\x00", "").encode("utf-8", "replace").decode()
