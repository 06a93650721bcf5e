"""The study: which parameters were tried and what came of them, in a database for several processes and machines.

Rules of this room
    Optuna asks and is told; nothing of it is seen outside of this file.
    A study answers one question (file, symbols, days, rule, ranges, metric); under its name another one is refused.
    A trial is somebody's. What belonged to a process that is gone is given up, and its parameters are tried again.
    `trials` are the study's, whoever runs them: however many processes ask, exactly so many are finished.
    What is tried next follows from the seed, the trial's number and what is known by then, in whichever process.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from kis_daemon.app.errors import ConfigurationError, UsageError
from kis_daemon.app.sweep.owner import Owner, is_gone
from kis_daemon.app.sweep.space import Span

_UNSIGNED_S = 20.0  # asked for, but its owner did not come to write its name
_BUSY_S = 60.0
_OPENINGS = 5  # two processes that make the tables at once get in each other's way
_DONE = (TrialState.COMPLETE, TrialState.PRUNED)
_BY, _BEAT, _FIGURES, _QUESTION = "by", "beat", "figures", "question"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A trial to be run. `known` is what the same parameters came to before, None where they are new."""

    number: int
    values: Mapping[str, float]
    known: Mapping[str, float | None] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A trial that was run; `value` is None where it came to no figure."""

    number: int
    values: Mapping[str, float]
    value: float | None
    figures: Mapping[str, float | None]


class Study:
    """One study of a database."""

    def __init__(
        self,
        storage: optuna.storages.BaseStorage,
        name: str,
        question: Mapping[str, Any],
        spans: Sequence[Span],
        *,
        more_is_better: bool,
        seed: int,
        owner: Owner,
    ) -> None:
        self.name = name
        self._spans = {span.name: _distribution(span) for span in spans}
        self._owner = str(owner)
        self._more_is_better = more_is_better
        self._mine: dict[int, optuna.Trial] = {}
        self._study = optuna.create_study(
            storage=storage,
            study_name=name,
            sampler=_Seeded(seed),
            direction="maximize" if more_is_better else "minimize",
            load_if_exists=True,
        )
        told = self._study.user_attrs.get(_QUESTION)
        if told is None:
            self._study.set_user_attr(_QUESTION, dict(question))
        elif told != json.loads(json.dumps(question)):
            differing = sorted(key for key in {*told, *question} if told.get(key) != question.get(key))
            raise UsageError("usage.sweep_other", study=name, differing=", ".join(differing))

    def ask(self, trials: int) -> Asked | None:
        """Return a trial to run; None where `trials` are finished or under way."""
        if len(self._counted()) >= trials:
            return None
        trial = self._study.ask(self._spans)
        trial.set_user_attr(_BY, self._owner)
        self._mine[trial.number] = trial
        counted = self._counted()
        if sum(other.number < trial.number for other in counted) >= trials:  # somebody else was quicker
            self._end(trial.number, None, TrialState.FAIL)
            return None
        same = (other for other in counted if other.state in _DONE and other.params == trial.params)
        known = next((other.user_attrs.get(_FIGURES) for other in same), None)
        return Asked(number=trial.number, values=trial.params, known=known)

    def tell(self, asked: Asked, value: float | None, figures: Mapping[str, float | None]) -> None:
        """Write down what a trial came to; one that others gave up meanwhile stays given up."""
        with suppress(optuna.exceptions.UpdateFinishedTrialError):
            self._mine[asked.number].set_user_attr(_FIGURES, dict(figures))
            self._end(asked.number, value, TrialState.PRUNED if value is None else TrialState.COMPLETE)

    def sign(self) -> None:
        """Give a sign of life for every trial that is under way here."""
        for trial in self._mine.values():
            with suppress(optuna.exceptions.UpdateFinishedTrialError):
                trial.set_user_attr(_BEAT, time.time())

    def give_up_lost(self) -> int:
        """End the trials whose processes are gone, and have their parameters tried again; return how many."""
        lost = [trial for trial in self._trials() if trial.state is TrialState.RUNNING and self._is_lost(trial)]
        for trial in lost:
            with suppress(optuna.exceptions.UpdateFinishedTrialError, ValueError):  # somebody else did it
                self._study.tell(trial.number, state=TrialState.FAIL)
                if trial.params.keys() == self._spans.keys():
                    self._study.enqueue_trial(trial.params)
        return len(lost)

    def finished(self) -> list[Finished]:
        """Return what was run, in the order of its numbers."""
        return [
            Finished(
                number=trial.number,
                values=trial.params,
                value=trial.value if trial.state is TrialState.COMPLETE else None,
                figures=trial.user_attrs.get(_FIGURES, {}),
            )
            for trial in self._trials()
            if trial.state in _DONE
        ]

    def best(self) -> Finished | None:
        """Return the best trial, the first of equals; None where none came to a figure."""
        told = [trial for trial in self.finished() if trial.value is not None]
        sign = -1 if self._more_is_better else 1
        return min(told, key=lambda trial: (sign * (trial.value or 0.0), trial.number), default=None)

    def _end(self, number: int, value: float | None, state: TrialState) -> None:
        trial = self._mine.pop(number)
        try:
            self._study.tell(trial, value, state=state)
        except ValueError:  # somebody took us for gone
            if self._study.trials[number].state is TrialState.RUNNING:
                raise

    def _counted(self) -> list[FrozenTrial]:
        return [trial for trial in self._trials() if trial.state in (*_DONE, TrialState.RUNNING)]

    def _trials(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False)

    def _is_lost(self, trial: FrozenTrial) -> bool:
        if trial.number in self._mine:
            return False
        begun = trial.datetime_start.timestamp() if trial.datetime_start is not None else 0.0
        if _BY not in trial.user_attrs:
            return time.time() - begun > _UNSIGNED_S
        return is_gone(Owner.of(trial.user_attrs[_BY]), time.time() - trial.user_attrs.get(_BEAT, begun))


class _Seeded(BaseSampler):
    """Optuna's TPE, begun anew for every trial with a seed of its own: a study goes on as if it had never stopped."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._of(trial).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self._of(trial).sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._of(trial, param_name).sample_independent(study, trial, param_name, param_distribution)

    def _of(self, trial: FrozenTrial, name: str = "") -> TPESampler:
        return TPESampler(seed=Random(f"{self._seed}/{trial.number}/{name}").getrandbits(32))


