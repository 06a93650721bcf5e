"""Where the audit of a database stands: its mirror beside the logs, the recorded inputs beside the data."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path

from kis_daemon.app.options import DOTENV, RunOptions
from kis_daemon.app.settings import Settings, load_settings
from kis_daemon.domain.market import Symbol
from kis_daemon.services.audit_desk import AuditPlaces
from kis_daemon.services.audit_files import MirrorFiles
from kis_daemon.store.database import Database
from kis_daemon.store.urls import database_url, shown


def settings_of(data_dir: Path, config_dir: Path) -> Settings:
    """Return the settings that a daemon with the same directories and environment has."""
    options = RunOptions(
        data_dir=data_dir, config_dir=config_dir, confirm_real_trading=True, symbols=(Symbol("000000"),)
    )
    return load_settings(options, os.environ, DOTENV)


def owner_of(url: str) -> str:
    """Return the name that the database at `url` has beside others: readable, unique, without its password."""
    target = database_url(url)
    place = str(Path(target.database or "").resolve()) if target.get_backend_name() == "sqlite" else shown(target)
    name = re.sub(r"[^A-Za-z0-9._-]", "_", Path(target.database or "memory").name)
    return f"{name}-{hashlib.sha256(place.encode()).hexdigest()[:8]}"


def inputs_folder(settings: Settings) -> Path:
    return settings.data_dir / "inputs"


def mirror_folder(settings: Settings) -> Path:
    return settings.log_dir / "audit"


def audit_places(settings: Settings, database: Database) -> AuditPlaces:
    """Return where the audit of a run stands."""
    return AuditPlaces(
        records=database,
        mirror=mirror_folder(settings),
        owner=owner_of(settings.database),
        inputs=inputs_folder(settings),
    )


def set_mirror_aside(settings: Settings) -> None:
    """Move mirror and inputs of a simulated world that begins anew to the files of the one before."""
    aside = settings.data_dir / "previous_simulation"
    for folder in (aside / "audit", aside / "inputs"):
        shutil.rmtree(folder, ignore_errors=True)
    MirrorFiles(mirror_folder(settings), owner_of(settings.database)).put_aside(aside / "audit")
    inputs = inputs_folder(settings)
    if inputs.is_dir():
        aside.mkdir(parents=True, exist_ok=True)
        inputs.rename(aside / "inputs")
