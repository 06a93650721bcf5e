"""The order's bytes on real sockets: none without the permit, none twice, and what silence means."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from kis_daemon.kis.budget import Budget, CallLimit, Priority, Slot
from kis_daemon.kis.transport import Endpoint, Transport
from kis_daemon.kis.wire import Answer
from kis_daemon.ports import BrokerUnreachable, NoAnswer, Withdrawn
from tests.kis.builders import ByteServer, Seen, a_server, accepted_body, http, in_virtual_time, token_body

PATH = "/uapi/domestic-stock/v1/trading/order-cash"
BODY = {"PDNO": "035720", "ORD_QTY": "10"}


async def accept(_: Seen) -> bytes | None:
    return http(accepted_body())


async def send(transport: Transport, permitted: bool = True) -> Answer | Withdrawn:
    return await transport.post_once(PATH, BODY, {"tr_id": "VTTC0012U"}, lambda: permitted)


async def until_gone(server: ByteServer, connection: int) -> None:
    """Wait until the server has read the end of a connection: nothing can arrive after it."""
    async with asyncio.timeout(5):
        await server.arrivals.acquire()
        await server.hang_ups[connection].wait()


async def test_a_refused_permit_sends_no_byte_on_a_new_connection() -> None:
    async with a_server(accept) as server, Transport(server.endpoint, 5) as transport:
        answer = await send(transport, permitted=False)
        await until_gone(server, 0)

    assert answer == Withdrawn()
    assert [bytes(received) for received in server.bytes_of] == [b""]


async def test_a_refused_permit_sends_no_byte_on_a_reused_connection() -> None:
    async with a_server(accept) as server, Transport(server.endpoint, 5) as transport:
        await send(transport)
        before = bytes(server.bytes_of[0])
        answer = await send(transport, permitted=False)
        await until_gone(server, 0)

    assert answer == Withdrawn()
    assert len(server.bytes_of) == 1
    assert bytes(server.bytes_of[0]) == before


async def test_a_withdrawn_connection_is_not_used_again() -> None:
    async with a_server(accept) as server, Transport(server.endpoint, 5) as transport:
        await send(transport)
        await send(transport, permitted=False)
        answer = await send(transport)

    assert isinstance(answer, Answer)
    assert [request.json for request in server.seen] == [BODY, BODY]
    assert len(server.bytes_of) == 2


@pytest.mark.parametrize("reused", [False, True])
async def test_the_whole_request_is_in_the_socket_before_the_loop_takes_another_step(reused: bool) -> None:
    received: list[bytes] = []
    peers: list[socket.socket] = []
    loop = asyncio.get_running_loop()

    def permit() -> bool:
        if not peers:
            peers.append(listener.accept()[0])

        def look() -> None:
            received.append(peers[0].recv(65536, socket.MSG_DONTWAIT))
            peers[0].sendall(http(accepted_body()))

        loop.call_soon(look)
        return True

    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with Transport(Endpoint(url=f"http://127.0.0.1:{listener.getsockname()[1]}"), 5) as transport:
            for _ in range(2 if reused else 1):
                await transport.post_once(PATH, BODY, {"tr_id": "VTTC0012U"}, permit)
        peers[0].close()

    assert len(received) == (2 if reused else 1)
    for request in received:
        assert request.startswith(b"POST ")
        assert request.endswith(b'{"PDNO": "035720", "ORD_QTY": "10"}')


async def test_a_permit_that_fails_sends_nothing_and_its_own_error_comes_out() -> None:
    def permit() -> bool:
        raise ZeroDivisionError

    async with a_server(accept) as server, Transport(server.endpoint, 5) as transport:
        with pytest.raises(ZeroDivisionError):
            await transport.post_once(PATH, BODY, {}, permit)
        await until_gone(server, 0)

    assert bytes(server.bytes_of[0]) == b""


async def test_silence_after_sending_is_no_answer_and_one_request() -> None:
    async def never(_: Seen) -> bytes | None:
        await asyncio.sleep(30)
        return None

    async with a_server(never) as server, Transport(server.endpoint, 0.05) as transport:
        with pytest.raises(NoAnswer):
            await send(transport)

        assert len(server.seen) == 1


@pytest.mark.parametrize("reused", [False, True])
async def test_a_connection_lost_after_sending_is_no_answer_and_one_request(reused: bool) -> None:
    async def script(request: Seen) -> bytes | None:
        return http(accepted_body()) if reused and request is server.seen[0] else None

    async with a_server(script) as server, Transport(server.endpoint, 5) as transport:
        if reused:
            await send(transport)
        already = len(server.seen)
        with pytest.raises(NoAnswer):
            await send(transport)
        await asyncio.sleep(0)

        assert len(server.seen) == already + 1


async def test_a_reset_of_a_reused_connection_is_never_answered_by_sending_again() -> None:
    requests = 0

    def reset(sock: socket.socket) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        while (await reader.readline()) != b"\r\n":
            pass
        await reader.readexactly(len('{"PDNO": "035720", "ORD_QTY": "10"}'))
        requests += 1
        if requests == 1:
            writer.write(http(accepted_body()))
            await serve(reader, writer)
        else:
            reset(writer.get_extra_info("socket"))
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    async with Transport(Endpoint(url=url), 5) as transport:
        await send(transport)
        with pytest.raises(NoAnswer):
            await send(transport)
        await asyncio.sleep(0)
    listener.close()

    assert requests == 2


async def test_a_redirect_is_not_followed() -> None:
    async def redirect(_: Seen) -> bytes | None:
        return http("", status=307).replace(b"tr_cont: ", b"location: /elsewhere\r\ntr_cont: ")

    async with a_server(redirect) as server, Transport(server.endpoint, 5) as transport:
        answer = await send(transport)

    assert isinstance(answer, Answer)
    assert answer.status == 307
    assert len(server.seen) == 1


async def test_without_a_connection_nothing_was_sent_and_the_permit_is_not_asked() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    asked: list[bool] = []

    def permit() -> bool:
        asked.append(True)
        return True

    async with Transport(Endpoint(url=url), 5) as transport:
        with pytest.raises(BrokerUnreachable):
            await transport.post_once(PATH, BODY, {}, permit)

    assert asked == []


async def test_cancelling_the_caller_while_kis_thinks_is_a_cancellation() -> None:
    arrived = asyncio.Event()

    async def never(_: Seen) -> bytes | None:
        arrived.set()
        await asyncio.sleep(30)
        return None

    async with a_server(never) as server, Transport(server.endpoint, 30) as transport:
        task = asyncio.create_task(send(transport))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert len(server.seen) == 1


async def test_a_caller_cancelled_at_any_step_never_leaves_a_request_to_go_out_later() -> None:
    asked: list[bool] = []

    def permit() -> bool:
        asked.append(True)
        return True

    async with a_server(accept) as server, Transport(server.endpoint, 5) as transport:
        await send(transport)
        for steps in range(12):
            task = asyncio.create_task(transport.post_once(PATH, BODY, {}, permit))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            at_return = len(asked)
            for _ in range(5):
                await asyncio.sleep(0)
            assert len(asked) == at_return
    await asyncio.sleep(0)

    assert len(server.seen) - 1 <= len(asked)


async def test_no_error_tells_the_account_or_the_secret() -> None:
    async def drop(_: Seen) -> bytes | None:
        return None

    async with a_server(drop) as server, Transport(server.endpoint, 5) as transport:
        with pytest.raises(BrokerUnreachable) as question:
            await transport.get("/balance", [("CANO", "50123456")], {"appsecret": "s3cret"})
        with pytest.raises(NoAnswer) as command:
            await transport.post_once(PATH, {"CANO": "50123456"}, {"appsecret": "s3cret"}, lambda: True)

    for told in (question.value, command.value):
        assert "50123456" not in str(told)
        assert "s3cret" not in str(told)
        assert told.__cause__ is None
        assert told.__suppress_context__ or told.__context__ is None


def test_an_in_process_connection_never_grows_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wall = [1000.0]
    monkeypatch.setattr("aiohttp.connector.monotonic", lambda: wall[0])

    async def work() -> int:
        async with (
            a_server(accept, tmp_path / "kis.sock") as server,
            Transport(server.endpoint, 5) as transport,
        ):
            for _ in range(3):
                await transport.get("/a", [], {})
                wall[0] += 86_400
                await asyncio.sleep(86_400)
            return len(server.bytes_of)

    assert in_virtual_time(work()) == 1


# --- the slot --------------------------------------------------------------------------------------------------------


class WatchedSlot(Slot):
    """A slot that calls `look` when it is told of its departure."""

    __slots__ = ("look", "told")

    def __init__(self) -> None:
        super().__init__(Budget(CallLimit(calls=1, window_s=1.0)), Priority.QUOTE, "", 0.0)
        self._is_open = False  # given out by nobody
        self.told = 0
        self.look: Callable[[], None] = lambda: None

    def leave(self) -> bool:
        self.told += 1
        self.look()
        return super().leave()


async def ask(transport: Transport, slot: Slot, kind: str) -> object:
    match kind:
        case "question":
            return await transport.get("/price", [("a", "b")], {"tr_id": "t"}, slot)
        case "key":
            return await transport.post("/oauth2/tokenP", BODY, slot)
        case _:
            return await transport.post_once(PATH, BODY, {}, lambda: True, slot)


KINDS = pytest.mark.parametrize("kind", ["question", "key", "order"])


@KINDS
@pytest.mark.parametrize("reused", [False, True])
async def test_a_slot_hears_of_the_departure_in_the_step_in_which_the_bytes_leave(kind: str, reused: bool) -> None:
    received: list[bytes] = []
    peers: list[socket.socket] = []
    loop = asyncio.get_running_loop()

    def depart() -> None:
        if not peers:
            peers.append(listener.accept()[0])
        with pytest.raises(BlockingIOError):
            peers[0].recv(65536, socket.MSG_DONTWAIT)  # not a byte before
        loop.call_soon(look)

    def look() -> None:
        received.append(peers[0].recv(65536, socket.MSG_DONTWAIT))
        peers[0].sendall(http(token_body("t")))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with Transport(Endpoint(url=f"http://127.0.0.1:{listener.getsockname()[1]}"), 5) as transport:
            for _ in range(2 if reused else 1):
                slot = WatchedSlot()
                slot.look = depart
                await ask(transport, slot, kind)
                assert slot.told == 1
        peers[0].close()

    assert len(received) == (2 if reused else 1)
    assert all(request.endswith((b"\r\n\r\n", b"}")) for request in received)


@KINDS
@pytest.mark.parametrize("reused", [False, True])
async def test_a_call_whose_slot_was_taken_back_sends_no_byte(kind: str, reused: bool) -> None:
    async with a_server(accept) as server, Transport(server.endpoint, 5) as transport:
        if reused:
            await send(transport)
        before = [bytes(received) for received in server.bytes_of]
        slot = WatchedSlot()
        slot.is_lost = True
        with pytest.raises(BrokerUnreachable):
            await ask(transport, slot, kind)
        await until_gone(server, 0)

    assert [bytes(received) for received in server.bytes_of] == (before or [b""])


async def test_a_permit_is_not_asked_for_an_order_whose_slot_was_taken_back() -> None:
    asked: list[bool] = []

    def permit() -> bool:
        asked.append(True)
        return True

    slot = WatchedSlot()
    slot.is_lost = True
    async with a_server(accept) as server, Transport(server.endpoint, 5) as transport:
        with pytest.raises(BrokerUnreachable):
            await transport.post_once(PATH, BODY, {}, permit, slot)

    assert asked == []


async def test_an_order_that_was_withdrawn_has_not_left() -> None:
    slot = WatchedSlot()
    async with a_server(accept) as server, Transport(server.endpoint, 5) as transport:
        await transport.post_once(PATH, BODY, {}, lambda: False, slot)

    assert slot.told == 0


@pytest.mark.parametrize("way", ["reset", "closed"])
async def test_a_question_on_a_kept_connection_that_dies_is_not_asked_again_by_the_library(way: str) -> None:
    requests = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        while True:
            while (line := await reader.readline()) != b"\r\n":
                if not line:
                    return
            requests += 1
            if requests > 1:
                if way == "reset":
                    raw = writer.get_extra_info("socket")
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.close()
                return
            writer.write(http(accepted_body()))

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    async with Transport(Endpoint(url=url), 5) as transport:
        await transport.get("/price", [("a", "b")], {})
        with pytest.raises(BrokerUnreachable):
            await transport.get("/price", [("a", "b")], {})
        await asyncio.sleep(0)
    listener.close()

    assert requests == 2


async def test_an_order_that_nobody_waits_for_any_more_does_not_arrive_later() -> None:
    """A peer that reads only after the time limit finds a reset connection, and no order in it."""
    reading = asyncio.Event()
    found: list[bytes | str] = []
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # a network that holds everything back
        await reading.wait()
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        try:
            found.append(await reader.read())
        except ConnectionResetError:
            found.append("reset")
        writer.close()
        ended.set()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    async with Transport(Endpoint(url=url), 0.1) as transport:
        with pytest.raises(NoAnswer):
            await send(transport)
        reading.set()
        async with asyncio.timeout(5):
            await ended.wait()
    listener.close()

    assert found == ["reset"]
