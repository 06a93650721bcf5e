"""The embedded simulator's world: which one lives in the data directory, and from when it goes on.

Rules of this room
    A world is known by what it was made of (seed or price file, start, cash, profile). A run of the same world that was
    interrupted goes on where it stopped; one that reached its end is put aside, and the next run begins it anew: so two
    whole runs are equal, and an interrupted one loses nothing.
    Files put aside stand in `previous_simulation/`; the ones before them are deleted.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from kis_daemon.app.options import SimOptions

_WORLD = "simulated_world.json"
SIMULATED_JOURNAL = "simulated_journal.jsonl"
SIMULATED_UNIVERSE = "simulated_universe"
_STATE = "simulated_account.json"
VIRTUAL_ACCOUNT = "virtual_account.json"
_DATABASE = "simulated.db"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One simulated world in `data_dir`."""

    data_dir: Path
    identity: str

    @property
    def state_path(self) -> Path:
        """Where the simulator keeps its account."""
        return self.data_dir / _STATE

    def goes_on(self) -> bool:
        """Whether an interrupted run of this very world lies in the directory."""
        try:
            told = json.loads((self.data_dir / _WORLD).read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return False
        return isinstance(told, dict) and told.get("identity") == self.identity and told.get("finished") is False

    def last_moment(self) -> datetime | None:
        """Return the moment the interrupted run's account was last written, or None."""
        try:
            return datetime.fromisoformat(json.loads(self.state_path.read_text("utf-8"))["now"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def begin(self) -> None:
        """Put the files of whatever world was here aside and write this one's name down."""
        files = [self.data_dir / _WORLD, self.state_path, self.data_dir / SIMULATED_JOURNAL]
        files += [self.data_dir / f"{_DATABASE}{suffix}" for suffix in ("", "-wal", "-shm")]
        files += [self.data_dir / SIMULATED_UNIVERSE, self.data_dir / VIRTUAL_ACCOUNT]
        found = [file for file in files if file.exists()]
        if found:
            aside = self.data_dir / "previous_simulation"
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir(parents=True)
            for file in found:
                file.rename(aside / file.name)
        self._write(finished=False)

    def finish(self) -> None:
        """Write down that the run reached its end."""
        self._write(finished=True)

    def _write(self, *, finished: bool) -> None:
        path = self.data_dir / _WORLD
        scratch = path.with_suffix(".tmp")
        scratch.write_text(json.dumps({"identity": self.identity, "finished": finished}) + "\n", "utf-8")
        scratch.replace(path)


def world_of(data_dir: Path, sim: SimOptions) -> World:
    """Return the world that `sim` describes; a price file is known by its content."""
    prices = "" if sim.prices is None else hashlib.sha256(sim.prices.read_bytes()).hexdigest()
    told = f"{sim.seed}|{sim.start}|{sim.cash}|{sim.profile}|{prices}"
    return World(data_dir=data_dir, identity=hashlib.sha256(told.encode()).hexdigest())
