"""The first start at KIS: nobody has released the kill switch, so the daemon watches, tells, and orders nothing."""

import stat
from datetime import datetime, timedelta

import pytest

from tests.e2e.processes import started
from tests.e2e.records import broken_links, events, log_lines, rows
from tests.e2e.town import JWT_SECRET, Town

ALLOWED_LAG = timedelta(seconds=20)  # less than a second of the wall at the town's speed


def test_nothing_is_ordered_before_a_person_releases_the_switch(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    with started(town.arguments, town.home, town.broker.variables()) as daemon:
        daemon.until(lambda: events(town.database, "order_blocked_killswitch"), "an entry was blocked")
        assert town.command("kill-switch", "status") == 0
        told = capsys.readouterr().out
        sent, claimed = town.broker.orders(), rows(town.database, "SELECT * FROM order_state")
        refused = rows(town.database, "SELECT DISTINCT status FROM orders")
        assert town.command("kill-switch", "release", "--reason", "rehearsal", "--by", "test") == 0
        daemon.until(lambda: events(town.database, "kill_switch_seen_released"), "the release was seen")
        assert daemon.stopped() == 0

    blocked = [payload for _, payload in events(town.database, "order_blocked_killswitch")]
    assert told.startswith("ACTIVE scope=all")
    assert (sent, claimed, refused) == ([], [], [("rejected",)])
    assert {payload["side"] for payload in blocked} == {"BUY"}
    assert "Order blocked: Kill switch is active" in daemon.said
    assert broken_links(town.database) == []

    commands = [line["release"] for line in log_lines(town.home) if "release" in line]
    assert len(commands) == 1
    assert "kill-switch release --reason" in commands[0]
    assert str(town.home / "data") in commands[0]

    keys = town.home / "data" / "kis_keys.json"
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    assert hidden_but_shown(town, daemon.said + daemon.complained) == []
    assert hidden_but_shown(town, (town.home / "logs" / "kis_daemon.jsonl").read_text("utf-8")) == []


def test_the_daemon_lives_at_the_simulators_time_however_long_its_start_took(town: Town) -> None:
    (town.home / "data" / "kis_trading.db").unlink()  # a first start makes its database: seconds of the wall

    with started(town.arguments, town.home, town.broker.variables()) as daemon:
        daemon.until(lambda: events(town.database, "account_opened"), "the broker was heard")
        theirs = town.broker.now()
        assert daemon.stopped() == 0

    written = rows(town.database, "SELECT timestamp FROM event_log WHERE event_type = 'account_opened'")[0][0]
    assert abs(theirs - datetime.fromisoformat(f"{written}+00:00")) < ALLOWED_LAG


def hidden_but_shown(town: Town, text: str) -> list[str]:
    """Return the secrets that `text` has in it."""
    told = town.broker.told
    number, _, product = told["account"].partition("-")
    secrets = (told["app_key"], told["app_secret"], told["account"], number, number + product, JWT_SECRET)
    return [secret for secret in secrets if secret in text]
