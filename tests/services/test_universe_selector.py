"""The universe of a day: what the cache says, what is selected anew, what stands in, and what is told of it."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from kis_daemon.domain.calendar import TradingDay
from kis_daemon.domain.market import Symbol
from kis_daemon.domain.universe import CandidatePool, SelectionMethod, UniverseRules
from kis_daemon.ports import BrokerUnreachable
from kis_daemon.services.universe_files import UniverseFiles, write_whole
from kis_daemon.services.universe_selector import FallbackTerms, UniverseSelector
from tests.services.builders import HYNIX, SAMSUNG, TODAY, at
from tests.services.choosing import FakeDirectory, FakeSurvey, a_chooser, an_issue
from tests.services.trading import Floor, a_floor

NAVER = Symbol("035420")
VOLUME_TOP = UniverseRules(selection_method=SelectionMethod.VOLUME_TOP, stocks=(NAVER,), max_stocks=1)
LISTED = FakeDirectory((an_issue(SAMSUNG, traded_value=9 * 10**9), an_issue(HYNIX, traded_value=8 * 10**9)))


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    with a_floor(tmp_path, is_open=False, now=at("08:00")) as made:
        yield made


def today(floor: Floor) -> TradingDay:
    day = floor.calendar.trading_day(TODAY)
    assert day is not None
    return day


def a_selector(floor: Floor, rules: UniverseRules, **terms: Any) -> UniverseSelector:
    fallback = terms.pop("fallback", FallbackTerms())
    terms = {"directory": LISTED} | terms
    chooser = a_chooser(rules, floor.market, floor.calendar, floor.clock, **terms)
    return UniverseSelector(chooser, floor.journal, floor.clock, fallback)


def select(floor: Floor, rules: UniverseRules, **terms: Any) -> tuple[Symbol, ...]:
    return floor.run(a_selector(floor, rules, **terms).select(today(floor)))


def files_in(folder: Path, venue: str = "") -> UniverseFiles:
    return UniverseFiles(folder, venue)


def cache_line(logs: list[Any]) -> dict[str, Any]:
    (line,) = [line for line in logs if line["event"].startswith("universe_cache")]
    return dict(line)


# fixed, and what is told


def test_the_first_symbols_are_chosen_in_their_order_and_once(floor: Floor) -> None:
    rules = UniverseRules(stocks=(HYNIX, SAMSUNG, HYNIX, NAVER), max_stocks=2)

    assert select(floor, rules) == (HYNIX, SAMSUNG)
    assert floor.events("universe_selected") == [
        {
            "day": "2024-03-05",
            "selection_method": "fixed",
            "source": "selected",
            "candidates": 4,
            "stages": "stocks=3 max_stocks=2",
            "chosen": 2,
            "symbols": "000660,005930",
        }
    ]


def test_an_empty_universe_is_empty_and_a_person_is_told(floor: Floor) -> None:
    assert select(floor, UniverseRules(stocks=())) == ()
    assert floor.told("universe_empty") == 1
    assert len(floor.events("universe_empty")) == 1


def test_every_stage_is_logged_with_its_counts_and_the_final_list(floor: Floor) -> None:
    """S3-U29."""
    with capture_logs() as logs:
        select(floor, VOLUME_TOP)

    stages = [(line["stage"], line["before"], line["after"]) for line in logs if line["event"] == "universe_stage"]
    assert stages == [
        ("pool", 2, 2),
        ("answered", 2, 2),
        ("safety", 2, 2),
        ("min_volume", 2, 2),
        ("max_stocks", 2, 1),
    ]
    assert floor.events("universe_selected")[0]["symbols"] == SAMSUNG


# the cache


def test_off_session_the_universe_is_selected_anew_and_kept(floor: Floor, tmp_path: Path) -> None:
    """S3-U02, U20, U21: whatever stood there before."""
    write_whole(
        tmp_path / "universe_cache.json",
        {"date": "2024-03-05", "stocks": [NAVER], "selection_method": "volume_top"},
    )
    with capture_logs() as logs:
        chosen = select(floor, VOLUME_TOP, files=files_in(tmp_path))

    assert chosen == (SAMSUNG,)
    assert cache_line(logs)["reason"] == "off_session"
    assert files_in(tmp_path).cached(TODAY, VOLUME_TOP) == (SAMSUNG,)
    kept = (tmp_path / "universe_cache.json").read_text()
    assert '"date":"2024-03-05","stocks":["005930"],"selection_method":"volume_top"' in kept
    assert stat.S_IMODE((tmp_path / "universe_cache.json").stat().st_mode) == 0o600


def test_the_universe_cache_is_not_discarded_in_session_and_nobody_is_asked(floor: Floor, tmp_path: Path) -> None:
    """S3-U01, U21, X09."""
    select(floor, VOLUME_TOP, files=files_in(tmp_path))
    floor.go_to("11:00")
    survey = FakeSurvey()

    with capture_logs() as logs:
        chosen = select(floor, VOLUME_TOP, files=files_in(tmp_path), survey=survey, directory=FakeDirectory())

    assert chosen == (SAMSUNG,)
    assert survey.asked == []
    line = cache_line(logs)
    assert (line["event"], line["reason"]) == ("universe_cache_hit", "same_day")
    assert line["cache_key"] == f"2024-03-05|volume_top|{VOLUME_TOP.fingerprint}"
    assert line["cache_file"] == str(tmp_path / "universe_cache.json")
    assert floor.events("universe_selected")[-1]["source"] == "cache"


def test_in_session_another_method_invalidates_the_cache_and_selects_anew(floor: Floor, tmp_path: Path) -> None:
    """S3-U22."""
    select(floor, UniverseRules(stocks=(NAVER,)), files=files_in(tmp_path))
    floor.go_to("11:00")

    with capture_logs() as logs:
        chosen = select(floor, VOLUME_TOP, files=files_in(tmp_path))

    assert chosen == (SAMSUNG,)
    assert (cache_line(logs)["event"], cache_line(logs)["reason"]) == ("universe_cache_miss", "method_changed")


def test_in_session_other_symbols_on_the_list_are_not_hidden_by_the_cache(floor: Floor, tmp_path: Path) -> None:
    select(floor, UniverseRules(stocks=(NAVER,)), files=files_in(tmp_path))
    floor.go_to("11:00")

    assert select(floor, UniverseRules(stocks=(SAMSUNG,)), files=files_in(tmp_path)) == (SAMSUNG,)


def test_in_session_without_a_cache_the_listed_symbols_stand_in(floor: Floor, tmp_path: Path) -> None:
    """S3-U01, U24: and they are not taken for a selection later."""
    floor.go_to("11:00")
    survey = FakeSurvey()

    assert select(floor, VOLUME_TOP, files=files_in(tmp_path), survey=survey) == (NAVER,)
    assert survey.asked == []
    assert floor.told("universe_fallback") == 1
    assert not (tmp_path / "universe_cache.json").exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"date":"2024-03-04","stocks":["005930"],"selection_method":"volume_top"}', "other_day"),
        ('{"date":"2024-03-05","stocks":["5930"],"selection_method":"volume_top"}', "unreadable"),
        ('{"date":"2024-03-05","stocks":["005930"],"selection_method":"dice"}', "unreadable"),
        ('{"date":"2024-03-05","stocks":["005930"]', "unreadable"),
        ('{"date":"2024-03-05","stocks":["005930"],"selection_method":"volume_top","venue":"x"}', "other_venue"),
        ("[]", "unreadable"),
    ],
)
def test_a_cache_of_another_day_or_torn_counts_as_none_and_says_why(
    floor: Floor, tmp_path: Path, content: str, reason: str
) -> None:
    """S3-U23."""
    (tmp_path / "universe_cache.json").write_text(content)
    floor.go_to("11:00")

    with capture_logs() as logs:
        assert select(floor, VOLUME_TOP, files=files_in(tmp_path)) == (NAVER,)

    assert cache_line(logs)["reason"] == reason


def test_a_cache_never_says_more_than_max_stocks(tmp_path: Path) -> None:
    """S3-U27, however the file came by it."""
    cache = {"date": "2024-03-05", "stocks": [SAMSUNG, SAMSUNG, HYNIX], "selection_method": "volume_top"}
    write_whole(tmp_path / "universe_cache.json", cache | {"rules": VOLUME_TOP.fingerprint, "venue": ""})

    assert files_in(tmp_path).cached(TODAY, VOLUME_TOP) == (SAMSUNG,)


def test_explanations_of_long_ago_are_deleted(floor: Floor, tmp_path: Path) -> None:
    write_whole(tmp_path / "universe" / "20240101.json", {})
    write_whole(tmp_path / "universe" / "20240301.json", {})

    select(floor, VOLUME_TOP, files=files_in(tmp_path))

    assert sorted(file.name for file in (tmp_path / "universe").glob("2*.json")) == ["20240301.json", "20240305.json"]


def test_a_folder_that_cannot_be_written_costs_the_cache_and_not_the_day(floor: Floor, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    assert select(floor, VOLUME_TOP, files=files_in(tmp_path / "file")) == (SAMSUNG,)


def test_the_explanation_of_a_day_is_kept_for_its_venue(floor: Floor, tmp_path: Path) -> None:
    select(floor, VOLUME_TOP, files=files_in(tmp_path, "KIS_PAPER"))

    report = files_in(tmp_path, "KIS_PAPER").report(TODAY)
    assert report is not None
    assert [(row["symbol"], row["cause"]) for row in report["candidates"]] == [(SAMSUNG, ""), (HYNIX, "rank")]
    assert files_in(tmp_path, "KIS_REAL").report(TODAY) is None
    assert files_in(tmp_path, "KIS_PAPER").report(date(2024, 3, 4)) is None


def test_after_the_close_nobody_is_asked_for_a_day_that_is_over(floor: Floor, tmp_path: Path) -> None:
    """What follows the close (bars, sweep) waits for no candidates."""
    floor.go_to("15:36")
    survey = FakeSurvey()

    assert select(floor, VOLUME_TOP, files=files_in(tmp_path), survey=survey) == ()
    assert survey.asked == []
    assert floor.events("universe_fallback", "universe_empty", "universe_failed") == []


# when it fails


def test_a_broker_that_does_not_answer_leaves_the_listed_symbols(floor: Floor) -> None:
    """S3-U24: on paper without a pause."""
    chosen = select(floor, VOLUME_TOP, survey=FakeSurvey(failing=BrokerUnreachable("no route")))

    assert chosen == (NAVER,)
    (told,) = floor.events("universe_fallback")
    assert (told["selection_method"], told["reason"], told["chosen"]) == ("volume_top", "no route", 1)
    assert floor.events("universe_selected")[0]["source"] == "fallback"


def test_with_real_money_a_fallback_waits_ten_seconds(floor: Floor) -> None:
    """S3-U25."""
    before = floor.now

    chosen = select(floor, VOLUME_TOP, directory=FakeDirectory(), fallback=FallbackTerms(pause_s=10.0))

    assert chosen == (NAVER,)
    assert (floor.now - before).total_seconds() == 10.0
    assert floor.told("universe_fallback") == 1


def test_with_real_money_a_fallback_may_halt_entries_at_once(floor: Floor) -> None:
    """S3-U26."""
    before = floor.now

    chosen = select(floor, VOLUME_TOP, directory=FakeDirectory(), fallback=FallbackTerms(halts=True, pause_s=10.0))

    assert chosen == ()
    assert floor.now == before
    assert floor.told("universe_halted") == 1


@pytest.mark.parametrize("change", [{"fallback_to_fixed": False}, {"stocks": ()}])
def test_without_a_fallback_nothing_is_bought_and_a_person_is_told(floor: Floor, change: dict[str, Any]) -> None:
    rules = UniverseRules(**({"selection_method": SelectionMethod.COMBINED, "stocks": (NAVER,)} | change))

    assert select(floor, rules, directory=FakeDirectory()) == ()
    assert floor.told("universe_failed") == 1


def test_filters_that_leave_nobody_do_not_fall_back(floor: Floor) -> None:
    """S3-U28: what the filters refuse is not bought because it stands on a list."""
    rules = UniverseRules(
        selection_method=SelectionMethod.VOLUME_TOP,
        candidate_pool_mode=CandidatePool.YAML,
        stocks=(SAMSUNG,),
        min_volume=10**12,
    )

    assert select(floor, rules) == ()
    (told,) = floor.events("universe_empty")
    assert told["reason"].startswith("no candidate passed the filters of volume_top (pool 1, answered 1, safety 1,")


def test_a_restart_in_session_does_not_fall_back_where_nobody_passed_in_the_morning(
    floor: Floor, tmp_path: Path
) -> None:
    rules = UniverseRules(selection_method=SelectionMethod.VOLUME_TOP, stocks=(NAVER,), min_volume=10**12)
    assert select(floor, rules, files=files_in(tmp_path)) == ()
    floor.go_to("11:00")

    assert select(floor, rules, files=files_in(tmp_path)) == ()
    assert floor.told("universe_empty") == 2
    assert floor.told("universe_fallback") == 0
