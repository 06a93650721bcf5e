"""Questions and commands at the budget: what a call waits for, what it hears of a limit, and how long it tries."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from kis_daemon.kis.access import Access
from kis_daemon.kis.budget import Budget, CallLimit, Priority
from kis_daemon.kis.capabilities import KisProfile
from kis_daemon.kis.commands import Commands
from kis_daemon.kis.key_file import KeyFile
from kis_daemon.kis.questions import Questions, RetryRule
from kis_daemon.kis.tokens import AccessTokens, KeyKeeper
from kis_daemon.kis.transport import Transport
from kis_daemon.kis.wire import Body, Command, Question
from kis_daemon.ports import AccessRefused, BrokerUnreachable, NoAnswer, NoSlotInTime, RateLimited
from tests.kis.builders import CREDENTIALS, Kis, a_clock, a_server, accepted_body, http, in_virtual_time, refusal

PRICE = Question(path="/uapi/price", tr_id="FHKST01010100", params=())
BALANCE = Question(path="/uapi/balance", tr_id="TTTC8434R", params=())
ORDER = Command(path="/uapi/order", tr_id="TTTC0012U", body={})
GOOD = http({"rt_cd": "0", "msg_cd": "MCA00000", "output": {}})
LIMITED = http(refusal("EGW00201"), status=500)
DOWN = http(refusal("EGW00202"), status=500)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Questions, commands and their budget before a scripted KIS; the token is there."""

    questions: Questions
    commands: Commands
    budget: Budget
    keeper: KeyKeeper
    script: Kis

    def called(self, name: str) -> list[float]:
        return [at for at, called in self.script.calls if called == name]


def at_a_desk(
    folder: Path, script: Kis, work: Callable[[Desk], Awaitable[None]], limit: CallLimit | None = None
) -> None:
    async def run() -> None:
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(a_server(script, folder / "s"))
            transport = await stack.enter_async_context(Transport(server.endpoint, 15.0))
            budget = Budget(limit or CallLimit.of(18), {"TTTC8434R": 1.0})
            clock = a_clock()
            issuer = AccessTokens(transport, budget, CREDENTIALS, clock)
            keeper = KeyKeeper(issuer, KeyFile(None, CREDENTIALS.owner(KisProfile.REAL)), clock)
            access = Access(keeper, budget, CREDENTIALS)
            await keeper.key()
            await asyncio.sleep(10)
            await work(
                Desk(
                    questions=Questions(transport, access, RetryRule(), Random(7)),
                    commands=Commands(transport, access),
                    budget=budget,
                    keeper=keeper,
                    script=script,
                )
            )

    in_virtual_time(run())


def no() -> bool:
    return False


@pytest.mark.parametrize("answer", [LIMITED, http("slow down", status=429)])
def test_a_question_over_the_limit_is_asked_again_when_kis_s_second_is_over(tmp_path: Path, answer: bytes) -> None:
    async def work(desk: Desk) -> None:
        asking = asyncio.create_task(desk.questions.ask(PRICE, Priority.QUOTE))
        await asyncio.sleep(0.1)
        assert 0.8 < desk.budget.cooldown_s <= 1.0
        assert isinstance(await asking, Body)
        first, second = desk.called("price")
        assert 1.0 <= second - first < 1.1

    at_a_desk(tmp_path, Kis(price=[answer, GOOD]), work)


def test_a_limit_that_met_an_order_holds_everybody_and_the_order_is_not_repeated(tmp_path: Path) -> None:
    async def work(desk: Desk) -> None:
        with pytest.raises(NoAnswer):
            await desk.commands.send(ORDER, lambda: True, Priority.EXIT)
        await desk.questions.ask(PRICE, Priority.EXIT)
        assert len(desk.called("order")) == 1
        assert desk.called("price")[0] - desk.called("order")[0] >= 1.0

    at_a_desk(tmp_path, Kis(order=[LIMITED], price=[GOOD]), work)


def test_a_429_without_a_body_that_met_an_order_holds_everybody_too(tmp_path: Path) -> None:
    async def work(desk: Desk) -> None:
        with pytest.raises(NoAnswer):
            await desk.commands.send(ORDER, lambda: True, Priority.EXIT)
        assert desk.budget.cooldown_s > 0.9

    at_a_desk(tmp_path, Kis(order=[http("slow down", status=429)]), work)


