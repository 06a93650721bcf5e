"""The search: trials asked of a study, run by other processes, and told to it as they come home.

Rules of this room
    Here nothing is computed: a trial runs in a process of its own, on this machine or, with Dask, on another.
    The search ends when the study holds all its trials; while others still run some of them, it waits, and takes over
    what theirs leave behind.
    A process that runs trials ends with the one that sent it, however that ends.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from datetime import date

from kis_daemon.app.sweep.space import Space
from kis_daemon.app.sweep.study import Asked, Study
from kis_daemon.app.sweep.trial import Job, Metric, Outcome, tried

_SIGN_S = 60.0
_LOOK_S = 1.0


@contextmanager
def processes(jobs: int) -> Iterator[Executor]:
    """Give processes of this machine that run trials; started anew each, so that they share nothing."""
    pool = ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"), initializer=_end_with_parent)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # whoever interrupts does not wait for a trial's end


def search(
    study: Study,
    executor: Executor,
    job: Job,
    space: Space,
    days: tuple[date, date],
    *,
    metric: Metric,
    trials: int,
    jobs: int,
    told: Callable[[int], None],
) -> None:
    """Have `trials` of `study` run, `jobs` at a time; `told` hears how many are finished."""
    running: dict[Future[Outcome], Asked] = {}
    signed_at = time.monotonic()
    study.give_up_lost()
    told(len(study.finished()))
    while True:
        while len(running) < jobs and (asked := study.ask(trials)) is not None:
            if asked.known is None:
                running[executor.submit(tried, job, days, space.params(asked.values))] = asked
            else:
                study.tell(asked, asked.known.get(metric), asked.known)
        if not running:
            done = len(study.finished())
            told(done)
            if done >= trials:
                return
            time.sleep(_LOOK_S)  # others run the rest
            study.give_up_lost()
            continue
        for future in wait(running, timeout=_LOOK_S, return_when=FIRST_COMPLETED).done:
            outcome = future.result()
            study.tell(running.pop(future), outcome.value(metric), outcome.figures)
        if time.monotonic() - signed_at > _SIGN_S:
            study.sign()
            signed_at = time.monotonic()
        told(len(study.finished()))


def _end_with_parent() -> None:
    """Watch the process that sent us (one that was killed closes no queue), and end at once when it is interrupted."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel,), name="parent", daemon=True).start()


def _end_after(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os._exit(1)
