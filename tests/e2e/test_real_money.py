"""Real money from the countdown on, against the simulator's real profile: what is bought, what is not, what is sold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kis_daemon.app import household
from kis_daemon.app.options import RunOptions
from kis_daemon.app.rehearsal import Rehearsed
from kis_daemon.domain.market import Side
from tests.e2e.real_day import RealDay, live_through


@pytest.fixture(autouse=True)
def no_rehearsal_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the mornings that a test does not pass itself fail: a child process knows nothing of virtual time."""

    async def fails(*_: object) -> Rehearsed:
        return Rehearsed(trouble="planned", orders=0)

    monkeypatch.setattr(household, "rehearse", fails)


def told(day: RealDay, text: str) -> bool:
    return any(text in line for line in day.texts)


def test_the_first_order_is_a_tenth_the_first_day_one_symbol_and_a_stop_is_sold_whatever_is_missing(
    tmp_path: Path,
) -> None:
    lived = live_through(tmp_path, days=3)

    assert [(one.symbol, one.side, one.quantity) for one in lived.requests] == [
        ("247540", Side.BUY, 11),  # of 111
        ("247540", Side.SELL, 11),  # on the second day, whose rehearsal failed and whose backup is too old
    ]
    assert told(lived, "All checks are passed")
    assert told(lived, "The rehearsal failed")


def test_without_those_limits_it_is_the_day_that_everybody_sees(tmp_path: Path) -> None:
    lived = live_through(
        tmp_path, options=RunOptions(real_first_order_percent=100.0, real_limit_symbols_first_day=False)
    )

    bought = [(one.symbol, one.quantity) for one in lived.requests if one.side is Side.BUY]
    assert bought[0] == ("247540", 111)
    assert len(bought) == 3  # trades a day with real money
    assert len(set(bought)) == 3


@pytest.mark.parametrize(
    ("missing", "words"), [({"saved": False}, "main.py backup create"), ({"rehearsed": False}, "The rehearsal failed")]
)
def test_nothing_is_bought_while_something_is_missing(tmp_path: Path, missing: dict[str, bool], words: str) -> None:
    lived = live_through(tmp_path, **missing)  # type: ignore[arg-type]

    assert lived.requests == []
    assert told(lived, words)
    assert not told(lived, "All checks are passed")


def test_a_first_order_is_never_less_than_a_share(tmp_path: Path) -> None:
    lived = live_through(tmp_path, options=replace(RunOptions(), real_first_order_percent=0.01))

    assert lived.requests[0].quantity == 1
