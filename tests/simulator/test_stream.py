"""The stream: registrations, their answers, sessions and the server's own pings, over a real WebSocket."""

from __future__ import annotations

import json

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from kis_daemon.domain.market import Symbol
from tests.simulator.builders import BarsBook, a_bar, at
from tests.simulator.conftest import Served
from tests.simulator.listeners import listening


async def test_a_wrong_login_id_may_end_the_connection_without_a_word(served: Served) -> None:
    async with served(wrong_hts_id_closes=True) as client, listening(client) as listener:
        await listener.send("H0STCNI9", "somebody")

        with pytest.raises(ConnectionClosed) as closed:
            await listener.text()

        assert closed.value.rcvd is None


async def test_a_session_that_went_without_a_word_may_hold_its_key_for_a_while(served: Served) -> None:
    async with served(session_lingers_s=30.0) as client:
        key = await client.approval()
        async with listening(client, key) as first:
            await first.code("H0STCNT0", "005930")
            first.socket.transport.abort()
        async with listening(client, key) as second:
            assert await second.code("H0STCNT0", "005930") == "OPSP8996"
        await client.clock.move(seconds=30)
        async with listening(client, key) as third:
            assert await third.code("H0STCNT0", "005930") == "OPSP0000"


async def test_who_has_registered_nothing_is_pinged_too(served: Served) -> None:
    async with served(ping_interval_s=0.005) as client, listening(client) as listener:
        assert json.loads(await listener.text())["header"]["tr_id"] == "PINGPONG"


async def test_only_registered_symbols_are_sent_and_none_after_unregistering(served: Served) -> None:
    async with served(now=at("09:30")) as client, listening(client) as listener:
        await listener.ask("H0STCNT0", "000660")
        await client.clock.move_to(at("10:30"))
        frames = [str(await listener.socket.recv()) for _ in range(2)]

        assert {frame.split("|")[3][:6] for frame in frames} == {"000660"}
        await listener.socket.send(frames[0])  # not a request: its answer marks the end of what was on the way
        while not str(await listener.socket.recv()).startswith("{"):
            pass
        assert await listener.code("H0STCNT0", "000660", "2") == "OPSP0001"
        await client.clock.move_to(at("12:00"))
        assert await listener.code("H0STCNT0", "000660", "2") == "OPSP0003"  # and no frame before it


@pytest.mark.parametrize(
    ("tr_id", "tr_key", "tr_type", "header", "code"),
    [
        ("H0STCNT0", "005930", "1", {"approval_key": "nobody"}, "OPSP0011"),
        ("H0STCNT0", "005930", "1", {"custtype": "X"}, "OPSP8998"),
        ("H0STCNT0", "005930", "7", {}, "OPSP8997"),
        ("H0STXXX0", "005930", "1", {}, "OPSP8991"),
        ("H0STCNI0", "simuser1", "1", {}, "OPSP8991"),
        ("H0STCNT0", "999999", "1", {}, "OPSP8992"),
        ("H0STCNI9", "somebody", "1", {}, "OPSP8993"),
        ("H0STCNT0", "005930", "2", {}, "OPSP0003"),
    ],
)
async def test_a_wrong_registration_is_answered_with_its_code(
    served: Served, tr_id: str, tr_key: str, tr_type: str, header: dict[str, str], code: str
) -> None:
    async with served() as client, listening(client) as listener:
        assert await listener.code(tr_id, tr_key, tr_type, **header) == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("nonsense", "OPSP9999"),
        ("[]", "OPSP9999"),
        ("[" * 5000, "OPSP9999"),
        (b"\x00\xff", "OPSP9999"),
        ('{"header": 1}', "OPSP9998"),
        ('{"header": {}}', "OPSP9992"),
        ('{"header": {}, "body": {"input": []}}', "OPSP9991"),
        ('{"header": {}, "body": {"input": {"tr_key": "005930"}}}', "OPSP8991"),
        ('{"header": {}, "body": {"input": {"tr_id": "H0STCNT0"}}}', "OPSP9990"),
    ],
)
async def test_what_is_no_request_is_answered_with_its_code_and_the_session_goes_on(
    served: Served, text: str | bytes, code: str
) -> None:
    async with served() as client, listening(client) as listener:
        await listener.socket.send(text)

        assert json.loads(await listener.text())["body"]["msg_cd"] == code
        assert await listener.code("H0STCNT0", "005930") == "OPSP0000"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({}, "OPSP9994"),
        ({"appkey": "ours"}, "OPSP8995"),
        ({"appkey": "ours", "appsecret": "wrong"}, "OPSP9995"),
        ({"appkey": "ours", "appsecret": "ours"}, "OPSP9996"),
        ({"approval_key": "any"}, "OPSP9997"),
        ({"approval_key": "any", "custtype": "B"}, "OPSP8994"),
    ],
)
async def test_a_header_that_lacks_something_is_answered_with_what(
    served: Served, header: dict[str, str], code: str
) -> None:
    async with served() as client, listening(client) as listener:
        ours = {"appkey": client.settings.app_key, "appsecret": client.settings.app_secret}
        head = {name: ours[name] if value == "ours" else value for name, value in header.items()}
        body = {"input": {"tr_id": "H0STCNT0", "tr_key": "005930"}}
        await listener.socket.send(json.dumps({"header": head, "body": body}))

        assert json.loads(await listener.text())["body"]["msg_cd"] == code


