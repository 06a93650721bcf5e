"""One selection: who is in the pool, who is asked, who goes at which stage, and who is left."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kis_daemon.domain.calendar import TradingDay
from kis_daemon.domain.market import Bar, Symbol
from kis_daemon.domain.universe import CandidatePool, NoCandidates, Selection, SelectionMethod, UniverseRules
from kis_daemon.ports import BrokerUnreachable, ProtocolError, Surveyed
from kis_daemon.services.universe_files import UniverseFiles
from tests.services.builders import TODAY, YESTERDAY, at
from tests.services.choosing import FakeDirectory, FakeSurvey, a_chooser, an_issue, surveyed
from tests.services.trading import Floor, a_floor, a_listing, rising_bars

SYMBOLS = tuple(Symbol(f"{n:05}0") for n in range(1, 13))
YAML = UniverseRules(
    selection_method=SelectionMethod.COMBINED,
    candidate_pool_mode=CandidatePool.YAML,
    candidate_stocks=SYMBOLS,
    max_stocks=2,
    min_volume=0,
    max_atr_pct=100,
    min_atr_pct=0,
)


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    with a_floor(tmp_path, is_open=False, now=at("08:00")) as made:
        for n, symbol in enumerate(SYMBOLS):
            made.market.bars[symbol] = bars_of(volume=1_000_000 - n)
            made.market.listings[symbol] = a_listing(symbol=symbol)
        yield made


def bars_of(volume: int = 1_000_000, height: int = 0) -> tuple[Bar, ...]:
    """Return a history that ends yesterday; `height` widens every day of it."""
    return tuple(
        replace(bar, volume=volume, high=bar.high + height) for bar in rising_bars(YESTERDAY) if bar.date <= YESTERDAY
    )


def a_day(floor: Floor) -> TradingDay:
    day = floor.calendar.trading_day(TODAY)
    assert day is not None
    return day


def choose(floor: Floor, rules: UniverseRules, **terms: Any) -> Selection:
    return floor.run(a_chooser(rules, floor.market, floor.calendar, floor.clock, **terms).choose(a_day(floor)))


def with_states(**changes: dict[str, Any]) -> FakeSurvey:
    """Return a survey that tells the states of all, as paper's answers do."""
    known: dict[Symbol, Surveyed] = {}
    for symbol in SYMBOLS:
        terms: dict[str, Any] = {"suspended": False, "under_administration": False, "market_cap": 10**12}
        known[symbol] = surveyed(symbol, **(terms | changes.get(f"s{symbol}", {})))
    return FakeSurvey(known=known)


def stages(selection: Selection) -> dict[str, int]:
    return {stage.name: stage.after for stage in selection.stages}


def test_combined_looks_at_the_atr_of_three_times_as_many_of_the_most_traded(floor: Floor) -> None:
    """S3-U18: with a list that tells what was traded only those cost a chart."""
    listed = FakeDirectory(tuple(an_issue(s, traded_value=10**10 - n) for n, s in enumerate(reversed(SYMBOLS))))

    selection = choose(floor, YAML, directory=listed)

    assert selection.symbols == SYMBOLS[:-3:-1]
    assert stages(selection)["volume_top"] == 6
    assert floor.market.symbols_of("chart") == list(SYMBOLS[:-7:-1])


def test_combined_passes_the_atr_filter_before_the_last_cut(floor: Floor) -> None:
    """S3-U18, U16: who moves too much makes room for the next."""
    floor.market.bars[SYMBOLS[0]] = bars_of(height=30_000)

    selection = choose(floor, replace(YAML, max_atr_pct=20.0), survey=with_states())

    assert selection.symbols == SYMBOLS[1:3]
    verdict = next(one for one in selection.verdicts if one.symbol == SYMBOLS[0])
    assert (verdict.stage, verdict.cause, verdict.limit) == ("atr", "max_atr_pct", 20.0)
    assert verdict.value == verdict.atr_pct
    assert verdict.value is not None
    assert verdict.value > 20


def test_volume_top_ranks_by_the_traded_value_of_the_last_completed_day(floor: Floor) -> None:
    """S3-U05: the same at eight as at eleven."""
    floor.market.bars[SYMBOLS[7]] = bars_of(volume=9_000_000)
    rules = replace(YAML, selection_method=SelectionMethod.VOLUME_TOP)

    assert choose(floor, rules, survey=with_states()).symbols == (SYMBOLS[7], SYMBOLS[0])