def test_a_full_ledger_does_not_hold_an_exit(tmp_path: Path) -> None:
    async def work(desk: Desk) -> None:
        balance = asyncio.create_task(desk.questions.ask(BALANCE, Priority.ACCOUNT))
        await asyncio.sleep(0.1)
        began = asyncio.get_running_loop().time()
        await desk.commands.send(ORDER, lambda: True, Priority.EXIT)
        await balance
        first, second = desk.called("balance")
        assert desk.called("order") == [began]
        assert second - first >= 2.0

    answers: list[bytes | None] = [http(refusal("EGW00215"), status=500), GOOD]
    at_a_desk(tmp_path, Kis(balance=answers, order=[http(accepted_body())]), work)


def test_balances_stand_apart_and_quotes_pass_between_them(tmp_path: Path) -> None:
    async def work(desk: Desk) -> None:
        await asyncio.gather(
            *(desk.questions.ask(BALANCE, Priority.ACCOUNT) for _ in range(3)),
            *(desk.questions.ask(PRICE, Priority.QUOTE) for _ in range(5)),
        )
        one, two, three = desk.called("balance")
        assert min(two - one, three - two) >= 1.0
        assert max(desk.called("price")) < two

    at_a_desk(tmp_path, Kis(balance=[GOOD], price=[GOOD]), work)


def test_a_withdrawn_order_and_an_unreachable_server_leave_the_limit_to_others(tmp_path: Path) -> None:
    async def work(desk: Desk) -> None:
        began = asyncio.get_running_loop().time()
        for _ in range(5):
            await desk.commands.send(ORDER, no, Priority.ENTRY)
        await desk.questions.ask(PRICE, Priority.QUOTE)
        assert desk.called("price") == [began]

    at_a_desk(tmp_path, Kis(price=[GOOD]), work, CallLimit.of(1))


def test_who_has_no_time_hears_so_at_once_and_nothing_is_sent(tmp_path: Path) -> None:
    async def work(desk: Desk) -> None:
        loop = asyncio.get_running_loop()
        await desk.questions.ask(PRICE, Priority.QUOTE)
        began = loop.time()
        with pytest.raises(NoSlotInTime) as question:
            await desk.questions.ask(PRICE, Priority.QUOTE, within_s=0.5)
        with pytest.raises(NoSlotInTime):
            await desk.commands.send(ORDER, lambda: True, Priority.ENTRY, within_s=0.25)
        assert loop.time() - began == pytest.approx(0.75)
        assert isinstance(question.value, RateLimited)
        assert 0.5 < question.value.retry_after_s < 0.7
        assert len(desk.called("price")) == 1
        assert desk.called("order") == []

    at_a_desk(tmp_path, Kis(price=[GOOD]), work, CallLimit.of(1))


def test_who_has_little_time_gets_the_last_error_when_no_attempt_fits_any_more(tmp_path: Path) -> None:
    async def work(desk: Desk) -> None:
        began = asyncio.get_running_loop().time()
        with pytest.raises(BrokerUnreachable):
            await desk.questions.ask(PRICE, Priority.QUOTE, within_s=1.0)
        assert len(desk.called("price")) == 2
        assert asyncio.get_running_loop().time() - began <= 1.0

    at_a_desk(tmp_path, Kis(price=[DOWN]), work)


def test_a_token_that_is_not_issued_in_time_is_told_as_no_slot(tmp_path: Path) -> None:
    async def work(desk: Desk) -> None:
        desk.keeper.refuse(await desk.keeper.key())  # the next one may be asked for in fifty seconds
        with pytest.raises(NoSlotInTime):
            await desk.questions.ask(PRICE, Priority.QUOTE, within_s=5.0)
        assert desk.called("price") == []

    at_a_desk(tmp_path, Kis(price=[GOOD]), work)


def test_an_order_is_sent_once_whatever_comes_back(tmp_path: Path) -> None:
    async def work(desk: Desk) -> None:
        for _ in range(3):
            with pytest.raises((NoAnswer, AccessRefused)):
                await desk.commands.send(ORDER, lambda: True, Priority.EXIT)
        assert len(desk.called("order")) == 3

    at_a_desk(tmp_path, Kis(order=[DOWN, None, http(refusal("EGW00123"), status=500)]), work)
