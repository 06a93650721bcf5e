"""The failures of earlier systems, each with the tests that show that this one does not have it.

A test stands here by its file and name, and is looked for in the file's syntax. What has no test yet is listed with
the number of the issue that it belongs to, and counted.
"""

from __future__ import annotations

import ast
from functools import cache
from typing import NamedTuple

import pytest

from tests.conftest import ROOT


class Shown(NamedTuple):
    """A failure, the issue that it belongs to, and its tests as ``file under tests::name``."""

    failure: str
    issue: int
    tests: tuple[str, ...]


FAILURES = (
    Shown(
        "an order whose submission timed out is called failed and sent again",
        4,
        (
            "services/test_order_synchronizer.py::test_a_submit_timeout_is_not_sent_again",
            "services/test_order_synchronizer.py::"
            "test_a_submit_timeout_leaves_the_order_unconfirmed_and_its_slot_taken",
            "domain/test_orders_exhaustive.py::test_no_interleaving_of_two_orders_and_a_crash_breaks_a_promise",
        ),
    ),
    Shown(
        "one signal has another key every minute",
        4,
        (
            "domain/test_orders.py::test_the_same_signal_gets_a_new_key_each_minute",
            "services/test_buyer.py::test_the_same_signal_keeps_its_key_from_minute_to_minute",
            "services/test_order_synchronizer.py::test_the_same_signal_never_gets_a_second_key",
        ),
    ),
    Shown(
        "without the database nothing is idempotent",
        4,
        ("store/test_spare.py::test_idempotency_is_not_off_when_the_database_is_off",),
    ),
    Shown(
        "a partly filled order that timed out is booked as cancelled, and its shares are nobody's",
        4,
        ("services/test_order_synchronizer.py::test_partial_then_timeout_keeps_what_was_bought",),
    ),
    Shown(
        "the trailing stop sleeps once the profit is under its arming level again",
        5,
        (
            "domain/test_positions.py::test_trailing_stop_ignored_once_profit_falls_below_its_arming_level",
            "services/test_seller.py::test_trailing_stop_is_not_ignored_once_profit_falls_below_its_arming_level",
        ),
    ),
    Shown(
        "the gap rule sells on the day of the entry",
        5,
        (
            "domain/test_exits.py::test_gap_rule_fires_on_the_entry_day",
            "services/test_seller.py::test_the_gap_rule_does_not_fire_on_the_entry_day",
        ),
    ),
    Shown(
        "after the fill the stop is computed anew, without its loss cap",
        5,
        (
            "domain/test_positions.py::test_stop_recomputed_after_the_fill_without_the_loss_cap",
            "services/test_bookkeeper.py::test_the_stop_after_a_fill_keeps_the_loss_cap",
        ),
    ),
    Shown(
        "what a part of an exit lost is not counted",
        6,
        (
            "domain/test_positions.py::test_loss_of_a_partial_exit_not_counted",
            "services/test_bookkeeper.py::test_the_loss_of_a_partial_exit_counts",
        ),
    ),
    Shown(
        "a restart forgets the day's losses and with them the limit",
        6,
        (
            "services/test_book.py::test_the_losses_of_the_day_are_counted_again_after_a_restart",
            "services/test_reconciler.py::test_the_days_first_equity_is_kept_and_outlives_the_day",
            "services/test_risk_manager.py::test_limits_are_the_same_after_a_restart",
        ),
    ),
    Shown(
        "the kill switch ends the process, and the position has no stop any more",
        6,
        (
            "services/test_control.py::test_the_kill_switch_ends_no_process_and_leaves_no_position_unprotected",
            "services/test_automatic_stops.py::test_each_cause_stops_entries_at_once_and_leaves_exits",
            "services/test_operations.py::test_exits_pass_under_scope_entries",
        ),
    ),
    Shown(
        "the first reconciliation writes over entry day, ATR and stop",
        4,
        ("services/test_reconciler.py::test_a_restart_does_not_overwrite_entry_day_atr_and_stop",),
    ),
    Shown(
        "a rule to sell that no number can ever meet",
        5,
        ("domain/test_exits.py::test_no_exit_rule_is_made_impossible_by_arithmetic",),
    ),
    Shown(
        "the cached universe is thrown away every time",
        5,
        (
            "services/test_universe_selector.py::test_the_universe_cache_is_not_discarded_in_session_and_nobody_is_asked",
            "services/test_universe_selector.py::test_off_session_the_universe_is_selected_anew_and_kept",
        ),
    ),
    Shown(
        "the second start takes the lock away and the third runs beside the first",
        6,
        (
            "app/test_lock.py::test_a_second_process_is_refused_with_the_first_ones_name_and_changes_nothing",
            "app/test_lock.py::test_a_third_start_is_refused_after_the_second_was",
        ),
    ),
    Shown(
        "a SIGTERM while an order waits for its answer loses the order",
        4,
        ("services/test_order_synchronizer.py::test_sigterm_inside_an_order_wait_does_not_lose_the_order",),
    ),
    Shown(
        "a single buy that is not filled holds up every stop",
        4,
        (
            "services/test_seller.py::test_one_unfilled_buy_blocks_no_stop",
            "services/test_order_synchronizer.py::test_one_unfilled_buy_does_not_block_a_stop",
        ),
    ),
    Shown(
        "the guard for a network that is down is never come by",
        3,
        (
            "services/test_control.py::test_the_network_down_guard_is_reached",
            "services/test_control.py::test_the_network_down_guard_is_reached_by_any_question_and_halts_entries",
        ),
    ),
    Shown(
        "orders are kept off on weekends and sent on holidays",
        5,
        (
            "services/test_buyer.py::test_the_order_gate_knows_holidays",
            "services/test_late_openings.py::test_before_ten_nothing_is_bought_and_nothing_sold",
            "services/test_market_days.py::test_a_day_the_broker_closes_takes_no_entries_and_its_exits_go_on",
        ),
    ),
    Shown(
        "moments of a zone of +08:28, or of none",
        5,
        (
            "domain/test_calendar.py::test_no_moment_has_the_time_zone_of_0828_and_none_is_naive",
            "test_clock.py::test_a_naive_moment_is_refused",
        ),
    ),
    Shown(
        "a crash tears the file of positions",
        4,
        ("store/test_database.py::test_no_position_is_torn_by_a_crash",),
    ),
    Shown(
        "the broker is called for an order that was not written down",
        4,
        (
            "services/test_order_synchronizer.py::test_the_broker_is_not_called_when_the_pending_row_was_not_written",
            "services/test_order_synchronizer.py::"
            "test_the_broker_is_not_called_when_nobody_knows_whether_the_pending_row_was_written",
        ),
    ),
    Shown(
        "of a frame with several records the first is read",
        3,
        (
            "kis/test_feed.py::test_not_only_the_first_record_of_a_multi_record_frame_is_read",
            "kis/test_feed.py::test_every_record_of_a_frame_reaches_the_sink_in_its_order",
        ),
    ),
    Shown(
        "pings are not echoed and acknowledgements not read",
        3,
        ("kis/test_feed.py::test_neither_pingpong_nor_acks_are_ignored",),
    ),
    Shown(
        "attempts to connect are counted over the whole life of the process",
        3,
        (
            "kis/test_feed.py::"
            "test_the_reconnect_counter_is_reset_so_that_many_lost_links_of_a_day_are_no_failed_series",
            "kis/test_feed.py::test_an_acknowledgement_does_not_begin_the_series_anew_but_real_data_does",
        ),
    ),
    Shown(
        "stops are looked at when a bar closes and not between",
        5,
        ("services/test_seller.py::test_exits_are_tested_at_every_price_not_only_at_bar_close",),
    ),
    Shown(
        "a cancel leaves without its KRX_FWDG_ORD_ORGNO, and once more",
        3,
        (
            "kis/test_wire_orders.py::test_a_cancel_without_krx_fwdg_ord_orgno_or_number_is_never_written",
            "kis/test_listings.py::test_a_cancel_without_krx_fwdg_ord_orgno_asks_for_it_and_is_sent_once",
            "kis/test_broker.py::test_a_cancel_is_sent_once_and_may_come_too_late",
        ),
    ),
    Shown(
        "of balance and fills the first page is taken for the whole",
        3,
        (
            "kis/test_listings.py::test_the_balance_is_read_beyond_the_first_page",
            "kis/test_listings.py::test_fills_are_read_beyond_the_first_page",
        ),
    ),
    Shown(
        "a row of the listing that names no order is taken for our order",
        4,
        ("services/test_evidence.py::test_a_status_row_without_order_number_is_not_taken_for_ours",),
    ),
    Shown(
        "one app key, and two that each spend its whole limit",
        3,
        ("kis/test_listings.py::test_there_are_no_two_limiters_for_one_app_key",),
    ),
    Shown(
        "tokens are told in clear, readable by everybody, and one serves paper and real",
        3,
        (
            "kis/test_tokens.py::"
            "test_a_token_is_neither_world_readable_nor_shared_between_paper_and_real_nor_told_in_clear",
            "kis/test_tokens.py::test_the_file_is_never_open_to_others_not_even_as_a_draft",
        ),
    ),
    Shown(
        "two variables each have their word about the mode",
        6,
        (
            "e2e/test_bad_input.py::test_variables_that_contradict_each_other_are_refused_and_no_secret_is_shown",
            "e2e/test_bad_input.py::test_a_mode_that_the_dotenv_contradicts_is_refused",
        ),
    ),
    Shown(
        "a way into the program that passes by the guards of real money",
        6,
        (
            "app/test_real_money.py::test_no_way_into_the_program_passes_by_the_guards_of_real_money",
            "app/test_real_money.py::test_the_real_address_stands_in_one_module",
            "app/test_real_money.py::test_nobody_makes_a_confirmation_by_hand",
        ),
    ),
    Shown(
        "settings that are written, read by nobody, and believed",
        6,
        ("test_settings_are_read.py::test_every_setting_is_read_by_something",),
    ),
    Shown(
        "a trade that the database did not take is gone",
        4,
        ("services/test_bookkeeper.py::test_a_trade_whose_database_write_failed_is_booked_by_the_next_listing",),
    ),
    Shown(
        "an order that the first listing lacks is thought cancelled",
        4,
        ("services/test_reconciler.py::test_an_order_not_in_the_listing_at_start_is_not_taken_for_cancelled",),
    ),
    Shown(
        "a limiter of 20 calls a window lets 39 pass",
        3,
        (
            "kis/test_budget.py::test_a_window_of_20_lets_no_39_calls_through",
            "kis/test_budget.py::test_no_rolling_window_holds_more_than_the_limit_however_late_calls_leave",
        ),
    ),
)
HOW_MANY = 36  # as many as the requirements name
OPEN_BY_ISSUE: dict[int, int] = {}  # without a test yet; an issue is not resolved while it has a number here


@cache
def names_in(file: str) -> frozenset[str]:
    """Return the names of the test functions in a file under tests/."""
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    nodes = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(node.name for node in nodes if node.name.startswith("test_"))


def test_every_failure_of_earlier_systems_is_in_the_table_once() -> None:
    assert len({shown.failure for shown in FAILURES}) == len(FAILURES) == HOW_MANY


@pytest.mark.parametrize("named", [name for shown in FAILURES for name in shown.tests])
def test_a_named_test_exists(named: str) -> None:
    file, name = named.split("::")

    assert name in names_in(file)


def test_what_has_no_test_yet_is_counted_by_its_issue() -> None:
    without = [shown.issue for shown in FAILURES if not shown.tests]

    assert {issue: without.count(issue) for issue in without} == OPEN_BY_ISSUE
    assert not {3, 4} & set(without), "wire, tokens, limiter, feed and orders have theirs"
