"""The options that a backtest and a sweep share: which bars, which days, whose rules."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from kis_daemon.app.backtest.result import Fills
from kis_daemon.app.backtest.rules import Rule
from kis_daemon.app.errors import UsageError
from kis_daemon.domain.market import Symbol, as_symbol
from kis_daemon.simulator.board import VOLUME_SHARE

F = TypeVar("F", bound=Callable[..., Any])

_FILE = click.Path(path_type=Path, dir_okay=False)
_DAY = click.DateTime(["%Y-%m-%d"])


def replayed_options(params: str, params_help: str) -> Callable[[F], F]:
    """Return a decorator that adds them; `params` is how `--params` is written, `params_help` what it is."""
    rules, orders = click.Choice([str(rule) for rule in Rule]), click.Choice([str(fills) for fills in Fills])
    folder = click.Path(path_type=Path, file_okay=False)
    millions, shares, processes = click.IntRange(1, 10**15), click.IntRange(1, 1_000_000), click.IntRange(1, 256)
    options = (
        click.option("--prices", type=_FILE, required=True, help="help.sim_prices"),
        click.option("--symbols", metavar="CODES", help="help.backtest_symbols"),
        click.option("--from", "first", type=_DAY, help="help.backtest_from"),
        click.option("--to", "last", type=_DAY, help="help.backtest_to"),
        click.option("--cash", type=millions, default=100_000_000, show_default=True, help="help.sim_cash"),
        click.option("--params", multiple=True, metavar=params, help=params_help),
        click.option("--rule", type=rules, default=str(Rule.ATR), show_default=True, help="help.backtest_rule"),
        click.option("--fills", type=orders, default=str(Fills.PATH), show_default=True, help="help.backtest_fills"),
        click.option(
            "--volume-share", type=shares, default=VOLUME_SHARE, show_default=True, help="help.backtest_volume"
        ),
        click.option("--json", "json_file", type=_FILE, help="help.backtest_json"),
        click.option("--jobs", type=processes, default=1, show_default=True, help="help.backtest_jobs"),
        click.option("--config-dir", type=folder, default=Path("config"), show_default=True, help="help.config_dir"),
    )

    def added(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return added


def symbols_of(text: str | None) -> tuple[Symbol, ...]:
    """Return the codes that `--symbols` names, each once; none for None."""
    if text is None:
        return ()
    try:
        return tuple(dict.fromkeys(as_symbol(part.strip()) for part in text.split(",")))
    except ValueError:
        raise UsageError("usage.backtest_codes", value=repr(text)) from None
