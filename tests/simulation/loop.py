"""The loop of a simulated day: the same seed is the same day, whatever was lived before it in this process.

Rules of this room
    Nothing may follow from where a thing lies in memory. Task groups keep tasks in sets, anyio (behind the Telegram
    library) its cancel scopes too: both are numbered here, and their place in a set follows from their number.
    No garbage is collected during a day: what is closed by it would be closed at a moment that no seed tells.
"""

from __future__ import annotations

import asyncio
import gc
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any
from unittest.mock import patch

import simloop
from aiohttp import web_app
from anyio._backends import _asyncio as anyio_backend
from simloop._trace import TraceRecorder

from tests.simulation.store import PowerCut


class _Unrecorded(TraceRecorder):
    """Keeps no trace: a day's would take 10 MiB, and the seed alone repeats the day."""

    def record(self, *_event: object) -> None: ...


class _Task(asyncio.Task[Any]):
    def __init__(self, number: int, *args: Any, **kwargs: Any) -> None:
        self.number = number
        super().__init__(*args, **kwargs)

    def __hash__(self) -> int:
        return self.number


class _Scope(anyio_backend.CancelScope):
    __slots__ = ("number",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        loop = asyncio.get_running_loop()
        self.number = next(loop.numbers) if isinstance(loop, Loop) else 0
        super().__init__(*args, **kwargs)

    def __hash__(self) -> int:
        return self.number


class Loop(simloop.SimLoop):
    """A simulated loop that keeps what nobody awaited, instead of ending the run with it."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._recorder = _Unrecorded()
        self.numbers = count()
        self.set_task_factory(lambda loop, coro, **more: _Task(next(self.numbers), coro, loop=loop, **more))
        self.unheard: list[str] = []
        self.set_exception_handler(self._keep)

    def _keep(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, PowerCut | ConnectionError | None) or _in_a_server(error):
            return
        told = "".join(traceback.format_exception(error))
        self.unheard.append(f"{context.get('message')}: {told}")


@contextmanager
def nothing_left_to_chance() -> Iterator[None]:
    """Have a day in this process be as it would be in any other, and leave nothing of it behind."""
    gc.collect()
    gc.freeze()  # what was there before is not looked through again
    gc.disable()
    try:
        with patch.object(anyio_backend, "CancelScope", _Scope):
            yield
    finally:
        web_app._cached_build_middleware.cache_clear()  # aiohttp would keep the day's servers, and all behind them
        gc.enable()


def _in_a_server(error: BaseException) -> bool:
    """Whether aiohttp's server met a peer that had just died: its own race, on a host that is not ours."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and frames[-1].filename.endswith("aiohttp/web_protocol.py")
