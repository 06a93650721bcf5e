"""kill -9 in the middle of a trading day: the next start finds what the broker knows, and orders nothing twice.

The simulator is a process of its own whose day goes on while the daemon is dead; it has to answer for what it was sent.
"""

import random
import time
from typing import Any

import pytest

from tests.e2e.processes import started
from tests.e2e.records import broken_links, events, rows
from tests.e2e.town import Town, canonical

LONGEST_DELAY_S = 0.6  # of the wall: the orders of five symbols, one a second, and a part of the time a rest may lie
MOMENTS = (1, 2, 3)


def reconciled_again(town: Town) -> bool:
    """Whether the second daemon has heard the broker."""
    gates: list[str] = []
    for name, payload in events(town.database, "daemon_started", "gate_changed"):
        gates = [] if name == "daemon_started" else [*gates, payload["reasons"]]
    return len(events(town.database, "daemon_started")) == 2 and any("never_reconciled" not in gate for gate in gates)


def agreed(town: Town) -> bool:
    """Whether daemon and broker say the same of open orders and of shares."""
    before = town.broker.open_orders(), town.broker.holdings()
    ours = town.live(), town.held()
    return ours == before == (town.broker.open_orders(), town.broker.holdings())


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_daemon_killed_in_mid_day_comes_back_to_what_the_broker_says(town: Town, moment: int) -> None:
    delay_s = random.Random(moment).uniform(0, LONGEST_DELAY_S)
    assert town.command("kill-switch", "release", "--reason", "rehearsal", "--by", "test") == 0
    with started(town.arguments, town.home, town.broker.variables()) as daemon:
        daemon.until(lambda: events(town.database, "order_requested"), "an order was written down")
        time.sleep(delay_s)
        daemon.killed()

    with started(town.arguments, town.home, town.broker.variables(), name="second") as daemon:
        daemon.until(lambda: reconciled_again(town), "the broker was heard")
        daemon.until(lambda: agreed(town), "both say the same")
        daemon.until(lambda: not town.live() and agreed(town), "what was open has come to its end")
        assert daemon.stopped() == 0

    sent, known = town.broker.orders(), orders_known(town)
    assert sorted(canonical(order["number"]) for order in sent) == sorted(known)
    assert [known[canonical(order["number"])] for order in sent] == [
        (order["symbol"], order["side"], order["quantity"], order["filled"], order["amount"]) for order in sent
    ]
    assert len({(order["symbol"], order["side"]) for order in sent}) == len(sent)
    assert town.held() == town.broker.holdings()
    assert broken_links(town.database) == []
    assert [name for name, _ in events(town.database, "cash_unexplained", "position_mismatch", "order_ambiguous")] == []


def orders_known(town: Town) -> dict[str, tuple[Any, ...]]:
    """Return what the journal knows of every order that has a number, by that number."""
    sql = "SELECT order_no, symbol, side, quantity, filled_quantity, filled_amount FROM order_state"
    found = rows(town.database, f"{sql} WHERE order_no IS NOT NULL")
    assert len({row[0] for row in found}) == len(found)
    return {str(row[0]): row[1:] for row in found}
