"""Time that is a number: what costs none of it, where its jumps land, and that one program has one trace."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from aiohttp import ClientSession, UnixConnector, web
from hypothesis import given
from hypothesis import strategies as st

from kis_daemon.virtual_loop import (
    NothingCanEndThisWait,
    Pace,
    VirtualLoop,
    linear_pace,
    running_virtual_loop,
)
from tests.conftest import ROOT

T = TypeVar("T")
DAY_S = 86_400.0


def run(
    main: Callable[[VirtualLoop], Coroutine[Any, Any, T]],
    pace: Pace | None = None,
    *,
    outside_input: bool = False,
    debug: bool = False,
) -> T:
    """Run `main` on a virtual loop of its own."""
    loop = VirtualLoop(pace, outside_input=outside_input)
    with asyncio.Runner(loop_factory=lambda: loop, debug=debug) as runner:
        return runner.run(main(loop))


@contextmanager
def wall() -> Iterator[Callable[[], float]]:
    """Give a function that says how many wall seconds have passed."""
    began = time.monotonic()
    yield lambda: time.monotonic() - began


@asynccontextmanager
async def an_echo(path: Path) -> Any:
    """Serve `GET /echo?n=` on a socket file."""

    async def echo(request: web.Request) -> web.Response:
        return web.json_response({"n": int(request.query["n"])})

    app = web.Application()
    app.router.add_get("/echo", echo)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.UnixSite(runner, str(path)).start()
        yield
    finally:
        await runner.cleanup()


@asynccontextmanager
async def a_client(path: Path) -> Any:
    async with an_echo(path), ClientSession("http://echo", connector=UnixConnector(str(path))) as http:
        yield http


# ── what costs no time


def test_a_thousand_database_calls_advance_time_by_nothing(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> tuple[float, int]:
        database = sqlite3.connect(tmp_path / "a.db", check_same_thread=False)
        database.execute("pragma synchronous = off")
        database.execute("create table rows (n integer)")

        def write(n: int) -> None:
            with database:
                database.execute("insert into rows values (?)", (n,))

        async def writer(first: int) -> None:
            for n in range(first, first + 50):
                await asyncio.to_thread(write, n)

        before = loop.time()
        async with asyncio.TaskGroup() as tasks:
            loop.call_later(1, lambda: None)  # the jump that must not be taken
            for first in range(0, 1000, 50):
                tasks.create_task(writer(first))
        (total,) = await asyncio.to_thread(lambda: database.execute("select sum(n) from rows").fetchone())
        await asyncio.to_thread(database.close)
        return loop.time() - before, total

    assert run(main) == (0.0, sum(range(1000)))


def test_a_thousand_requests_advance_time_by_nothing(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> tuple[float, int]:
        async with a_client(tmp_path / "echo") as http:

            async def asker(first: int) -> int:
                total = 0
                for n in range(first, first + 50):
                    async with http.get("/echo", params={"n": n}) as answer:
                        total += (await answer.json())["n"]
                return total

            before = loop.time()
            totals = await asyncio.gather(*(asker(first) for first in range(0, 1000, 50)))
            return loop.time() - before, sum(totals)

    assert run(main) == (0.0, sum(range(1000)))


def test_more_than_a_socket_holds_is_carried_over_in_no_time(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> tuple[int, float]:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"x" * 8_000_000)
            await writer.drain()
            writer.close()

        server = await asyncio.start_unix_server(answer, tmp_path / "s")
        reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
        received = len(await reader.read())
        writer.close()
        server.close()
        return received, loop.time()

    assert run(main) == (8_000_000, 0.0)


# ── executor calls


def test_an_executor_call_runs_at_once_with_the_callers_context() -> None:
    async def main(loop: VirtualLoop) -> tuple[int, bool]:
        return await loop.run_in_executor(None, max, 3, 4), await asyncio.to_thread(
            lambda: threading.current_thread() is threading.main_thread()
        )

    assert run(main) == (4, True)


def test_an_executor_calls_exception_belongs_to_who_awaits_it() -> None:
    async def main(loop: VirtualLoop) -> str:
        call = loop.run_in_executor(None, int, "no number")
        await asyncio.sleep(1)
        try:
            await call
        except ValueError as error:
            return str(error)
        return "nothing raised"

    assert run(main) == "invalid literal for int() with base 10: 'no number'"


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_an_executor_call_may_end_the_program(stop: type[BaseException]) -> None:
    def leave() -> None:
        raise stop

    async def main(loop: VirtualLoop) -> None:
        await loop.run_in_executor(None, leave)

    with pytest.raises(stop):
        run(main)


# ── jumps


@given(st.lists(st.floats(1e-5, 1e8) | st.integers(1, 10**8).map(lambda ms: ms / 1000), min_size=1, max_size=30))
def test_a_jump_lands_exactly_on_the_next_timer(moments: list[float]) -> None:
    apart: list[float] = []
    for moment in sorted(moments):
        if not apart or moment - apart[-1] > 1e-5:
            apart.append(moment)
    seen: list[float] = []

    async def main(loop: VirtualLoop) -> None:
        done = loop.create_future()
        for moment in reversed(apart):
            loop.call_at(moment, lambda: seen.append(loop.time()))
        loop.call_at(apart[-1], done.set_result, None)
        await done

    run(main)

    assert seen == apart


def test_a_jump_misses_its_timer_by_no_bit() -> None:
    async def main(loop: VirtualLoop) -> list[float]:
        seen: list[float] = []
        for moment in (752.953, 8094.738):  # 752.953 + (8094.738 - 752.953) is another float
            loop.call_at(moment, lambda: seen.append(loop.time()))
        await asyncio.sleep(9000)
        return seen

    assert run(main) == [752.953, 8094.738]


def test_a_long_sleep_takes_no_wall_time() -> None:
    async def main(loop: VirtualLoop) -> float:
        await asyncio.sleep(10 * DAY_S)
        return loop.time()

    with wall() as passed:
        assert run(main) == 10 * DAY_S
        assert passed() < 5


@pytest.mark.parametrize("days", [97, 98, 400, 3_700])
def test_short_sleeps_end_beyond_ninety_seven_days(days: int) -> None:
    async def main(loop: VirtualLoop) -> float:
        await asyncio.sleep(days * DAY_S)
        for _ in range(200):
            await asyncio.sleep(0.001)
            async with asyncio.timeout(0.5):
                await asyncio.sleep(0.1)
        return loop.time() - days * DAY_S

    assert run(main) == pytest.approx(200 * 0.101, abs=1e-3)


def test_time_stands_still_while_anything_is_ready() -> None:
    async def main(loop: VirtualLoop) -> tuple[int, float]:
        turns = 0
        woken = asyncio.Event()
        loop.call_later(1e-3, woken.set)
        while turns < 1_000:
            await asyncio.sleep(0)
            turns += 1
        before = loop.time()
        await woken.wait()
        return turns, before

    assert run(main) == (1_000, 0.0)


def test_a_time_limit_ends_a_wait_at_its_moment() -> None:
    async def main(loop: VirtualLoop) -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(45):
                await loop.create_future()
        return loop.time()

    assert run(main) == 45


# ── timers due together


@pytest.mark.parametrize("debug", [False, True])
def test_timers_due_together_run_in_the_order_they_were_set(debug: bool) -> None:
    async def main(loop: VirtualLoop) -> list[int]:
        ran: list[int] = []
        for number in range(500):
            loop.call_at(60.0, ran.append, number)
        await asyncio.sleep(60)
        return ran

    assert run(main, debug=debug) == list(range(500))


def test_timers_keep_their_order_when_most_of_the_others_are_cancelled() -> None:
    """asyncio builds its heap anew when more than half of a hundred timers are cancelled."""

    async def main(loop: VirtualLoop) -> list[int]:
        ran: list[int] = []
        timers = [loop.call_at(60.0, ran.append, number) for number in range(400)]
        for number, timer in enumerate(timers):
            if number % 5:
                timer.cancel()
        await asyncio.sleep(60)
        return ran

    assert run(main) == list(range(0, 400, 5))


@given(st.lists(st.integers(1, 5), min_size=1, max_size=60))
def test_timers_run_by_their_moment_and_then_by_their_setting(moments: list[int]) -> None:
    async def main(loop: VirtualLoop) -> list[tuple[int, int]]:
        ran: list[tuple[int, int]] = []
        for number, moment in enumerate(moments):
            loop.call_at(float(moment), ran.append, (moment, number))
        await asyncio.sleep(6)
        return ran

    assert run(main) == sorted((moment, number) for number, moment in enumerate(moments))


# ── what cannot end


def test_a_wait_that_nothing_can_end_raises() -> None:
    async def main(loop: VirtualLoop) -> None:
        await asyncio.sleep(5)
        await asyncio.Event().wait()

    with pytest.raises(NothingCanEndThisWait, match=r"at virtual second 5\.000000"):
        run(main)


def test_a_silent_peer_of_the_same_process_is_nothing_that_can_end_a_wait() -> None:
    async def main(loop: VirtualLoop) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            await loop.sock_recv(ours, 1)

    with pytest.raises(NothingCanEndThisWait):
        run(main)


def test_a_closed_loop_takes_no_timer() -> None:
    loop = VirtualLoop()
    loop.close()

    with pytest.raises(RuntimeError, match="Event loop is closed"):
        loop.call_later(1, lambda: None)


# ── the wall clock


@pytest.mark.parametrize(("rate", "start", "end", "seconds"), [(1, 0, 60, 60), (390, 0, 23_400, 60), (10, 5, 6, 0.1)])
def test_a_linear_pace_is_the_same_at_any_hour(rate: float, start: float, end: float, seconds: float) -> None:
    assert linear_pace(rate)(start, end) == pytest.approx(seconds)


def test_with_a_pace_each_jump_waits_until_the_wall_clock_has_caught_up() -> None:
    async def main(loop: VirtualLoop) -> list[float]:
        seen = []
        for _ in range(4):
            await asyncio.sleep(10)
            seen.append(loop.time())
        return seen

    with wall() as passed:
        assert run(main, linear_pace(1_000)) == [10, 20, 30, 40]
        assert passed() >= 0.039


def test_work_that_took_too_long_is_caught_up_and_not_added() -> None:
    """What the pace asks for is 51 ms in all, 30 of which the work itself has used."""

    async def main(loop: VirtualLoop) -> float:
        with wall() as passed:
            await asyncio.sleep(1)  # here the reckoning begins
            while passed() < 0.031:
                pass
            for _ in range(50):
                await asyncio.sleep(1)
            return passed()

    took = [run(main, linear_pace(1_000))]
    while took[-1] >= 0.075 and len(took) < 5:  # on a machine that is busy with other things a run says little
        took.append(run(main, linear_pace(1_000)))

    assert 0.0505 <= took[-1] < 0.075


def test_hours_that_the_pace_gives_nothing_are_jumped() -> None:
    def closed(start: float, end: float) -> float:
        return 0.0

    async def main(loop: VirtualLoop) -> float:
        await asyncio.sleep(3 * DAY_S)
        return loop.time()

    with wall() as passed:
        assert run(main, closed) == 3 * DAY_S
        assert passed() < 5


def from_outside(loop: VirtualLoop, after_s: float, call: Callable[[], object]) -> threading.Thread:
    """Call into the loop from another thread, as a peer outside the process would wake it."""

    def later() -> None:
        time.sleep(after_s)
        loop.call_soon_threadsafe(call)

    thread = threading.Thread(target=later)
    thread.start()
    return thread


def test_input_from_outside_ends_a_paced_wait_where_the_wall_clock_is() -> None:
    async def main(loop: VirtualLoop) -> tuple[float, float]:
        heard = asyncio.Event()
        loop.call_later(3_600, lambda: None)
        with wall() as passed:
            thread = from_outside(loop, 0.02, heard.set)
            await heard.wait()
            thread.join()
            return loop.time(), passed()

    virtual_s, wall_s = run(main, linear_pace(1_000), outside_input=True)

    assert 0 < virtual_s <= wall_s * 1_000 + 1
    assert wall_s < 3


def test_without_a_timer_and_with_peers_outside_a_wait_is_a_wait() -> None:
    async def main(loop: VirtualLoop) -> float:
        heard = asyncio.Event()
        thread = from_outside(loop, 0.01, heard.set)
        await heard.wait()
        thread.join()
        return loop.time()

    assert run(main, outside_input=True) == 0
    assert run(main, linear_pace(1_000), outside_input=True) > 0


# ── work outside


def test_work_outside_that_is_soon_done_takes_no_time() -> None:
    async def main(loop: VirtualLoop) -> tuple[float, float]:
        heard = asyncio.Event()
        loop.call_later(0.001, lambda: None)
        with wall() as passed, loop.outside():
            thread = from_outside(loop, 0.005, heard.set)
            await heard.wait()
            thread.join()
            return loop.time(), passed()

    virtual_s, wall_s = run(main)

    assert virtual_s == 0 or wall_s > 0.05  # unless the machine kept it waiting


def test_work_outside_that_lasts_lets_time_pass_as_the_wall_clock_does() -> None:
    async def main(loop: VirtualLoop) -> tuple[float, float]:
        with wall() as passed, loop.outside():
            await asyncio.sleep(0.02)
            return loop.time(), passed()

    virtual_s, wall_s = run(main)

    assert virtual_s == pytest.approx(0.02, abs=2e-3)
    assert wall_s >= 0.05  # it stood still for a moment first


def test_after_the_work_outside_time_jumps_again() -> None:
    async def main(loop: VirtualLoop) -> float:
        with loop.outside(), loop.outside():
            pass
        await asyncio.sleep(DAY_S)
        return loop.time()

    with wall() as passed:
        assert run(main) == DAY_S
        assert passed() < 5


def test_a_silent_network_still_runs_into_its_time_limit() -> None:
    async def main(loop: VirtualLoop) -> tuple[float, float]:
        with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf, ExitStack() as stack, wall() as passed:
            waiting = []
            for _ in range(4):  # the backlog is full after the first ones, and the rest are not answered
                client = stack.enter_context(socket.socket())
                client.setblocking(False)
                waiting.append(loop.create_task(loop.sock_connect(client, deaf.getsockname())))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await asyncio.gather(*waiting)
            return loop.time(), passed()

    virtual_s, wall_s = run(main)

    assert virtual_s == pytest.approx(0.02, abs=0.06)
    assert wall_s >= 0.05  # a connect under way held it still first


# ── one trace


async def a_busy_hour(loop: VirtualLoop) -> list[str]:
    """Let tasks meet over sockets, a database, timers and queues; return what happened when."""
    trace: list[str] = []
    chance = random.Random(7)
    names = {f"symbol-{number}" for number in range(8)}  # its order is the hash seed's

    def note(what: str) -> None:
        trace.append(f"{loop.time()!r} {what}")

    with tempfile.TemporaryDirectory() as folder:
        database = sqlite3.connect(Path(folder, "a.db"), check_same_thread=False)
        database.execute("create table notes (at real, what text)")
        queue: asyncio.Queue[str] = asyncio.Queue(3)
        async with a_client(Path(folder, "s")) as http, asyncio.TaskGroup() as tasks:

            async def asker(name: str, every_s: float) -> None:
                for n in range(12):
                    await asyncio.sleep(every_s)
                    async with http.get("/echo", params={"n": n}) as answer:
                        note(f"{name} heard {(await answer.json())['n']}")
                    await queue.put(name)

            async def keeper() -> None:
                left = 12 * len(names)
                while left:
                    try:
                        async with asyncio.timeout(3.5):
                            name = await queue.get()
                        left -= 1
                    except TimeoutError:
                        name = "nobody"
                    await asyncio.to_thread(database.execute, "insert into notes values (?, ?)", (loop.time(), name))
                    note(f"kept {name}")

            async def ticker() -> None:
                for n in range(600):
                    await asyncio.sleep(0.1)
                    if n % 100 == 0:
                        note("tick")

            tasks.create_task(keeper())
            tasks.create_task(ticker())
            for name in sorted(names):
                tasks.create_task(asker(name, chance.choice((1.0, 2.0, 2.5, 7.3))))
        trace += [str(row) for row in database.execute("select * from notes order by rowid")]
        database.close()
    return trace


def one_trace(pace: Pace | None = None) -> str:
    trace = run(a_busy_hour, pace)
    assert len(trace) > 200
    return hashlib.sha256("\n".join(trace).encode()).hexdigest()


@contextmanager
def both_cores_busy() -> Iterator[None]:
    burn = [sys.executable, "-c", "while True: pass"]
    burners = [subprocess.Popen(burn) for _ in range(os.cpu_count() or 2)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def in_a_process_of_its_own(hash_seed: str) -> str:
    program = "from tests.test_virtual_loop import one_trace; print(one_trace())"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_the_same_program_has_the_same_trace_idle_busy_paced_and_under_any_hash_seed() -> None:
    traces = [one_trace() for _ in range(4)]
    traces += [one_trace(linear_pace(2_000)) for _ in range(2)]
    with both_cores_busy():
        traces += [one_trace(), one_trace(linear_pace(2_000))]
    traces += [in_a_process_of_its_own(hash_seed) for hash_seed in ("0", "4242")]

    assert len(traces) == 10
    assert len(set(traces)) == 1


# ── where am I


def test_code_can_ask_whether_its_time_is_virtual() -> None:
    async def ask() -> VirtualLoop | None:
        return running_virtual_loop()

    async def main(loop: VirtualLoop) -> bool:
        return await ask() is loop

    assert run(main)
    assert asyncio.run(ask()) is None
