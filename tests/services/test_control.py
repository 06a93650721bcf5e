"""Every condition to its gate; the switch as operators turn it; what a person hears, and how often."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kis_daemon.domain.market import Side
from kis_daemon.domain.safeguards import Gate, KillSwitchScope
from kis_daemon.ports import BrokerError, BrokerUnreachable, FeedState, OrderRefused, RateLimited
from kis_daemon.services import kill_switch as switch
from tests.services.builders import HYNIX, SAMSUNG, YESTERDAY, a_position, a_trade, at
from tests.services.trading import WEDNESDAY, Floor, a_calendar_until, a_floor

ACTIVATE_BY_SQL = (
    "INSERT INTO system_state(timestamp, kill_switch_status, kill_switch_reason)"
    " VALUES(datetime('now'), 'active', 'by hand')"
)
RELEASE_BY_SQL = (
    "INSERT INTO system_state(timestamp, kill_switch_status, kill_switch_reason)"
    " VALUES(datetime('now'), 'inactive', 'all clear')"
)
RELEASE_WITHOUT_REASON = (
    "INSERT INTO system_state(timestamp, kill_switch_status, kill_switch_reason)"
    " VALUES(datetime('now'), 'inactive', ' ')"
)


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    with a_floor(tmp_path) as made:
        yield made


def _stop(floor: Floor) -> None:
    floor.control.stopping = True


def _pause(floor: Floor) -> None:
    floor.pause()


def _empty_universe(floor: Floor) -> None:
    floor.control.universe_ready = False


def _fail(floor: Floor) -> None:
    floor.broker.failing = BrokerUnreachable("a test")
    assert not floor.reconcile()


def _lose(floor: Floor) -> None:
    floor.book.put_trade(a_trade("0" * 64, realized_pnl=-500_000))  # type: ignore[arg-type]  # any key


def _break_store(floor: Floor) -> None:
    floor.store.broken = True
    floor.run(floor.control.refresh())


def _lose_stream(floor: Floor) -> None:
    floor.control.on_feed_state(FeedState(connected=False, reason="a test"))


@pytest.mark.parametrize(
    ("happens", "gate", "reason"),
    [
        (lambda floor: None, Gate.OPEN, None),
        (lambda floor: floor.activate(KillSwitchScope.ALL), Gate.HALTED, "kill_switch"),
        (_stop, Gate.HALTED, "stopping"),
        (lambda floor: floor.activate(KillSwitchScope.ENTRIES), Gate.EXIT_ONLY, "kill_switch_entries"),
        (lambda floor: floor.pass_time(240), Gate.OPEN, None),
        (lambda floor: floor.pass_time(241), Gate.EXIT_ONLY, "reconciliation_old"),
        (_fail, Gate.EXIT_ONLY, "broker_unreachable"),
        (_pause, Gate.EXIT_ONLY, "paused"),
        (_lose, Gate.EXIT_ONLY, "daily_loss"),
        (_lose_stream, Gate.EXIT_ONLY, "quotes_stale"),
        (_empty_universe, Gate.EXIT_ONLY, "universe_not_ready"),
        (_break_store, Gate.EXIT_ONLY, "store_not_writable"),
        (lambda floor: floor.doubt(), Gate.EXIT_ONLY, "order_evidence_in_doubt"),
    ],
)
def test_every_condition_has_its_gate(
    floor: Floor, happens: Callable[[Floor], None], gate: Gate, reason: str | None
) -> None:
    happens(floor)

    view = floor.control.gate()

    assert (view.gate, view.reasons) == (gate, () if reason is None else (reason,))


def test_a_day_the_calendar_does_not_cover_closes_entries(tmp_path: Path) -> None:
    with a_floor(tmp_path, calendar=a_calendar_until(YESTERDAY)) as floor:
        view = floor.control.gate()

        assert (view.gate, view.reasons) == (Gate.EXIT_ONLY, ("calendar_not_covered",))


def test_nothing_passes_before_the_first_release_and_reconciliation(tmp_path: Path) -> None:
    with a_floor(tmp_path, is_open=False) as floor:
        view = floor.control.gate()

        assert (view.gate, view.reasons) == (Gate.HALTED, ("kill_switch", "never_reconciled"))
        assert floor.control.was_never_released


def test_a_stream_that_is_not_the_primary_source_closes_nothing(tmp_path: Path) -> None:
    with a_floor(tmp_path, stream_is_primary=False) as floor:
        _lose_stream(floor)

        assert floor.control.gate().gate is Gate.OPEN


def test_at_night_a_reconciliation_may_be_older(floor: Floor) -> None:
    floor.go_to("16:00")
    floor.pass_time(4_500)
    assert floor.control.gate().gate is Gate.OPEN

    floor.pass_time(1)

    assert floor.control.gate().reasons == ("reconciliation_old",)


# the switch


def test_the_switch_by_raw_sql_is_noticed_within_a_second(floor: Floor) -> None:
    floor.start(floor.control.run())
    floor.holds(a_position())
    floor.pass_time(0.1)
    floor.sql(ACTIVATE_BY_SQL)

    floor.pass_time(1)
    halted = floor.control.gate()
    floor.price(67_900)
    floor.sql(RELEASE_BY_SQL)
    floor.pass_time(1)

    assert (halted.gate, halted.reasons) == (Gate.HALTED, ("kill_switch",))
    assert floor.sent == []
    assert floor.control.gate().gate is Gate.OPEN
    assert floor.events("kill_switch_seen_active")[0]["reason"] == "by hand"


def test_the_switch_is_read_in_the_orders_own_transaction(floor: Floor) -> None:
    floor.holds(a_position())
    floor.sql(ACTIVATE_BY_SQL)

    floor.price(67_900)

    assert floor.sent == []
    assert floor.told("order_blocked_killswitch") == 1
    assert floor.rows(lambda rows: rows.all_orders()) == ()


def test_a_release_by_sql_without_a_reason_is_ignored_and_told(floor: Floor) -> None:
    floor.activate(KillSwitchScope.ALL)
    told = len(floor.notifier.alerts)
    floor.sql(RELEASE_WITHOUT_REASON)

    floor.run(floor.control.refresh())

    assert floor.control.gate().gate is Gate.HALTED
    assert len(floor.notifier.alerts) == told + 1


def test_a_change_of_the_switch_is_told_once(floor: Floor) -> None:
    floor.start(floor.control.run())
    told = floor.told("kill_switch_seen_released")

    floor.activate(KillSwitchScope.ENTRIES)
    floor.pass_time(5)
    floor.release()
    floor.pass_time(5)

    assert floor.told("kill_switch_seen_active") == 1
    assert floor.told("kill_switch_seen_released") == told + 1


def test_a_switch_without_a_record_is_no_news_and_gets_its_code(tmp_path: Path) -> None:
    with a_floor(tmp_path, is_open=False) as floor:
        for _ in range(2):
            floor.run(floor.control.refresh())

        assert floor.notifier.events == ["kill_switch_code"]


@pytest.mark.parametrize(("scope", "told"), [(KillSwitchScope.ALL, 2), (KillSwitchScope.ENTRIES, 0)])
def test_positions_are_told_unprotected_while_nothing_may_be_sold(
    floor: Floor, scope: KillSwitchScope, told: int
) -> None:
    floor.holds(a_position())
    floor.holds(a_position(symbol=HYNIX))

    floor.activate(scope)
    floor.run(floor.control.refresh())

    assert floor.told("position_unprotected") == told


def test_that_a_position_is_unprotected_is_told_again_while_the_market_is_open(floor: Floor) -> None:
    floor.holds(a_position())
    floor.activate(KillSwitchScope.ALL)
    told = []
    for clock in ("10:09:59", "10:10:01", "10:15", "10:21", "16:00", "20:00"):
        floor.wait_until(clock)
        floor.run(floor.control.refresh())
        told.append(floor.told("position_unprotected"))

    assert told == [1, 2, 2, 3, 3, 3]


def test_the_kill_switch_ends_no_process_and_leaves_no_position_unprotected(floor: Floor) -> None:
    floor.start(floor.control.run())
    floor.holds(a_position())
    floor.activate(KillSwitchScope.ENTRIES)
    floor.pass_time(5)

    floor.price(67_900)

    assert [(intent.side, intent.rule) for intent in floor.sent] == [(Side.SELL, "ATR_STOP_LOSS")]


def test_a_change_is_one_transaction_with_its_event(floor: Floor) -> None:
    floor.activate(KillSwitchScope.ENTRIES)

    assert floor.events("kill_switch_activated") == [
        {"activated_by": "operator", "reason": "a test", "scope": "entries"}
    ]
    assert floor.events("kill_switch_deactivated") == [
        {"deactivated_by": "operator", "reason": "a test", "scope": "all"}
    ]


@pytest.mark.parametrize(("reason", "by"), [("", "operator"), ("a test", " ")])
def test_a_change_needs_a_reason_and_a_name(floor: Floor, reason: str, by: str) -> None:
    with pytest.raises(ValueError, match="a reason and a name"):
        floor.records.transact_now(lambda rows: switch.release(rows, floor.now, reason, by))

    assert floor.rows(lambda rows: rows.kill_switch()).reason == "a test"


# what a person hears


def test_the_network_down_guard_is_reached(floor: Floor) -> None:
    floor.start(floor.control.run())
    _fail(floor)
    floor.pass_time(59)
    assert floor.told("broker_unreachable") == 0

    floor.pass_time(300)

    assert floor.told("broker_unreachable") == 1


def test_the_network_down_guard_is_reached_by_any_question_and_halts_entries(floor: Floor) -> None:
    """Section 9: the "network down" guard was never reached, because one loop alone took its time."""
    floor.start(floor.control.run())
    floor.market.failing[SAMSUNG] = BrokerUnreachable("a test")
    with pytest.raises(BrokerUnreachable):
        floor.run(floor.quote_desk.look(SAMSUNG))
    floor.pass_time(59)
    assert floor.control.gate().gate is Gate.OPEN

    floor.pass_time(2)

    assert floor.control.gate().reasons == ("broker_unreachable",)
    assert floor.told("broker_unreachable") == 1


def test_the_first_answer_of_anybody_ends_an_outage(floor: Floor) -> None:
    floor.start(floor.control.run())
    floor.market.failing[SAMSUNG] = BrokerUnreachable("a test")
    with pytest.raises(BrokerUnreachable):
        floor.run(floor.quote_desk.look(SAMSUNG))
    floor.pass_time(30)

    floor.reconcile()
    floor.pass_time(60)

    assert floor.outages.since is None
    assert floor.control.gate().gate is Gate.OPEN
    assert floor.told("broker_unreachable") == 0


def test_one_question_without_an_answer_is_doubted_and_halts_nothing(tmp_path: Path) -> None:
    with a_floor(tmp_path, now=at("20:00")) as floor:
        floor.start(floor.reconciler.run())
        floor.start(floor.control.run())
        floor.pass_time(5)
        floor.market.failing[SAMSUNG] = BrokerUnreachable("a test")
        with pytest.raises(BrokerUnreachable):
            floor.run(floor.quote_desk.look(SAMSUNG))

        floor.pass_time(2)

        assert floor.outages.since is None
        floor.pass_time(100)
        assert floor.told("broker_unreachable") == 0


def test_the_outage_is_told_from_its_first_failed_question_on(floor: Floor) -> None:
    floor.market.failing[SAMSUNG] = BrokerUnreachable("a test")
    with pytest.raises(BrokerUnreachable):
        floor.run(floor.quote_desk.look(SAMSUNG))
    floor.pass_time(40)
    _fail(floor)
    floor.pass_time(50)
    floor.broker.failing = None

    floor.reconcile()

    assert floor.events("broker_reachable")[0]["seconds"] == pytest.approx(90, abs=0.1)


@pytest.mark.parametrize(
    ("error", "ends"), [(OrderRefused("a test"), True), (RateLimited("a test"), False), (BrokerUnreachable(""), False)]
)
def test_a_refusal_is_an_answer_and_too_many_calls_is_none(floor: Floor, error: BrokerError, ends: bool) -> None:
    floor.outages.failed(BrokerUnreachable("a test"))

    floor.outages.failed(error)

    assert (floor.outages.since is None) is ends


def test_a_second_outage_is_told_again(floor: Floor) -> None:
    floor.start(floor.control.run())
    for _ in range(2):
        _fail(floor)
        floor.pass_time(90)
        floor.broker.failing = None
        floor.reconcile()
        floor.pass_time(2)

    assert floor.told("broker_unreachable") == 2
    assert floor.told("broker_reachable") == 2


def test_a_lost_stream_is_told_once_and_its_return_noted(floor: Floor) -> None:
    _lose_stream(floor)
    _lose_stream(floor)
    floor.control.on_feed_state(FeedState(connected=True))

    assert floor.told("feed_down") == 1
    assert len(floor.events("feed_up")) == 2  # the first is of the floor's own opening


def test_a_session_without_the_stream_is_told_once_after_a_minute_and_its_end_too(floor: Floor) -> None:
    floor.start(floor.control.run())
    floor.pass_time(0.5)
    _lose_stream(floor)
    floor.pass_time(58)
    assert floor.told("stream_absent") == 0

    floor.pass_time(300)
    told = floor.told("stream_absent")
    floor.control.on_feed_state(FeedState(connected=True))
    floor.pass_time(5)

    assert told == 1
    assert floor.events("stream_restored") == [{"seconds": 358}]
    assert floor.told("stream_absent") == 1


def test_a_stream_that_comes_back_within_the_minute_is_not_told_absent(floor: Floor) -> None:
    floor.start(floor.control.run())
    _lose_stream(floor)
    floor.pass_time(50)
    floor.control.on_feed_state(FeedState(connected=True))
    floor.pass_time(100)

    assert (floor.told("stream_absent"), floor.told("stream_restored")) == (0, 0)


@pytest.mark.parametrize("lost_at", ["08:00", "16:00"])
def test_out_of_session_the_stream_may_be_away_and_the_minute_begins_at_the_open(tmp_path: Path, lost_at: str) -> None:
    with a_floor(tmp_path, now=at(lost_at)) as floor:
        _lose_stream(floor)
        told = []
        for clock in ("08:59:59", "09:00:59", "09:01:01"):
            floor.wait_until(clock, WEDNESDAY)
            floor.run(floor.control.refresh())
            told.append(floor.told("stream_absent"))

        assert told == [0, 0, 1]


def test_a_stream_that_never_came_is_told(floor: Floor) -> None:
    floor.control.feed = FeedState(connected=False)
    for _ in range(2):
        floor.run(floor.control.refresh())
        floor.pass_time(61)

    floor.run(floor.control.refresh())

    assert floor.told("stream_absent") == 1


def test_a_series_of_attempts_that_failed_is_told_once(floor: Floor) -> None:
    for _ in range(3):
        floor.control.on_feed_state(FeedState(connected=False, reason="refused", gave_up=True))

    assert floor.told("feed_gave_up") == 1


def test_what_was_kept_aside_and_is_not_taken_over_is_told_once(floor: Floor) -> None:
    floor.store.refused = ["order 1 stands there already", "2 lines of another version"]

    for _ in range(3):
        floor.run(floor.control.refresh())

    assert [row["reason"] for row in floor.events("spare_refused")] == [
        "order 1 stands there already",
        "2 lines of another version",
    ]
    assert floor.told("spare_refused") == 2


def test_a_change_of_the_gate_is_one_event(floor: Floor) -> None:
    floor.start(floor.control.run())
    floor.pass_time(5)
    before = len(floor.events("gate_changed"))

    floor.pause()
    floor.pass_time(5)

    assert floor.events("gate_changed")[before:] == [{"gate": "EXIT_ONLY", "reasons": "paused"}]


def test_the_time_of_an_order_runs_in_continuous_trading_only(floor: Floor) -> None:
    continuous = []
    for clock in ("10:30", "15:19", "15:20", "15:30"):
        floor.wait_until(clock)
        continuous.append(floor.control.market_is_continuous())

    assert continuous == [True, True, False, False]
