"""python-kis from PyPI believes the simulator: a morning of trading on each venue, over TCP, judged by its effects.

Rules of this room
    python-kis runs in a process of its own, as it comes, with other addresses (`python_kis_session`).
    The day lies before the second venue and the reform: python-kis reads notices of 23 fields and trades of 46.
    Each step is a test, so that what no longer works is named.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.conftest import ROOT
from tests.e2e.processes import Running, environment, started

pytestmark = pytest.mark.skipif(find_spec("pykis") is None, reason="python-kis is not installed here")

SPEED = "40"  # python-kis may stop for a second in its own limiter: three PINGPONGs take longer than that
BEGINS_AT = "09:08"  # a trade comes at 09:13:30, eight seconds of ours later
LONGEST_S = 40.0
Done: TypeAlias = dict[str, Any]


def _venue(profile: str) -> list[str | Path]:
    when = ("--start", "2024-06-03", "--at", BEGINS_AT, "--speed", SPEED)
    return ["simulator", "--profile", profile, *when, "--config-dir", ROOT / "config"]


def _told(running: Running) -> Done:
    told: Done = json.loads(running.until(lambda: running.said.strip(), "the simulator is ready"))
    return told


@pytest.fixture(scope="module")
def mornings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Done]]:
    """Return what python-kis did on each venue."""
    home = tmp_path_factory.mktemp("python_kis")
    with (
        started(_venue("real"), home, name="real") as real,
        started(_venue("real"), home, name="quotes") as quotes,  # for paper's session: a key gets one token a minute
        started(_venue("paper"), home, name="paper") as paper,
    ):
        paper_card = _told(paper)
        venues = {
            "real": {"real": _told(real), "paper": paper_card},
            "paper": {"real": _told(quotes), "paper": paper_card},
        }
        sessions = {
            profile: subprocess.Popen(
                [sys.executable, "-m", "tests.conformance.python_kis_session"],
                cwd=ROOT,
                env=environment(home),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for profile in venues
        }
        done: dict[str, Done] = {}
        try:
            for profile, session in sessions.items():
                assert session.stdin is not None
                session.stdin.write(json.dumps({"profile": profile, **venues[profile]}))
                session.stdin.close()
                session.stdin = None
            for profile, session in sessions.items():
                out, err = session.communicate(timeout=LONGEST_S)
                done[profile] = _last_line(out, err)
        finally:
            for session in sessions.values():
                if session.poll() is None:
                    session.kill()
                    session.communicate()
        yield done


def _last_line(out: str, err: str) -> Done:
    """Return the session's own line; python-kis may log before it."""
    lines = [line for line in out.splitlines() if line.startswith("{")]
    if not lines:
        return {"error": (out + err)[-3000:]}
    done: Done = json.loads(lines[-1])
    return done


@pytest.fixture(params=["real", "paper"])
def profile(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def done(mornings: dict[str, Done], profile: str) -> Done:
    assert "error" not in mornings[profile], mornings[profile]["error"]
    return mornings[profile]


def _of(done: Done, step: str) -> Done:
    """Return what a step brought, which must not be an error."""
    found: Done = done[step]
    assert "error" not in found, found["error"]
    return found


def test_it_gets_a_token_that_it_takes_for_living(done: Done) -> None:
    assert _of(done, "token") == {"type": "Bearer", "expired": False}


def test_it_reads_a_quote(done: Done) -> None:
    quote = _of(done, "quote")

    assert (quote["symbol"], quote["name"]) == ("005930", "삼성전자")
    assert 0 < quote["low_limit"] <= quote["low"] <= quote["price"] <= quote["high"] <= quote["high_limit"]


def test_it_reads_the_order_book(done: Done) -> None:
    book = _of(done, "order book")

    assert (len(book["asks"]), len(book["bids"])) == (10, 10)
    assert max(book["bids"]) < min(book["asks"])


def test_it_reads_a_daily_chart_of_one_page(done: Done) -> None:
    chart = _of(done, "daily chart")

    assert (chart["days"][0], chart["days"][-1]) == ("2024-01-02", "2024-05-31")
    assert len(set(chart["days"])) == len(chart["days"]) == 102
    assert all(close > 0 for close in chart["closes"])


def test_it_reads_the_chart_of_the_day(done: Done) -> None:
    minutes = _of(done, "day chart")

    assert minutes["count"] > 0
    assert minutes["first"].startswith("2024-06-03T09:00")


def test_it_reads_an_untouched_account(done: Done) -> None:
    balance, orderable = _of(done, "balance"), _of(done, "orderable")

    assert (balance["cash"], balance["held"]) == (100_000_000, {})
    assert 9_990 <= orderable["quantity"] <= 10_000


def test_it_buys_at_the_market(done: Done) -> None:
    bought = _of(done, "buy")

    assert (bought["venue"]["side"], bought["venue"]["division"], bought["venue"]["filled"]) == ("BUY", "01", 3)


def test_it_sees_what_it_bought(done: Done) -> None:
    balance = _of(done, "balance after")

    assert balance["held"] == {"005930": 3}
    assert balance["venue"]["holdings"]["005930"]["quantity"] == 3


def test_it_places_a_limit_order(done: Done) -> None:
    limit = _of(done, "buy limit")["venue"]

    assert (limit["division"], limit["quantity"], limit["filled"]) == ("00", 2, 0)
    assert limit["price"] == _of(done, "quote")["low_limit"]


def test_it_lists_what_is_pending_on_the_real_venue(mornings: dict[str, Done]) -> None:
    done = mornings["real"]

    assert _of(done, "buy limit")["number"] in _of(done, "pending")["numbers"]


def test_it_modifies_an_order_on_the_real_venue(mornings: dict[str, Done]) -> None:
    done = mornings["real"]
    modified = _of(done, "modify")

    assert modified["venue"]["original"] == _of(done, "buy limit")["number"]
    assert modified["venue"]["price"] == _of(done, "quote")["low_limit"] + 100


def test_it_cancels_an_order(done: Done) -> None:
    cancelled = _of(done, "cancel")["venue"]

    assert cancelled["kind"] == "CANCEL"
    open_orders = [row for row in done["orders"] if row["open"]]
    assert open_orders == []


def test_it_sells(done: Done) -> None:
    sold = _of(done, "sell")["venue"]

    assert (sold["side"], sold["filled"]) == ("SELL", 1)


def test_it_lists_the_orders_of_the_month_with_their_fills(done: Done) -> None:
    listed = _of(done, "daily orders")

    assert listed[_of(done, "buy")["number"]] == ["buy", 3, 3]
    assert listed[_of(done, "sell")["number"]] == ["sell", 1, 1]


def test_it_reads_the_profits_of_the_month_on_the_real_venue(mornings: dict[str, Done]) -> None:
    done = mornings["real"]
    profits, sold = _of(done, "profits"), _of(done, "sell")["venue"]

    assert profits["sold"] == sold["amount"]
    bought = _of(done, "buy")["venue"]
    assert abs(profits["profit"] - (sold["amount"] - bought["amount"] // 3)) <= sold["amount"] // 100


def test_it_hears_prices(done: Done) -> None:
    events = _of(done, "price event")["events"]

    assert {event["symbol"] for event in events} == {"005930"}
    assert all(event["price"] > 0 for event in events)


def test_it_hears_of_its_executions(done: Done) -> None:
    events = _of(done, "execution event")["events"]

    by_side = {event["side"]: event for event in events if event["executed"]}
    assert by_side["sell"]["executed"] == 1
    assert by_side["buy"]["symbol"] == "005930"
