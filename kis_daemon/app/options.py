"""What the command line of the front door says, as values.

The same dataclasses are made by tests and by other programs; their defaults are those of the command line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path

from kis_daemon.domain.market import Symbol, Won

DOTENV = Path(".env")
"""Where variables stand that the environment leaves out: in the folder of the start."""

DEFAULT_SIM_START = date(2026, 3, 3)
"""The first trading day of the embedded simulator unless told otherwise: fixed, so that a run can be repeated."""


DEFAULT_SIM_SEED = 55
"""A seed whose first day shows breakouts bought and a stop sold; a test pins its trades."""


class RunMode(StrEnum):
    """What `--mode` may say."""

    TRADE = "trade"
    CBT = "cbt"
    VERIFY = "verify"
    BACKTEST = "backtest"


class Feed(StrEnum):
    """Where quotes come from first; the other is the fallback (C24)."""

    WS = "ws"
    REST = "rest"


class SimProfile(StrEnum):
    """Which of KIS's two servers the simulator imitates."""

    PAPER = "paper"
    REAL = "real"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimOptions:
    """How the embedded simulator runs. `speed` 1 is real time, 390 a trading day a minute, 0 as fast as it goes.

    `given` names the options that were really written, for telling contradictions.
    """

    speed: float = 1.0
    days: int | None = None
    seed: int = DEFAULT_SIM_SEED
    start: date = DEFAULT_SIM_START
    prices: Path | None = None
    cash: Won = 100_000_000
    profile: SimProfile = SimProfile.PAPER
    faults: Path | None = None
    given: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """One run of the daemon. `symbols` outranks every file; `all_symbols` takes whatever the simulator lists.

    `drift` is whether each evening is compared with a backtest; None: wherever days are as long as days.
    """

    mode: RunMode = RunMode.TRADE
    feed: Feed = Feed.WS
    interval_s: int = 60
    max_runs: int | None = None
    confirm_real_trading: bool = False
    real_first_order_percent: float = 10.0
    real_limit_symbols_first_day: bool = True
    summary_json: Path | None = None
    drift: bool | None = None
    data_dir: Path = Path("data")
    config_dir: Path = Path("config")
    symbols: tuple[Symbol, ...] = ()
    all_symbols: bool = False
    sim_clock: bool = False
    sim: SimOptions = field(default_factory=SimOptions)
