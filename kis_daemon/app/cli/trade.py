"""`--mode trade|cbt`: the command line of the daemon itself, checked and handed on as values."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from kis_daemon.app.errors import UsageError
from kis_daemon.app.options import DOTENV, Feed, RunMode, RunOptions, SimOptions, SimProfile
from kis_daemon.domain.market import Symbol, as_symbol

_DEFAULT, _SIM = RunOptions(), SimOptions()


class _Finite(click.FloatRange):
    """A number in a range; `nan`, which every comparison lets through, is none."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


def _path(*, must_exist: bool = False) -> click.Path:
    return click.Path(path_type=Path, exists=must_exist, dir_okay=not must_exist)


OPTIONS: tuple[click.Parameter, ...] = (
    click.Option(["--mode"], type=click.Choice([str(m) for m in RunMode]), help="help.mode"),
    click.Option(
        ["--feed"],
        type=click.Choice([str(feed) for feed in Feed]),
        default=str(_DEFAULT.feed),
        show_default=True,
        help="help.feed",
    ),
    click.Option(
        ["--interval"],
        type=click.IntRange(1, 60),  # 60 s is the longest that is guaranteed (S3-X06, C23)
        default=_DEFAULT.interval_s,
        show_default=True,
        help="help.interval",
    ),
    click.Option(["--max-runs"], type=click.IntRange(min=1), help="help.max_runs"),
    click.Option(["--confirm-real-trading"], is_flag=True, help="help.confirm_real_trading"),
    click.Option(
        ["--real-first-order-percent"],
        type=_Finite(0, 100, min_open=True),
        default=_DEFAULT.real_first_order_percent,
        show_default=True,
        help="help.real_first_order_percent",
    ),
    click.Option(
        ["--real-limit-symbols-first-day/--no-real-limit-symbols-first-day"],
        default=_DEFAULT.real_limit_symbols_first_day,
        show_default=True,
        help="help.real_limit_symbols_first_day",
    ),
    click.Option(["--drift/--no-drift"], default=None, help="help.drift_option"),
    click.Option(["--summary-json"], type=_path(), metavar="PATH", help="help.summary_json"),
    click.Option(
        ["--data-dir"],
        type=_path(),
        metavar="DIR",
        default=_DEFAULT.data_dir,
        show_default=True,
        help="help.data_dir",
    ),
    click.Option(
        ["--config-dir"],
        type=_path(),
        metavar="DIR",
        default=_DEFAULT.config_dir,
        show_default=True,
        help="help.config_dir",
    ),
    click.Option(["--symbols"], metavar="A,B|all", help="help.symbols"),
    click.Option(
        ["--sim-speed"],
        type=_Finite(0, 1_000_000),
        metavar="RATE",
        default=_SIM.speed,
        show_default=True,
        help="help.sim_speed",
    ),
    click.Option(["--sim-days"], type=click.IntRange(1, 100_000), metavar="N", help="help.sim_days"),
    click.Option(
        ["--sim-seed"],
        type=click.IntRange(min=0),
        metavar="N",
        default=_SIM.seed,
        show_default=True,
        help="help.sim_seed",
    ),
    click.Option(
        ["--sim-start"],
        type=click.DateTime(["%Y-%m-%d"]),
        metavar="YYYY-MM-DD",
        default=_SIM.start.isoformat(),
        show_default=True,
        help="help.sim_start",
    ),
    click.Option(["--sim-prices"], type=_path(must_exist=True), metavar="FILE", help="help.sim_prices"),
    click.Option(
        ["--sim-cash"],
        type=click.IntRange(1, 10**15),
        metavar="WON",
        default=_SIM.cash,
        show_default=True,
        help="help.sim_cash",
    ),
    click.Option(
        ["--sim-profile"],
        type=click.Choice([str(profile) for profile in SimProfile]),
        default=str(_SIM.profile),
        show_default=True,
        help="help.sim_profile",
    ),
    click.Option(["--sim-faults"], type=_path(must_exist=True), metavar="FILE", help="help.sim_faults"),
    click.Option(["--sim-clock"], is_flag=True, help="help.sim_clock"),
)


def written(ctx: click.Context) -> tuple[str, ...]:
    """Return the options that really stand on the command line, by their longest names, in their order."""
    return tuple(
        max(param.opts, key=len)
        for param in ctx.command.params
        if param.name and ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE
    )


def options_of(values: Mapping[str, Any], given: tuple[str, ...]) -> RunOptions:
    """Return what the command line says, or raise `UsageError`."""
    if values["mode"] is None:
        raise UsageError("usage.mode_missing")
    mode = RunMode(values["mode"])
    if mode not in (RunMode.TRADE, RunMode.CBT):
        raise UsageError("usage.mode_later", mode=mode)
    symbols, all_symbols = _symbols(values["symbols"])
    start: datetime = values["sim_start"]
    return RunOptions(
        mode=mode,
        feed=Feed(values["feed"]),
        interval_s=values["interval"],
        max_runs=values["max_runs"],
        confirm_real_trading=values["confirm_real_trading"],
        real_first_order_percent=values["real_first_order_percent"],
        real_limit_symbols_first_day=values["real_limit_symbols_first_day"],
        drift=values["drift"],
        summary_json=_summary_file(values["summary_json"]),
        data_dir=values["data_dir"],
        config_dir=values["config_dir"],
        symbols=symbols,
        all_symbols=all_symbols,
        sim_clock=values["sim_clock"],
        sim=SimOptions(
            speed=values["sim_speed"],
            days=values["sim_days"],
            seed=values["sim_seed"],
            start=start.date(),
            prices=values["sim_prices"],
            cash=values["sim_cash"],
            profile=SimProfile(values["sim_profile"]),
            faults=values["sim_faults"],
            given=tuple(name for name in given if name.startswith("--sim-") and name != "--sim-clock"),
        ),
    )


def trade(options: RunOptions) -> int:
    """Run the daemon; return its exit code."""
    from kis_daemon.app.settings import load_settings  # late: `--help` answers without the libraries

    settings = load_settings(options, os.environ, DOTENV)

    from kis_daemon.app.run import run

    return run(settings, options)


def _symbols(text: str | None) -> tuple[tuple[Symbol, ...], bool]:
    if text is None:
        return (), False
    if text.strip().lower() == "all":
        return (), True
    try:
        return tuple(dict.fromkeys(as_symbol(part.strip()) for part in text.split(","))), False
    except ValueError:
        raise UsageError("usage.symbols", value=repr(text)) from None


def _summary_file(path: Path | None) -> Path | None:
    if path is not None and (path.is_dir() or not path.parent.is_dir()):
        raise UsageError("usage.summary_json", value=path)
    return path
