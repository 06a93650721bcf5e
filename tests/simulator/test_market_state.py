"""What the market remembers on disk, and how the player ends what it began."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from kis_daemon.domain.market import Side
from kis_daemon.simulator import market_state
from kis_daemon.simulator import state as saved_state
from kis_daemon.simulator.exchange import Exchange
from kis_daemon.simulator.market_rules import ActionKind, CorporateAction, Designation, MarketRules
from kis_daemon.simulator.player import record_until
from kis_daemon.simulator.profile import SimulatorSettings
from kis_daemon.simulator.requests import Channel, RequestKind
from kis_daemon.simulator.server import Simulator
from tests.simulator.builders import (
    HYNIX,
    SAMSUNG,
    TUESDAY,
    BarsBook,
    HandClock,
    a_bar,
    a_book,
    a_day_of,
    an_exchange,
    at,
    order,
    placed,
    some_shares,
    the_calendar,
    trade,
)

WILD = a_bar(TUESDAY, 70_000, 80_000, 69_000, 79_000)  # thirty trades reach ten percent in the afternoon
QUIET = SimulatorSettings(latency_s=0, notice_delay_s=0, cash=10_000_000, profile="real")


def saved(exchange: Exchange, path: Path, clock: str = "10:30") -> dict[str, Any]:
    saved_state.StateFile(path).save(exchange, at(clock))
    state = saved_state.load(path)
    assert state is not None
    return state


def a_simulator(
    clock: HandClock, *, book: BarsBook | None = None, state: Path | None = None, **market: Any
) -> Simulator:
    settings = replace(QUIET, market=MarketRules(**market))
    return Simulator(settings, book or a_book(), the_calendar(), clock, Random(1), state_path=state)


def test_commands_that_stand_come_back_from_disk(tmp_path: Path) -> None:
    exchange = an_exchange()
    trade(exchange, 70_000, volume=700)
    exchange.halt(SAMSUNG)
    exchange.designate(HYNIX, Designation.WARNING)
    exchange.reject_next(RequestKind.CANCEL, SAMSUNG)
    exchange.reject_next()
    exchange.close_day()
    state = saved(exchange, tmp_path / "state.json")
    other = an_exchange()

    market_state.take_back(other, state)
    other.open_day(other.calendar.next_trading_day(TUESDAY))

    assert (other.halts, other.designations) == ({SAMSUNG}, {HYNIX: Designation.WARNING})
    assert other.boards[SAMSUNG].halted
    assert other.rejects == [(RequestKind.CANCEL, SAMSUNG), (None, None)]
    assert other.prices.bar(SAMSUNG, TUESDAY) == exchange.prices.bar(SAMSUNG, TUESDAY)


def test_a_disturbed_day_goes_on_where_it_was(tmp_path: Path) -> None:
    exchange = an_exchange()
    trade(exchange, 70_000)
    exchange.shift(SAMSUNG, -5)
    trade(exchange, 70_000, "10:05", volume=400)
    exchange.trigger_vi(SAMSUNG, at("10:06"))
    trade(exchange, 70_500, "10:07", volume=300)
    state = saved(exchange, tmp_path / "state.json")
    other = an_exchange()

    market_state.take_back_boards(other, state)
    ours, theirs = exchange.boards[SAMSUNG], other.boards[SAMSUNG]

    assert theirs is not ours
    told = ("price", "open", "high", "low", "volume", "turnover", "trades", "tape", "trading", "interrupted_to")
    kept = ("kept_back", "shift_ppm", "interruptions", "usual", "disturbed", "base", "lower", "upper")
    assert [getattr(theirs, name) for name in told + kept] == [getattr(ours, name) for name in told + kept]
    assert other.interruptions.records == exchange.interruptions.records
    assert other.boards[HYNIX].tape == []


def test_a_quiet_market_has_no_boards_to_save(tmp_path: Path) -> None:
    exchange = an_exchange()
    trade(exchange, 70_000)

    state = saved(exchange, tmp_path / "state.json")

    assert state["market"]["boards"] == {}


def test_rows_keep_their_channel_their_queue_and_their_rejection(tmp_path: Path) -> None:
    exchange = an_exchange(market=MarketRules(queue=True))
    trade(exchange, 70_000)
    placed(order(exchange, Side.BUY, 5, 69_000))
    exchange.reject_next()
    placed(order(exchange, Side.BUY, 5, 69_000))
    exchange.submit(
        side=Side.BUY, symbol=SAMSUNG, division="00", quantity=1, price=69_900, at=at("10:05"), channel=Channel.SCREEN
    )

    rows = saved_state.orders_of(saved(exchange, tmp_path / "state.json"))[TUESDAY]

    assert [(row.rejected, row.channel, row.ahead) for row in rows] == [
        (0, Channel.API, 100_000),
        (5, Channel.API, 0),
        (0, Channel.SCREEN, 100_000),
    ]


def test_a_split_that_was_booked_is_not_booked_again_after_a_restart(tmp_path: Path) -> None:
    split = CorporateAction(symbol=SAMSUNG, day=TUESDAY, kind=ActionKind.RIGHTS, ratio_num=6, ratio_den=5)
    exchange = an_exchange(market=MarketRules(actions=(split,)))
    some_shares(exchange, 12)
    state = saved(exchange, tmp_path / "state.json")
    other = an_exchange(market=MarketRules(actions=(split,)))

    other.account = saved_state.account_of(state)
    other.open_day(other.calendar.next_trading_day(TUESDAY))

    assert other.account.quantity(SAMSUNG) == 12


def test_an_old_state_without_a_market_is_read(tmp_path: Path) -> None:
    state = saved(an_exchange(), tmp_path / "state.json")
    del state["market"], state["account"]["day"]
    other = an_exchange()

    market_state.take_back(other, state)
    market_state.take_back_boards(other, state)

    assert saved_state.account_of(state).day == TUESDAY


def test_a_start_in_the_middle_finds_the_interruptions_of_the_morning() -> None:
    played = an_exchange(a_day_of(WILD), market=MarketRules(interruptions=True))
    day = played.day
    assert day is not None
    record_until(played, day, 8, at("15:00"))

    assert [record.begins_at < at("15:00") for record in played.interruptions.records]
    board = played.boards[SAMSUNG]
    assert (board.trades > 2, board.in_vi) == (True, False)
    assert board.single_price


async def test_the_player_ends_an_interruption_at_its_second_and_tells_the_trade() -> None:
    clock = HandClock(at("08:00"))
    sim = a_simulator(clock, book=a_day_of(WILD), interruptions=True)
    async with sim:
        await clock.move_to(at("15:10"))
        records, board = sim.exchange.interruptions.records, sim.exchange.boards[SAMSUNG]

        assert records
        for record in records:
            assert next(moment for moment, tick in board.tape if tick.price == record.price) >= record.ends_at
            assert record.ends_at in [moment for moment, _ in board.tape]


async def test_an_interruption_by_command_ends_between_two_trades() -> None:
    clock = HandClock(at("10:00"))
    async with a_simulator(clock) as sim:
        await clock.move_to(at("10:01"))
        sim.exchange.trigger_vi(SAMSUNG, clock.now())
        ends_at = sim.exchange.interrupted()[0][0]

        await clock.move_to(ends_at - timedelta(seconds=1))
        assert sim.exchange.boards[SAMSUNG].in_vi
        await clock.move_to(ends_at)

        assert not sim.exchange.boards[SAMSUNG].in_vi


async def test_an_interrupted_close_makes_its_price_before_the_day_ends() -> None:
    leap = a_bar(TUESDAY, 70_000, 75_000, 69_900, 75_000)
    clock = HandClock(at("08:00"))
    sim = a_simulator(clock, book=a_day_of(leap), interruptions=True)
    closes: list[bool] = []
    async with sim:
        sim.on_day_over.append(lambda _: closes.append(sim.exchange.boards[SAMSUNG].in_vi))
        await clock.move_to(at("15:29"))
        board = sim.exchange.boards[SAMSUNG]
        board.interrupts_pct = 0  # whatever comes is too far
        await clock.move_to(at("15:31"))
        assert (board.in_vi, closes) == (True, [])

        await clock.move_to(at("15:33"))

        assert (board.price, closes) == (75_000, [False])


async def test_a_restart_within_an_interruption_ends_it_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    clock = HandClock(at("10:00"))
    async with AsyncExitStack() as stack:
        sim = await stack.enter_async_context(a_simulator(clock, state=path))
        sim.exchange.trigger_vi(SAMSUNG, clock.now())
        ends_at = sim.exchange.interrupted()[0][0]
        saved_state.StateFile(path).save(sim.exchange, clock.now())

    clock = HandClock(at("10:01"))
    async with a_simulator(clock, state=path) as sim:
        assert sim.exchange.boards[SAMSUNG].in_vi
        await clock.move_to(ends_at)

        assert not sim.exchange.boards[SAMSUNG].in_vi


async def test_orders_of_the_after_hours_expire_when_those_end() -> None:
    clock = HandClock(at("15:20"))
    async with a_simulator(clock) as sim:
        some_shares(sim.exchange, 7_000)
        await clock.move_to(at("15:35"))
        request = placed(order(sim.exchange, Side.SELL, 7_000, division="06", clock="15:35")).request
        await clock.move_to(at("15:59"))
        assert (request.filled, request.is_open) == (6_000, True)  # a tenth of twenty trades of 3,000

        await clock.move_to(at("16:00"))

        assert not request.is_open
