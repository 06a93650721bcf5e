"""KIS's clock: how far it is ahead of ours, by the date of its answers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kis_daemon.kis.server_clock import ServerClock
from tests.services.builders import TEN_O_CLOCK
from tests.simulator.builders import HandClock


def test_nothing_is_known_before_the_first_answer() -> None:
    assert ServerClock(HandClock(TEN_O_CLOCK)).ahead_s is None


def test_the_date_of_an_answer_tells_the_difference_in_seconds() -> None:
    ours = HandClock(TEN_O_CLOCK)
    clock = ServerClock(ours)

    clock.hear(f"{TEN_O_CLOCK + timedelta(seconds=37) - timedelta(hours=9):%a, %d %b %Y %H:%M:%S} GMT")

    assert clock.ahead_s == pytest.approx(37.5)


@pytest.mark.parametrize("text", ["", "soon", "Tue, 99 Foo 2026 25:61:00 GMT", "Tue, 03 Mar 2026 10:00:00", "\x00"])
def test_what_is_no_date_tells_nothing(text: str) -> None:
    clock = ServerClock(HandClock(TEN_O_CLOCK))

    clock.hear(text)

    assert clock.ahead_s is None
