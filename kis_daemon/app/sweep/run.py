"""A sweep from its first trial to what is told of it: search, try the best once more, shuffle, judge.

With walk-forward every window has a study of its own (`NAME-w1`, ...), and the best of each is lived on the days after.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, TypeAlias

from optuna.storages import BaseStorage

from kis_daemon.app.settings import Settings, config_hash
from kis_daemon.app.sweep.chance import Shuffled, shuffled
from kis_daemon.app.sweep.owner import Owner
from kis_daemon.app.sweep.search import search
from kis_daemon.app.sweep.space import Space
from kis_daemon.app.sweep.study import Finished, Study, opened
from kis_daemon.app.sweep.trial import Job, Metric, Outcome, tried
from kis_daemon.app.sweep.verdict import at_edge, falls_apart
from kis_daemon.app.sweep.windows import Window

Told: TypeAlias = Callable[[int, float | None], None]
"""Hears how many trials are finished in all windows, and the best figure of the window under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPlan:
    """What is searched. Without `windows` all days from first to last are one stretch; `name` is the study's."""

    job: Job
    space: Space
    days: tuple[date, date]
    windows: tuple[Window, ...]
    metric: Metric
    trials: int
    jobs: int
    seed: int
    storage: str
    name: str

    @property
    def stretches(self) -> tuple[tuple[str, tuple[date, date], tuple[date, date] | None], ...]:
        """The name of each study, the days it searches, and those after that it is tried on."""
        if not self.windows:
            return ((self.name, self.days, None),)
        return tuple((f"{self.name}-w{n}", window.train, window.test) for n, window in enumerate(self.windows, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """What a study came to: its best, lived once more on its own days, and on the days after where there are any."""

    study: str
    days: tuple[date, date]
    after: tuple[date, date] | None
    finished: tuple[Finished, ...]
    best: Finished | None
    inside: Outcome | None
    outside: Outcome | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """A sweep at its end. `edges` are best values at the end of their range, window by window."""

    stretches: tuple[Stretch, ...]
    shuffled: Shuffled | None
    edges: tuple[tuple[str, str], ...]
    falls_apart: bool


def question_of(plan: SweepPlan, settings: Settings, days: tuple[date, date]) -> dict[str, Any]:
    """Return what a study asks, as plain values: two studies are the same where these are."""
    job = plan.job
    return {
        "prices": hashlib.sha256(job.prices.read_bytes()).hexdigest(),
        "symbols": list(job.symbols),
        "days": [day.isoformat() for day in days],
        "cash": job.cash,
        "rule": str(job.rule),
        "fills": str(job.fills),
        "volume_share": job.volume_share,
        "settings": config_hash(settings),
        "metric": str(plan.metric),
        "ranges": [asdict(span) for span in plan.space.spans],
        "fixed": sorted(plan.space.fixed),
    }


def sweep(plan: SweepPlan, settings: Settings, executor: Executor, told: Told) -> Swept:
    """Run what is missing of the plan's trials, and judge the best."""
    with opened(plan.storage) as storage:
        return _judged(plan, tuple(_stretches(plan, settings, executor, storage, told)))


def _stretches(
    plan: SweepPlan, settings: Settings, executor: Executor, storage: BaseStorage, told: Told
) -> Iterator[Stretch]:
    owner = Owner.me()
    before = 0
    for name, days, after in plan.stretches:
        study = Study(
            storage,
            name,
            question_of(plan, settings, days),
            plan.space.spans,
            more_is_better=plan.metric.more_is_better,
            seed=plan.seed,
            owner=owner,
        )

        def hear(finished: int, study: Study = study, before: int = before) -> None:
            best = study.best()
            told(before + finished, None if best is None else best.value)

        search(
            study,
            executor,
            plan.job,
            plan.space,
            days,
            metric=plan.metric,
            trials=plan.trials,
            jobs=plan.jobs,
            told=hear,
        )
        before += plan.trials
        yield _lived(plan, executor, study, days, after)


def _lived(
    plan: SweepPlan, executor: Executor, study: Study, days: tuple[date, date], after: tuple[date, date] | None
) -> Stretch:
    best = study.best()
    inside = outside = None
    if best is not None:
        params = plan.space.params(best.values)
        asked = [executor.submit(tried, plan.job, span, params) for span in (days, after) if span is not None]
        inside = asked[0].result()
        outside = asked[1].result() if after is not None else None
    return Stretch(
        study=study.name,
        days=days,
        after=after,
        finished=tuple(study.finished()),
        best=best,
        inside=inside,
        outside=outside,
    )


def _judged(plan: SweepPlan, stretches: tuple[Stretch, ...]) -> Swept:
    found = [stretch for stretch in stretches if stretch.best is not None and stretch.best.value is not None]
    lived = [stretch.outside if plan.windows else stretch.inside for stretch in found]
    profits = [profit for outcome in lived if outcome is not None for profit in outcome.profits]
    edges = [
        (stretch.study, written)
        for stretch in found
        if stretch.best is not None
        for written in at_edge(plan.space, stretch.best.values)
    ]
    apart = bool(plan.windows and found) and falls_apart(
        [stretch.best.value for stretch in found if stretch.best is not None and stretch.best.value is not None],
        [outcome.value(plan.metric) if outcome is not None else None for outcome in lived],
        more_is_better=plan.metric.more_is_better,
    )
    return Swept(
        stretches=stretches,
        shuffled=shuffled(profits, plan.job.cash, plan.seed),
        edges=tuple(edges),
        falls_apart=apart,
    )
