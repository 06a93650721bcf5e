"""The stream: registrations, trades, notices and the server's own pings, over a real WebSocket."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from kis_daemon.domain.market import Symbol
from kis_daemon.simulator.frames import encrypted
from tests.simulator.builders import SAMSUNG, BarsBook, a_bar, at
from tests.simulator.conftest import Client, Served


class Listener:
    """One connection of a client and the keys it was given."""

    def __init__(self, socket: ClientConnection, approval_key: str) -> None:
        self.socket = socket
        self.approval_key = approval_key

    async def ask(self, tr_id: str, tr_key: str, tr_type: str = "1", **header: str) -> Any:
        await self.socket.send(
            json.dumps(
                {
                    "header": {
                        "approval_key": self.approval_key,
                        "custtype": "P",
                        "tr_type": tr_type,
                        "content-type": "utf-8",
                        **header,
                    },
                    "body": {"input": {"tr_id": tr_id, "tr_key": tr_key}},
                }
            )
        )
        return json.loads(await self.socket.recv())

    async def code(self, tr_id: str, tr_key: str, tr_type: str = "1", **header: str) -> str:
        return str((await self.ask(tr_id, tr_key, tr_type, **header))["body"]["msg_cd"])


@asynccontextmanager
async def listening(client: Client, approval_key: str = "") -> AsyncIterator[Listener]:
    key = approval_key or await client.approval()
    async with connect(client.sim.ws_url, compression=None, ping_interval=None) as socket:
        yield Listener(socket, key)


def decrypted(payload: str, key: str, iv: str) -> str:
    decryptor = Cipher(algorithms.AES256(key.encode()), modes.CBC(iv.encode())).decryptor()
    padded = decryptor.update(base64.b64decode(payload)) + decryptor.finalize()
    unpadder = PKCS7(128).unpadder()
    return (unpadder.update(padded) + unpadder.finalize()).decode()


def test_the_cipher_writes_the_frames_of_the_contract() -> None:
    key, iv = "q7m2x9r4t1w8k3v6z5n0b2c7d4f9g1h8", "5a1c9e3b7d2f8046"
    plain = (
        "myhtsid1^5012345601^0000012345^^02^0^00^0^035720^0000000010^000061300^112010^0^1^1^00950^000000010^홍길동"
        "^0^1^Y^^00^^카카오^000061300"
    )

    assert encrypted(plain, key, iv) == (
        "E9afWC4/dZzRqk3ETUhmYz9YwbsiAxO/AStU9lnvW4Cng0UCzFqQ+axwFPa5wJl78MNhuM/U/jVxXinoTGKPNgzxXgWQl+YkLqsi/sRraNsr"
        "OQtKZtDwTpAygIHJl/pNhFE46JNeT+46doRNHhcpSDi2yxK0pb3iq/R8+C8t7ruIIJX+G9dXvOukkV1ryiyO"
    )
    assert decrypted(encrypted(plain, key, iv), key, iv) == plain


async def test_a_registration_is_answered_with_key_and_iv_and_then_trades_come(served: Served) -> None:
    async with served(now=at("09:30")) as client, listening(client) as listener:
        answer = await listener.ask("H0STCNT0", "005930")
        await client.clock.move_to(at("09:50"))
        enc, tr_id, count, payload = str(await listener.socket.recv()).split("|", 3)

        output = answer["body"]["output"]
        assert (answer["body"]["msg_cd"], len(output["key"]), len(output["iv"])) == ("OPSP0000", 32, 16)
        assert answer["header"] == {"tr_id": "H0STCNT0", "tr_key": "005930", "encrypt": "N"}
        fields = payload.split("^")
        assert (enc, tr_id, count, len(fields)) == ("0", "H0STCNT0", "001", 46)
        board = client.sim.exchange.boards[SAMSUNG]
        assert fields[0] == "005930"
        assert fields[2] == str(board.price)
        assert fields[4] == str(board.price - 70_500)
        assert fields[7:12] == [str(x) for x in (board.open, board.high, board.low, board.ask, board.bid)]
        assert fields[13:15] == [str(board.volume), str(board.turnover)]
        assert (fields[33], fields[34], fields[35]) == ("20240305", "20", "N")


async def test_a_hook_may_lose_or_repeat_frames(served: Served) -> None:
    seen: list[str] = []

    def hook(frame: str) -> list[str]:
        seen.append(frame)
        return [] if len(seen) == 1 else [frame, frame]

    async with served(now=at("09:30"), frame_hook=hook) as client, listening(client) as listener:
        await listener.ask("H0STCNT0", "005930")
        await client.clock.move_to(at("10:30"))

        assert [await listener.socket.recv(), await listener.socket.recv()] == [seen[1], seen[1]]


async def test_since_the_reform_of_2026_a_trade_has_47_fields(served: Served) -> None:
    days = [date(2026, 9, 11), date(2026, 9, 14)]
    book = BarsBook({SAMSUNG: [a_bar(day, 70_000, 71_000, 69_000, 70_500) for day in days]})
    async with served(now=at("09:30", days[1]), book=book) as client, listening(client) as listener:
        await listener.ask("H0STCNT0", "005930")
        await client.clock.move_to(at("09:50", days[1]))
        frame = str(await listener.socket.recv())

        assert len(frame.split("|")[3].split("^")) == 47
        assert frame.endswith("^2")


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


@pytest.mark.parametrize(("profile", "tr_id"), [("paper", "H0STCNI9"), ("real", "H0STCNI0")])
async def test_an_order_is_told_by_encrypted_notices(served: Served, profile: str, tr_id: str) -> None:
    async with served(profile=profile) as client, listening(client) as listener:
        answer = await listener.ask(tr_id, client.settings.hts_id)
        output = answer["body"]["output"]
        bought = (await client.buy(3))["output"]["ODNO"]
        waiting = (await client.buy(2, 60_000))["output"]["ODNO"]
        cancelled = (await client.cancel(waiting))["output"]["ODNO"]

        notices = []
        for _ in range(5):
            enc, told, count, payload = str(await listener.socket.recv()).split("|", 3)
            assert (enc, told, count) == ("1", tr_id, "001")
            notices.append(decrypted(payload, output["key"], output["iv"]).split("^"))

        assert answer["header"]["encrypt"] == "Y"
        assert {len(fields) for fields in notices} == {26}
        told_of = [(f[2], f[3], f[5], f[13], f[14], int(f[9])) for f in notices]
        assert told_of == [
            (bought, "", "0", "1", "1", 3),
            (bought, "", "0", "2", "2", 3),
            (waiting, "", "0", "1", "1", 2),
            (cancelled, waiting, "2", "1", "1", 2),
            (cancelled, waiting, "2", "1", "2", 2),
        ]
        price = client.sim.exchange.boards[SAMSUNG].ask
        assert notices[1][10] == f"{price:09d}"
        assert (notices[0][0], notices[0][1], notices[0][8], notices[0][24]) == (
            client.settings.hts_id,
            "5012345601",
            "005930",
            "삼성전자",
        )


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


async def test_a_second_registration_of_the_same_is_told_so(served: Served) -> None:
    async with served() as client, listening(client) as listener:
        assert await listener.code("H0STCNT0", "005930") == "OPSP0000"
        assert await listener.code("H0STCNT0", "005930") == "OPSP0002"
        assert await listener.code("H0STCNT0", "005930", "2") == "OPSP0001"
        assert await listener.code("H0STCNT0", "005930", "2") == "OPSP0003"


async def test_text_that_is_no_request_is_answered_and_the_session_goes_on(served: Served) -> None:
    async with served() as client, listening(client) as listener:
        for text in ("nonsense", "[]", '{"header": 1}', '{"header": {}, "body": {"input": []}}'):
            await listener.socket.send(text)
            assert json.loads(await listener.socket.recv())["body"]["msg_cd"] == "OPSP9999"

        assert await listener.code("H0STCNT0", "005930") == "OPSP0000"


async def test_the_42nd_registration_is_one_too_many(served: Served) -> None:
    symbols = [Symbol(f"{number:06d}") for number in range(100, 141)]
    day = at("10:00").date()
    book = BarsBook({symbol: [a_bar(day, 70_000, 70_000, 70_000, 70_000)] for symbol in symbols})
    async with served(book=book) as client, listening(client) as listener:
        codes = [await listener.code("H0STCNT0", symbol) for symbol in symbols]

        assert set(codes) == {"OPSP0000"}
        assert await listener.code("H0STCNI9", client.settings.hts_id) == "OPSP0008"


async def test_a_newcomer_is_told_that_the_key_is_in_use_and_closed(served: Served) -> None:
    async with served() as client, listening(client) as first:
        assert await first.code("H0STCNT0", "005930") == "OPSP0000"
        async with listening(client, first.approval_key) as second:
            assert await second.code("H0STCNT0", "005930") == "OPSP8996"
            with pytest.raises(ConnectionClosed):
                await second.socket.recv()

        assert await first.code("H0STCNT0", "000660") == "OPSP0000"


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
