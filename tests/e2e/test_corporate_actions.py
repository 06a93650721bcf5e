"""Splits, rights and halts of what is held, through simulator and daemon: none of them sells it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from kis_daemon.app import compose, on_simulator
from kis_daemon.app.files import load_calendar
from kis_daemon.domain.calendar import TradingDay
from kis_daemon.domain.market import Market, Rounding, Symbol, to_tick
from kis_daemon.services.reconciler import Cadence
from kis_daemon.simulator.market_rules import ActionKind, CorporateAction, Designation, MarketRules
from kis_daemon.simulator.profile import SimulatorSettings
from kis_daemon.simulator.server import Simulator
from tests.conftest import ROOT
from tests.e2e.processes import here
from tests.e2e.records import rows

SYMBOL = Symbol("100010")
BREAKOUT = date(2026, 3, 3)
SPLITS_ON = date(2026, 3, 6)
LIQUIDATED_ON = date(2026, 3, 4)
_HISTORY = 130
_DAYS = 24


def write_prices(path: Path, falls_on: date | None = None) -> Path:
    """A year that rises, a breakout, and then days on which nothing happens, or a fall through any stop."""
    calendar = load_calendar(ROOT / "config")
    history = calendar.trading_days(BREAKOUT - timedelta(days=400), BREAKOUT - timedelta(days=1))[-_HISTORY:]
    after = calendar.trading_days(BREAKOUT, BREAKOUT + timedelta(days=60))[: _DAYS + 2]
    lines, close = ["symbol,date,open,high,low,close,volume"], 60_000.0

    def bar(day: date, *parts: float) -> str:
        prices = [to_tick(close * part, Rounding.DOWN, Market.KOSPI, day) for part in parts]
        return ",".join([SYMBOL, day.isoformat(), *map(str, prices), "3000000"])

    for day in history:
        lines.append(bar(day.date, 1, 1.014, 0.998, 1.008))
        close *= 1.008
    lines.append(bar(BREAKOUT, 1.012, 1.02, 1.01, 1.015))
    close *= 1.015
    for day in after[1:]:
        falls = falls_on is not None and day.date >= falls_on
        lines.append(bar(day.date, 0.98, 0.98, 0.8, 0.82) if falls else bar(day.date, 1, 1.004, 0.997, 1))
        close *= 0.82 if falls else 1
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def lived(
    home: Path, monkeypatch: pytest.MonkeyPatch, days: int = 5, falls_on: date | None = None, **market: Any
) -> dict[str, Any]:
    """Live through the days on a market with these rules; return the run's summary."""

    def made(**more: Any) -> SimulatorSettings:
        return SimulatorSettings(**more, ticks_per_day=6, market=MarketRules(**market))

    monkeypatch.setattr(on_simulator, "SimulatorSettings", made)
    monkeypatch.setattr(on_simulator, "_POLL_S", 3600.0)  # nobody is there to pull the switch
    monkeypatch.delenv("PYTHONASYNCIODEBUG", raising=False)  # weeks of loop turns; shorter days are lived with it
    summary = home / "summary.json"
    prices = write_prices(home / "prices.csv", falls_on)
    arguments: list[str | Path] = [
        *("--mode", "trade", "--sim-prices", prices, "--sim-start", BREAKOUT.isoformat()),
        *("--sim-days", str(days), "--sim-speed", "0", "--summary-json", summary),
        *("--config-dir", ROOT / "config", "--data-dir", home / "data"),
    ]
    assert here(arguments, home, {}) == 0
    told: dict[str, Any] = json.loads(summary.read_text("utf-8"))
    return told


def positions(home: Path) -> list[tuple[Any, ...]]:
    columns = "quantity, cost, stop, target"
    return rows(home / "data" / "simulated.db", f"SELECT {columns} FROM positions WHERE closed_at IS NULL")


def events(home: Path, name: str) -> list[dict[str, Any]]:
    found = rows(home / "data" / "simulated.db", f"SELECT payload_json FROM event_log WHERE event_type = '{name}'")
    return [json.loads(payload) for (payload,) in found]


