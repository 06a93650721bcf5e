"""The simulator as a whole: days go by, a restart continues, equal inputs give equal events."""

from __future__ import annotations

import asyncio
import json
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.typedefs import Handler
from websockets.asyncio.client import unix_connect

from kis_daemon.clock import LoopClock
from kis_daemon.domain.calendar import TradingDay
from kis_daemon.domain.market import Symbol
from kis_daemon.domain.price_path import PathTick
from kis_daemon.simulator.board import Board
from kis_daemon.simulator.player import programme
from kis_daemon.simulator.price_generator import GeneratedPrices
from kis_daemon.simulator.server import Simulator
from kis_daemon.simulator.state import StateError, saved_at
from kis_daemon.virtual_loop import VirtualLoop
from tests.simulator.builders import (
    MONDAY,
    SAMSUNG,
    TUESDAY,
    BarsBook,
    HandClock,
    a_book,
    a_week,
    an_exchange,
    at,
    settle,
    the_calendar,
)
from tests.simulator.conftest import Served, some_settings


def a_simulator(clock: HandClock, state_path: Path | None = None, **changes: Any) -> Simulator:
    return Simulator(some_settings(**changes), a_book(), the_calendar(), clock, Random(1), state_path=state_path)


def test_the_trades_of_a_day_begin_after_the_open_and_end_at_the_close() -> None:
    exchange = an_exchange()
    day = the_calendar().trading_day(TUESDAY)
    assert day is not None

    played = programme(exchange, day, 30)

    times = [tick.at for tick in played if tick.symbol == SAMSUNG]
    assert len(times) == 30
    assert (times[0], times[-1]) == (at("09:00:01"), at("15:30"))
    assert times[-2] == at("15:19")
    assert times == sorted(set(times))
    assert all(time.microsecond == 0 for time in times)
    assert sum(tick.tick.volume for tick in played if tick.symbol == SAMSUNG) == 3_000_000


async def test_days_go_by_with_nobody_connected() -> None:
    clock = HandClock(at("08:00", MONDAY))
    over: list[date] = []
    async with a_simulator(clock) as sim:
        sim.on_day_over.append(lambda day: over.append(day.date))
        await clock.move_to(at("20:00", MONDAY + timedelta(days=2)))
        await sim.wait_days(3)

    assert over == [MONDAY, MONDAY + timedelta(days=1), MONDAY + timedelta(days=2)]


async def test_when_the_prices_end_the_market_stands_still() -> None:
    clock = HandClock(at("08:00", MONDAY))
    async with Simulator(some_settings(), BarsBook({SAMSUNG: a_week(days=1)}), the_calendar(), clock, Random(1)) as sim:
        await clock.move_to(at("20:00", TUESDAY))
        await sim.played_out.wait()

        assert sim.days_over == 2


async def test_faults_can_be_put_in_front_of_the_services() -> None:
    @web.middleware
    async def out_of_order(request: web.Request, handler: Handler) -> web.StreamResponse:
        return (
            web.Response(status=503, text="<html>점검</html>") if "oauth2" in request.path else await handler(request)
        )

    clock = HandClock(at("10:00"))
    async with (
        Simulator(some_settings(), a_book(), the_calendar(), clock, Random(1), middlewares=[out_of_order]) as sim,
        aiohttp.ClientSession() as http,
    ):
        await sim.serve_tcp()
        async with http.post(f"{sim.rest_url}/oauth2/tokenP", json={}) as answer:
            assert answer.status == 503
        async with http.get(f"{sim.rest_url}/__sim/clock") as answer:
            assert answer.status == 200


async def test_an_error_of_a_listener_is_not_lost() -> None:
    clock = HandClock(at("08:00"))

    def stumble(day: TradingDay) -> None:
        raise ZeroDivisionError(day)

    async def live() -> None:
        async with a_simulator(clock) as sim:
            sim.on_day_over.append(stumble)
            await clock.move_to(at("16:00"))
            await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup) as caught:
        await live()

    assert caught.group_contains(ZeroDivisionError)


async def test_an_error_of_the_body_goes_on_as_it_is() -> None:
    async def live() -> None:
        async with a_simulator(HandClock(at("08:00"))):
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await live()


async def test_a_restart_finds_account_orders_and_the_days_volume_again(served: Served, tmp_path: Path) -> None:
    path = tmp_path / "sim" / "state.json"
    async with served(now=at("10:00"), state_path=path) as client:
        await client.buy(10)
        waiting = (await client.buy(5, 60_000))["output"]["ODNO"]
        before = client.sim.account_view()
        board = client.sim.exchange.boards[SAMSUNG]
        seen = (board.volume, board.taken, board.high, board.low, client.sim.exchange.account.held_back)
        _, listing, _ = await client.listing()

    assert saved_at(path) == at("10:00")
    async with served(now=at("10:00"), state_path=path) as client:
        board = client.sim.exchange.boards[SAMSUNG]
        assert (board.volume, board.taken, board.high, board.low, client.sim.exchange.account.held_back) == seen
        assert client.sim.account_view() == before
        _, again, _ = await client.listing()
        assert again == listing
        assert (await client.cancel(waiting))["rt_cd"] == "0"
        assert int((await client.buy(1))["output"]["ODNO"]) == int(waiting) + 2


