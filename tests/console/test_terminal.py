"""The screen: log lines and the progress line beside each other, and the summary of a run."""

import io
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from kis_daemon.console.catalogue import Language
from kis_daemon.console.terminal import DayProgress, Screen, summary_table

KST = ZoneInfo("Asia/Seoul")


class Stream(io.StringIO):
    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    def rows(self) -> list[str]:
        """Return what a terminal would show."""
        shown = [""]
        for part in self.getvalue().replace("\r\x1b[2K", "\r").splitlines(keepends=True):
            shown[-1] += part.removesuffix("\n")
            if part.endswith("\n"):
                shown.append("")
        return [row.rpartition("\r")[2] for row in shown]


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, 3, hour, minute, tzinfo=KST)


def a_progress(screen: Screen, seconds: list[float] | None = None, columns: int = 120) -> DayProgress:
    ticking = iter(seconds or [float(n) for n in range(1000)])
    return DayProgress(screen, Language.EN, days=5, seconds=lambda: next(ticking), columns=lambda: columns)


def test_a_log_line_lands_above_the_progress_line() -> None:
    stream = Stream(terminal=True)
    screen = Screen(stream)
    progress = a_progress(screen)

    screen.line("first")
    progress.update(at(12, 15), day_no=2, trades=3, equity=100_000_000)
    screen.line("second\nthird")
    progress.update(at(15, 30), day_no=2, trades=3)

    bar = "2026-03-03 12:15 ██████████░░░░░░░░░░ day 2/5  trades 3  equity 100,000,000 KRW"
    assert f"{bar}\r\x1b[2Ksecond\nthird\n{bar}" in stream.getvalue()
    full = "█" * 20
    assert Stream.rows(stream)[-1] == f"2026-03-03 15:30 {full} day 2/5  trades 3"


def test_the_progress_line_goes_away() -> None:
    stream = Stream(terminal=True)
    screen = Screen(stream)
    progress = a_progress(screen)

    progress.update(at(9), day_no=1)
    progress.finish()
    screen.line("after")

    assert stream.rows() == ["after", ""]


def test_without_a_terminal_only_log_lines_are_written() -> None:
    stream = Stream(terminal=False)
    screen = Screen(stream)

    a_progress(screen).update(at(9), day_no=1)
    screen.line("a line")
    a_progress(screen).finish()

    assert stream.getvalue() == "a line\n"


def test_the_progress_line_is_not_redrawn_more_often_than_an_eye_sees() -> None:
    stream = Stream(terminal=True)
    progress = a_progress(Screen(stream), seconds=[0.0, 0.05, 0.2])

    for minute in (1, 2, 3):
        progress.update(at(9, minute), day_no=1)

    assert ("09:01" in stream.getvalue(), "09:02" in stream.getvalue(), "09:03" in stream.getvalue()) == (
        True,
        False,
        True,
    )


def test_the_progress_line_never_wraps() -> None:
    stream = Stream(terminal=True)

    a_progress(Screen(stream), columns=30).update(at(15), day_no=1, trades=1)

    assert len(stream.rows()[-1]) <= 29


def a_trade(**changes: Any) -> dict[str, Any]:
    trade = {
        "symbol": "005930",
        "name": "삼성전자",
        "side": "SELL",
        "date": "2026-03-03",
        "time": "09:41:07",
        "price": 71900,
        "quantity": 1200,
        "reason": "ATR_STOP_LOSS",
        "order_key": "k",
        "realized_pnl": -12345,
    }
    return trade | changes


def a_summary(**changes: Any) -> dict[str, Any]:
    summary = {
        "exit_code": 0,
        "days": 5,
        "trades": [a_trade(side="BUY", reason="TREND_ATR_BREAKOUT", realized_pnl=None), a_trade()],
        "orders_by_state": {"FILLED": 2, "REJECTED": 1},
        "fills": 4,
        "realized_pnl": -12345,
        "open_pnl": 678,
        "fees": 90,
        "tax": 12,
        "cash": 99_000_000,
        "holdings_value": 1_000_000,
        "equity": 100_000_000,
        "journal_hash": "ab" * 32,
        "simulator_account": {"cash": 99_000_000, "holdings": []},
        "tick_to_order_ms": {"p50": 0.41, "p99": 1.237},
        "rss_mib": 97.4,
    }
    return summary | changes


def test_the_summary_tells_every_figure() -> None:
    text = summary_table(a_summary(), Language.EN, width=140)

    for said in (
        "삼성전자(005930)",
        "2026-03-03 09:41:07",
        "71,900 KRW",
        "1,200",
        "-12,345 KRW",
        "+678 KRW",
        "90 KRW",
        "99,000,000 KRW",
        "100,000,000 KRW",
        "filled 2, refused 1",
        "0.41 ms / 1.24 ms",
        "97 MiB",
        "abababab",
        "trading days: 5",
    ):
        assert said in text
    assert "\x1b" not in text


def test_the_summary_speaks_korean_unless_told_otherwise() -> None:
    text = summary_table(a_summary(), width=140)

    assert all(said in text for said in ("매수", "손절", "실현손익", "-12,345원", "체결 2, 거부 1", "총자산"))


@pytest.mark.parametrize("language", Language)
def test_a_run_without_trades_and_measurements_has_a_summary(language: Language) -> None:
    nothing = a_summary(trades=[], orders_by_state={}, tick_to_order_ms={"p50": None, "p99": None}, rss_mib=None)

    assert "- / -" in summary_table(nothing, language)


def test_a_long_run_shows_its_last_trades_and_says_how_many_went_before() -> None:
    text = summary_table(a_summary(trades=[a_trade(price=1000 + n) for n in range(100)]), Language.EN)

    assert "60 earlier ones are left out" in text
    assert "1,099 KRW" in text
    assert "1,059 KRW" not in text


def test_colour_is_only_where_asked_for() -> None:
    assert "\x1b[34m" in summary_table(a_summary(), Language.EN, colour=True)