def an_action(kind: ActionKind, num: int, den: int, halted_days: int = 2) -> tuple[CorporateAction, ...]:
    return (
        CorporateAction(symbol=SYMBOL, day=SPLITS_ON, kind=kind, ratio_num=num, ratio_den=den, halted_days=halted_days),
    )


@pytest.mark.parametrize(
    ("kind", "num", "den"),
    [
        pytest.param(ActionKind.SPLIT, 5, 1, id="1:5"),
        pytest.param(ActionKind.SPLIT, 50, 1, id="1:50"),
        pytest.param(ActionKind.REVERSE_SPLIT, 1, 10, id="10:1"),
        pytest.param(ActionKind.RIGHTS, 11, 10, id="rights"),
    ],
)
def test_what_is_held_is_rebased_and_not_sold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: ActionKind, num: int, den: int
) -> None:
    summary = lived(tmp_path, monkeypatch, actions=an_action(kind, num, den))

    (opened,) = events(tmp_path, "position_opened")
    (rebased,) = events(tmp_path, "position_rebased")
    ((quantity, cost, stop, target),) = positions(tmp_path)
    assert [trade["side"] for trade in summary["trades"]] == ["BUY"]
    assert quantity == opened["quantity"] * num // den == summary["simulator_account"]["holdings"][SYMBOL]["quantity"]
    assert cost == pytest.approx(opened["cost"] * quantity * den / num / opened["quantity"], rel=0.01)
    assert stop == pytest.approx(opened["stop"] * den / num, rel=0.01)
    assert target == pytest.approx(opened["target"] * den / num, rel=0.01)
    assert rebased["quantity"] == quantity
    assert events(tmp_path, "position_mismatch") == []
    assert events(tmp_path, "position_unprotected") == []


def test_a_halt_of_twenty_days_keeps_what_is_held_and_is_told_each_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    halted = an_action(ActionKind.SPLIT, 1, 1, halted_days=20)
    late = (replace(halted[0], day=date(2026, 4, 2)),)

    monkeypatch.setattr(compose, "Cadence", lambda: Cadence(session_s=180.0))  # weeks in which nothing is to be found

    summary = lived(tmp_path, monkeypatch, days=_DAYS, actions=late)

    assert [trade["side"] for trade in summary["trades"]] == ["BUY"]
    assert len(events(tmp_path, "held_halted")) == 20
    assert events(tmp_path, "position_rebased") == []
    assert len(positions(tmp_path)) == 1


def test_liquidation_trading_of_what_is_held_sells_nothing_and_is_told_each_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The price falls by a fifth a day, far under the stop, at the single prices of every half hour."""

    def announcing(*given: Any, **more: Any) -> Simulator:
        market = Simulator(*given, **more)

        def announce(day: TradingDay) -> None:
            if day.date < LIQUIDATED_ON:
                market.exchange.designations[SYMBOL] = Designation.LIQUIDATION

        market.on_day_over.append(announce)
        return market

    monkeypatch.setattr(on_simulator, "Simulator", announcing)

    summary = lived(tmp_path, monkeypatch, days=4, falls_on=LIQUIDATED_ON)

    (opened,) = events(tmp_path, "position_opened")
    ((quantity, *_, stop, _),) = positions(tmp_path)
    assert [trade["side"] for trade in summary["trades"]] == ["BUY"]
    assert quantity == opened["quantity"] == summary["simulator_account"]["holdings"][SYMBOL]["quantity"]
    assert summary["simulator_account"]["holdings"][SYMBOL]["price"] < stop
    assert len(events(tmp_path, "held_in_liquidation")) == 3
    assert [pending["rule"] for pending in events(tmp_path, "exit_pending")] == ["LIQUIDATION"]
    assert events(tmp_path, "order_submitted")[1:] == []
    assert events(tmp_path, "position_unprotected") == []
