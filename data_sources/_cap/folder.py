"""Messages dropped as files: read, then moved to `done/`, or to `rejected/` with a `.reason` beside them.

A file is taken when two looks in a row found it the same, so that one still being written is left alone. One that was
stored but not yet moved when the process died is read again, and recognised as the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path

from ioc.errors import Invalid, SourceFault
from ioc.intake.warnings import WarningResult
from ioc.intake.xml_guard import MAX_BYTES

FORMS = {".xml": "xml", ".cap": "xml", ".json": "json"}
# data, form, name of the item among the rejects
Submit = Callable[[bytes, str, str], WarningResult]
Take = Callable[[bytes, str, str], object]
Seen = tuple[int, int]  # size, time of change in ns


class Folder:
    """One look a `turn`."""

    def __init__(self, path: Path, submit: Take, forms: Mapping[str, str] = FORMS, limit: int = MAX_BYTES) -> None:
        self.path, self._submit, self._forms, self._limit = path, submit, forms, limit
        self._before: dict[str, Seen] = {}

    def turn(self) -> int:
        """Take in what has stopped changing; how many files. Raises SourceFault for a folder that cannot be used,
        StoreUnavailable (the files stay where they are)."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            found = {p.name: _state(p) for p in self.path.iterdir() if self._is_ours(p)}
            ready = sorted(name for name, state in found.items() if self._before.get(name) == state)
            self._before = found
            for name in ready:
                self._take(self.path / name)
        except OSError as e:
            words = f"{e.strerror}: {e.filename}"
            raise SourceFault(f"文件夹无法使用：{words}", f"the folder cannot be used: {words}") from e
        return len(ready)

    def _take(self, path: Path) -> None:
        with path.open("rb") as file:
            data = file.read(self._limit + 1)  # one byte more than is accepted, so that the parser refuses it
        try:
            self._submit(data, self._forms[path.suffix.lower()], path.name)
        except Invalid as e:
            place = _free(self.path / "rejected", path.name)
            lines = [f"{r.field}\t{r.code}\t{r.zh}\t{r.en}\t{r.value}" for r in e.reasons]
            place.with_name(f"{place.name}.reason").write_text("\n".join(lines) + "\n", "utf-8")
        else:
            place = _free(self.path / "done", path.name)
        os.replace(path, place)
        self._before.pop(path.name, None)

    def _is_ours(self, path: Path) -> bool:
        """A link is not followed: it may lead anywhere."""
        hidden = path.name.startswith(".")
        return path.suffix.lower() in self._forms and not hidden and not path.is_symlink() and path.is_file()


def _state(path: Path) -> Seen:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _free(folder: Path, name: str) -> Path:
    """A name nothing in `folder` has yet: what is there already stays."""
    folder.mkdir(exist_ok=True)
    stem, suffix = Path(name).stem, Path(name).suffix
    names = (folder / (name if n == 0 else f"{stem}.{n}{suffix}") for n in count())
    return next(p for p in names if not p.exists())
