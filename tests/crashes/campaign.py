"""The campaign of real crashes: mornings in processes of their own, and the table of what they found.

Every kill is one row's; a point in a start is judged by the start after it, whose figures stand with the last kill.
The figure of time is, of a kill, from the start of the process to its first word from the broker; of a trouble, from
its mending until broker and records agree. Both in seconds of the wall; the broker's clock goes thirty times as fast.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import click
import pytest

from tests.campaign_runs import Told
from tests.crashes.morning import AT_REST, Kill, Ledger, live
from tests.crashes.points import Point, Round, Store, all_points, rounds
from tests.crashes.troubles import Hands, Kind, Trouble, all_troubles, live_through, small_disk
from tests.crashes.yard import opened
from tests.store.places import Desk, ServerPlace
from tests.store.servers import PrivateServer, mariadb

ROUNDS = 8  # of one morning at most: what the broker never took is not bought again that day
LEAST = 240  # kills and troubles that the market has to bring to their points
_TROUBLES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Morning:
    """What one morning is to be: kills in rounds, or troubles."""

    store: Store
    rounds: tuple[Round, ...] = ()
    troubles: tuple[Trouble, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What it was. `broken_off` says why it did not come to its end."""

    morning: Morning
    kills: tuple[Kill, ...]
    orders: int
    unmet: tuple[str, ...]
    ended: tuple[str, ...]
    disk: str
    broken_off: str
    seconds: float


