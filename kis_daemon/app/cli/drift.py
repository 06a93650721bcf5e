"""`drift [--date] [--json]`: a day of the daemon beside a backtest of the same day, order by order.

Exit codes: 0 compared, whatever was found; 64 the command line; 78 a day that was not kept, or what cannot be opened.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import click

from kis_daemon.app.audit_places import inputs_folder, settings_of
from kis_daemon.app.backtest.recorded_day import RecordedDay, recorded_day
from kis_daemon.app.cli.audit_story import reading
from kis_daemon.app.cli.stores import named, refusing, where
from kis_daemon.app.drift import drift_of, keep
from kis_daemon.app.errors import ConfigurationError
from kis_daemon.app.evening import drift_file
from kis_daemon.app.files import load_calendar
from kis_daemon.app.settings import Settings
from kis_daemon.console.catalogue import Language, say
from kis_daemon.domain.calendar import KST
from kis_daemon.domain.drift import Kind
from kis_daemon.domain.market import Symbol
from kis_daemon.domain.orders import Order
from kis_daemon.services.audit_inputs import read_lines


@click.command(help="help.drift")
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d", "%Y%m%d"]), help="help.drift_date")
@click.option("--json", "as_json", is_flag=True, help="help.drift_json")
@where
@click.pass_context
def command(ctx: click.Context, day: datetime | None, as_json: bool, data_dir: Path, config_dir: Path) -> int:
    language: Language = ctx.find_root().obj
    settings = settings_of(data_dir, config_dir)
    of = _last_kept(settings) if day is None else day.date()
    recorded = _recorded(settings, of)
    orders, denied = _as_lived(of, data_dir, config_dir)
    drift = drift_of(settings, of, recorded, orders, denied, load_calendar(config_dir))
    told = keep(drift, recorded, of, drift_file(settings.log_dir, of))
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False, indent=1))
    else:
        _show(told, language)
    return 0


def _last_kept(settings: Settings) -> date:
    folder = inputs_folder(settings)
    names = sorted(file.name.partition(".")[0] for file in folder.glob("[0-9]*.jsonl.gz"))
    if not names:
        raise ConfigurationError("audit.no_inputs", place=folder)
    return datetime.strptime(names[-1], "%Y%m%d").date()


def _recorded(settings: Settings, day: date) -> RecordedDay:
    file = inputs_folder(settings) / f"{day:%Y%m%d}.jsonl.gz"
    if not file.exists():
        raise ConfigurationError("audit.no_inputs", place=file)
    try:
        recorded = recorded_day(read_lines(file))
    except ValueError as error:
        raise ConfigurationError("drift.unusable", place=file, reason=str(error)) from None
    if recorded.prices.last_day < day:
        raise ConfigurationError("drift.no_bars", day=day.isoformat(), last=recorded.prices.last_day.isoformat())
    return recorded


def _as_lived(day: date, data_dir: Path, config_dir: Path) -> tuple[tuple[Order, ...], Mapping[Symbol, str]]:
    """Return the orders of `day`, and why breakouts were not bought."""
    since = datetime.combine(day, time(), KST)
    until = since + timedelta(days=1) - timedelta(microseconds=1)
    with reading(named(data_dir, config_dir)) as database, refusing():
        orders = database.transact_now(lambda rows: rows.orders_of(day))
        facts = database.transact_now(lambda rows: rows.facts(types=["entry_denied"], since=since, until=until))
    return orders, {Symbol(payload["symbol"]): f"{payload['code']}: {payload['reason']}" for *_, payload in facts}


def _show(told: Mapping[str, Any], language: Language) -> None:
    click.echo(
        say(language, "drift.told", day=told["day"], **told["counts"], cost=told["cost"], orders=len(told["orders"]))
    )
    for order in told["orders"]:
        if order["kind"] != Kind.MATCHED:
            shown = {key: order[key] for key in ("symbol", "side", "rule", "cost", "reason")}
            click.echo(say(language, "drift.order", kind=say(language, f"drift.{order['kind']}"), **shown))
