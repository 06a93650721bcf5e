"""The two tables say the same things, and `say` never fails over what it is given."""

import string
from collections import Counter

import pytest

from kis_daemon.console import catalogue_en, catalogue_ko
from kis_daemon.console.catalogue import Language, knows, say, stock, won

KEYS = sorted(catalogue_en.SENTENCES)
ALERTS = (
    "daemon_started",
    "daemon_stopped",
    "order_filled",
    "order_rejected",
    "order_blocked_killswitch",
    "order_unconfirmed",
    "order_ambiguous",
    "order_cancelled_unfilled",
    "position_mismatch",
    "position_unprotected",
    "external_position",
    "exit_pending",
    "exit_pending_cleared",
    "gap_exit",
    "near_stop",
    "near_target",
    "kill_switch_activated",
    "kill_switch_released",
    "kill_switch_seen_active",
    "kill_switch_seen_released",
    "kill_switch_code",
    "kill_switch_waits",
    "kill_switch_release_declined",
    "automatic_stop",
    "stream_key_taken",
    "trading_seen_paused",
    "trading_seen_resumed",
    "manual_exit_seen",
    "manual_exit_waits",
    "manual_exit_done",
    "closings_done",
    "closings_unreadable",
    "telegram_stranger",
    "cash_unexplained",
    "symbol_lock_seen",
    "circuit_breaker_opened",
    "circuit_breaker_half_open",
    "circuit_breaker_closed",
    "circuit_breaker_reset_seen",
    "daily_loss_warning",
    "losses_in_a_row",
    "drawdown_warning",
    "mandate_ends",
    "mandate_ended",
    "symbol_unlock_seen",
    "universe_empty",
    "universe_failed",
    "universe_fallback",
    "universe_halted",
    "daily_loss_reached",
    "calendar_not_covered",
    "calendar_disagrees",
    "drift_compared",
    "drift_failed",
    "feed_down",
    "feed_up",
    "feed_gave_up",
    "store_away",
    "position_rebased",
    "corporate_action_unproven",
    "examination_failed",
    "held_halted",
    "held_in_liquidation",
    "readiness_blocked",
    "readiness_passed",
    "rehearsal_failed",
    "rehearsal_passed",
    "spare_refused",
    "store_restored",
    "stream_absent",
    "stream_restored",
    "broker_unreachable",
    "broker_reachable",
    "daily_summary",
    "http_not_listening",
    "mandate_missing",
    "proposal_created",
    "token_issuance_failed",
    "error",
)
SAMSUNG = {"symbol": "005930", "name": "삼성전자"}


def fields_of(sentence: str) -> Counter[tuple[str, str | None]]:
    bare = sentence.replace("[[", "").replace("]]", "")
    return Counter((name, spec) for _, name, spec, _ in string.Formatter().parse(bare) if name)


def test_both_languages_have_the_same_keys() -> None:
    assert sorted(catalogue_ko.SENTENCES) == KEYS


@pytest.mark.parametrize("key", KEYS)
def test_both_languages_name_the_same_fields(key: str) -> None:
    assert fields_of(catalogue_ko.SENTENCES[key]) == fields_of(catalogue_en.SENTENCES[key])


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("key", KEYS)
def test_no_sentence_fails_over_missing_or_odd_data(key: str, language: Language) -> None:
    names = [name for name, _ in fields_of(catalogue_en.SENTENCES[key])]

    for odd in (None, "", "{x}", -1, 1.5, True):
        assert say(language, key, **dict.fromkeys(names, odd))
    assert say(language, key)


@pytest.mark.parametrize("event", ALERTS)
def test_every_alert_has_its_sentence(event: str) -> None:
    assert knows(event)


def test_a_fill_is_told_with_name_money_and_profit() -> None:
    fill = SAMSUNG | {"side": "SELL", "quantity": 1200, "price": 71900, "amount": 86_280_000, "rule": "ATR_STOP_LOSS"}

    assert say(Language.KO, "order_filled", **fill, realized_pnl=-1234) == (
        "체결: 삼성전자(005930) 매도 1,200주 × 71,900원 = 86,280,000원, 사유 손절, 실현손익 -1,234원"
    )
    assert say(Language.EN, "order_filled", **fill, realized_pnl=None) == (
        "Filled: 삼성전자(005930) sell 1,200 × 71,900 KRW = 86,280,000 KRW, rule stop"
    )


def test_a_gap_is_told_with_the_prices_of_its_formula() -> None:
    gap = {"open_price": 95000, "reference": "prev_close", "reference_price": 100_000.0}

    said = say(Language.EN, "gap_exit", **SAMSUNG, **gap, raw_gap_pct=-5.0, threshold_pct=2.0)

    assert "open 95,000 KRW, reference (previous close) 100,000 KRW, gap -5.00% (threshold -2.00%)" in said


def test_a_symbol_without_a_name_is_unknown() -> None:
    assert stock("005930") == "UNKNOWN(005930)"
    assert stock("005930", "") == "UNKNOWN(005930)"


def test_money_is_won_in_korean_and_krw_in_english() -> None:
    assert won(Language.KO, 1234) == "1,234원"
    assert won(Language.EN, 1234, sign=True) == "+1,234 KRW"


def test_an_unknown_event_is_told_by_its_data() -> None:
    assert say(Language.KO, "order_teleported", event="x", key=1, language="y") == (
        "order_teleported: event=x, key=1, language=y"
    )


def test_a_start_is_told_with_hashes_short_enough_to_read() -> None:
    start = {"mode": "PAPER", "venue": "SIMULATOR", "config_hash": "0123456789abcdef" * 4}

    assert say(Language.EN, "daemon_started", **start) == (
        "Trading daemon started: PAPER / SIMULATOR, configuration 0123456789ab"
    )
