"""A sink outside the process: on a virtual loop its delivery holds time, so that a simulation does not outrun it."""

from __future__ import annotations

from contextlib import nullcontext

from kis_daemon.console.alerts import Sink
from kis_daemon.ports import Severity
from kis_daemon.virtual_loop import running_virtual_loop


class OutsideSink:
    """`console.alerts.Sink` around another one."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    @property
    def name(self) -> str:
        return self._sink.name

    @property
    def level(self) -> Severity:
        return self._sink.level

    async def send(self, text: str) -> None:
        loop = running_virtual_loop()
        with nullcontext() if loop is None else loop.outside():
            await self._sink.send(text)
