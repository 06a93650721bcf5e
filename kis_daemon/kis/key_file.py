"""The file that keeps KIS's keys over a restart, readable by its owner only.

Rules of this room
    Born with mode 0600 under another name, written whole, then renamed: never world-readable, never half.
    A key is bound to a hash of app key and profile; another key set's is as good as none.
    What cannot be read counts as absent; what cannot be written is logged, and the key is used all the
    same.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import structlog

from kis_daemon.domain.calendar import KST

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An issued key: an access token, or a stream key."""

    text: str = field(repr=False)
    issued_at: datetime
    expires_at: datetime


class KeyFile:
    """The keys of one owner in one file, by kind. With `path` None they live in memory only."""

    def __init__(self, path: Path | None, owner: str) -> None:
        self._path = path
        self._owner = owner

    def load(self, kind: str) -> Key | None:
        """Return the stored key of this kind and owner, if there is one."""
        stored = self._read().get(kind)
        if not isinstance(stored, dict) or stored.get("owner") != self._owner:
            return None
        try:
            key = Key(
                text=str(stored["text"]),
                issued_at=datetime.fromisoformat(stored["issued_at"]),
                expires_at=datetime.fromisoformat(stored["expires_at"]),
            )
            return Key(
                text=key.text,
                issued_at=key.issued_at.astimezone(KST),
                expires_at=key.expires_at.astimezone(KST),
            )
        except (KeyError, TypeError, ValueError):
            return None

    def save(self, kind: str, key: Key | None) -> None:
        """Store the key of this kind, or forget it; other kinds stay."""
        if self._path is None:
            return
        entries = self._read()
        if key is None:
            entries.pop(kind, None)
        else:
            entries[kind] = {
                "owner": self._owner,
                "text": key.text,
                "issued_at": key.issued_at.isoformat(),
                "expires_at": key.expires_at.isoformat(),
            }
        try:
            self._write(self._path, json.dumps(entries).encode())
        except OSError as error:
            log.warning("key_file_not_written", path=str(self._path), error=type(error).__name__)

    def _read(self) -> dict[str, object]:
        if self._path is None:
            return {}
        try:
            entries = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        return entries if isinstance(entries, dict) else {}

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        draft = path.with_name(f".{path.name}.new")
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()  # left by a crash; its mode is not ours to trust
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
