"""The bench: its figures, its table, and that it measures real processes and ends them."""

import os
import sys
import time
from pathlib import Path

import pytest

from bench.__main__ import plan_of
from bench.decisions import FLOOR, NEW_HIGH, QUIET, DecisionPlan, decisions
from bench.figures import Figure, paired, ratio, table
from bench.limiters import LIMITS, OURS, compare, figures_of
from bench.orders import SQLITE, OrderPlan, orders, shares
from bench.processes import BenchError, announced, cpu_clock, environment, finished, ready, resident_kib
from bench.rounds import BARE, QUICK, Plan
from bench.wire import WirePlan, wire

SAYS_READY = """
import os, socket, time
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
    out.sendto(b"READY=1\\nSTATUS=here", os.environ["NOTIFY_SOCKET"])
time.sleep(60)
"""


def a_figure(*values: float, name: str = "start: daemon", beside: str = BARE) -> Figure:
    return Figure(name=name, unit="s", values=values, beside=beside)


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_figure_is_the_median_of_its_runs() -> None:
    assert a_figure(3.0, 1.0, 100.0).median == 3.0


def test_a_figure_without_a_run_is_refused() -> None:
    with pytest.raises(ValueError, match="measured nothing"):
        a_figure()


def test_a_ratio_is_that_of_the_medians() -> None:
    bare = a_figure(0.5, name=BARE)

    assert ratio(a_figure(1.0, 2.0, 9.0), {BARE: bare}) == 4.0


@pytest.mark.parametrize("others", [{}, {BARE: a_figure(0.0, name=BARE)}])
def test_there_is_no_ratio_to_nothing(others: dict[str, Figure]) -> None:
    assert ratio(a_figure(1.0), others) is None


def test_the_table_shows_median_spread_runs_and_ratio() -> None:
    lines = table([a_figure(0.1, name=BARE), a_figure(1.0, 2.0, 3.5)]).splitlines()

    assert [cell.strip() for cell in lines[3].split("|")[1:-1]] == [
        "start: daemon",
        "2.00 s",
        "1.00 – 3.50",
        "3",
        "× 20.0",
        "",
        "",
    ]
    assert len({len(line) for line in lines}) == 1


@pytest.mark.parametrize(
    ("least", "most", "met"),
    [
        (None, None, None),
        (2.0, None, True),
        (2.1, None, False),
        (None, 2.0, True),
        (None, 1.9, False),
        (1.0, 1.5, False),
    ],
)
def test_a_promise_is_kept_by_the_median(least: float | None, most: float | None, met: bool | None) -> None:
    figure = Figure(name="calls", unit="×", values=[1.0, 2.0, 9.0], least=least, most=most)

    assert figure.met is met


def test_the_table_shows_what_was_promised_and_whether_it_is_kept() -> None:
    kept = Figure(name="kept", unit="×", values=[1.2], most=1.3)
    broken = Figure(name="broken", unit="×", values=[0.4], least=0.5)

    cells = [[cell.strip() for cell in line.split("|")[-3:-1]] for line in table([kept, broken]).splitlines()[2:]]

    assert cells == [["1.30 or less", "yes"], ["0.500 or more", "NO"]]


def test_ratios_are_taken_round_by_round() -> None:
    assert paired([2.0, 9.0], [1.0, 3.0]) == [2.0, 3.0]


def test_stream_and_calls_are_measured_beside_the_bare_libraries() -> None:
    figures = wire(WirePlan(rounds=1, messages=200, pandas_messages=5, turns=1, calls=5))

    promised = {figure.name: (figure.least, figure.most) for figure in figures if figure.met is not None}
    assert promised == {
        "stream: ours / bare, paired": (0.5, None),
        "stream: ours / pandas, paired": (100, None),
        "a price: ours / bare, paired": (None, 1.3),
        "a chart of 100 days: ours / bare, paired": (None, 1.3),
        "an order: ours / bare, paired": (None, 1.3),
    }
    assert all(value > 0 for figure in figures for value in figure.values)


