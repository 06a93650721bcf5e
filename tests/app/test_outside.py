"""A sink outside of the process: virtual time waits for it, and the wall's goes on as ever."""

import asyncio
import threading

import pytest

from kis_daemon.app.outside import OutsideSink
from kis_daemon.ports import Severity
from kis_daemon.virtual_loop import VirtualLoop

SILENT_DAY_S = 86_400.0


class PostOffice:
    """A sink whose answer comes from another thread, milliseconds of the wall later."""

    name = "post office"
    level = Severity.WARNING

    def __init__(self, error: Exception | None = None) -> None:
        self.texts: list[str] = []
        self._error = error

    async def send(self, text: str) -> None:
        loop = asyncio.get_running_loop()
        answered = asyncio.Event()
        timer = threading.Timer(0.01, loop.call_soon_threadsafe, (answered.set,))
        timer.start()
        await answered.wait()
        timer.join()
        if self._error is not None:
            raise self._error
        self.texts.append(text)


def test_it_is_the_sink_it_stands_for() -> None:
    sink = OutsideSink(PostOffice())

    assert (sink.name, sink.level) == ("post office", Severity.WARNING)


def test_virtual_time_does_not_outrun_a_delivery() -> None:
    office = PostOffice()

    async def deliver() -> float:
        sleeper = asyncio.create_task(asyncio.sleep(SILENT_DAY_S))  # would let a whole day pass at once
        await OutsideSink(office).send("text")
        passed = asyncio.get_running_loop().time()
        sleeper.cancel()
        return passed

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(deliver()) < 1.0
    assert office.texts == ["text"]


def test_a_failed_delivery_lets_time_go_on() -> None:
    async def deliver() -> float:
        with pytest.raises(ConnectionError):
            await OutsideSink(PostOffice(ConnectionError())).send("text")
        await asyncio.sleep(SILENT_DAY_S)
        return asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(deliver()) >= SILENT_DAY_S


async def test_on_the_walls_loop_it_only_hands_on() -> None:
    office = PostOffice()

    await OutsideSink(office).send("text")

    assert office.texts == ["text"]