def test_a_yaml_pool_is_never_left(floor: Floor) -> None:
    """S3-U06, U19: whatever the market has besides."""
    listed = FakeDirectory((an_issue("999990", traded_value=10**13),))
    rules = replace(YAML, candidate_stocks=SYMBOLS[:2])

    assert set(choose(floor, rules, directory=listed, survey=with_states()).symbols) == set(SYMBOLS[:2])


def test_a_market_pool_is_the_most_traded_ordinary_shares_up_to_the_scan_size(floor: Floor) -> None:
    """S3-U07, U08."""
    listed = FakeDirectory(
        (
            an_issue("999990", is_common=False, traded_value=10**13),
            *(an_issue(symbol, traded_value=10**10 + n) for n, symbol in enumerate(SYMBOLS)),
        )
    )
    rules = replace(YAML, candidate_pool_mode=CandidatePool.MARKET, market_scan_size=4)
    survey = FakeSurvey()

    selection = choose(floor, rules, directory=listed, survey=survey)

    assert survey.asked == list(SYMBOLS[:-5:-1])
    assert selection.symbols == SYMBOLS[:-3:-1]


def test_without_a_list_the_rankings_stand_in_for_the_market(floor: Floor) -> None:
    """S3-U07."""
    rules = replace(YAML, candidate_pool_mode=CandidatePool.MARKET)
    survey = FakeSurvey(rankings=SYMBOLS[3:6])

    assert choose(floor, rules, survey=survey).symbols == SYMBOLS[3:5]


def test_with_neither_list_nor_rankings_there_are_no_candidates(floor: Floor) -> None:
    with pytest.raises(NoCandidates, match="no list of the exchange"):
        choose(floor, replace(YAML, candidate_pool_mode=CandidatePool.MARKET))


def test_a_kospi200_pool_is_its_members_the_largest_first(floor: Floor) -> None:
    """S3-U15."""
    listed = FakeDirectory(
        tuple(an_issue(symbol, in_kospi200=n % 2 == 0, market_cap=10**12 + n) for n, symbol in enumerate(SYMBOLS))
    )
    rules = replace(YAML, selection_method=SelectionMethod.ATR_FILTER, candidate_pool_mode=CandidatePool.KOSPI200)

    assert choose(floor, rules, directory=listed).symbols == (SYMBOLS[10], SYMBOLS[8])


@pytest.mark.parametrize(
    ("pool", "expected"),
    [(CandidatePool.YAML, SYMBOLS[4:6]), (CandidatePool.VOLUME_TOP, (SYMBOLS[11], SYMBOLS[10]))],
)
def test_an_atr_filter_keeps_the_order_of_its_pool(
    floor: Floor, pool: CandidatePool, expected: tuple[Symbol, ...]
) -> None:
    """S3-U15: of volume_top the most traded `volume_top_n`."""
    listed = FakeDirectory(tuple(an_issue(s, traded_value=10**10 + n) for n, s in enumerate(SYMBOLS)))
    rules = replace(
        YAML,
        selection_method=SelectionMethod.ATR_FILTER,
        candidate_pool_mode=pool,
        candidate_stocks=SYMBOLS[4:],
        volume_top_n=3,
    )

    selection = choose(floor, rules, directory=listed)

    assert selection.symbols == expected
    assert stages(selection).get("volume_top") == (3 if pool is CandidatePool.VOLUME_TOP else None)


def test_nobody_is_chosen_whose_state_nobody_told(floor: Floor) -> None:
    """S3-U11: thirty prices in one answer tell of no halt; the foremost are asked for one by one."""
    floor.market.listings[SYMBOLS[0]] = a_listing(symbol=SYMBOLS[0], suspended=True)

    selection = choose(floor, YAML)

    assert selection.symbols == SYMBOLS[1:3]
    assert floor.market.symbols_of("snapshot") == list(SYMBOLS[:3])


