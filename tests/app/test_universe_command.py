"""`main.py universe`: who would be traded and why, on the simulated market, from what was kept, and beside a daemon."""

from __future__ import annotations

import asyncio
import io
import json
import os
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from kis_daemon.app import universe_run
from kis_daemon.app.cli import main
from kis_daemon.app.cli.universe import progress_on
from kis_daemon.app.errors import ExitCode
from kis_daemon.app.modes import TradingMode
from kis_daemon.app.options import RunOptions
from kis_daemon.app.settings import Settings, load_settings
from kis_daemon.app.universe_outfit import (
    NoDirectory,
    PriceDirectory,
    UniverseOutfit,
    fallback_terms,
    log_progress,
    outfit_at_kis,
)
from kis_daemon.clock import LoopClock
from kis_daemon.console.catalogue import Language
from kis_daemon.console.terminal import Screen
from kis_daemon.domain.calendar import KST
from kis_daemon.domain.market import Market, Symbol
from kis_daemon.domain.universe import Selection, SelectionMethod, UniverseRules, Verdict
from kis_daemon.kis.master_directory import MasterDirectory
from kis_daemon.kis.master_files import FILES, MASTER_URL, MasterFiles
from kis_daemon.services.universe_selector import FallbackTerms
from kis_daemon.virtual_loop import VirtualLoop
from tests.conftest import ROOT
from tests.kis.test_masters import a_line
from tests.simulator.builders import HYNIX, SAMSUNG, a_book

MONDAY_NOON = datetime(2026, 3, 2, 12, 0, tzinfo=KST)
TUESDAY = date(2026, 3, 3)
KEYS = {
    "PAPER_KIS_APP_KEY": "k",
    "PAPER_KIS_APP_SECRET": "s",
    "PAPER_KIS_ACCOUNT_NO": "12345678-01",
    "EXECUTION_JWT_SECRET": "x" * 32,
}
COMBINED = "universe: {selection_method: combined, max_stocks: 3}\n"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Start every test in a folder of its own, in English, without variables, with the exchange's calendar."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if "KIS_" in name or name in ("TRADING_MODE", "DATABASE_URL")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LANGUAGE", "en")
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "krx_calendar.yaml").symlink_to(ROOT / "config" / "krx_calendar.yaml")
    return tmp_path