async def test_a_request_that_is_far_too_long_ends_the_connection_with_1009(served: Served) -> None:
    async with served() as client, listening(client) as listener:
        await listener.socket.send("x" * 70_000)

        with pytest.raises(ConnectionClosed) as closed:
            await listener.text()

        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


@pytest.mark.parametrize("path", ["", "/", "/tryitout", "/tryitout/H0STCNT0"])
async def test_the_stream_is_served_at_the_root_and_under_tryitout(served: Served, path: str) -> None:
    async with served() as client, listening(client, path=path) as listener:
        assert await listener.code("H0STCNT0", "005930") == "OPSP0000"


async def test_any_other_path_is_not_found(served: Served) -> None:
    async with served() as client:
        with pytest.raises(InvalidStatus, match="404"):
            async with listening(client, path="/elsewhere"):
                pass


REAL_ONLY = ("H0STANC0", "H0STMKO0", "H0UNCNT0", "H0UNASP0", "H0UNANC0", "H0UNMKO0", "H0NXCNT0", "H0NXASP0")


async def test_the_channels_of_other_venues_are_registered_on_the_real_venue_alone(served: Served) -> None:
    for profile, code in (("real", "OPSP0000"), ("paper", "OPSP8991")):
        async with served(profile=profile) as client, listening(client) as listener:
            assert {await listener.code(tr_id, "005930") for tr_id in REAL_ONLY} == {code}
            assert await listener.code("H0UPCNT0", "0001") == code


async def test_the_42nd_registration_is_one_too_many(served: Served) -> None:
    symbols = [Symbol(f"{number:06d}") for number in range(100, 141)]
    day = at("10:00").date()
    book = BarsBook({symbol: [a_bar(day, 70_000, 70_000, 70_000, 70_000)] for symbol in symbols})
    async with served(book=book) as client, listening(client) as listener:
        codes = [await listener.code("H0STCNT0", symbol) for symbol in symbols]

        assert set(codes) == {"OPSP0000"}
        assert await listener.code("H0STCNI9", client.settings.hts_id) == "OPSP0008"


async def test_when_the_first_has_gone_the_next_may_come(served: Served) -> None:
    async with served() as client:
        key = await client.approval()
        async with listening(client, key) as first:
            await first.code("H0STCNT0", "005930")

        async with listening(client, key) as second:
            assert await second.code("H0STCNT0", "005930") == "OPSP0000"


@pytest.mark.parametrize("answer", ["echo", "pong"])
async def test_whoever_answers_pingpong_stays(served: Served, answer: str) -> None:
    async with served(ping_interval_s=0.005) as client, listening(client) as listener:
        await listener.code("H0STCNT0", "005930")
        for _ in range(6):
            text = str(await listener.socket.recv())
            assert json.loads(text)["header"] == {"tr_id": "PINGPONG", "datetime": "20240305100000"}
            if answer == "echo":
                await listener.socket.send(text)
            else:
                await listener.socket.pong(text)


async def test_whoever_leaves_three_pingpongs_unanswered_is_dropped(served: Served) -> None:
    async with served(ping_interval_s=0.005) as client, listening(client) as listener:
        await listener.code("H0STCNT0", "005930")

        heard = 0

        async def listen() -> None:
            nonlocal heard
            async for _ in listener.socket:
                heard += 1

        with pytest.raises(ConnectionClosed):
            await listen()

        assert heard == 3


async def test_an_approval_key_is_good_for_a_day(served: Served) -> None:
    async with served() as client, listening(client) as listener:
        await client.clock.move(hours=24)

        assert await listener.code("H0STCNT0", "005930") == "OPSP0011"