def test_exits_are_measured_beside_bare_commits_and_a_bare_post() -> None:
    plan = OrderPlan(databases=[SQLITE], rounds=2, exits=2, events=2_000, warm_up=1)

    figures = {figure.name: figure for figure in orders(plan)}

    promised = {name: figure.most for name, figure in figures.items() if figure.met is not None}
    assert promised == {
        "SQLite exit p50: ours / floor, paired": 2.0,
        "SQLite exit p99: ours / floor, paired": 2.0,
        "SQLite exit p50, log of 2,000 / of 1,000 events": 1.25,
        "SQLite notice to position p50, log of 2,000 / of 1,000 events": 1.25,
    }
    assert all(len(figure.values) == 2 for figure in figures.values())
    assert all(value > 0 for figure in figures.values() for value in figure.values)


def test_a_share_of_a_round_is_a_value_that_was_measured() -> None:
    assert shares([[3.0, 1.0, 2.0], list(range(100, 0, -1))], 50) == [2.0, 50]
    assert shares([list(range(100))], 99) == [98]


def test_the_limit_is_told_for_each_profile_and_our_budget_keeps_it() -> None:
    figures = figures_of(list(compare(200)))

    refused = [figure for figure in figures if f": {OURS}, refused" in figure.name]
    assert len(refused) == len(LIMITS)
    assert all(figure.met for figure in refused)
    assert {figure.name.split(",")[1].split()[0] for figure in figures} == {"real", "new", "paper"}


def test_the_command_line_changes_the_plan() -> None:
    assert plan_of([]) == Plan()
    assert plan_of(["--quick"]) == QUICK
    assert plan_of(["--quick", "--idle-s", "2"]).idle_s == 2


def test_a_plan_of_nothing_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        plan_of(["--starts", "0"])

    assert "expected 1 or more" in capsys.readouterr().err


def test_the_callers_settings_do_not_reach_what_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADING_MODE", "REAL")
    monkeypatch.setenv("PAPER_KIS_APP_KEY", "caller's own")

    assert environment().keys() <= {"PATH", "HOME", "TMPDIR", "LANGUAGE", "PYTHONPATH"}


def test_resident_memory_is_read_from_its_line() -> None:
    assert resident_kib("Name:\tpython\nVmHWM:\t  99 kB\nVmRSS:\t   52340 kB\n") == 52340


def test_a_process_without_memory_has_ended() -> None:
    with pytest.raises(BenchError):
        resident_kib("Name:\tpython\nState:\tZ (zombie)\n")


def test_the_clock_of_a_process_counts_its_own_time() -> None:
    assert time.clock_gettime(cpu_clock(os.getpid())) == pytest.approx(time.process_time(), abs=1.0)


def test_a_process_is_measured_when_it_is_ready_and_ended_after(tmp_path: Path) -> None:
    with ready([sys.executable, "-c", SAYS_READY], environment(), tmp_path) as child:
        assert 0 < child.ready_s < 60
        assert child.rss_mib() > 1
        assert child.cpu_s() > 0
        assert is_there(child.process.pid)

    assert not is_there(child.process.pid)


def test_a_process_that_ends_before_it_is_ready_is_told_with_its_last_words(tmp_path: Path) -> None:
    with (
        pytest.raises(BenchError, match=r"ended with 3 .*last line: no luck"),
        ready([sys.executable, "-c", "import sys; print('no luck'); sys.exit(3)"], environment(), tmp_path),
    ):
        pass


def test_the_first_line_is_what_a_server_announces(tmp_path: Path) -> None:
    program = 'import time; print(\'{"rest_url": "http://here", "port": 7}\', flush=True); time.sleep(60)'

    with announced([sys.executable, "-c", program], environment(), tmp_path) as told:
        assert told == {"rest_url": "http://here", "port": "7"}


def test_a_run_that_fails_is_told(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"exit 1; its last line: .*left"):
        finished([sys.executable, "-c", "raise SystemExit('nothing left')"], environment(), tmp_path, within_s=60)


def test_prices_decisions_and_indicators_are_measured_with_their_promises() -> None:
    figures = {one.name: one for one in decisions(DecisionPlan(rounds=1, passes=1, ticks=400, decisions=40))}

    promised = [one.most for one in figures.values() if one.most is not None]
    assert promised == [1.5, 20.0, 20.0, 20.0, 10.0]
    assert figures[FLOOR].median < figures[QUIET].median < figures[NEW_HIGH].median
