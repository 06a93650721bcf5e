"""The far side of the wire bench, in a process of its own: `python -m bench.wire_server`.

It prints one line of JSON with its two ports and serves until it is ended. It does as little as it can: the frames of
a flood are made before they are asked for, and every call of a kind gets the same answer.
"""

from __future__ import annotations

import asyncio
import json

from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame, Opcode

SYMBOLS = tuple(f"{n:06}" for n in range(5930, 5970))
CHART_PATH = "/uapi/domestic-stock/v1/quotations/inquire-daily-itemchartprice"
ORDER_PATH = "/uapi/domestic-stock/v1/trading/order-cash"
_TAIL = (
    "6021^6544^523^109.96^601233^661094^1^0.52^87.41^090013^2^600^101442^5^-300^090351^2^1000^20261118^20^N^4182^2967^"
    "96340^71218^0.29^1187402^108.13^0^^60700^2"
)
_FIELDS = {f"stck_field_{n:02}": f"{61_300 + n}" for n in range(80)}
_ANSWER = json.dumps({"output": _FIELDS, "rt_cd": "0", "msg_cd": "MCA00000", "msg1": "정상처리 되었습니다.".ljust(80)})
_DAY = (
    "stck_bsop_date",
    "stck_clpr",
    "stck_oprc",
    "stck_hgpr",
    "stck_lwpr",
    "acml_vol",
    "acml_tr_pbmn",
    "flng_cls_code",
)
_DAY_MORE = ("prtt_rate", "mod_yn", "prdy_vrss_sign", "prdy_vrss", "revl_issu_reas")
_CHART = json.dumps(
    {
        "output1": {f"stck_field_{n:02}": f"{61_300 + n}" for n in range(24)},
        "output2": [dict.fromkeys(_DAY + _DAY_MORE, f"{61300 + n}") for n in range(100)],
        "rt_cd": "0",
        "msg_cd": "MCA00000",
        "msg1": "정상처리 되었습니다.".ljust(80),
    }
)
_ACCEPTED = json.dumps(
    {
        "rt_cd": "0",
        "msg_cd": "APBK0013",
        "msg1": "주문 전송 완료 되었습니다.".ljust(80),
        "output": {"KRX_FWDG_ORD_ORGNO": "00950", "ODNO": "0000012345", "ORD_TMD": "112010"},
    }
)
_TOKEN = json.dumps(
    {
        "access_token": "x" * 300,
        "access_token_token_expired": "2099-01-01 00:00:00",
        "token_type": "Bearer",
        "expires_in": 86400,
    }
)


def trades(count: int) -> list[str]:
    """Return that many frames of one trade each, of forty symbols in turn, without a gap."""
    frames = []
    for number in range(count):
        turn, second = divmod(number, len(SYMBOLS))[0], number // 200
        at = f"{9 + second // 3600:02}{second // 60 % 60:02}{second % 60:02}"
        price, volume = 61_000 + number % 7 * 100, 1_283_950 + 25 * turn
        frames.append(
            f"0|H0STCNT0|001|{SYMBOLS[number % len(SYMBOLS)]}^{at}^{price}^2^800^1.32^61032.68^60700^61700^60300^"
            f"{price + 100}^{price}^25^{volume}^{volume * 61_032}^{_TAIL}"
        )
    return frames


def http(body: str) -> bytes:
    """Return a whole answer."""
    told = body.encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json;charset=UTF-8\r\ncontent-length: {len(told)}\r\n\r\n"
    return head.encode() + told


_BY_BEGINNING = (
    (f"GET {CHART_PATH}".encode(), http(_CHART)),
    (b"GET ", http(_ANSWER)),
    (f"POST {ORDER_PATH}".encode(), http(_ACCEPTED)),
    (b"POST ", http(_TOKEN)),
)


class _Answers(asyncio.Protocol):
    """Answers each request of a connection by how it begins."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        for begins, answer in _BY_BEGINNING:
            if data.startswith(begins):
                self._transport.write(answer)
                return


async def _flood(connection: ServerConnection) -> None:
    """Send as many frames as the client's one message says, then wait for it to go."""
    count = int(await connection.recv())
    flood = b"".join(Frame(Opcode.TEXT, frame.encode()).serialize(mask=False, extensions=[]) for frame in trades(count))
    connection.transport.write(flood)
    await connection.wait_closed()


async def main() -> None:
    """Serve on two free ports of loopback."""
    loop = asyncio.get_running_loop()
    rest = await loop.create_server(_Answers, "127.0.0.1", 0)
    async with serve(_flood, "127.0.0.1", 0, ping_interval=None, compression=None) as stream:
        ports = {
            "stream": next(iter(stream.sockets)).getsockname()[1],
            "rest": rest.sockets[0].getsockname()[1],
        }
        print(json.dumps(ports), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