def test_who_is_known_to_be_suspended_costs_no_chart(floor: Floor) -> None:
    """S3-U11, U12, U14."""
    survey = with_states(s000010={"suspended": True}, s000020={"under_administration": True})

    choose(floor, YAML, survey=survey)

    assert floor.market.symbols_of("chart") == list(SYMBOLS[2:])
    assert floor.market.symbols_of("snapshot") == []


def test_a_symbol_the_broker_does_not_know_or_whose_chart_is_unreadable_goes_alone(floor: Floor) -> None:
    floor.market.failing[SYMBOLS[1]] = ProtocolError("odd")
    survey = with_states()
    survey.unknown = {SYMBOLS[0]}

    selection = choose(floor, YAML, survey=survey)

    assert selection.symbols == SYMBOLS[2:4]
    gone = {one.symbol: (one.stage, one.cause) for one in selection.verdicts if one.symbol in SYMBOLS[:2]}
    assert gone == {SYMBOLS[0]: ("answered", "no_answer"), SYMBOLS[1]: ("min_volume", "no_answer")}


def test_a_broker_that_does_not_answer_ends_the_selection_and_what_was_measured_stays(
    floor: Floor, tmp_path: Path
) -> None:
    floor.market.failing[SYMBOLS[5]] = BrokerUnreachable("no route")
    with pytest.raises(BrokerUnreachable):
        choose(floor, YAML, survey=with_states(), files=UniverseFiles(tmp_path))
    floor.market.asked.clear()
    floor.market.failing.clear()
    again = FakeSurvey()

    choose(floor, YAML, survey=again, files=UniverseFiles(tmp_path))

    assert again.asked == []
    assert floor.market.symbols_of("chart") == list(SYMBOLS[5:])


def test_prices_are_asked_again_once_trading_has_gone_on_for_half_an_hour(floor: Floor, tmp_path: Path) -> None:
    files = UniverseFiles(tmp_path)
    asked = []
    for clock in ("08:30", "09:10", "09:40", "09:41", "15:45", "18:00"):
        floor.go_to(clock)
        survey = with_states()
        choose(floor, YAML, survey=survey, files=files)
        asked.append(len(survey.asked))

    assert asked == [12, 12, 0, 12, 12, 0]


def test_progress_is_told_to_its_end(floor: Floor) -> None:
    heard: list[tuple[str, int, int]] = []

    choose(floor, YAML, survey=with_states(), told=lambda *what: heard.append(what))

    assert heard[11] == ("prices", 12, 12)
    assert heard[-1] == ("charts", 12, 12)


def test_what_was_measured_is_for_us_alone_and_pruned(floor: Floor, tmp_path: Path) -> None:
    old = tmp_path / "universe" / "measures_20240201.json"
    old.parent.mkdir()
    old.write_text("{}")

    choose(floor, YAML, survey=with_states(), files=UniverseFiles(tmp_path))

    (file,) = (tmp_path / "universe").glob("measures_*.json")
    assert file.name == "measures_20240305.json"
    assert file.stat().st_mode & 0o777 == 0o600


BAR = ["2024-03-04", 1, 1, 1, 1, 1]
PRICE = {"name": "", "price": 1, "open": 0, "market_cap": None, "suspended": False, "under_administration": False}


@pytest.mark.parametrize(
    "told",
    [
        7,
        {"prices": []},
        {"prices": {"x": []}},
        {"prices": {"000010": ["2024-03-05T08:00:00", PRICE]}},
        {"prices": {"000010": ["2024-03-05T08:00:00+09:00", PRICE | {"price": "dear"}]}},
        {"prices": {"000010": ["2024-03-05T08:00:00+09:00", PRICE | {"suspended": "no"}]}},
        {"prices": {}, "charts": {"000010": ["2024-03-04", BAR, BAR]}},
        {"prices": {}, "charts": {"000010": ["2024-03-04", BAR[:5]]}},
    ],
)
def test_measures_that_cannot_be_read_are_asked_for_again(floor: Floor, tmp_path: Path, told: Any) -> None:
    (tmp_path / "universe").mkdir()
    content = {"venue": ""} | told if isinstance(told, dict) else told
    (tmp_path / "universe" / "measures_20240305.json").write_text(json.dumps(content))
    survey = with_states()

    choose(floor, YAML, survey=survey, files=UniverseFiles(tmp_path))

    assert len(survey.asked) == 12
