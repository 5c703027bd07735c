"""Personal data at rest: AES-256-GCM under keys that lie beside the database, never in it.

The first key comes of the installation's own secret (`<data_dir>/secret`); those that follow it stand in a key file,
newest last (`ioc seal rotate`). The newest seals, each of them opens what it sealed. A copy of the database without
these files tells nothing. What is sealed is bound to its record: ciphertext moved to another row does not open.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from ioc.errors import ConfigError
from ioc.settings import Settings

_NONCE = 12  # bytes, as NIST SP 800-38D recommends for GCM


@dataclass(frozen=True)
class Sealer:
    """`secret`: the installation's. `purpose` gives every use a key of its own."""

    secret: bytes
    purpose: str

    @cached_property
    def _key(self) -> bytes:
        """Raises ConfigError where the library is not installed: nothing is kept unsealed instead."""
        try:
            from cryptography.hazmat.primitives.hashes import SHA256
            from cryptography.hazmat.primitives.kdf.hkdf import HKDF
        except ImportError as e:
            raise ConfigError("缺少 Python 包 cryptography", "the Python package cryptography is missing") from e
        return HKDF(SHA256(), length=32, salt=None, info=f"ioc {self.purpose} 1".encode()).derive(self.secret)

    @cached_property
    def key_id(self) -> str:
        """Tells keys apart without telling the key. Raises ConfigError."""
        return hashlib.sha256(b"key id" + self._key).hexdigest()[:12]

    def seal(self, values: Mapping[str, str], record: str) -> bytes:
        """`record` names the row it belongs to. Raises ConfigError."""
        key, nonce = self._key, os.urandom(_NONCE)
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return nonce + AESGCM(key).encrypt(nonce, json.dumps(dict(values)).encode(), record.encode())

    def open(self, sealed: bytes, record: str) -> dict[str, str]:
        """Raises ConfigError for what was sealed with another key, belongs to another record, or was changed."""
        key = self._key
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            plain = AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], record.encode())
        except (InvalidTag, ValueError) as e:
            raise ConfigError("密文无法解开：密钥不符或内容被改动", "cannot be opened: another key, or changed") from e
        return json.loads(plain)


@dataclass(frozen=True, slots=True)
class SealKey:
    """One key of the installation. `number` 1 with an empty `made_at` is the one that comes of its secret."""

    number: int
    made_at: str
    secret: bytes


@dataclass(frozen=True)
class KeyFile:
    """The keys of an installation, oldest first. Read anew each time: another process may just have added one."""

    path: Path
    first: bytes

    def read(self) -> tuple[SealKey, ...]:
        """Raises ConfigError for a file that cannot be read: nothing is sealed with a guessed key instead."""
        try:
            text = self.path.read_text("utf-8")
        except FileNotFoundError:
            return (SealKey(1, "", self.first),)
        except (OSError, UnicodeError) as e:
            raise self._bad() from e
        try:
            listed: list[dict[str, Any]] = json.loads(text)["keys"]
            found = tuple(SealKey(int(k["number"]), str(k["made_at"]), self._secret(k["key"])) for k in listed)
        except (ValueError, KeyError, TypeError, RecursionError) as e:
            raise self._bad() from e
        if not found or any(a.number >= b.number for a, b in pairwise(found)):
            raise self._bad()
        return found

    def add(self, now: dt.datetime) -> SealKey:
        """A new key, on disk before it returns. One caller at a time."""
        keys = self.read()
        made = SealKey(keys[-1].number + 1, now.astimezone(dt.UTC).isoformat(timespec="seconds"), os.urandom(32))
        self._write([*keys, made])
        return made

    def drop(self, number: int) -> None:
        """Nothing sealed with it opens afterwards. One caller at a time."""
        self._write([k for k in self.read() if k.number != number])

    def _secret(self, told: str | None) -> bytes:
        if told is None:
            return self.first
        secret = base64.b64decode(told, validate=True)
        if len(secret) != 32:
            raise ValueError(told)
        return secret

    def _write(self, keys: Sequence[SealKey]) -> None:
        listed = [{"number": k.number, "made_at": k.made_at,
                   "key": base64.b64encode(k.secret).decode() if k.made_at else None} for k in keys]  # fmt: skip
        self.path.parent.mkdir(parents=True, exist_ok=True)
        tmp = self.path.with_name(f"{self.path.name}.new")
        tmp.unlink(missing_ok=True)
        with os.fdopen(os.open(tmp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as f:
            json.dump({"keys": listed}, f, indent=1)
            f.flush()
            os.fsync(f.fileno())
        tmp.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _bad(self) -> ConfigError:
        return ConfigError(f"密钥文件 {self.path.name} 无法读取", f"the key file {self.path.name} cannot be read")


@dataclass(frozen=True)
class Ring:
    """All keys of one purpose. Whoever seals holds the keys for the time of the transaction (`ioc.store.sealed.hold`)
    and asks for `newest` only then, or a key may be dropped in between.
    """

    file: KeyFile
    purpose: str

    def sealers(self) -> list[Sealer]:
        """Oldest first. Raises ConfigError."""
        return [Sealer(k.secret, self.purpose) for k in self.file.read()]

    def newest(self) -> Sealer:
        return self.sealers()[-1]

    def open(self, sealed: bytes, record: str, key_id: str) -> dict[str, str]:
        """Raises ConfigError for a key that is not here, another record, or what was changed."""
        for sealer in self.sealers():
            if sealer.key_id == key_id:
                return sealer.open(sealed, record)
        raise ConfigError(f"没有密钥 {key_id}", f"no key {key_id}")


def key_file(settings: Settings) -> KeyFile:
    return KeyFile(settings.seal_keys, settings.secret)


def ring(settings: Settings, purpose: str) -> Ring:
    return Ring(key_file(settings), purpose)
