"""The front door: options, languages, one line a refusal, exit codes."""

import subprocess
import sys
from datetime import date
from pathlib import Path
from types import ModuleType

import click
import pytest

from kis_daemon import __version__
from kis_daemon.app.cli import COMMANDS, main
from kis_daemon.app.cli.trade import OPTIONS
from kis_daemon.app.errors import AlreadyRunning, ConfigurationError, UsageError
from kis_daemon.app.options import DEFAULT_SIM_START, Feed, RunOptions, SimOptions, SimProfile
from kis_daemon.app.settings import Settings
from kis_daemon.console.catalogue import knows
from tests.conftest import ROOT

TRADE = ["--mode", "trade", "--config-dir", str(ROOT / "config")]


class FakeRun:
    """Stands where the daemon's run stands; remembers, and answers or raises what it is told to."""

    def __init__(self) -> None:
        self.calls: list[tuple[Settings, RunOptions]] = []
        self.answer: int | Exception = 0

    def __call__(self, settings: Settings, options: RunOptions) -> int:
        self.calls.append((settings, options))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    @property
    def options(self) -> RunOptions:
        return self.calls[-1][1]


@pytest.fixture(autouse=True)
def empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start every test in a folder without `.env`, in English, with no variable of ours."""
    monkeypatch.chdir(tmp_path)
    for name in ("TRADING_MODE", "KIS_APP_KEY", "KIS_ENV", "KIS_MOCK", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANGUAGE", "en")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> FakeRun:
    fake = FakeRun()
    module = ModuleType("kis_daemon.app.run")
    module.run = fake  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "kis_daemon.app.run", module)
    return fake


def test_nothing_but_the_mode_gives_the_defaults(run: FakeRun) -> None:
    assert main(TRADE) == 0

    assert run.options == RunOptions(config_dir=ROOT / "config")
    assert run.options.sim.start == DEFAULT_SIM_START == date(2026, 3, 3)
    assert run.options.sim.speed == 1.0


def test_every_option_arrives(run: FakeRun, tmp_path: Path) -> None:
    prices = tmp_path / "prices.csv"
    prices.write_text("")
    line = f"""--feed rest --interval 15 --max-runs 3 --confirm-real-trading --real-first-order-percent 25
        --no-real-limit-symbols-first-day --summary-json s.json --data-dir d --symbols 005930,000660,005930
        --sim-speed 390 --sim-days 5 --sim-seed 7 --sim-start 2017-01-02 --sim-prices {prices} --sim-cash 1000
        --sim-profile real --sim-faults {prices}"""

    assert main([*TRADE, *line.split()]) == 0

    assert run.options == RunOptions(
        feed=Feed.REST,
        interval_s=15,
        max_runs=3,
        confirm_real_trading=True,
        real_first_order_percent=25.0,
        real_limit_symbols_first_day=False,
        summary_json=Path("s.json"),
        data_dir=Path("d"),
        config_dir=ROOT / "config",
        symbols=run.options.symbols,
        sim=SimOptions(
            speed=390.0,
            days=5,
            seed=7,
            start=date(2017, 1, 2),
            prices=prices,
            cash=1000,
            profile=SimProfile.REAL,
            faults=prices,
            given=run.options.sim.given,
        ),
    )
    assert run.options.symbols == ("005930", "000660")
    assert len(run.options.sim.given) == 8


def test_all_symbols_can_be_asked_for(run: FakeRun) -> None:
    assert main([*TRADE, "--symbols", "all"]) == 0

    assert (run.options.symbols, run.options.all_symbols) == ((), True)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "--mode is missing; say --mode trade"),
        (["--mode", "backtest"], "--mode backtest: not there yet; expected trade or cbt"),
        (["--mode", "verify"], "--mode verify: not there yet"),
        (["--mode", "gamble"], "'gamble' is not one of 'trade', 'cbt', 'verify', 'backtest'"),
        (["--nonsense"], "No such option '--nonsense'"),
        (["nonsense"], "No such command 'nonsense'"),
        ([*TRADE, "--interval", "61"], "61 is not in the range 1<=x<=60"),
        ([*TRADE, "--sim-speed", "-1"], "-1.0 is not in the range"),
        ([*TRADE, "--sim-speed", "nan"], "'nan' is not a number"),
        ([*TRADE, "--sim-days", "0"], "0 is not in the range"),
        ([*TRADE, "--sim-start", "2026-02-30"], "'2026-02-30' does not match the format"),
        ([*TRADE, "--sim-prices", "nowhere.csv"], "'nowhere.csv' does not exist"),
        ([*TRADE, "--real-first-order-percent", "0"], "0.0 is not in the range 0<x<=100"),
        ([*TRADE, "--symbols", "5930"], "--symbols '5930': expected all, or six-character codes"),
        ([*TRADE, "--symbols", ""], "--symbols '': expected all"),
        ([*TRADE, "--summary-json", "no/such/folder/s.json"], "expected a file in a folder that exists"),
        ([*TRADE, "--sim-clock"], "--sim-clock: only in PAPER"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_64(
    arguments: list[str], line: str, run: FakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(arguments)

    out, err = capsys.readouterr()
    assert (code, out) == (64, "")
    assert line in err
    assert err.count("\n") == 1
    assert run.calls == []


def test_a_setting_that_cannot_be_is_one_line_and_78(
    run: FakeRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRADING_MODE", "LIVE")

    code = main(TRADE)

    assert code == 78
    assert capsys.readouterr().err == "TRADING_MODE = 'LIVE': expected one of PAPER, REAL\n"
    assert run.calls == []


def test_real_without_confirmation_ends_at_once(
    run: FakeRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRADING_MODE", "REAL")

    assert main(TRADE) == 64
    assert "add --confirm-real-trading" in capsys.readouterr().err
    assert run.calls == []


def test_the_dotenv_of_the_working_folder_is_read(run: FakeRun, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MAX_QTY=9\n")

    assert main(TRADE) == 0
    assert run.calls[0][0].risk.max_quantity == 9


@pytest.mark.parametrize(
    ("answer", "code", "line"),
    [
        (0, 0, ""),
        (70, 70, ""),
        (UsageError("--sim-start: not covered"), 64, "--sim-start: not covered\n"),
        (ConfigurationError("prices.csv row 3:\nhigh < low"), 78, "prices.csv row 3: high < low\n"),
        (
            AlreadyRunning("lock.held", place="l", pid=1, since="s", command="c"),
            75,
            "l: already running (pid 1, since s, c)\n",
        ),
    ],
)
def test_the_end_of_a_run_is_its_exit_code(
    answer: int | Exception, code: int, line: str, run: FakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    run.answer = answer

    assert main(TRADE) == code
    assert capsys.readouterr().err == line


def test_the_unexpected_is_70_with_its_trace(run: FakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    run.answer = ExceptionGroup("tasks", [ZeroDivisionError("inside")])

    assert main(TRADE) == 70
    err = capsys.readouterr().err
    assert "ZeroDivisionError: inside" in err
    assert err.endswith("Ends by an unexpected error: ExceptionGroup\n")


def test_an_interruption_is_130(run: FakeRun) -> None:
    run.answer = click.Abort()

    assert main(TRADE) == 130


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en_US:en", ("Usage: ", "Options:", "Commands:", "Folder of the configuration files.", "kill switch")),
        ("ko", ("사용법: ", "옵션:", "명령:", "설정 파일 폴더.", "킬스위치")),
    ],
)
def test_help_is_said_in_both_languages(
    language: str, said: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LANGUAGE", language)

    assert main(["--help"]) == 0

    out = capsys.readouterr().out
    assert [words for words in said if words not in out] == []
    assert "help." not in out
    assert all(name in out for name in COMMANDS)


def test_the_language_of_the_dotenv_is_spoken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("LANGUAGE")
    (tmp_path / ".env").write_text("LANGUAGE=en\n")

    main([])

    assert "--mode is missing" in capsys.readouterr().err


def test_every_option_and_command_is_explained() -> None:
    keys = [str(getattr(option, "help", "")) for option in OPTIONS]
    keys += [f"help.{name.replace('-', '_')}" for name in COMMANDS]

    assert [key for key in keys if not knows(key)] == []


@click.group(help="help.kill_switch")
def fake_command() -> None:
    pass


@fake_command.command(help="help.db")
@click.option("--data-dir", help="help.data_dir", default="data", show_default=True)
def status(data_dir: str) -> int:
    click.echo(f"status of {data_dir}")
    return 3


@pytest.fixture
def kill_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("fake")
    module.command = fake_command  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, COMMANDS["kill-switch"], module)


@pytest.mark.usefixtures("kill_switch")
def test_a_command_runs_and_its_answer_is_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kill-switch", "status", "--data-dir", "d"]) == 3
    assert capsys.readouterr().out == "status of d\n"


@pytest.mark.usefixtures("kill_switch")
@pytest.mark.parametrize(("language", "said"), [("en", "Folder of the state"), ("ko", "상태(데이터베이스")])
def test_the_help_of_a_command_is_said_in_both_languages(
    language: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LANGUAGE", language)

    assert main(["kill-switch", "status", "--help"]) == 0

    assert said in capsys.readouterr().out


@pytest.mark.usefixtures("kill_switch")
def test_a_command_without_what_it_needs_shows_its_help_and_is_64(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kill-switch"]) == 64
    assert "status" in capsys.readouterr().err


@pytest.mark.usefixtures("kill_switch")
def test_the_daemons_options_do_not_stand_before_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data-dir", "d", "kill-switch", "status"]) == 64
    assert capsys.readouterr().err == "--data-dir: cannot stand before kill-switch\n"


def test_a_command_that_is_not_there_yet_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(COMMANDS, "db", "kis_daemon.app.cli.not_there")

    assert main(["db", "init"]) == 64
    assert capsys.readouterr().err == "db: this command is not there yet\n"


@pytest.mark.parametrize("door", [["main.py"], ["-m", "kis_daemon"]])
def test_each_door_is_a_process_with_an_exit_code(door: list[str]) -> None:
    environ = {"LANGUAGE": "en", "PATH": "/usr/bin:/bin"}
    ended = subprocess.run(
        [sys.executable, *door, "--mode", "verify"], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    version = subprocess.run(
        [sys.executable, *door, "--version"], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )

    assert (ended.returncode, ended.stderr) == (64, "--mode verify: not there yet; expected trade or cbt\n")
    assert (version.returncode, version.stdout) == (0, f"kis_daemon {__version__}\n")


def test_help_needs_neither_the_settings_nor_the_libraries_of_the_daemon() -> None:
    check = (
        "import sys; from kis_daemon.app.cli import main; main(['--help']); "
        "heavy = {'aiohttp', 'sqlalchemy', 'pydantic', 'telegram', 'websockets'}; "
        "sys.exit(len(heavy & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, check=False)

    assert ended.returncode == 0
