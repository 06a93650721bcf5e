"""`mandates list|grant|revoke`: the standing mandates that entries are minted from (C28)."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import click

from kis_daemon.app.cli.stores import opened, where
from kis_daemon.app.entropy import SystemEntropy
from kis_daemon.app.errors import Refusal, UsageError
from kis_daemon.app.modes import TradingMode
from kis_daemon.app.options import DOTENV, RunOptions
from kis_daemon.app.settings import Settings, load_settings
from kis_daemon.clock import SystemClock
from kis_daemon.console.catalogue import Language, say
from kis_daemon.domain.approvals import Mandate
from kis_daemon.domain.market import Side, Symbol, as_symbol
from kis_daemon.services import mandates
from kis_daemon.services.approvals import TokenMint


@click.group(help="help.mandates")
def command() -> None:
    """The group; each command below works on the daemon's database."""


@command.command("list", help="help.mandates_list")
@where
@click.pass_context
def list_(ctx: click.Context, data_dir: Path, config_dir: Path) -> None:
    language: Language = ctx.find_root().obj
    settings = _settings_or_none(data_dir, config_dir)
    mode = TradingMode.PAPER if settings is None else settings.trading_mode
    now = SystemClock().now()
    with opened(data_dir, config_dir) as database:
        stored = database.transact_now(lambda rows: rows.mandates())
    for each in mandates.standing(_mint(settings), mode.value, now, stored):
        mandate = each.stored.mandate
        click.echo(
            say(
                language,
                "mandates.row",
                mandate=mandate.mandate_id,
                state=each.state,
                signed_by=mandate.signed_by,
                expires_at=f"{mandate.expires_at:%Y-%m-%d %H:%M}",
                symbols=",".join(mandate.symbols) or say(language, "mandates.every_symbol"),
                max_quantity=mandate.max_quantity,
                max_notional_a_day=mandate.max_notional_a_day,
            )
        )
    if not stored:
        click.echo(say(language, "mandates.none"))


@command.command(help="help.mandates_grant")
@click.option("--by", required=True, help="help.proposals_by")
@click.option("--symbols", default="", metavar="A,B", help="help.mandates_symbols")
@click.option("--max-quantity", type=click.IntRange(1, 1_000_000), required=True, help="help.mandates_quantity")
@click.option("--max-notional", type=click.IntRange(1, 10**13), required=True, help="help.mandates_notional")
@click.option("--days", type=click.IntRange(1, 366), default=30, show_default=True, help="help.mandates_days")
@where
@click.pass_context
def grant(
    ctx: click.Context,
    by: str,
    symbols: str,
    max_quantity: int,
    max_notional: int,
    days: int,
    data_dir: Path,
    config_dir: Path,
) -> None:
    language: Language = ctx.find_root().obj
    name = by.strip()
    if not name or name.startswith(mandates.SIGNED_BY_A_START):
        raise UsageError("usage.mandates_name", name=repr(by))
    try:
        named = tuple(as_symbol(part.strip()) for part in symbols.split(",") if part.strip())
    except ValueError:
        raise UsageError("usage.symbols", value=repr(symbols)) from None
    settings = _settings(data_dir, config_dir)
    mint = _mint(settings)
    if mint is None:
        raise UsageError("usage.no_secret")
    now = SystemClock().now()
    mandate = Mandate(
        mandate_id=f"{settings.trading_mode.value.lower()}-{now:%Y%m%d%H%M%S}-{mint.new_id()[:8]}",
        signed_by=name[:100],
        signed_at=now,
        expires_at=now + timedelta(days=days),
        side=Side.BUY,
        symbols=named,
        max_quantity=max_quantity,
        max_notional_a_day=max_notional,
    )
    with opened(data_dir, config_dir) as database:
        database.transact_now(lambda rows: mandates.grant(rows, mint, mandate, settings.trading_mode.value))
    click.echo(say(language, "mandates.granted", mandate=mandate.mandate_id))


@command.command(help="help.mandates_revoke")
@click.argument("mandate")
@click.option("--by", required=True, help="help.proposals_by")
@click.option("--reason", required=True, help="help.proposals_reason")
@where
@click.pass_context
def revoke(ctx: click.Context, mandate: str, by: str, reason: str, data_dir: Path, config_dir: Path) -> None:
    language: Language = ctx.find_root().obj
    name, why = by.strip(), reason.strip()
    if not name or not why:
        raise UsageError("usage.proposals_words")
    now = SystemClock().now()
    with opened(data_dir, config_dir) as database:
        done = database.transact_now(lambda rows: mandates.revoke(rows, mandate, now, name[:100], why[:500]))
    if not done:
        raise UsageError("usage.mandates_unknown", mandate=mandate)
    click.echo(say(language, "mandates.revoked", mandate=mandate))


def _settings(data_dir: Path, config_dir: Path) -> Settings:
    # Which symbols are traded does not matter here
    options = RunOptions(
        data_dir=data_dir, config_dir=config_dir, confirm_real_trading=True, symbols=(Symbol("000000"),)
    )
    return load_settings(options, os.environ, DOTENV)


def _settings_or_none(data_dir: Path, config_dir: Path) -> Settings | None:
    """Return the settings; broken ones keep nobody from looking, `opened` tells of them."""
    try:
        return _settings(data_dir, config_dir)
    except Refusal:
        return None


def _mint(settings: Settings | None) -> TokenMint | None:
    if settings is None or settings.jwt_secret is None:
        return None
    return TokenMint(settings.jwt_secret.get_secret_value().encode(), SystemEntropy(), SystemClock())
