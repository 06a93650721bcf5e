"""A mandate's end is told 30, 7 and 1 days before and when it has come: a daemon that buys nothing is not silent."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from kis_daemon.services.mandate_watch import MandateWatch
from tests.services.builders import a_mandate
from tests.services.trading import a_floor


def test_the_end_is_told_before_and_when_it_has_come(tmp_path: Path) -> None:
    with a_floor(tmp_path) as floor:
        ends = floor.now + timedelta(days=31)
        watch = MandateWatch(lambda: (a_mandate(expires_at=ends),), floor.journal, floor.clock)
        days: list[tuple[int, int]] = []
        for day in range(33):
            watch.look()
            watch.look()
            days.append((day, floor.told("mandate_ends") + floor.told("mandate_ended")))
            floor.wait_until(f"{floor.now:%H:%M}", (floor.now + timedelta(days=1)).date())

        told = [day for (day, count), (_, before) in zip(days[1:], days, strict=False) if count > before]
        assert told == [1, 24, 30, 31]
        assert [fact["days"] for fact in floor.events("mandate_ends")] == [30, 7, 1]
        assert floor.told("mandate_ended") == 1


def test_a_start_with_few_days_left_tells_once(tmp_path: Path) -> None:
    with a_floor(tmp_path) as floor:
        mandate = a_mandate(expires_at=floor.now + timedelta(days=3))
        watch = MandateWatch(lambda: (mandate,), floor.journal, floor.clock)

        watch.look()
        watch.look()

        assert [fact["days"] for fact in floor.events("mandate_ends")] == [7]


def test_the_mandate_that_lasts_longest_counts_and_one_taken_back_is_no_end(tmp_path: Path) -> None:
    with a_floor(tmp_path) as floor:
        short = a_mandate(expires_at=floor.now + timedelta(days=3))
        long = a_mandate(mandate_id="m2", expires_at=floor.now + timedelta(days=300))
        in_force = [short, long]
        watch = MandateWatch(lambda: tuple(in_force), floor.journal, floor.clock)
        watch.look()
        assert floor.told("mandate_ends") == 0

        in_force[:] = []
        watch.look()
        assert floor.told("mandate_ended") == 0
        in_force[:] = [short]
        watch.look()

        assert [(fact["mandate"], fact["days"]) for fact in floor.events("mandate_ends")] == [("m1", 7)]


def test_the_end_is_told_although_the_mandate_is_in_force_no_longer(tmp_path: Path) -> None:
    with a_floor(tmp_path) as floor:
        in_force = [a_mandate(expires_at=floor.now + timedelta(seconds=90))]
        watch = MandateWatch(lambda: tuple(in_force), floor.journal, floor.clock)
        watch.look()
        floor.pass_time(90)

        in_force.clear()
        watch.look()

        assert floor.told("mandate_ended") == 1
