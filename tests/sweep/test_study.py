"""The study: exactly so many trials, whoever runs them; what a process leaves behind is taken over."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from optuna.trial import FrozenTrial

from kis_daemon.app.backtest.rules import Rule
from kis_daemon.app.errors import ConfigurationError, UsageError
from kis_daemon.app.sweep import study as study_room
from kis_daemon.app.sweep.owner import Owner
from kis_daemon.app.sweep.space import space_of
from kis_daemon.app.sweep.study import Asked, Study, opened
from tests.backtest.basket import the_settings

ELSEWHERE = replace(Owner.me(), started="1")  # a process of this machine that is gone


class Studies:
    """Makes studies, each over connections of its own."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack

    def __call__(
        self, *, file: str = "sweeps", owner: Owner | None = None, question: str = "which?", seed: int = 1
    ) -> Study:
        space = space_of(Rule.BREAKOUT, the_settings(), ["breakout_bars=5:60", "stop_atr=1:6:0.5"])
        storage = self._stack.enter_context(opened(f"sqlite:///{self._folder / file}.db"))
        asked, owner = {"question": question}, owner or Owner.me()
        return Study(storage, "study", asked, space.spans, more_is_better=True, seed=seed, owner=owner)


@pytest.fixture
def a_study(tmp_path: Path) -> Iterator[Studies]:
    with ExitStack() as stack:
        yield Studies(tmp_path, stack)


def worth(asked: Asked) -> float:
    """Return a figure with its best inside both ranges."""
    return -abs(asked.values["breakout_bars"] - 30) - abs(asked.values["stop_atr"] - 3)


def run(study: Study, trials: int) -> list[dict[str, float]]:
    """Run what is missing and return the values in the order they were asked."""
    tried = []
    while (asked := study.ask(trials)) is not None:
        tried.append(dict(asked.values))
        study.tell(asked, worth(asked), {"sharpe": worth(asked)})
    return tried


def test_so_many_trials_are_run_and_the_best_is_found(a_study: Studies) -> None:
    study = a_study()

    run(study, 25)

    best = study.best()
    assert best is not None
    assert best.value is not None
    assert len(study.finished()) == 25
    assert best.value == max(trial.value for trial in study.finished() if trial.value is not None) > -8


def test_a_study_goes_on_as_if_it_had_never_stopped(a_study: Studies) -> None:
    whole = run(a_study(file="other"), 20)

    assert run(a_study(), 13) + run(a_study(), 20) == whole


def test_another_seed_tries_other_values(a_study: Studies) -> None:
    assert run(a_study(file="other", seed=2), 5) != run(a_study(), 5)


def test_two_who_ask_share_the_trials(a_study: Studies) -> None:
    one, other = a_study(), a_study()

    asked = [study.ask(3) for study in (one, other, one, other, one)]

    assert [trial is not None for trial in asked] == [True, True, True, False, False]
    assert len({trial.number for trial in asked if trial is not None}) == 3


def test_a_trial_too_many_is_given_back(a_study: Studies, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = a_study(), a_study()
    counted = Study._counted

    def late(study: Study) -> list[FrozenTrial]:
        monkeypatch.setattr(Study, "_counted", counted)
        seen = counted(study)
        assert other.ask(1) is not None  # between the look and the question
        return seen

    monkeypatch.setattr(Study, "_counted", late)

    assert one.ask(1) is None
    assert one.ask(2) is not None


def test_what_a_dead_process_left_is_tried_again(a_study: Studies) -> None:
    left = a_study(owner=ELSEWHERE).ask(5)
    study = a_study()

    assert study.give_up_lost() == 1
    assert study.give_up_lost() == 0

    again = study.ask(5)
    assert left is not None
    assert again is not None
    assert again.values == left.values
    assert again.number != left.number


def test_what_is_under_way_here_is_left_alone(a_study: Studies) -> None:
    a_study().ask(5)

    assert a_study().give_up_lost() == 0


def test_a_trial_that_was_given_up_is_not_told(a_study: Studies) -> None:
    slow = a_study(owner=ELSEWHERE)
    asked = slow.ask(5)
    study = a_study()
    study.give_up_lost()

    assert asked is not None
    slow.tell(asked, 1.0, {})

    assert study.finished() == []


def test_the_same_values_are_not_run_twice(a_study: Studies) -> None:
    a_study(owner=ELSEWHERE).ask(5)
    study = a_study()
    study.give_up_lost()
    first = study.ask(5)
    assert first is not None
    study.tell(first, 1.5, {"sharpe": 1.5})
    study._study.enqueue_trial(dict(first.values))

    again = study.ask(5)

    assert again is not None
    assert again.known == {"sharpe": 1.5}


def test_a_trial_without_a_figure_is_finished_and_never_the_best(a_study: Studies) -> None:
    study = a_study()
    asked = study.ask(1)
    assert asked is not None

    study.tell(asked, None, {"sharpe": None})

    assert (len(study.finished()), study.best(), study.ask(1)) == (1, None, None)


def test_another_question_under_the_same_name_is_refused(a_study: Studies) -> None:
    a_study()

    with pytest.raises(UsageError, match="question"):
        a_study(question="how much?")


@pytest.mark.parametrize("url", ["nonsense", "postgresql://a:b@c/d", "mysql://a:b@c", ""])
def test_a_storage_that_cannot_be_is_refused(url: str) -> None:
    with pytest.raises(UsageError), opened(url):
        pass


def test_a_server_that_does_not_answer_is_told_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_room, "_OPENINGS", 1)

    with pytest.raises(ConfigurationError) as refused, opened("mysql://somebody:secret@127.0.0.1:1/sweeps"):
        pass

    assert "secret" not in str(refused.value)