async def test_a_restart_days_later_finds_the_orders_expired_and_the_cash_settled(
    served: Served, tmp_path: Path
) -> None:
    path = tmp_path / "state.json"
    async with served(now=at("10:00"), state_path=path) as client:
        await client.buy(10)
        await client.buy(5, 60_000)
        cash = client.sim.account_view()["cash"]

    friday = TUESDAY + timedelta(days=3)
    async with served(now=at("10:00", friday), state_path=path) as client:
        account = client.sim.exchange.account
        assert (account.cash, account.cash_d2, account.held_back) == (cash, cash, 0)
        _, past, _ = await client.listing(INQR_STRT_DT="20240305", INQR_END_DT="20240305")
        assert [row["rmn_qty"] for row in past["output1"]] == ["0", "5"]
        _, today, _ = await client.listing()
        assert today["output1"] == []


async def test_a_clock_before_the_saved_moment_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    async with a_simulator(HandClock(at("10:00")), path):
        pass

    with pytest.raises(StateError, match="saved at 2024-03-05T10:00:00"):
        async with a_simulator(HandClock(at("09:59")), path):
            pass


@pytest.mark.parametrize("text", ["{", "[]", '{"version": 99}'])
async def test_an_unreadable_state_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(StateError, match=str(path)):
        async with a_simulator(HandClock(at("10:00")), path):
            pass


async def test_the_overnight_is_saved_with_the_new_day(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    clock = HandClock(at("16:00", MONDAY))
    async with a_simulator(clock, path):
        await clock.move_to(at("07:00"))
        await settle()

    assert json.loads(path.read_text(encoding="utf-8"))["day"] == "2024-03-05"


def played_run(tmp_path: Path, run: int) -> tuple[list[str], dict[str, object]]:
    """Play two invented days on a virtual loop with a client that buys on every tenth frame."""
    folder = tmp_path / str(run)
    folder.mkdir()
    loop = VirtualLoop()
    frames: list[str] = []

    async def go() -> dict[str, object]:
        clock = LoopClock(loop, at("08:30", MONDAY))
        prices = GeneratedPrices(1, the_calendar())
        settings = some_settings(latency_s=0.02, notice_delay_s=0.03, ping_interval_s=600.0)
        async with Simulator(settings, prices, the_calendar(), clock, Random(1)) as sim:
            rest, stream = folder / "rest", folder / "stream"
            await sim.serve_unix(rest, stream)
            connector = aiohttp.UnixConnector(str(rest))
            async with aiohttp.ClientSession(sim.rest_url, connector=connector) as http:
                keys = {"appkey": settings.app_key, "appsecret": settings.app_secret}
                grant = {"grant_type": "client_credentials"}
                async with http.post("/oauth2/tokenP", json=grant | keys) as answer:
                    token = (await answer.json())["access_token"]
                key = {"appkey": settings.app_key, "secretkey": settings.app_secret}
                async with http.post("/oauth2/Approval", json=grant | key) as answer:
                    approval = (await answer.json())["approval_key"]
                headers = keys | {"authorization": f"Bearer {token}", "custtype": "P", "tr_id": "VTTC0012U"}
                async with unix_connect(str(stream), uri=sim.ws_url, compression=None, ping_interval=None) as socket:
                    registrations = [("H0STCNT0", str(x.symbol)) for x in prices.listings()]
                    for tr_id, tr_key in [("H0STCNI9", settings.hts_id), *registrations]:
                        head = {"approval_key": approval, "custtype": "P", "tr_type": "1", "content-type": "utf-8"}
                        body = {"input": {"tr_id": tr_id, "tr_key": tr_key}}
                        await socket.send(json.dumps({"header": head, "body": body}))
                    while sim.days_over < 2:
                        text = str(await socket.recv())
                        frames.append(text)
                        if "PINGPONG" in text:
                            await socket.send(text)
                        elif len(frames) % 10 == 0 and text.startswith("0|"):
                            symbol = text.split("|")[3][:6]
                            fields = {"CANO": "50123456", "ACNT_PRDT_CD": "01", "PDNO": symbol, "ORD_DVSN": "01"}
                            fields |= {"ORD_QTY": "1", "ORD_UNPR": "0"}
                            path = "/uapi/domestic-stock/v1/trading/order-cash"
                            async with http.post(path, json=fields, headers=headers) as answer:
                                frames.append((await answer.json())["msg_cd"])
            return sim.account_view()

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return frames, runner.run(go())


def test_equal_inputs_give_equal_events_on_a_virtual_loop(tmp_path: Path) -> None:
    first, second = played_run(tmp_path, 1), played_run(tmp_path, 2)

    assert first == second
    assert len(first[0]) > 700
    assert first[1]["holdings"]


def test_a_board_keeps_the_days_sums() -> None:
    board = an_exchange().boards[SAMSUNG]
    for price, volume in ((70_000, 10), (70_500, 20), (69_500, 30)):
        board.record(PathTick(position=0.0, price=price, ask=price, bid=price - 100, volume=volume), at("09:01"))

    assert isinstance(board, Board)
    assert board.symbol == Symbol("005930")
    assert (board.open, board.high, board.low, board.price, board.volume) == (70_000, 70_500, 69_500, 69_500, 60)
    assert board.turnover == 700_000 + 1_410_000 + 2_085_000