def mornings(store: Store, points: Sequence[Point], troubles: Sequence[Trouble] = ()) -> list[Morning]:
    """Return the points and troubles of a store as mornings."""
    every = rounds(points)
    count = -(-len(every) // ROUNDS)
    return [
        *(Morning(store=store, rounds=in_order(every[at::count])) for at in range(count)),
        *(
            Morning(store=store, troubles=tuple(troubles[at : at + _TROUBLES]))
            for at in range(0, len(troubles), _TROUBLES)
        ),
    ]


def in_order(some: Sequence[Round]) -> tuple[Round, ...]:
    """Return these rounds, those with a start first that is left alone: with no order yet there is little to die of."""
    return tuple(sorted(some, key=lambda each: each.start is not None))


def all_mornings() -> list[Morning]:
    """Return the whole campaign."""
    return [one for store in Store for one in mornings(store, all_points(store), all_troubles(store))]


def lived(morning: Morning) -> Outcome:
    """Live through one morning; where it breaks off, say at what."""
    began = time.perf_counter()
    ledger, broken_off, told = Ledger(), "", ""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kis_daemon-crashes-")))
        # a database server that starts clears what it finds of temporary tables, another's too: each has its own place
        stack.enter_context(pytest.MonkeyPatch.context()).setenv("TMPDIR", str(home))
        server, desk, disk = None, None, None
        try:
            if morning.store is Store.MARIADB:
                server, desk = _served(stack)
            if any(trouble.kind is Kind.DISK for trouble in morning.troubles):
                disk = stack.enter_context(small_disk(home / "disk"))
                told = "on a full tmpfs" if disk is not None else "no tmpfs can be mounted: files not writable instead"
            place = None if server is None or desk is None else ServerPlace(server, "kis", desk)
            yard = stack.enter_context(opened(home, place, None if server is None else server.port, disk))
            live(yard, morning.rounds, ledger)
            hands = Hands(yard, server, desk, disk)
            live_through(yard, hands, [_possible(trouble, disk) for trouble in morning.troubles], ledger)
        except (AssertionError, LookupError, OSError, RuntimeError, pytest.fail.Exception) as error:
            broken_off = f"{type(error).__name__}: {error}"
    return Outcome(
        morning=morning,
        kills=tuple(ledger.kills),
        orders=ledger.orders,
        unmet=tuple(ledger.unmet),
        ended=tuple(ledger.ended),
        disk=told,
        broken_off=broken_off,
        seconds=time.perf_counter() - began,
    )


def crashes() -> Told:
    """Over 200 kills and 50 troubles of the real process, half of them on MariaDB: nothing doubled, nothing lost."""
    found = []
    for outcome in outcomes(all_mornings(), 2):
        found.append(outcome)
        click.echo(told_of(outcome))
    click.echo("\n".join(table(found)))
    kills = [kill for outcome in found for kill in outcome.kills]
    wrong = [what for kill in kills for what in wrongs(kill)]
    at_points = sum(kill.kind != AT_REST for kill in kills)
    cut_short = [outcome.broken_off for outcome in found if outcome.broken_off]
    times = [kill.wall_s for kill in kills if kill.wall_s]
    return not wrong and not cut_short and at_points >= LEAST, (
        f"{at_points} kills and troubles at their points, {len(kills) - at_points} kills at rest, "
        f"{sum(outcome.orders for outcome in found)} orders; {len(wrong)} wrong, {len(cut_short)} mornings broken off; "
        f"start to reconciled p50 {median(times):.1f} s, max {max(times):.1f} s"
    )


def told_of(outcome: Outcome) -> str:
    """Return a morning in words: what it was, and everything wrong in it."""
    head = (
        f"{outcome.morning.store.value}: {len(outcome.kills)} kills and troubles, {outcome.orders} orders, "
        f"{len(outcome.unmet)} points not met, {len(outcome.ended)} daemons ended by themselves, "
        f"{outcome.seconds:.0f} s"
    )
    more = [outcome.disk, outcome.broken_off, *outcome.unmet, *outcome.ended]
    more += [wrong for kill in outcome.kills for wrong in wrongs(kill)]
    return "\n  ".join([head, *filter(None, more)])


def _served(stack: ExitStack) -> tuple[PrivateServer, Desk]:
    """Return a database server whose commits outlive its death, and a desk at it."""
    server = mariadb(durable=True)
    stack.callback(server.stop)
    desk = Desk(server)
    stack.callback(desk.close)
    desk.run(None, "CREATE DATABASE kis", ())
    return server, desk


def _possible(trouble: Trouble, disk: Path | None) -> Trouble:
    return replace(trouble, kind=Kind.FILES) if trouble.kind is Kind.DISK and disk is None else trouble


def outcomes(planned: Sequence[Morning], jobs: int) -> Iterator[Outcome]:
    """Yield what each morning was, as they end; `jobs` at a time."""
    with ProcessPoolExecutor(jobs) as processes:
        for done in as_completed([processes.submit(lived, morning) for morning in planned]):
            yield done.result()


def wrongs(kill: Kill) -> list[str]:
    """Return everything wrong after a kill, in words."""
    verdict = kill.verdict
    found = {
        "duplicate": verdict.duplicates,
        "lost": verdict.lost,
        "unmanaged": verdict.unmanaged,
        "chain": verdict.chain,
    }
    return [f"{kill.point}: {name}: {what}" for name, whats in found.items() for what in whats]


def table(found: Sequence[Outcome]) -> list[str]:
    """Return the rows of the table, one a store and kind, and the sum."""
    lines = [
        "| store | kind of point | count | duplicates | lost | unmanaged | chain | p50 s | max s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    everything: list[Kill] = []
    for store in Store:
        kills = [kill for outcome in found if outcome.morning.store is store for kill in outcome.kills]
        everything += kills
        lines += [
            _row(store.value, kind, [kill for kill in kills if kill.kind == kind])
            for kind in sorted({kill.kind for kill in kills})
        ]
    return [*lines, _row("both", "all", everything)]


def _row(store: str, kind: str, kills: Sequence[Kill]) -> str:
    counts = (
        sum(len(whats) for whats in whats_of_each)
        for whats_of_each in (
            [kill.verdict.duplicates for kill in kills],
            [kill.verdict.lost for kill in kills],
            [kill.verdict.unmanaged for kill in kills],
            [kill.verdict.chain for kill in kills],
        )
    )
    times = [kill.wall_s for kill in kills if kill.wall_s]
    figures = (f"{median(times):.1f}", f"{max(times):.1f}") if times else ("-", "-")
    return f"| {store} | {kind} | {len(kills)} | {' | '.join(map(str, counts))} | {' | '.join(figures)} |"
