"""Personal data at rest: AES-256-GCM under a key derived from the installation's own secret (`<data_dir>/secret`).

The database holds the ciphertext only; a copy of it without that file tells nothing. What is sealed is bound to its
record: ciphertext moved to another row does not open.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from ioc.errors import ConfigError

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
