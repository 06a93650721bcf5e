"""One run with a virtual account: on KIS's quotes where there are keys, else on the embedded simulator's."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial

from kis_daemon.app.cbt.counterpart import virtual_counterpart
from kis_daemon.app.cbt.place import VirtualPlace
from kis_daemon.app.errors import ConfigurationError
from kis_daemon.app.lock import InstanceLock
from kis_daemon.app.modes import TradingMode, Venue
from kis_daemon.app.on_kis import VirtualRun, run_at_kis
from kis_daemon.app.on_simulator import run_on_the_simulator
from kis_daemon.app.options import RunOptions
from kis_daemon.app.settings import Settings
from kis_daemon.clock import SystemClock
from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.ports import Rows
from kis_daemon.services import kill_switch

_KEYS = "kis_keys.json"  # those of `--mode trade`: KIS gives out a token a minute


def run_on_a_virtual_account(settings: Settings, options: RunOptions, calendar: TradingCalendar) -> int:
    """Run until done or stopped; return the exit code. Real keys are not even asked for quotes."""
    if settings.trading_mode is TradingMode.REAL:
        raise ConfigurationError("config.cbt_real")
    place = VirtualPlace.under(settings.data_dir)
    own = place.settings(settings)
    terms = place.terms()
    simulated = settings.venue is Venue.SIMULATOR
    if simulated and terms.cash != options.sim.cash:
        terms = replace(terms, cash=options.sim.cash)
    behind = partial(
        virtual_counterpart,
        calendar=calendar,
        cash=terms.cash,
        commission_ppb=settings.commission_ppb,
        path=place.account_path,
    )
    with InstanceLock(settings.data_dir, now=SystemClock().now(), command=f"--mode {options.mode}"):
        place.write_terms(terms)
        if simulated:
            return run_on_the_simulator(own, options, calendar, behind)
        virtual = VirtualRun(behind=behind, token_path=settings.data_dir / _KEYS, release=_release)
        return run_at_kis(own, options, calendar, virtual=virtual)


def _release(rows: Rows, at: datetime) -> None:
    """A virtual account's money is invented: its own switch is released once, and recorded as such (C01)."""
    if rows.kill_switch().since is None:
        kill_switch.release(rows, at, reason="virtual account: no real money", by="cbt")
