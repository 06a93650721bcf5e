"""Where a virtual account lives, and on what terms it began."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from kis_daemon.app.errors import ConfigurationError
from kis_daemon.app.settings import Settings
from kis_daemon.app.world import VIRTUAL_ACCOUNT
from kis_daemon.domain.market import Won

_FOLDER = "cbt"
_TERMS = "terms.json"
DEFAULT_CASH: Won = 100_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the account began with; `since` is the day of the reset, None where there was none."""

    cash: Won = DEFAULT_CASH
    since: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualPlace:
    """The folder of the virtual account inside the daemon's data directory."""

    folder: Path

    @classmethod
    def under(cls, data_dir: Path) -> VirtualPlace:
        return cls(folder=data_dir / _FOLDER)

    @property
    def account_path(self) -> Path:
        return self.folder / VIRTUAL_ACCOUNT

    def settings(self, settings: Settings) -> Settings:
        """Return `settings` with this folder's own files and database in them."""
        return settings.model_copy(update={"data_dir": self.folder, "database_url": None})

    def terms(self) -> Terms:
        """Return the terms written here, the default ones where nobody wrote any."""
        path = self.folder / _TERMS
        try:
            told = json.loads(path.read_text("utf-8"))
            since = told["since"]
            return Terms(cash=int(told["cash"]), since=None if since is None else date.fromisoformat(since))
        except FileNotFoundError:
            return Terms()
        except (OSError, ValueError, KeyError, TypeError):
            raise ConfigurationError("config.cbt_terms", place=path) from None

    def write_terms(self, terms: Terms) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        since = None if terms.since is None else terms.since.isoformat()
        fresh = self.folder / f"{_TERMS}.new"
        fresh.write_text(json.dumps({"cash": terms.cash, "since": since}) + "\n", "utf-8")
        fresh.replace(self.folder / _TERMS)

    def begin_anew(self, terms: Terms) -> Path | None:
        """Put the account aside (one is kept) and begin with `terms`; return where the old one stands now."""
        aside = None
        if self.folder.is_dir():
            aside = self.folder.with_name(f"{_FOLDER}.previous")
            shutil.rmtree(aside, ignore_errors=True)
            self.folder.rename(aside)
        self.write_terms(terms)
        return aside
