"""The server's own troubles: a port that is taken, a break in the middle; trading hears of none of it."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kis_daemon.console.http.addresses import Address, addresses_of
from kis_daemon.console.http.server import HttpServer
from tests.http.house import a_house, until


def a_taken_port() -> tuple[socket.socket, Address]:
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    return taken, Address(host="127.0.0.1", port=taken.getsockname()[1])


def another(house: Any, **terms: Any) -> HttpServer:
    """Return a server like that of `house` on other terms."""
    server = house.server
    return HttpServer(replace(server._terms, **terms), server._desks, server._clock, server._notifier, "0")


async def test_a_taken_port_is_told_once_and_taken_when_it_is_free(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        taken, address = a_taken_port()
        server = another(house, addresses=(address,), retry_s=0.02)
        running = asyncio.create_task(server.run())
        await asyncio.sleep(0.1)

        assert not running.done()
        assert house.path.notifier.events.count("http_not_listening") == 1
        told = house.path.notifier.alerts[-1].data
        assert str(address) in str(told["reason"])

        taken.close()
        await until(lambda: bool(server.listening))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_where_it_is_not_tried_again_the_task_ends_and_nothing_else_does(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        taken, address = a_taken_port()

        await another(house, addresses=(address,), retry_s=None).run()

        taken.close()
        assert "http_not_listening" in house.path.notifier.events
        assert (await house.ask("GET", "/health"))[0] == 200


async def test_of_several_addresses_all_answer_or_none(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        taken, address = a_taken_port()
        free = Address(host="127.0.0.1", port=0)
        server = another(house, addresses=(free, address), retry_s=None)

        await server.run()

        taken.close()
        assert server.listening == []


async def test_what_breaks_the_server_is_told_and_it_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_house(tmp_path) as house:
        server = another(house, retry_s=0.01)
        tries: list[int] = []

        async def breaks() -> None:
            tries.append(1)
            raise RuntimeError("broken")

        monkeypatch.setattr(server, "_serve", breaks)
        running = asyncio.create_task(server.run())
        await until(lambda: len(tries) > 2)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

        assert house.path.notifier.events.count("http_not_listening") == 1


async def test_a_server_that_stops_takes_no_order_along(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        house.path.broker.answer_takes_s = 0.2
        token = await house.persons.token()
        order = {"order_intent": {"symbol": "005930", "quantity": 10}}
        server = another(house)
        running = asyncio.create_task(server.run())
        await until(lambda: bool(server.listening))
        sent = {"Authorization": f"Bearer {token}"}
        asking = asyncio.create_task(
            house.session.post(f"http://{server.listening[0]}/place_order", json=order, headers=sent)
        )
        await until(lambda: bool(house.path.broker.sent))

        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await asyncio.sleep(0.4)

        assert [order.state.value for order in house.path.stored_orders()] == ["SUBMITTED"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8890", ["127.0.0.1:8890"]),
        ("127.0.0.1:8001, 127.0.0.1:8002,[::1]:8000", ["127.0.0.1:8001", "127.0.0.1:8002", "[::1]:8000"]),
        ("localhost:1,localhost:1", ["localhost:1"]),
        ("off", []),
        ("OFF", []),
    ],
)
def test_addresses_are_read_as_they_are_written(text: str, expected: list[str]) -> None:
    assert [str(address) for address in addresses_of(text)] == expected


@pytest.mark.parametrize(
    "text", ["", "8890", ":8890", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", "a:1,,b:2", "a:-1", "a:²"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        addresses_of(text)