@contextmanager
def opened(url: str) -> Iterator[optuna.storages.BaseStorage]:
    """Yield the database of the studies, made where it is not there; `ConfigurationError` where it cannot be had."""
    storage = _opened(url)
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _opened(url: str) -> optuna.storages.RDBStorage:
    optuna.logging.set_verbosity(logging.WARNING)
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise UsageError("usage.sweep_storage") from None
    kind = parsed.get_backend_name()
    if kind not in ("sqlite", "mysql", "mariadb") or (kind != "sqlite" and not parsed.database):
        raise UsageError("usage.sweep_storage")
    if kind == "sqlite":
        if parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        options: dict[str, Any] = {"connect_args": {"timeout": _BUSY_S}}
    else:
        parsed = parsed.set(drivername="mysql+pymysql")
        options = {"pool_pre_ping": True}
    text = parsed.render_as_string(hide_password=False)
    for attempt in range(_OPENINGS):
        try:
            storage = optuna.storages.RDBStorage(text, engine_kwargs=options)
        except (SQLAlchemyError, RuntimeError) as error:
            if attempt == _OPENINGS - 1:
                raise ConfigurationError("sweep.no_storage", url=str(parsed), reason=_first_line(error)) from None
            time.sleep(0.2 * 2**attempt)
        else:
            break
    if kind == "sqlite":
        event.listen(storage.engine, "connect", _without_waiting)
        storage.engine.dispose()
    return storage


def _without_waiting(connection: Any, _record: object) -> None:
    """A dozen commits a trial need not each wait for the disk: a kill loses none, a power cut the last few trials."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")


def _first_line(error: Exception) -> str:
    return str(error.__cause__ or error).strip().splitlines()[0]


def _distribution(span: Span) -> BaseDistribution:
    if span.whole:
        return IntDistribution(int(span.low), int(span.high), step=int(span.step))
    return FloatDistribution(span.low, span.high, step=span.step or None)
