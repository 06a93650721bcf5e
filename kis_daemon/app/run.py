"""One run of the daemon, from its settings to its exit code: who answers decides which way."""

from __future__ import annotations

import sys
import time

from kis_daemon.app.files import load_calendar
from kis_daemon.app.modes import TradingMode, Venue
from kis_daemon.app.on_kis import run_at_kis
from kis_daemon.app.on_simulator import run_on_the_simulator
from kis_daemon.app.options import RunMode, RunOptions
from kis_daemon.app.real_money import count_down
from kis_daemon.app.settings import Settings
from kis_daemon.console.terminal import Screen


def run(settings: Settings, options: RunOptions) -> int:
    """Run the daemon until it is done or stopped; return the exit code."""
    calendar = load_calendar(settings.config_dir)
    if options.mode is RunMode.CBT:
        from kis_daemon.app.cbt.run import run_on_a_virtual_account  # late: the exchange is no part of the daemon

        return run_on_a_virtual_account(settings, options, calendar)
    if settings.venue is Venue.SIMULATOR:
        return run_on_the_simulator(settings, options, calendar)
    confirmed = None
    if settings.trading_mode is TradingMode.REAL:
        confirmed = count_down(settings, options, Screen(sys.stdout).line, time.sleep)
    return run_at_kis(settings, options, calendar, confirmed=confirmed)
