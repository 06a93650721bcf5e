"""Some of the campaign's points, other ones at each commit, and what the campaign itself promises."""

from __future__ import annotations

import pytest

from tests.conftest import require_services
from tests.crashes.campaign import Morning, all_mornings, lived, wrongs
from tests.crashes.points import Store, all_points, rounds, sample
from tests.crashes.wire import Cut
from tests.samples import sample_seed
from tests.store.servers import ServerAbsent

POINTS = 10  # of each store


@pytest.mark.parametrize("store", Store)
def test_a_daemon_killed_at_any_point_doubles_nothing_and_loses_nothing(store: Store) -> None:
    points = sample(store, POINTS, sample_seed())

    try:
        outcome = lived(Morning(store=store, rounds=tuple(rounds(points))))
    except ServerAbsent as absent:
        require_services(str(absent))

    assert outcome.broken_off == ""
    assert [wrong for kill in outcome.kills for wrong in wrongs(kill)] == []
    assert len(outcome.kills) >= POINTS


def test_the_campaign_kills_at_two_hundred_points_half_of_them_on_a_server() -> None:
    points = {store: all_points(store) for store in Store}

    assert all(len(set(some)) == len(some) >= 100 for some in points.values())
    assert sum(len(morning.troubles) for morning in all_mornings()) >= 50


def test_every_place_of_a_cut_is_tried_on_an_order() -> None:
    tried = {point.cut for point in all_points(Store.SQLITE) if point.what == "order-cash"}

    assert tried == set(Cut)


def test_a_sample_is_the_same_for_the_same_commit_and_has_every_phase() -> None:
    once, again = (sample(Store.MARIADB, POINTS, 7) for _ in range(2))

    assert once == again
    assert len(once) == POINTS
    assert len({point.phase for point in once}) == 3