@pytest.fixture
def at_kis(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Have keys of a paper account, on Monday 2 March 2026, a holiday: the coming day is the third."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    (place / "config" / "universe.yaml").write_text(COMBINED)
    loop = VirtualLoop()
    monkeypatch.setattr(universe_run, "time_of", lambda _: (loop, LoopClock(loop, MONDAY_NOON)))
    yield load_settings(RunOptions(), os.environ, None)
    loop.close()


def keep(settings: Settings, day: date) -> None:
    """Keep a selection of `day` as a daemon does it."""
    loop = VirtualLoop()
    files = outfit_at_kis(settings, LoopClock(loop, MONDAY_NOON)).files()
    loop.close()
    selection = Selection(
        day=day,
        method=SelectionMethod.COMBINED,
        symbols=(SAMSUNG,),
        verdicts=(
            Verdict(symbol=SAMSUNG, name="삼성전자", rank=1, atr_pct=2.5),
            Verdict(symbol=HYNIX, stage="atr", cause="max_atr_pct", value=9.5, limit=8.0, atr_pct=9.5),
        ),
    )
    files.keep(selection, settings.universe, MONDAY_NOON)


def answered(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["universe", *arguments])
    told = capsys.readouterr()
    return code, told.out, told.err


def as_json(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found


# on the simulated market


def test_everybody_is_explained_with_the_numbers_that_decided(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "config" / "universe.yaml").write_text(COMBINED)

    code, out, err = answered(capsys, "--explain")

    assert (code, err) == (0, "")
    assert "Universe of 2026-03-03: 3 chosen by combined from market" in out
    assert (
        "Stages: pool 12  →  answered 12  →  safety 12  →  min_volume 12  →  volume_top 9  →  atr 9  →  max_stocks 3"
        in out
    )
    rows = [line for line in out.splitlines() if "(" in line and "%" in line]
    assert sum("chosen" in row for row in rows) == 3
    assert sum("max_stocks: rank" in row for row in rows) == 6


def test_without_explain_only_the_chosen_are_shown(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "config" / "universe.yaml").write_text(COMBINED)

    _, out, _ = answered(capsys)

    assert len([line for line in out.splitlines() if "%" in line and "(" in line and "ATR" not in line]) == 3
    assert "rank 4" not in out


def test_json_has_every_candidate_and_nothing_beside(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "config" / "universe.yaml").write_text(COMBINED)

    code, out, _ = answered(capsys, "--json", "--date", "2026-03-04")

    told = as_json(out)
    assert (code, told["date"], told["selection_method"], told["failure"]) == (0, "2026-03-04", "combined", "")
    assert len(told["candidates"]) == 12
    assert len(told["stocks"]) == 3
    assert {"traded_value", "market_cap", "atr_pct", "bars", "close", "cause", "value", "limit"} <= set(
        told["candidates"][0]
    )


def test_nothing_of_a_look_at_the_simulated_market_is_kept(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answered(capsys)

    assert [path.name for path in place.iterdir()] == ["config"]


def test_filters_that_leave_nobody_are_told_with_everybodys_reason(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """S3-U28."""
    (place / "config" / "universe.yaml").write_text(
        "universe: {selection_method: combined, min_volume: 1000000000000000}\n"
    )

    code, out, err = answered(capsys)

    assert code == 1
    assert out.count("min_volume: traded value") == 12
    assert "No universe: no candidate passed the filters of combined" in err


def test_a_day_without_trading_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = answered(capsys, "--date", "2026-03-07")

    assert code == ExitCode.USAGE
    assert "2026-03-07" in err


# at KIS


@pytest.mark.usefixtures("at_kis")
def test_beside_a_running_daemon_what_it_kept_is_shown_and_nothing_is_asked(
    place: Path, capsys: pytest.CaptureFixture[str], at_kis: Settings
) -> None:
    keep(at_kis, TUESDAY)
    holder = {"pid": str(os.getpid()), "since": MONDAY_NOON.isoformat(), "command": "--mode trade"}
    (place / "data" / "instance.lock").write_text(json.dumps(holder))

    code, out, err = answered(capsys, "--explain")

    assert (code, err) == (0, "")
    assert "Nothing was asked" in out
    assert "atr: ATR 9.5 % > 8 %" in out


@pytest.mark.usefixtures("at_kis")
def test_beside_a_running_daemon_that_kept_nothing_it_is_refused(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "data").mkdir()
    holder = {"pid": str(os.getpid()), "since": MONDAY_NOON.isoformat(), "command": "--mode trade"}
    (place / "data" / "instance.lock").write_text(json.dumps(holder))

    code, _, err = answered(capsys)

    assert code == ExitCode.ALREADY_RUNNING
    assert "already running" in err


def test_of_a_day_that_is_over_what_was_kept_is_shown(capsys: pytest.CaptureFixture[str], at_kis: Settings) -> None:
    keep(at_kis, date(2026, 2, 27))

    code, out, _ = answered(capsys, "--date", "2026-02-27", "--json")

    assert code == 0
    assert as_json(out)["stocks"] == [SAMSUNG]


@pytest.mark.usefixtures("at_kis")
@pytest.mark.parametrize(
    ("day", "expected", "line"),
    [
        ("2026-02-26", ExitCode.CONFIGURATION, "no selection of that day is kept"),
        ("2026-03-04", ExitCode.USAGE, "not after the coming one, 2026-03-03"),
        ("2026-03-01", ExitCode.USAGE, "expected a trading day"),
        ("1999-01-04", ExitCode.USAGE, "expected a trading day"),
    ],
)
def test_a_day_nobody_can_tell_of_is_refused(
    capsys: pytest.CaptureFixture[str], day: str, expected: ExitCode, line: str
) -> None:
    code, _, err = answered(capsys, "--date", day)

    assert code == expected
    assert line in err


def test_real_money_is_refused_here_too(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name.replace("PAPER_", "REAL_"), value)
    monkeypatch.setenv("TRADING_MODE", "REAL")
    Path("config/universe.yaml").write_text(COMBINED)

    code, _, err = answered(capsys)

    assert code == ExitCode.CONFIGURATION
    assert err.count("\n") == 1


# who is listed


def test_the_exchanges_list_is_fetched_from_whoever_stands_in_for_kis(
    at_kis: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = VirtualLoop()
    clock = LoopClock(loop, MONDAY_NOON)
    loop.close()
    asked = []
    made = MasterFiles

    def remembered(folder: Path, clock: LoopClock, *, url: str) -> MasterFiles:
        asked.append((folder, url))
        return made(folder, clock, url=url)

    monkeypatch.setattr("kis_daemon.app.universe_outfit.MasterFiles", remembered)
    outfit_at_kis(at_kis, clock)
    outfit = outfit_at_kis(at_kis.model_copy(update={"kis_rest_url": "http://127.0.0.1:1234"}), clock)

    assert asked == [(Path("data/masters"), MASTER_URL), (Path("data/masters"), "http://127.0.0.1:1234/common/master")]
    assert outfit.venue != outfit_at_kis(at_kis, clock).venue


async def test_the_master_files_tell_who_may_be_chosen(place: Path) -> None:
    """S3-U07, U10..U12: ordinary shares; liquidation counts as suspended; what is not told is not known."""
    clock = LoopClock(asyncio.get_running_loop(), MONDAY_NOON)
    lines = {
        Market.KOSPI: [
            a_line(code="005930", base_price="000070000"),
            a_line(code="005935", suspended="Y"),
            *(bytes(changed) for changed in _marked(a_line(code="000660"))),
        ],
        Market.KOSDAQ: [a_line(code="035720", board=Market.KOSDAQ)],
    }
    for board, name in FILES.items():
        (place / name).write_bytes(b"\n".join(lines[board]))
        os.utime(place / name, (clock.now().timestamp(),) * 2)

    issues = {issue.symbol: issue for issue in await MasterDirectory(MasterFiles(place, clock)).issues()}

    assert issues[Symbol("005930")].is_common
    assert issues[Symbol("005930")].market_cap is None
    assert not issues[Symbol("005930")].suspended
    assert issues[Symbol("005935")].suspended
    assert issues[Symbol("000660")].suspended
    assert issues[Symbol("000661")].under_administration
    assert issues[Symbol("000662")].in_kospi200
    assert not issues[Symbol("000663")].is_common
    assert not issues[Symbol("000664")].is_common
    assert issues[Symbol("035720")].market is Market.KOSDAQ


def _marked(line: bytes) -> list[bytes]:
    """Return the line as one in liquidation, under administration, of the KOSPI 200, preferred, and a fund's."""
    start = len(line) - 227
    marks = {61: b"Y", 62: b"Y", 18: b"1", 158: b"1", 0: b"EF"}
    found = []
    for number, (at, mark) in enumerate(marks.items()):
        changed = bytearray(line)
        changed[start + at : start + at + len(mark)] = mark
        changed[5:6] = str(number).encode()
        found.append(bytes(changed))
    return found


async def test_a_simulated_exchange_lists_what_has_prices() -> None:
    clock = LoopClock(asyncio.get_running_loop(), datetime(2024, 3, 5, 8, 0, tzinfo=KST))

    issues = {issue.symbol: issue for issue in await PriceDirectory(a_book(), clock).issues()}

    assert sorted(issues) == [HYNIX, SAMSUNG]
    assert issues[SAMSUNG].traded_value == 70_500 * 3_000_000
    assert issues[SAMSUNG].market_cap is None


def test_the_shipped_file_says_the_defaults(place: Path) -> None:
    (place / "config" / "universe.yaml").write_text((ROOT / "config" / "universe.yaml").read_text())

    assert load_settings(RunOptions(), {}, None).universe == UniverseRules()


@pytest.mark.parametrize(
    ("mode", "halts_in_real", "terms"),
    [
        (TradingMode.PAPER, True, FallbackTerms()),
        (TradingMode.REAL, True, FallbackTerms(halts=True, pause_s=10.0)),
        (TradingMode.REAL, False, FallbackTerms(halts=False, pause_s=10.0)),
    ],
)
def test_only_real_money_halts_or_pauses_over_a_fallback(
    mode: TradingMode, halts_in_real: bool, terms: FallbackTerms
) -> None:
    """S3-U25, U26."""
    rules = UniverseRules(halt_on_fallback_in_real=halts_in_real)

    outfit = UniverseOutfit(rules=rules, directory=NoDirectory())

    assert fallback_terms(Settings(trading_mode=mode), outfit) == terms


def test_progress_is_one_line_on_a_terminal_and_nothing_without() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, shown in ((Terminal(), "Charts 25/200"), (io.StringIO(), "")):
        progress_on(Screen(stream), Language.EN)("charts", 25, 200)
        assert shown in stream.getvalue()
        assert "\n" not in stream.getvalue()


def test_the_daemon_logs_how_far_the_questions_are_now_and_then() -> None:
    tell = log_progress()

    with capture_logs() as logs:
        for what, every in (("prices", 30), ("charts", 1)):
            for done in [*range(every, 200, every), 200]:
                tell(what, done, 200)

    told = [(line["what"], line["done"]) for line in logs]
    assert told[-1] == ("charts", 200)
    assert [done for what, done in told if what == "charts"] == [25, 50, 75, 100, 125, 150, 175, 200]
    assert [done for what, done in told if what == "prices"] == [30, 60, 90, 120, 150, 180, 200]
