"""The alert desk: bounded, patient, and never in the way."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from kis_daemon.console.alerts import AlertDesk, AlertRules
from kis_daemon.console.catalogue import Language
from kis_daemon.ports import Alert, Severity
from kis_daemon.virtual_loop import VirtualLoop

NINE = datetime(2026, 3, 3, 9, 0, tzinfo=ZoneInfo("Asia/Seoul"))


class FakeSink:
    """Remembers what it was told, or does what it is told to do instead."""

    name = "fake"

    def __init__(self, level: Severity = Severity.INFO, behave: Callable[[str], Awaitable[None]] | None = None) -> None:
        self.level = level
        self.behave = behave
        self.texts: list[str] = []

    async def send(self, text: str) -> None:
        if self.behave is not None:
            await self.behave(text)
        self.texts.append(text)


def an_alert(
    event: str = "error", severity: Severity = Severity.ERROR, after_s: float = 0, /, **data: str | int
) -> Alert:
    return Alert(event=event, severity=severity, at=NINE + timedelta(seconds=after_s), data=data)


def a_desk(*sinks: FakeSink, **rules: Any) -> AlertDesk:
    return AlertDesk(sinks, Language.EN, AlertRules(**rules))


@contextmanager
def delivering(desk: AlertDesk) -> Iterator[asyncio.Task[None]]:
    task = asyncio.create_task(desk.run(), name="alerts")
    try:
        yield task
    finally:
        task.cancel()


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_an_alert_is_logged_and_sent_in_words() -> None:
    sink = FakeSink()
    desk = a_desk(sink)

    with delivering(desk), capture_logs() as logs:
        desk.tell(an_alert("feed_down", Severity.WARNING, reason="closed"))
        await settled()

    assert sink.texts == ["[WARNING] Live quotes lost: closed"]
    assert logs == [{"event": "feed_down", "reason": "closed", "log_level": "warning"}]


async def test_data_named_like_the_logs_own_keys_is_logged() -> None:
    with capture_logs() as logs:
        a_desk().tell(an_alert("error", event="order_lost", message="?"))

    assert logs == [{"event": "error", "of_event": "order_lost", "message": "?", "log_level": "error"}]


async def test_a_sink_gets_only_what_it_wants() -> None:
    all_of_it, errors = FakeSink(), FakeSink(level=Severity.ERROR)
    desk = a_desk(all_of_it, errors)

    desk.tell(an_alert("feed_up", Severity.INFO))
    desk.tell(an_alert("feed_down", Severity.ERROR, reason="x"))
    await desk.drain(1)

    assert len(all_of_it.texts) == 2
    assert errors.texts == ["[ERROR] Live quotes lost: x"]


async def test_the_same_error_within_a_minute_is_counted_and_not_repeated() -> None:
    sink = FakeSink()
    desk = a_desk(sink)

    for after_s in (0, 10, 59, 60):
        desk.tell(an_alert("error", Severity.ERROR, after_s, event="e", message="m"))
    desk.tell(an_alert("error", Severity.ERROR, 61, event="e", message="another"))
    await desk.drain(1)

    assert sink.texts == [
        "[ERROR] Error: e, m",
        "[ERROR] Error: e, m (2 equal alerts left out)",
        "[ERROR] Error: e, another",
    ]


async def test_equal_facts_that_are_no_trouble_are_all_told() -> None:
    sink = FakeSink()
    desk = a_desk(sink)

    desk.tell(an_alert("feed_up", Severity.INFO))
    desk.tell(an_alert("feed_up", Severity.INFO))
    await desk.drain(1)

    assert len(sink.texts) == 2


async def test_a_full_queue_gives_up_its_oldest_info_first_and_says_how_many() -> None:
    sink = FakeSink()
    desk = a_desk(sink, queue_size=3)

    desk.tell(an_alert(message="first"))
    for number in range(3):
        desk.tell(an_alert("daemon_stopped", Severity.INFO, reason=str(number)))
    desk.tell(an_alert(message="last"))
    await desk.drain(1)

    assert [text.splitlines()[0][-8:] for text in sink.texts] == ["?, first", "opped: 2", " ?, last"]
    assert sink.texts[0].endswith("2 alerts could not be sent in time")


async def test_a_failing_sink_loses_its_alert_and_nothing_else() -> None:
    async def fail(_: str) -> None:
        raise ZeroDivisionError("by this sink")

    broken, sound = FakeSink(behave=fail), FakeSink()
    desk = a_desk(broken, sound)

    with delivering(desk) as task, capture_logs() as logs:
        desk.tell(an_alert("feed_up", Severity.INFO))
        await settled()
        desk.tell(an_alert("feed_up", Severity.INFO))
        await settled()
        alive = not task.done()

    assert alive
    assert len(sound.texts) == 2
    assert [line["event"] for line in logs].count("alert_not_delivered") == 2


def on_virtual_time(work: Callable[[], Awaitable[None]]) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(work())  # type: ignore[arg-type]


def test_a_hanging_sink_holds_up_neither_the_teller_nor_the_next_alert() -> None:
    async def hang(_: str) -> None:
        await asyncio.sleep(3600)

    async def work() -> None:
        sound = FakeSink()
        desk = a_desk(FakeSink(behave=hang), sound, send_timeout_s=20)
        loop = asyncio.get_running_loop()

        with delivering(desk):
            desk.tell(an_alert("feed_up", Severity.INFO))
            told_at = loop.time()
            await asyncio.sleep(21)

        assert told_at < 0.001
        assert len(sound.texts) == 1

    on_virtual_time(work)


def test_no_more_than_so_many_alerts_are_sent_a_minute() -> None:
    async def work() -> None:
        sink = FakeSink()
        desk = a_desk(sink, per_minute=5)

        with delivering(desk):
            for _ in range(12):
                desk.tell(an_alert("feed_up", Severity.INFO))
            counts = []
            for pause_s in (30, 60, 60):
                await asyncio.sleep(pause_s)
                counts.append(len(sink.texts))

        assert counts == [5, 10, 12]

    on_virtual_time(work)


def test_an_alert_that_was_cut_off_is_delivered_when_draining() -> None:
    async def work() -> None:
        async def slow(_: str) -> None:
            await asyncio.sleep(5)

        sink = FakeSink(behave=slow)
        desk = a_desk(sink)
        with delivering(desk):
            desk.tell(an_alert("daemon_stopped", Severity.INFO, reason="SIGTERM"))
            await asyncio.sleep(1)
        await asyncio.sleep(0)

        await desk.drain(10)

        assert sink.texts == ["Trading daemon stopped: SIGTERM"]
        assert desk.waiting == 0

    on_virtual_time(work)


def test_draining_ends_in_time() -> None:
    async def work() -> None:
        async def hang(_: str) -> None:
            await asyncio.sleep(3600)

        desk = a_desk(FakeSink(behave=hang))
        desk.tell(an_alert("feed_up", Severity.INFO))

        await desk.drain(3)

        assert asyncio.get_running_loop().time() < 3.01
        assert desk.waiting == 1

    on_virtual_time(work)


@pytest.mark.parametrize("severity", Severity)
async def test_without_sinks_nothing_is_queued(severity: Severity) -> None:
    desk = a_desk()

    desk.tell(an_alert("error", severity))

    assert desk.waiting == 0
