"""Faults of the stream as a bare client sees them: its registrations, its frames, its notices, its connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from kis_daemon.simulator.faults import Fault
from kis_daemon.simulator.faults_kinds import FaultKind as K
from tests.simulator.builders import at
from tests.simulator.conftest import Client, Served
from tests.simulator.listeners import Listener, listening


@asynccontextmanager
async def disturbed(
    served: Served, *faults: Fault, registers: str = "H0STCNT0", **changes: Any
) -> AsyncIterator[tuple[Client, Listener]]:
    """Enter a simulator at 09:30 with one registration, then plan the faults."""
    async with served(now=at("09:30"), **changes) as client, listening(client) as listener:
        key = client.settings.hts_id if registers.startswith("H0STCNI") else "005930"
        await listener.ask(registers, key)
        for fault in faults:
            await client.page("POST", "/__sim/faults", fault.shown())
        yield client, listener


def fired(client: Client) -> list[str]:
    return [fired.kind for fired in client.sim.fault_desk.fired]


async def a_trade(client: Client) -> None:
    """Let one trade of the registered symbol happen."""
    await client.clock.move(minutes=15)


# --- registrations ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [K.OPSP0007, K.OPSP0008, K.OPSP0009, K.OPSP0010, K.OPSP0011, K.OPSP9993])
async def test_a_registration_may_be_refused_without_a_cause(served: Served, kind: K) -> None:
    async with disturbed(served, Fault(kind=kind, symbol="000660")) as (client, listener):
        assert await listener.code("H0STCNT0", "000660") == kind
        assert await listener.code("H0STCNT0", "000660") == "OPSP0000"
        assert fired(client) == [kind]


async def test_a_session_that_lingers_keeps_newcomers_out_for_a_while(served: Served) -> None:
    async with served() as client:
        await client.page("POST", "/__sim/faults", {"kind": "OPSP8996"})
        key = await client.approval()
        for _ in range(2):
            async with listening(client, key) as listener:
                answer = await listener.ask("H0STCNT0", "005930")
                assert (answer["body"]["rt_cd"], answer["body"]["msg_cd"]) == ("9", "OPSP8996")
                with pytest.raises(ConnectionClosed):
                    await listener.text()
        await client.clock.move(seconds=30)
        async with listening(client, key) as listener:
            assert await listener.code("H0STCNT0", "005930") == "OPSP0000"


async def test_an_answer_may_come_after_the_first_frames(served: Served) -> None:
    async with disturbed(served, Fault(kind=K.ACK_DELAYED, for_s=1000)) as (client, listener):
        await listener.send("H0STCNT0", "000660")
        await client.balance()  # until the registration has been heard
        await a_trade(client)
        texts = [await listener.text() for _ in range(2)]
        await client.clock.move(minutes=5)
        texts.append(await listener.text())

        assert [text[0] for text in texts] == ["0", "0", "{"]
        assert {text.split("|")[3][:6] for text in texts[:2]} == {"005930", "000660"}


async def test_an_answer_may_never_come_though_the_registration_counts(served: Served) -> None:
    async with disturbed(served, Fault(kind=K.ACK_MISSING)) as (_client, listener):
        await listener.send("H0STCNT0", "000660")

        assert await listener.code("H0STCNT0", "000660") == "OPSP0002"


# --- frames -----------------------------------------------------------------------------------------------------------


async def test_a_frame_may_come_twice(served: Served) -> None:
    async with disturbed(served, Fault(kind=K.FRAME_DUPLICATE)) as (client, listener):
        await a_trade(client)

        assert await listener.text() == await listener.text()


async def test_a_burst_is_a_hundred_frames_at_once(served: Served) -> None:
    async with disturbed(served, Fault(kind=K.BURST)) as (client, listener):
        await a_trade(client)
        texts = [await listener.text() for _ in range(100)]

        assert len(set(texts)) == 1
        await listener.silence()


async def test_every_record_may_have_a_field_more(served: Served) -> None:
    async with disturbed(served, Fault(kind=K.FIELD_APPENDED), records_per_frame=2) as (client, listener):
        await a_trade(client)
        _, _, count, payload = (await listener.text()).split("|", 3)

        fields = payload.split("^")
        assert (count, len(fields)) == ("002", 94)
        assert (fields[46], fields[47], fields[93]) == ("X", "005930", "X")


async def test_a_notice_may_have_a_field_more(served: Served) -> None:
    async with disturbed(served, Fault(kind=K.FIELD_APPENDED), registers="H0STCNI9") as (client, listener):
        await client.buy(1)

        assert len(await listener.notice()) == 24
        assert len(await listener.notice()) == 23


async def test_a_frame_may_count_more_records_than_it_has(served: Served) -> None:
    async with disturbed(served, Fault(kind=K.WRONG_COUNT, value=2)) as (client, listener):
        await a_trade(client)
        _, _, count, payload = (await listener.text()).split("|", 3)

        assert (count, len(payload.split("^"))) == ("003", 46)


async def test_garbage_may_come_before_a_frame(served: Served) -> None:
    async with disturbed(served, Fault(kind=K.GARBAGE)) as (client, listener):
        await a_trade(client)
        texts = [await listener.socket.recv() for _ in range(7)]

        assert [isinstance(text, bytes) for text in texts] == [False] * 5 + [True, False]
        assert str(texts[-1]).startswith("0|H0STCNT0|001|005930^")


async def test_a_pingpong_may_be_lost_and_is_not_held_against_the_client(served: Served) -> None:
    fault = Fault(kind=K.PINGPONG_LOST, times=8)
    async with disturbed(served, fault, ping_interval_s=0.005) as (client, listener):
        while len(fired(client)) < 8:
            await client.balance()

        assert json.loads(await listener.text())["header"]["tr_id"] == "PINGPONG"


# --- notices ----------------------------------------------------------------------------------------------------------


def noticed(*notices: list[str]) -> list[str]:
    """Return what each notice tells: an order (1) or a fill (2)."""
    return [notice[13] for notice in notices]


def on_notices(served: Served, **fault: Any) -> AbstractAsyncContextManager[tuple[Client, Listener]]:
    return disturbed(served, Fault(**fault), registers="H0STCNI9")


async def test_a_notice_may_be_lost(served: Served) -> None:
    async with on_notices(served, kind=K.NOTICE_LOST) as (client, listener):
        await client.buy(1)

        assert noticed(await listener.notice()) == ["2"]
        await listener.silence()


async def test_a_notice_may_come_twice(served: Served) -> None:
    async with on_notices(served, kind=K.NOTICE_DUPLICATE) as (client, listener):
        await client.buy(1)

        assert noticed(*[await listener.notice() for _ in range(3)]) == ["1", "1", "2"]


async def test_a_notice_may_come_after_the_next_one(served: Served) -> None:
    async with on_notices(served, kind=K.NOTICE_REORDERED) as (client, listener):
        await client.buy(1)

        assert noticed(*[await listener.notice() for _ in range(2)]) == ["2", "1"]


async def test_a_notice_that_nothing_follows_comes_when_its_time_is_over(served: Served) -> None:
    async with on_notices(served, kind=K.NOTICE_REORDERED) as (client, listener):
        await client.buy(1, 60_000)

        await listener.silence()
        await client.clock.move(seconds=5)
        assert noticed(await listener.notice()) == ["1"]


async def test_a_notice_may_come_late(served: Served) -> None:
    async with on_notices(served, kind=K.NOTICE_LATE, side="BUY") as (client, listener):
        await client.buy(1)
        told = [await listener.notice()]
        await client.clock.move(seconds=5)
        told.append(await listener.notice())

        assert noticed(*told) == ["2", "1"]


async def test_a_fill_may_come_before_its_acceptance(served: Served) -> None:
    async with on_notices(served, kind=K.FILL_BEFORE_ACCEPT, for_s=3600) as (client, listener):
        first = (await client.buy(1, 60_000))["output"]["ODNO"]
        second = (await client.buy(1))["output"]["ODNO"]
        told = [await listener.notice() for _ in range(2)]
        client.sim.exchange.shift(client.sim.exchange.boards[next(iter(client.sim.exchange.boards))].symbol, -20)
        await a_trade(client)
        told += [await listener.notice() for _ in range(2)]

        assert [(notice[2], notice[13]) for notice in told] == [
            (second, "1"),
            (second, "2"),
            (first, "2"),
            (first, "1"),
        ]


async def test_notices_may_be_encrypted_with_a_key_that_nobody_was_told(served: Served) -> None:
    async with on_notices(served, kind=K.KEY_ROTATED) as (client, listener):
        await client.buy(1)
        frames = [await listener.text() for _ in range(2)]

        for frame in frames:
            with pytest.raises(ValueError):
                listener.clear(frame)
        session = client.sim._stream._session
        assert session is not None
        listener.key, listener.iv = session.key, session.iv
        assert noticed(*map(listener.clear, frames)) == ["1", "2"]


# --- the connection ---------------------------------------------------------------------------------------------------


async def test_a_dead_socket_says_nothing_and_stays_open_while_a_newcomer_may_come(served: Served) -> None:
    async with disturbed(served, Fault(kind=K.DEAD_SOCKET)) as (client, listener):
        await a_trade(client)
        await listener.send("H0STCNT0", "000660")
        await client.balance()

        assert not listener.socket.recv_messages.frames
        assert listener.socket.state.name == "OPEN"
        async with listening(client, listener.approval_key) as second:
            assert await second.code("H0STCNT0", "005930") == "OPSP0000"


async def test_a_connection_may_end_without_a_close_frame(served: Served) -> None:
    async with disturbed(served, Fault(kind=K.CLOSE_1006)) as (client, listener):
        await a_trade(client)
        with pytest.raises(ConnectionClosed) as closed:
            await listener.text()

        assert closed.value.rcvd is None


async def test_silence_takes_frames_answers_and_pingpong_but_not_rest(served: Served) -> None:
    fault = Fault(kind=K.SILENCE, for_s=600, tr_id="H0STCNT0")
    async with disturbed(served, fault, ping_interval_s=0.005) as (client, listener):
        heard: list[str] = []

        async def listen() -> None:
            async for text in listener.socket:
                heard.append(str(text))
                if "PINGPONG" in heard[-1]:
                    await listener.socket.send(heard[-1])

        listening_on = asyncio.create_task(listen())
        await a_trade(client)
        await client.balance()
        known = len(heard)
        await listener.send("H0STCNT0", "000660")
        for _ in range(20):
            assert (await client.balance())[0] == 200
        assert len(heard) == known
        await client.clock.move(minutes=6)
        while len(heard) == known:
            await client.balance()
        listening_on.cancel()

        assert json.loads(heard[known])["header"]["tr_id"] == "PINGPONG"
        assert not any(text.startswith("0|") for text in heard)
