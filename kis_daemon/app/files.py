"""What a run reads from the disk beside its settings: the calendar, the commit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import yaml

from kis_daemon.app.errors import ConfigurationError
from kis_daemon.domain.calendar import TradingCalendar


def load_calendar(config_dir: Path) -> TradingCalendar:
    """Return the calendar in `config_dir`; `ConfigurationError` with file and field if it is unusable."""
    path = config_dir / "krx_calendar.yaml"
    try:
        data = yaml.load(path.read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}; expected the trading calendar") from None
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path}: not readable as YAML: {error}") from None
    if not isinstance(data, dict):
        raise ConfigurationError(f"{path}: expected a mapping with first, last, closed")
    try:
        return TradingCalendar.from_mapping(data)
    except ValueError as error:
        raise ConfigurationError(f"{path}: {error}") from None


def git_commit() -> str:
    """Return the commit this program was taken from, or "unknown" outside a checkout."""
    root = Path(__file__).resolve().parents[2]
    try:
        told = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True, timeout=5
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return told.stdout.strip()
