"""When to sell: each rule, their order, the gap rules, and the band in which nothing can change."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kis_daemon.domain.exits import Exit, ExitReason, Gap, GapReference, GapRules, decide, gap, quiet_band
from kis_daemon.domain.market import Market
from kis_daemon.domain.positions import Position, ProtectionRules, seen
from tests.domain.builders import RULES, TODAY, YESTERDAY, a_position

GAPS = GapRules()
OLD = a_position(price=100_000, entry_day=YESTERDAY)  # stop 98,000, target 103,000
LOSS_GAP = Gap(
    open_price=97_000,
    reference=GapReference.PREV_CLOSE,
    reference_price=100_000,
    raw_gap_pct=-3.0,
    threshold_pct=2.0,
    triggered=True,
)


def rule_at(
    price: int, position: Position = OLD, *, opening_gap: Gap | None = None, broken_trend: str | None = None
) -> ExitReason | None:
    found = decide(position, price, TODAY, RULES, opening_gap, broken_trend)
    return None if found is None else found.rule


def gap_pct(
    open_price: int, prev_close: int = 100_000, *, position: Position = OLD, rules: GapRules = GAPS
) -> tuple[float, bool] | None:
    found = gap(position, open_price, prev_close, TODAY, rules)
    return None if found is None else (round(found.raw_gap_pct, 6), found.triggered)


# ── each rule


@pytest.mark.parametrize(
    ("price", "rule"),
    [
        (97_900, ExitReason.ATR_STOP_LOSS),
        (98_000, ExitReason.ATR_STOP_LOSS),
        (98_100, None),
        (102_900, None),
        (103_000, ExitReason.ATR_TAKE_PROFIT),
        (150_000, ExitReason.ATR_TAKE_PROFIT),
    ],
)
def test_stop_and_target_fire_at_their_price(price: int, rule: ExitReason | None) -> None:
    assert rule_at(price) is rule


def test_an_armed_trailing_stop_fires_at_its_level() -> None:
    armed = seen(OLD, 102_500, RULES)

    assert rule_at(100_600, armed) is None
    assert rule_at(100_500, armed) is ExitReason.TRAILING_STOP
    assert rule_at(100_500) is None


def test_trailing_sells_at_a_loss_too_once_it_was_armed() -> None:
    armed = seen(OLD, 101_000, RULES)

    assert rule_at(99_000, armed) is ExitReason.TRAILING_STOP


def test_a_broken_trend_sells_at_any_price_between() -> None:
    assert decide(OLD, 100_000, TODAY, RULES, None, "ADX 12.00 < 20.0") == Exit(
        rule=ExitReason.TREND_BROKEN, reason="ADX 12.00 < 20.0"
    )


def test_every_reason_has_its_numbers() -> None:
    armed = seen(OLD, 102_500, RULES)

    def reason(price: int, opening_gap: Gap | None = None) -> str:
        found = decide(armed, price, TODAY, RULES, opening_gap, None)
        assert found is not None
        return found.reason

    assert reason(97_000) == "price 97000 <= stop 98000"
    assert reason(103_000) == "price 103000 >= target 103000"
    assert reason(100_400) == "price 100400 <= trailing 100500 (highest 102500)"
    assert reason(97_000, LOSS_GAP) == "open 97000 vs prev_close 100000.00: -3.000 % <= -2.0 %"


# ── their order


def test_the_order_is_gap_stop_target_trailing_trend() -> None:
    # a stop above the target cannot come about by itself; only so do all rules fire at one price
    position = replace(seen(OLD, 110_000, RULES), stop=105_000, target=100_000)
    high = replace(position, stop=1, target=10**6)

    assert rule_at(102_000, position, opening_gap=LOSS_GAP, broken_trend="broken") is ExitReason.GAP_PROTECTION
    assert rule_at(102_000, position, broken_trend="broken") is ExitReason.ATR_STOP_LOSS
    assert rule_at(102_000, replace(position, stop=1), broken_trend="broken") is ExitReason.ATR_TAKE_PROFIT
    assert rule_at(102_000, high, broken_trend="broken") is ExitReason.TRAILING_STOP
    assert rule_at(109_000, high, broken_trend="broken") is ExitReason.TREND_BROKEN
    assert rule_at(109_000, high) is None


def test_a_gap_that_did_not_trigger_leaves_the_word_to_the_other_rules() -> None:
    small = replace(LOSS_GAP, triggered=False)

    assert rule_at(97_000, opening_gap=small) is ExitReason.ATR_STOP_LOSS
    assert rule_at(100_000, opening_gap=small) is None


# ── gap protection (S3-G01..G05)


@pytest.mark.parametrize(
    ("open_price", "triggered"),
    [(98_000, False), (97_999, True), (97_900, True), (98_100, False), (100_000, False)],
)
def test_a_loss_gap_triggers_beyond_threshold_and_epsilon(open_price: int, triggered: bool) -> None:
    assert gap_pct(open_price) == ((open_price - 100_000) / 1000, triggered)


def test_a_gap_of_exactly_the_threshold_is_within_the_epsilon() -> None:
    assert gap_pct(980_000, 1_000_000) == (-2.0, False)
    assert gap_pct(979_991, 1_000_000) == (-2.0009, False)
    assert gap_pct(979_989, 1_000_000) == (-2.0011, True)


@pytest.mark.parametrize("open_price", [102_000, 103_000, 130_000])
def test_a_gap_in_profit_never_triggers_however_large(open_price: int) -> None:
    """The signed number is compared, not its size (S3-G02)."""
    assert gap_pct(open_price) == ((open_price - 100_000) / 1000, False)


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.sampled_from(GapReference), st.floats(0.1, 10))
def test_only_an_opening_under_its_reference_can_trigger(
    open_price: int, prev_close: int, reference: GapReference, threshold: float
) -> None:
    found = gap(OLD, open_price, prev_close, TODAY, GapRules(threshold_pct=threshold, reference=reference))

    assert found is not None
    if found.triggered:
        assert open_price < found.reference_price
    else:
        assert open_price >= found.reference_price * (1 - (threshold + 0.0011) / 100)


@pytest.mark.parametrize("reference", list(GapReference))
def test_gap_rule_fires_on_the_entry_day(reference: GapReference) -> None:
    """Requirements, section 9: it looks at positions of an earlier day only."""
    rules = GapRules(reference=reference)

    assert gap(a_position(entry_day=TODAY), 50_000, 100_000, TODAY, rules) is None
    assert gap(a_position(entry_day=date(2024, 3, 6)), 50_000, 100_000, TODAY, rules) is None
    found = gap(a_position(entry_day=YESTERDAY), 50_000, 100_000, TODAY, rules)
    assert found is not None
    assert found.triggered


@pytest.mark.parametrize("threshold", [None, 0.0, -2.0])
def test_without_a_threshold_above_zero_the_gap_rule_is_off(threshold: float | None) -> None:
    assert gap_pct(50_000, rules=GapRules(threshold_pct=threshold)) is None


@pytest.mark.parametrize(
    ("reference", "price"),
    [(GapReference.PREV_CLOSE, 104_000), (GapReference.ENTRY, 100_000), (GapReference.STOP, 98_000)],
)
def test_a_gap_is_measured_from_the_reference_asked_for(reference: GapReference, price: int) -> None:
    assert gap(OLD, 97_000, 104_000, TODAY, GapRules(reference=reference)) == Gap(
        open_price=97_000,
        reference=reference,
        reference_price=price,
        raw_gap_pct=(97_000 - price) / price * 100,
        threshold_pct=2.0,
        triggered=price > 98_000,
    )


@pytest.mark.parametrize(("open_price", "prev_close"), [(0, 100_000), (97_000, 0)])
def test_without_an_open_or_a_reference_there_is_no_gap(open_price: int, prev_close: int) -> None:
    assert gap_pct(open_price, prev_close) is None


# ── the quiet band


def test_the_band_of_a_fresh_position_reaches_from_its_stop_to_its_highest_price() -> None:
    assert quiet_band(OLD, TODAY, RULES) == (98_000, 100_001)


def test_the_band_of_an_armed_position_begins_at_the_higher_of_stop_and_trailing() -> None:
    assert quiet_band(seen(OLD, 102_500, RULES), TODAY, RULES) == (100_500, 102_501)


def test_the_band_ends_at_the_target_where_that_is_nearer() -> None:
    assert quiet_band(replace(OLD, highest=200_000), TODAY, replace(RULES, trailing_arm_pct=50.0)) == (98_000, 103_000)


def test_the_band_ends_where_trailing_arms() -> None:
    assert quiet_band(replace(OLD, highest=102_000), TODAY, RULES) == (98_000, 101_000)


@st.composite
def held(draw: st.DrawFn) -> tuple[Position, ProtectionRules]:
    rules = ProtectionRules(
        stop_atr=draw(st.floats(0.1, 5)),
        target_atr=draw(st.floats(0.1, 8)),
        trailing_atr=draw(st.floats(0.1, 5)),
        trailing_arm_pct=draw(st.floats(0, 6)),
        max_loss_pct=draw(st.floats(0.5, 20)),
    )
    price, quantity = draw(st.integers(100, 900_000)), draw(st.integers(1, 50))
    position = a_position(
        quantity=quantity,
        amount=price * quantity + draw(st.integers(0, quantity - 1)),
        atr=price * draw(st.floats(0.0005, 0.1)),
        market=draw(st.sampled_from(Market)),
        entry_day=YESTERDAY,
        rules=rules,
    )
    for moved in draw(st.lists(st.floats(0.9, 1.1), max_size=4)):
        position = seen(position, max(1, int(price * moved)), rules)
    return position, rules


@given(held(), st.data())
def test_inside_the_band_no_price_changes_the_decision_or_the_position(
    case: tuple[Position, ProtectionRules], data: st.DataObject
) -> None:
    position, rules = case
    low, high = quiet_band(position, TODAY, rules)
    assume(low + 1 < high)
    edges = st.sampled_from((low + 1, high - 1))

    price = data.draw(st.integers(low + 1, high - 1) | edges)

    assert decide(position, price, TODAY, rules, None, None) is None
    assert seen(position, price, rules) is position


@given(held())
def test_at_the_edges_of_the_band_something_changes(case: tuple[Position, ProtectionRules]) -> None:
    """So the band is not narrower than it could be."""
    position, rules = case
    low, high = quiet_band(position, TODAY, rules)

    assert decide(position, low, TODAY, rules, None, None) is not None
    assert decide(position, high, TODAY, rules, None, None) is not None or seen(position, high, rules) is not position


# ── failures of earlier systems


def test_no_exit_rule_is_made_impossible_by_arithmetic() -> None:
    """With the rules as they ship there is for each reason a price and a history that it alone sells at."""
    armed = seen(OLD, 102_900, RULES)
    reached = {
        rule_at(OLD.stop),
        rule_at(OLD.target),
        rule_at(100_900, armed),
        rule_at(99_000, opening_gap=LOSS_GAP),
        rule_at(100_000, broken_trend="ADX 12.00 < 20.0"),
    }

    assert reached == set(ExitReason) - {ExitReason.MANUAL_EXIT, ExitReason.KILL_SWITCH}  # a person's, no rules
    assert rule_at(100_900, armed) is ExitReason.TRAILING_STOP
    assert OLD.stop < OLD.cost // OLD.quantity < OLD.target
