"""Files by their digest under one folder, outside the web root: `ab/cd/abcd…`, and `….small` beside a picture."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from ioc.attachments.content import Prepared
from ioc.audit.canonical import sm3

_NEW = ".new"


@dataclass(frozen=True, slots=True)
class Files:
    """`folder` is made when the first file comes. With several machines it is one that all of them share."""

    folder: Path

    def path(self, digest: str, *, small: bool = False) -> Path:
        return self.folder / digest[:2] / digest[2:4] / (f"{digest}.small" if small else digest)

    def keep(self, prepared: Prepared) -> str:
        """Write what is kept and its small picture to the disk, for good (fsync). Returns the digest, in hex.

        Raises OSError when the disk does not take it; nothing half-written is ever found under its name.
        """
        digest = sm3(prepared.data).hex()
        if prepared.small is not None:
            self._put(self.path(digest, small=True), prepared.small)
        self._put(self.path(digest), prepared.data)
        return digest

    def forget(self, digest: str, before_s: float) -> bool:
        """Remove a file, unless it was written (again) since `before_s` (epoch). False: it stays or is not there."""
        try:
            if self.path(digest).stat().st_mtime >= before_s:
                return False
        except FileNotFoundError:
            return False
        for small in (True, False):
            self.path(digest, small=small).unlink(missing_ok=True)
        return True

    def free_mb(self) -> int:
        """MiB free where the files lie, or will."""
        place = self.folder
        while not place.exists():
            place = place.parent
        return shutil.disk_usage(place).free // 2**20

    def older_than(self, epoch_s: float) -> Generator[str]:
        """Digests of the files last written before it; what a crash left half-written is removed on the way."""
        for path in self.folder.glob("??/??/*"):
            try:
                if path.stat().st_mtime >= epoch_s:
                    continue
            except FileNotFoundError:
                continue
            if path.suffix == _NEW:
                path.unlink(missing_ok=True)
            elif not path.suffix:
                yield path.name

    def _put(self, path: Path, data: bytes) -> None:
        self._folder(path.parent)
        if path.exists() and path.stat().st_size == len(data):
            os.utime(path)  # young again: the sweep leaves it alone until its row is there
            return
        new = path.with_name(f"{path.name}.{secrets.token_hex(6)}{_NEW}")
        try:
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as f:
                f.write(data)
                f.flush()
                os.fsync(f.fileno())
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)
        _sync(path.parent)

    def _folder(self, folder: Path) -> None:
        missing = [p for p in (folder, *folder.parents) if not p.exists()]
        for made in reversed(missing):
            made.mkdir(mode=0o700, exist_ok=True)
            _sync(made.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
