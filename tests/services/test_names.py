"""What a symbol is called: memory, table, balance, an old name, in this order; and nothing ever waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from kis_daemon.domain.market import Symbol
from kis_daemon.ports import Alert, BrokerUnreachable, Severity, SymbolName
from kis_daemon.services.names import Names, NamingNotifier
from tests.services.builders import HYNIX, SAMSUNG, TEN_O_CLOCK, a_position
from tests.services.trading import Floor, a_floor

DAY = timedelta(days=1)


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    with a_floor(tmp_path) as made:
        yield made


@pytest.fixture
def names(floor: Floor) -> Names:
    made = Names(book=floor.book, broker=floor.broker, records=floor.store, clock=floor.clock)
    floor.book.on_name = made.learn
    return made


def keep(floor: Floor, symbol: Symbol, name: str, age: timedelta) -> None:
    kept = SymbolName(symbol=symbol, name=name, updated_at=TEN_O_CLOCK - age)
    floor.records.transact_now(lambda rows: rows.save_symbol_name(kept))


def call_in_balance(floor: Floor, symbol: Symbol, name: str) -> None:
    """Let the broker's balance hold `symbol` under that name."""
    floor.broker.hold(symbol, 1, 70_000)
    held = floor.broker._holdings[symbol]
    floor.broker._holdings[symbol] = replace(held, name=name)
    floor.broker._show()


def resolve(floor: Floor, names: Names, symbol: Symbol = SAMSUNG) -> str:
    return floor.run(names.resolve(symbol))


def asked(floor: Floor) -> int:
    return floor.broker.asked("account")


def kept_names(floor: Floor) -> list[tuple[str, str]]:
    return [(name.symbol, name.name) for name in floor.records.transact_now(lambda rows: rows.symbol_names())]


def test_memory_comes_first(floor: Floor, names: Names) -> None:
    before = asked(floor)
    names.learn(SAMSUNG, "삼성전자")
    keep(floor, SAMSUNG, "다른 이름", 0 * DAY)

    assert resolve(floor, names) == "삼성전자"
    assert asked(floor) == before


def test_then_the_table(floor: Floor, names: Names) -> None:
    before = asked(floor)
    keep(floor, SAMSUNG, "삼성전자", 30 * DAY)

    assert resolve(floor, names) == "삼성전자"
    assert floor.book.names[SAMSUNG] == "삼성전자"
    assert asked(floor) == before


def test_then_the_balance(floor: Floor, names: Names) -> None:
    call_in_balance(floor, SAMSUNG, "삼성전자")

    assert resolve(floor, names) == "삼성전자"


def test_a_name_older_than_thirty_days_is_asked_for_anew(floor: Floor, names: Names) -> None:
    keep(floor, SAMSUNG, "옛 이름", 31 * DAY)
    call_in_balance(floor, SAMSUNG, "삼성전자")

    assert resolve(floor, names) == "삼성전자"


@pytest.mark.parametrize("is_down", [True, False])
def test_an_old_name_is_better_than_none(floor: Floor, names: Names, is_down: bool) -> None:
    keep(floor, SAMSUNG, "옛 이름", 400 * DAY)
    floor.broker.failing = BrokerUnreachable("a test") if is_down else None

    assert resolve(floor, names) == "옛 이름"


def test_a_name_that_nobody_knows_is_empty_and_not_asked_for_at_every_request(floor: Floor, names: Names) -> None:
    before = asked(floor)

    assert [resolve(floor, names) for _ in range(3)] == ["", "", ""]
    floor.pass_time(599)
    resolve(floor, names)
    once = asked(floor) - before
    floor.pass_time(2)
    resolve(floor, names)

    assert once == 1
    assert asked(floor) - before == 2


def test_neither_store_nor_broker_can_fail_a_request(floor: Floor, names: Names) -> None:
    floor.store.broken = True
    floor.broker.failing = BrokerUnreachable("a test")

    assert resolve(floor, names) == ""


def test_what_is_loaded_is_known_however_old(floor: Floor, names: Names) -> None:
    keep(floor, SAMSUNG, "옛 이름", 400 * DAY)

    floor.records.transact_now(names.load)

    assert floor.book.names[SAMSUNG] == "옛 이름"


def test_what_is_learned_in_passing_is_kept(floor: Floor, names: Names) -> None:
    floor.start(names.run())

    floor.book.rename(SAMSUNG, "삼성전자")
    floor.pass_time()

    assert kept_names(floor) == [(SAMSUNG, "삼성전자")]


def test_two_spellings_do_not_take_turns(floor: Floor, names: Names) -> None:
    floor.start(names.run())
    floor.book.rename(SAMSUNG, "삼성전자")
    floor.pass_time()

    floor.book.rename(SAMSUNG, "삼성전자보통주")
    floor.pass_time()

    assert kept_names(floor) == [(SAMSUNG, "삼성전자")]


def test_after_thirty_days_the_new_name_is_kept(floor: Floor, names: Names) -> None:
    keep(floor, SAMSUNG, "옛 이름", 31 * DAY)
    floor.records.transact_now(names.load)
    floor.start(names.run())

    floor.book.rename(SAMSUNG, "삼성전자")
    floor.pass_time()

    assert kept_names(floor) == [(SAMSUNG, "삼성전자")]


def test_names_survive_a_store_that_is_away(floor: Floor, names: Names) -> None:
    floor.start(names.run())
    floor.store.broken = True
    floor.book.rename(SAMSUNG, "삼성전자")
    floor.pass_time(1)
    floor.store.broken = False
    floor.book.rename(HYNIX, "SK하이닉스")

    floor.pass_time(60)

    assert kept_names(floor) == [(HYNIX, "SK하이닉스"), (SAMSUNG, "삼성전자")]


# messages


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ({"symbol": SAMSUNG}, "삼성전자"),
        ({"symbol": SAMSUNG, "name": ""}, "삼성전자"),
        ({"symbol": SAMSUNG, "name": "다른 이름"}, "다른 이름"),
        ({"symbol": HYNIX}, None),
        ({}, None),
    ],
)
def test_an_alert_with_a_code_gets_its_name(floor: Floor, data: dict[str, str], name: str | None) -> None:
    floor.book.rename(SAMSUNG, "삼성전자")
    notifier = NamingNotifier(floor.notifier, floor.book)

    notifier.tell(Alert(event="exit_pending", severity=Severity.INFO, at=floor.now, data=data))

    assert floor.notifier.alerts[-1].data.get("name") == name


def test_a_position_is_renamed_with_its_symbol(floor: Floor, names: Names) -> None:
    floor.holds(a_position(name=""))

    floor.book.rename(SAMSUNG, "삼성전자")

    assert floor.position().name == "삼성전자"
