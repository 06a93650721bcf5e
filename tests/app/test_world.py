"""Which simulated world lies in a data folder, whether it goes on, and what happens to the one before."""

import json
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest

from kis_daemon.app.options import SimOptions, SimProfile
from kis_daemon.app.world import World, world_of
from kis_daemon.domain.calendar import KST

DATABASE = ("simulated.db", "simulated.db-wal", "simulated.db-shm")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return world_of(tmp_path, SimOptions())


@pytest.mark.parametrize(
    "other",
    [
        SimOptions(seed=SimOptions().seed + 1),
        SimOptions(start=date(2026, 3, 4)),
        SimOptions(cash=1),
        SimOptions(profile=SimProfile.REAL),
    ],
)
def test_what_makes_another_market_makes_another_world(other: SimOptions, tmp_path: Path) -> None:
    assert world_of(tmp_path, other).identity != world_of(tmp_path, SimOptions()).identity


@pytest.mark.parametrize("same", [SimOptions(speed=390.0), SimOptions(days=7), SimOptions(given=("--sim-seed",))])
def test_speed_and_length_of_a_run_leave_the_world_the_same(same: SimOptions, tmp_path: Path) -> None:
    assert world_of(tmp_path, same).identity == world_of(tmp_path, SimOptions()).identity


def test_a_price_file_is_known_by_its_content_not_by_its_name(tmp_path: Path) -> None:
    one, two, other = (tmp_path / name for name in ("one.csv", "two.csv", "other.csv"))
    one.write_text("a")
    two.write_text("a")
    other.write_text("b")

    made = [world_of(tmp_path, SimOptions(prices=path)).identity for path in (one, two, other)]

    assert made[0] == made[1] != made[2]


def test_an_empty_folder_holds_no_world(world: World) -> None:
    assert not world.goes_on()
    assert world.last_moment() is None


def test_a_world_begun_goes_on_until_it_is_finished(world: World) -> None:
    world.begin()
    begun = world.goes_on()
    world.finish()

    assert (begun, world.goes_on()) == (True, False)


def test_a_world_goes_on_only_for_a_run_of_the_same(world: World) -> None:
    world.begin()

    assert not replace(world, identity="another").goes_on()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"identity": 1}', "null"])
def test_a_file_that_cannot_be_read_is_no_world(text: str, world: World, tmp_path: Path) -> None:
    (tmp_path / "simulated_world.json").write_text(text)

    assert not world.goes_on()


def test_the_last_moment_is_that_of_the_account(world: World) -> None:
    world.state_path.write_text(json.dumps({"now": "2026-03-03T09:13:39+09:00"}))

    assert world.last_moment() == datetime(2026, 3, 3, 9, 13, 39, tzinfo=KST)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"now": 1}', '{"now": "noon"}'])
def test_an_account_that_cannot_be_read_tells_no_moment(text: str, world: World) -> None:
    world.state_path.write_text(text)

    assert world.last_moment() is None


def test_beginning_puts_the_world_before_aside_and_keeps_only_that_one(world: World, tmp_path: Path) -> None:
    aside = tmp_path / "previous_simulation"
    for generation in ("first", "second"):
        for name in DATABASE:
            (tmp_path / name).write_text(generation)
        world.state_path.write_text(generation)
        world.begin()

    assert not [name for name in DATABASE if (tmp_path / name).exists()]
    assert [(aside / name).read_text() for name in (*DATABASE, world.state_path.name)] == ["second"] * 4
    assert world.goes_on()


def test_beginning_touches_nothing_else_in_the_folder(world: World, tmp_path: Path) -> None:
    for name in ("kis_trading.db", "kis_keys.json", "positions.json"):
        (tmp_path / name).write_text("kept")

    world.begin()

    assert {path.name for path in tmp_path.iterdir()} == {
        *("kis_trading.db", "kis_keys.json", "positions.json"),
        "simulated_world.json",
    }
