"""How long a stop takes to be in force, by every way in; and that nothing leaves once a permit has seen it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kis_daemon.console.catalogue import Language
from kis_daemon.console.operator_chat import OperatorChat
from kis_daemon.console.telegram_inbox import Message
from kis_daemon.domain.market import Symbol
from kis_daemon.domain.safeguards import Gate, KillSwitchScope
from kis_daemon.services import kill_switch
from kis_daemon.services.control import ControlTiming
from kis_daemon.services.operator_answers import Source
from tests.services.builders import a_position
from tests.services.trading import Floor, a_floor

STATE = (
    "INSERT INTO system_state(timestamp, kill_switch_status, kill_switch_reason) VALUES(datetime('now'), 'active', 'x')"
)
EVENT = "INSERT INTO kill_switch_events (activated_at, reason) VALUES (datetime('now'), 'x')"
STEP_S = 0.01
STOP = 67_900


def by_service(floor: Floor) -> None:
    floor.start(_activate(floor))


async def _activate(floor: Floor) -> None:
    await floor.operations.activate_kill_switch(scope=KillSwitchScope.ALL, reason="x", by="kim", source=Source.API)


def by_telegram(floor: Floor) -> None:
    floor.start(_say(floor))


async def _say(floor: Floor) -> None:
    chat = OperatorChat(
        chat_id="99",
        operations=floor.operations,
        journal=floor.journal,
        gate=floor.control.gate,
        clock=floor.clock,
        language=Language.EN,
    )
    await chat.hear(Message(chat_id="99", sender="telegram:kim", text="/kill x", is_late=False))


def by_command(floor: Floor) -> None:
    """As `main.py kill-switch activate` does it, in its own process."""
    floor.records.transact_now(lambda rows: kill_switch.activate(rows, floor.now, "x", "kim", KillSwitchScope.ALL))


def by_file(floor: Floor) -> None:
    floor.path.with_name("KILL_SWITCH").write_text("")


WAYS: dict[str, Callable[[Floor], None]] = {
    "service": by_service,
    "telegram": by_telegram,
    "command": by_command,
    "system_state": lambda floor: floor.sql(STATE),
    "kill_switch_events": lambda floor: floor.sql(EVENT),
    "file": by_file,
}


@pytest.mark.parametrize("way", WAYS)
def test_a_stop_is_in_force_within_a_second_by_every_way_in(tmp_path: Path, way: str) -> None:
    chance = random.Random(way)
    with a_floor(tmp_path, timing=ControlTiming(poll_s=0.5)) as floor:
        floor.start(floor.control.run())
        took = []
        for _ in range(40):
            floor.pass_time(chance.random())
            began = floor.loop.time()
            WAYS[way](floor)
            while floor.control.gate().gate is not Gate.HALTED:
                floor.pass_time(STEP_S)
            took.append(floor.loop.time() - began)
            floor.path.with_name("KILL_SWITCH").unlink(missing_ok=True)
            floor.pass_time(0.6)
            floor.release()

        took.sort()
        assert took[-1] <= 1.0, f"p50 {took[20]:.3f} s, longest {took[-1]:.3f} s"
        if way in ("service", "telegram", "file"):
            assert took[-1] <= STEP_S * 2


@pytest.mark.parametrize("stop_at", [37])
@pytest.mark.parametrize("way", WAYS)
def test_in_a_burst_of_100_orders_nothing_leaves_after_a_permit_has_seen_it(
    tmp_path: Path, way: str, stop_at: int
) -> None:
    symbols = [Symbol(f"{number:06d}") for number in range(100_000, 100_100)]
    with a_floor(tmp_path, timing=ControlTiming(poll_s=0.5)) as floor:
        floor.start(floor.control.run())
        floor.broker.answer_takes_s = 0.02
        asked = 0
        left_when_seen: list[int] = []

        def before_permit() -> None:
            nonlocal asked
            asked += 1
            if asked == stop_at:
                WAYS[way](floor)
            if floor.control.gate().gate is Gate.HALTED and not left_when_seen:
                left_when_seen.append(len(floor.sent))

        floor.broker.before_permit = before_permit
        for symbol in symbols:
            floor.broker.prices[symbol] = 70_000
            floor.holds(replace(a_position(symbol=symbol), name=""))
        for symbol in symbols:
            floor.price(STOP, symbol=symbol)
        floor.pass_time(2)
        for symbol in symbols:
            floor.price(STOP - 100, symbol=symbol)
        floor.pass_time(2)

        assert floor.control.gate().gate is Gate.HALTED
        assert len(floor.sent) < 100
        if left_when_seen:
            assert len(floor.sent) == left_when_seen[0]
        if way in ("command", "system_state", "kill_switch_events"):
            # read in every order's own transaction: what was not claimed before it does not leave, polled or not
            assert len(floor.sent) <= stop_at
        if way == "file":
            assert len(floor.sent) == stop_at - 1


def test_a_hundred_orders_that_wait_for_their_turn_are_all_held_back(tmp_path: Path) -> None:
    """All are claimed, none has left: then somebody stops, and a hundred permits say no."""
    symbols = [Symbol(f"{number:06d}") for number in range(100_000, 100_100)]
    with a_floor(tmp_path) as floor:
        turn = asyncio.Event()
        submit = floor.broker.submit

        async def in_turn(intent, permit, *, urgent):  # type: ignore[no-untyped-def]
            await turn.wait()
            return await submit(intent, permit, urgent=urgent)

        floor.broker.submit = in_turn  # type: ignore[method-assign]
        for symbol in symbols:
            floor.broker.prices[symbol] = 70_000
            floor.holds(replace(a_position(symbol=symbol), name=""))
            floor.price(STOP, symbol=symbol)
        claimed = len(floor.rows(lambda rows: rows.live_orders()))
        by_service(floor)
        floor.pass_time()
        turn.set()
        floor.pass_time(1)

        assert claimed == 100
        assert floor.sent == []
        assert floor.rows(lambda rows: rows.live_orders()) == ()
