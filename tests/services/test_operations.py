"""The operator's services as the daemon has them: what each does at once, what it declines, what a restart keeps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kis_daemon.domain.exits import ExitReason
from kis_daemon.domain.locks import LockScope
from kis_daemon.domain.market import Side
from kis_daemon.domain.release_codes import TRIES
from kis_daemon.domain.safeguards import Gate, KillSwitchScope
from kis_daemon.services.kill_switch import ReleaseRules
from kis_daemon.services.operator_answers import (
    Activated,
    Closing,
    Declined,
    DeclinedCode,
    PauseView,
    Released,
    Source,
)
from tests.services.builders import HYNIX, SAMSUNG, a_lock, a_position
from tests.services.trading import Floor, a_floor

STOP = 67_900  # a price under the stop of `a_position`
KEY = "the admin key of these tests"


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    with a_floor(tmp_path, release=ReleaseRules(admin_key=KEY)) as made:
        yield made


def activate(floor: Floor, scope: KillSwitchScope = KillSwitchScope.ALL, **changes: Any) -> Activated:
    words: dict[str, Any] = {"reason": "a test", "by": "kim", "source": Source.API} | changes
    answer = floor.run(floor.operations.activate_kill_switch(scope=scope, **words))
    assert isinstance(answer, Activated)
    return answer


def release(floor: Floor, **wish: Any) -> Released | Declined:
    words: dict[str, Any] = {"reason": "checked", "by": "kim", "source": Source.API} | wish
    return floor.run(floor.operations.release_kill_switch(**words))


def close_all(floor: Floor, **wish: Any) -> Closing | Declined:
    return floor.run(floor.operations.close_all(reason="a test", by="kim", **wish))


def code_of(answer: object) -> DeclinedCode | None:
    return answer.code if isinstance(answer, Declined) else None


# the kill switch


def test_an_activation_is_in_force_when_it_is_answered_without_any_poll(floor: Floor) -> None:
    floor.holds(a_position())

    activate(floor)

    assert floor.control.gate().gate is Gate.HALTED
    floor.price(STOP)
    assert floor.sent == []


def test_exits_pass_under_scope_entries(floor: Floor) -> None:
    floor.holds(a_position())
    floor.is_ready_to_buy(HYNIX)
    activate(floor, KillSwitchScope.ENTRIES)

    floor.price(STOP)
    floor.price(200_000, symbol=HYNIX)

    assert [(intent.side, intent.rule) for intent in floor.sent] == [(Side.SELL, "ATR_STOP_LOSS")]


def test_the_code_that_was_shown_releases_and_it_is_in_force_at_once(floor: Floor) -> None:
    code = activate(floor).confirmation_code

    wrong = release(floor, confirmation_code="000000" if code != "000000" else "111111")
    nothing = release(floor)
    right = release(floor, confirmation_code=code)

    assert code_of(wrong) is DeclinedCode.CODE_WRONG
    assert code_of(nothing) is DeclinedCode.CODE_NEEDED
    assert isinstance(right, Released)
    assert floor.control.gate().gate is Gate.OPEN


def test_the_admin_key_releases_where_the_code_is_lost(floor: Floor) -> None:
    activate(floor)

    assert isinstance(release(floor, admin_key=KEY), Released)


def test_wrong_tries_are_told_to_a_person_and_kept(floor: Floor) -> None:
    activate(floor)
    for _ in range(TRIES + 1):
        release(floor, admin_key="guessed")

    assert floor.told("kill_switch_release_declined") == TRIES + 1
    kept = floor.events("kill_switch_release_refused")
    assert [(row["wrong"], row["locked_out"]) for row in kept] == [
        (1, False),
        (2, False),
        (3, False),
        (4, False),
        (5, True),
    ]


@pytest.mark.parametrize(("reason", "by"), [("", "kim"), ("a test", " ")])
def test_an_activation_needs_a_reason_and_a_name(floor: Floor, reason: str, by: str) -> None:
    answer = floor.run(
        floor.operations.activate_kill_switch(scope=KillSwitchScope.ALL, reason=reason, by=by, source=Source.API)
    )

    assert code_of(answer) is DeclinedCode.WORDS_MISSING
    assert floor.control.gate().gate is Gate.OPEN


def test_an_activation_is_in_force_although_nothing_can_be_written_and_is_written_later(floor: Floor) -> None:
    floor.store.broken = True
    code = activate(floor).confirmation_code
    halted = floor.control.gate().gate
    floor.store.broken = False

    floor.pass_time(3)
    floor.run(floor.control.refresh())

    assert halted is Gate.HALTED
    assert floor.control.gate().gate is Gate.HALTED
    assert floor.rows(lambda rows: rows.kill_switch().is_active)
    assert isinstance(release(floor, confirmation_code=code), Released)


def test_a_release_that_cannot_be_written_is_declined(floor: Floor) -> None:
    code = activate(floor).confirmation_code
    floor.store.broken = True

    assert code_of(release(floor, confirmation_code=code)) is DeclinedCode.STORE_AWAY
    assert floor.control.gate().gate is Gate.HALTED


def test_the_status_says_what_is_in_force_and_what_a_release_needs(floor: Floor) -> None:
    made = activate(floor, KillSwitchScope.ENTRIES, reason="lunch")

    view = floor.run(floor.operations.kill_switch_status())

    assert (view.switch.is_active, view.switch.scope, view.switch.reason, view.switch.actor) == (
        True,
        KillSwitchScope.ENTRIES,
        "lunch",
        "kim",
    )
    assert view.code_hash == made.view.code_hash != ""


def test_an_activation_by_sql_gets_a_code_that_only_the_operator_is_told(floor: Floor) -> None:
    floor.sql("INSERT INTO kill_switch_events (activated_at, reason) VALUES (datetime('now'), 'by hand')")
    floor.run(floor.control.refresh())

    (alert,) = [alert for alert in floor.notifier.alerts if alert.event == "kill_switch_code"]
    code = str(alert.private["code"])

    assert code not in repr(alert)
    assert not any(code in row.payload_json for row in floor.rows(lambda rows: rows.events()))
    assert isinstance(release(floor, confirmation_code=code), Released)
    assert floor.control.gate().gate is Gate.OPEN


def test_the_switch_survives_a_sudden_end(tmp_path: Path) -> None:
    with a_floor(tmp_path) as before:
        activate(before, KillSwitchScope.ENTRIES)

    with a_floor(tmp_path, is_open=False) as after:
        after.run(after.control.refresh())
        after.reconcile()

        assert "kill_switch_entries" in after.control.gate().reasons


# the file


def test_the_file_stops_at_once_and_removing_it_releases_nothing(floor: Floor) -> None:
    file = floor.path.parent / "KILL_SWITCH"
    file.write_text("all of it\n")
    at_once = floor.control.gate().gate
    floor.run(floor.control.refresh())
    declined = release(floor, admin_key=KEY)
    file.unlink()
    floor.run(floor.control.refresh())

    assert at_once is Gate.HALTED
    assert code_of(declined) is DeclinedCode.FILE_PRESENT
    assert floor.control.gate().gate is Gate.HALTED
    switch = floor.rows(lambda rows: rows.kill_switch())
    assert (switch.actor, switch.reason) == ("file", "file KILL_SWITCH: all of it")
    assert isinstance(release(floor, admin_key=KEY), Released)


@pytest.mark.parametrize(
    ("text", "gate"), [("entries", Gate.EXIT_ONLY), (" Entries: lunch", Gate.EXIT_ONLY), ("", Gate.HALTED)]
)
def test_the_file_says_what_it_stops(floor: Floor, text: str, gate: Gate) -> None:
    floor.path.with_name("KILL_SWITCH").write_text(text)

    assert floor.control.gate().gate is gate


def test_a_folder_of_that_name_stops_all(floor: Floor) -> None:
    floor.path.with_name("KILL_SWITCH").mkdir()

    assert floor.control.gate().gate is Gate.HALTED


def test_a_link_to_nowhere_of_that_name_stops_all(floor: Floor) -> None:
    floor.path.with_name("KILL_SWITCH").symlink_to(floor.path.with_name("nowhere"))

    assert floor.control.gate().gate is Gate.HALTED


def test_the_file_becomes_one_record_and_not_one_a_second(floor: Floor) -> None:
    floor.path.with_name("KILL_SWITCH").write_text("")
    for _ in range(3):
        floor.run(floor.control.refresh())

    assert [row["activated_by"] for row in floor.events("kill_switch_activated")] == ["file"]


def test_a_release_by_sql_does_not_help_while_the_file_is_there(floor: Floor) -> None:
    floor.path.with_name("KILL_SWITCH").write_text("")
    floor.run(floor.control.refresh())
    floor.sql(
        "INSERT INTO system_state(timestamp, kill_switch_status, kill_switch_reason)"
        " VALUES(datetime('now'), 'inactive', 'all clear')"
    )

    floor.run(floor.control.refresh())

    assert floor.control.gate().gate is Gate.HALTED


# pause


def test_a_pause_stops_entries_and_no_exit(floor: Floor) -> None:
    floor.holds(a_position())
    floor.is_ready_to_buy(HYNIX)
    paused = floor.run(floor.operations.pause(reason="lunch", by="kim"))

    floor.price(200_000, symbol=HYNIX)
    floor.price(STOP)

    assert isinstance(paused, PauseView)
    assert floor.control.gate().reasons == ("paused",)
    assert floor.rules_sent() == ["ATR_STOP_LOSS"]


def test_a_pause_survives_a_restart_and_ends_when_it_is_resumed(tmp_path: Path) -> None:
    with a_floor(tmp_path) as before:
        before.run(before.operations.pause(reason="lunch", by="kim"))

    with a_floor(tmp_path) as after:
        paused = after.control.gate().reasons
        view = after.operations.pause_status()
        after.run(after.operations.resume(reason="back", by="lee"))

        assert paused == ("paused",)
        assert (view.paused, view.reason, view.by) == (True, "lunch", "kim")
        assert after.control.gate().gate is Gate.OPEN
        assert after.told("trading_seen_resumed") == 1


def test_a_pause_needs_words_and_a_store(floor: Floor) -> None:
    without = floor.run(floor.operations.pause(reason="", by="kim"))
    floor.store.broken = True
    away = floor.run(floor.operations.pause(reason="lunch", by="kim"))

    assert [code_of(without), code_of(away)] == [DeclinedCode.WORDS_MISSING, DeclinedCode.STORE_AWAY]
    assert floor.operations.pause_status().paused is False


def test_a_pause_that_cannot_be_read_is_one(floor: Floor) -> None:
    floor.sql("INSERT INTO marks(name, value) VALUES('entries_paused', 'what?')")

    floor.run(floor.control.refresh())

    assert floor.control.gate().reasons == ("paused",)


# close-all and manual exits


def test_close_all_sells_everything_that_is_ours_once(floor: Floor) -> None:
    floor.start(floor.closer.run())
    floor.holds(a_position())
    floor.holds(a_position(symbol=HYNIX, quantity=4))

    first, second = close_all(floor), close_all(floor)
    floor.pass_time(3)

    assert isinstance(first, Closing)
    assert isinstance(second, Closing)
    assert [(view.symbol, view.quantity) for view in first.positions] == [(SAMSUNG, 10), (HYNIX, 4)]
    assert sorted((intent.symbol, intent.quantity, intent.rule) for intent in floor.sent) == [
        (HYNIX, 4, "MANUAL_EXIT"),
        (SAMSUNG, 10, "MANUAL_EXIT"),
    ]
    assert first.pause.paused


def test_what_was_sold_is_taken_off_the_list_and_told(floor: Floor) -> None:
    floor.start(floor.closer.run())
    floor.holds(a_position())
    close_all(floor)
    floor.pass_time(2)

    floor.fill(10, 70_000)
    floor.pass_time(2)

    assert floor.operations.closing().positions == ()
    assert floor.rows(lambda rows: rows.mark("closings")) == ""
    assert [floor.told(name) for name in ("manual_exit_seen", "manual_exit_done", "closings_done")] == [1, 1, 1]
    assert floor.control.gate().reasons == ("paused",)


def test_a_position_that_is_bought_later_is_not_sold_for_an_old_word(floor: Floor) -> None:
    floor.holds(a_position())
    close_all(floor)
    floor.book.positions[SAMSUNG] = a_position(entry_day=floor.now.date())

    floor.run(floor.closer.look())

    assert floor.sent == []
    assert floor.operations.closing().positions == ()


def test_a_partly_filled_sale_is_followed_by_the_rest(floor: Floor) -> None:
    floor.start(floor.closer.run())
    floor.holds(a_position())
    close_all(floor)
    floor.pass_time(2)
    floor.fill(3, 70_000)

    floor.pass_time(140)
    floor.reconcile()
    floor.pass_time(5)

    assert [intent.quantity for intent in floor.sent] == [10, 7]
    assert len({intent.signal_id for intent in floor.sent}) == 2


def test_a_restart_half_way_sells_what_was_not_sold_yet(tmp_path: Path) -> None:
    with a_floor(tmp_path) as before:
        before.holds(a_position())
        before.holds(a_position(symbol=HYNIX, quantity=4))
        close_all(before)

    with a_floor(tmp_path) as after:
        for position in after.rows(lambda rows: rows.open_positions()):
            if position.symbol == HYNIX:  # the other one was sold before the end
                after.holds(position)
        after.start(after.closer.run())
        after.pass_time(3)

        assert [(intent.symbol, intent.quantity) for intent in after.sent] == [(HYNIX, 4)]
        assert [view.symbol for view in after.operations.closing().positions] == [HYNIX]
        assert after.operations.pause_status().paused


def test_only_what_the_broker_lets_be_sold_is_sold(floor: Floor) -> None:
    floor.start(floor.closer.run())
    floor.holds(a_position())
    floor.book.sellable_cap[SAMSUNG] = 6
    close_all(floor)

    floor.pass_time(2)

    assert [intent.quantity for intent in floor.sent] == [6]


def test_nothing_that_may_be_sold_is_told_once_and_waits(floor: Floor) -> None:
    floor.start(floor.closer.run())
    floor.holds(a_position())
    floor.book.sellable_cap[SAMSUNG] = 0
    close_all(floor)

    floor.pass_time(20)

    assert floor.sent == []
    assert floor.told("manual_exit_waits") == 1


def test_a_locked_symbol_is_sold_by_a_persons_word(floor: Floor) -> None:
    floor.start(floor.closer.run())
    floor.holds(a_position())
    floor.book.locked[SAMSUNG] = a_lock(scope=LockScope.ALL, reason="more shares than ours")
    floor.price(STOP)
    assert floor.sent == []

    floor.run(floor.operations.manual_exit(symbol=SAMSUNG, reason="by hand", by="kim"))
    floor.pass_time(2)

    assert floor.rules_sent() == ["MANUAL_EXIT"]


def test_a_manual_exit_sells_that_symbol_only_and_pauses_nothing(floor: Floor) -> None:
    floor.start(floor.closer.run())
    floor.holds(a_position())
    floor.holds(a_position(symbol=HYNIX))

    answer = floor.run(floor.operations.manual_exit(symbol=HYNIX, reason="by hand", by="kim"))
    floor.pass_time(2)

    assert isinstance(answer, Closing)
    assert [(intent.symbol, intent.rule) for intent in floor.sent] == [(HYNIX, "MANUAL_EXIT")]
    assert floor.control.gate().gate is Gate.OPEN


def test_what_is_not_held_is_declined(floor: Floor) -> None:
    answer = floor.run(floor.operations.manual_exit(symbol=SAMSUNG, reason="by hand", by="kim"))

    assert code_of(answer) is DeclinedCode.NOT_HELD


@pytest.mark.parametrize("stopped", ["entries", "pause"])
def test_sales_by_hand_pass_while_entries_are_stopped(floor: Floor, stopped: str) -> None:
    floor.start(floor.closer.run())
    floor.holds(a_position())
    floor.holds(a_position(symbol=HYNIX))
    if stopped == "entries":
        activate(floor, KillSwitchScope.ENTRIES)
    else:
        floor.pause()

    floor.run(floor.operations.manual_exit(symbol=HYNIX, reason="by hand", by="kim"))
    close_all(floor)
    floor.pass_time(2)

    rule = ExitReason.KILL_SWITCH if stopped == "entries" else ExitReason.MANUAL_EXIT
    assert {intent.symbol: intent.rule for intent in floor.sent} == {HYNIX: "MANUAL_EXIT", SAMSUNG: rule}


def test_under_scope_all_only_a_confirmed_close_all_passes(floor: Floor) -> None:
    floor.start(floor.closer.run())
    floor.holds(a_position())
    activate(floor)

    one = floor.run(floor.operations.manual_exit(symbol=SAMSUNG, reason="by hand", by="kim"))
    unconfirmed = close_all(floor)
    floor.pass_time(2)
    before = list(floor.sent)
    confirmed = close_all(floor, confirmed=True)
    floor.pass_time(2)

    assert [code_of(one), code_of(unconfirmed)] == [DeclinedCode.KILL_SWITCH, DeclinedCode.CONFIRMATION_NEEDED]
    assert before == []
    assert isinstance(confirmed, Closing)
    assert floor.rules_sent() == ["KILL_SWITCH"]
    assert floor.events("manual_exit_begun")[0]["passes_switch"] is True


def test_a_close_all_that_was_asked_before_the_switch_waits_for_its_confirmation(floor: Floor) -> None:
    floor.holds(a_position())
    close_all(floor)
    activate(floor)
    floor.start(floor.closer.run())
    floor.pass_time(5)
    waited = list(floor.sent)

    close_all(floor, confirmed=True)
    floor.pass_time(2)

    assert waited == []
    assert floor.rules_sent() == ["KILL_SWITCH"]


def test_a_close_all_waits_for_the_market_and_sells_at_its_open(floor: Floor) -> None:
    floor.start(floor.closer.run())
    floor.holds(a_position())
    floor.go_to("20:00")
    close_all(floor)
    floor.pass_time(60)
    at_night = list(floor.sent)

    floor.begin_day(floor.calendar.next_trading_day(floor.now.date()).date, "09:01:00")
    floor.pass_time(31)

    assert at_night == []
    assert floor.rules_sent() == ["MANUAL_EXIT"]


def test_what_is_being_bought_is_cancelled_by_a_close_all(floor: Floor) -> None:
    floor.start(floor.closer.run())
    floor.is_ready_to_buy()
    floor.price(71_000)
    (buy,) = floor.broker.listing

    close_all(floor)
    floor.pass_time(2)
    floor.reconcile()
    floor.pass_time(2)

    assert floor.broker.cancelled == [buy.order_no]
    assert floor.operations.closing().positions == ()


def test_shares_of_a_cancelled_buy_that_come_all_the_same_are_sold(floor: Floor) -> None:
    floor.start(floor.closer.run())
    floor.is_ready_to_buy()
    floor.price(71_000)
    (buy,) = floor.broker.listing
    close_all(floor)
    floor.broker.fill(buy.order_no, 2)
    floor.pass_time(2)

    floor.reconcile()
    floor.pass_time(4)

    assert [(intent.side, intent.quantity) for intent in floor.sent][1:] == [(Side.SELL, 2)]


# what is held


def test_positions_are_shown_with_levels_price_and_what_becomes_of_them(floor: Floor) -> None:
    floor.holds(a_position())
    floor.holds(a_position(symbol=HYNIX))
    floor.price(70_500)
    floor.book.external[SAMSUNG] = 3
    floor.run(floor.operations.manual_exit(symbol=HYNIX, reason="by hand", by="kim"))

    view = floor.operations.positions()

    samsung = next(position for position in view.own if position.symbol == SAMSUNG)
    hynix = next(position for position in view.own if position.symbol == HYNIX)
    assert (samsung.price, samsung.open_pnl, samsung.stop, samsung.closing) == (70_500, 4_902, 68_000, None)
    assert hynix.closing is not None
    assert (hynix.price, hynix.closing.rule, hynix.closing.by) == (None, ExitReason.MANUAL_EXIT, "kim")
    assert view.external == {SAMSUNG: 3}
