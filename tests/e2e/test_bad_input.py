"""Bad input: one line that names place, value and what is expected; no traceback, and nothing written."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.e2e.market import BREAKOUT_DAY, SYMBOLS, write_prices
from tests.e2e.processes import here, run

USAGE, CONFIGURATION = 64, 78

PAPER_KEYS = {
    "PAPER_KIS_APP_KEY": "key",
    "PAPER_KIS_APP_SECRET": "secret",
    "PAPER_KIS_ACCOUNT_NO": "50123456-01",
    "EXECUTION_JWT_SECRET": "for tests only " * 4,
}


class Place:
    """A folder with a configuration of its own, and a data folder in which something lies already."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.config = home / "config"
        shutil.copytree(ROOT / "config", self.config)
        self.data = home / "data"
        self.data.mkdir()
        (self.data / "kept.txt").write_text("kept")
        self.prices = home / "prices.csv"

    def command_line(self, *more: str | Path) -> list[str | Path]:
        where = ("--config-dir", self.config, "--data-dir", self.data, "--summary-json", self.home / "summary.json")
        return ["--mode", "trade", "--sim-days", "1", "--sim-speed", "0", *where, *more]

    def written(self) -> list[str]:
        """Return every file below, but for what a test put there itself."""
        files = {path.relative_to(self.home).as_posix() for path in self.home.rglob("*") if path.is_file()}
        own = {path.relative_to(self.home).as_posix() for path in self.config.rglob("*")}
        return sorted(files - own - {self.prices.relative_to(self.home).as_posix(), ".env"})


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def refused(
    place: Place, capsys: pytest.CaptureFixture[str], *more: str | Path, variables: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Return exit code and line of a start, which has said nothing else and written nothing."""
    code = here(place.command_line(*more), place.home, variables)

    out, err = capsys.readouterr()
    assert out == ""
    assert (err.count("\n"), err[-1:]) == (1, "\n")
    assert "Traceback" not in err
    assert place.written() == ["data/kept.txt"]
    return code, err


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (("--mode", "gamble"), ("--mode", "'gamble'", "'trade'")),
        (("--symbols", "999999"), ("--symbols", "999999", "005930")),
        (("--symbols", "5930"), ("--symbols", "'5930'", "six-character")),
        (("--sim-start", "2030-01-02"), ("2030-01-02", "expected")),
        (("--sim-start", "1990-01-03"), ("1990-01-03", "expected")),
        (("--sim-cash", "-1"), ("--sim-cash", "-1")),
        (("--sim-clock",), ("--sim-clock", "only in PAPER")),
    ],
)
def test_a_wrong_option_is_named_with_what_is_expected(
    options: tuple[str, ...], names: tuple[str, ...], place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    code, line = refused(place, capsys, *options)

    assert code == USAGE
    assert [name for name in names if name not in line] == []


@pytest.mark.parametrize(
    ("variables", "names", "code"),
    [
        ({"TRADING_MODE": "LIVE"}, ("TRADING_MODE", "'LIVE'", "PAPER, REAL"), CONFIGURATION),
        ({"TRADING_MODE": "PAPER", "KIS_ENV": "live"}, ("KIS_ENV", "'live'", "mock"), CONFIGURATION),
        ({"KIS_MOCK": "false"}, ("KIS_MOCK", "'false'", "true"), CONFIGURATION),
        ({"REAL_KIS_APP_KEY": "a-secret-key"}, ("REAL_KIS_APP_KEY",), CONFIGURATION),
        ({"PAPER_KIS_APP_KEY": "a-secret-key"}, ("PAPER_KIS_APP_SECRET", "PAPER_KIS_ACCOUNT_NO"), CONFIGURATION),
        ({**PAPER_KEYS, "KIS_APP_KEY": "a-secret-key"}, ("PAPER_KIS_APP_KEY", "KIS_APP_KEY"), CONFIGURATION),
        ({**PAPER_KEYS, "KIS_REST_URL": "http://127.0.0.1:1"}, ("KIS_WS_URL",), CONFIGURATION),
        (
            {**PAPER_KEYS, "KIS_REST_URL": "http://example.com", "KIS_WS_URL": "ws://127.0.0.1:1"},
            ("KIS_REST_URL",),
            CONFIGURATION,
        ),
        (PAPER_KEYS, ("--sim-",), USAGE),
        ({"TELEGRAM_BOT_TOKEN": "a-secret-key"}, ("TELEGRAM_CHAT_ID",), CONFIGURATION),
        ({"TRADING_MODE": "REAL"}, ("--confirm-real-trading",), USAGE),
        ({"API_TIMEOUT": "soon"}, ("API_TIMEOUT", "'soon'", "60"), CONFIGURATION),
        ({"MAX_QTY": "0"}, ("MAX_QTY", "'0'", "1"), CONFIGURATION),
    ],
)
def test_variables_that_contradict_each_other_are_refused_and_no_secret_is_shown(
    variables: dict[str, str],
    names: tuple[str, ...],
    code: int,
    place: Place,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ended, line = refused(place, capsys, variables=variables)

    assert ended == code
    assert [name for name in names if name not in line] == []
    assert [shown for shown in ("a-secret-key", "50123456") if shown in line] == []


def test_a_mode_that_the_dotenv_contradicts_is_refused(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    (place.home / ".env").write_text("TRADING_MODE=REAL\n")

    code, line = refused(place, capsys, variables={"TRADING_MODE": "PAPER"})

    assert code == CONFIGURATION
    assert "REAL" in line
    assert "PAPER" in line


@pytest.mark.parametrize(
    ("name", "text", "names"),
    [
        ("strategy.yaml", "entry: [", ("strategy.yaml", "line")),
        ("strategy.yaml", "\x00", ("strategy.yaml",)),
        ("strategy.yaml", "entry:\n  adx_min: 25\n  adx_min: 30\n", ("strategy.yaml", "adx_min", "twice")),
        ("strategy.yaml", "entry:\n  adx_mim: 25\n", ("strategy.yaml", "entry.adx_mim", "adx_min")),
        ("strategy.yaml", "entries:\n  adx_min: 25\n", ("strategy.yaml", "entries", "entry")),
        ("strategy.yaml", "entry:\n  adx_min: 101\n", ("strategy.yaml", "entry.adx_min", "'101'", "100")),
        ("strategy.yaml", "entry:\n  adx_min: strong\n", ("strategy.yaml", "entry.adx_min", "'strong'", "0")),
        ("strategy.yaml", "entry:\n  adx_min: .nan\n", ("strategy.yaml", "entry.adx_min", "'.nan'")),
        ("risk.yaml", "risk:\n  max_daily_loss_pct: 6\n", ("risk.yaml", "risk.max_daily_loss_pct", "'6'", "5")),
        ("risk.yaml", "risk:\n  sizing: all-in\n", ("risk.yaml", "risk.sizing", "'all-in'", "fixed")),
        ("universe.yaml", "universe:\n  stocks: [5930]\n", ("universe.yaml", "universe.stocks", "'5930'")),
        ("universe.yaml", "- 005930\n", ("universe.yaml",)),
        ("alerts.yaml", "alerts:\n  queue_size: 1\n", ("alerts.yaml", "alerts.queue_size", "'1'", "10")),
        ("krx_calendar.yaml", "first: [", ("krx_calendar.yaml",)),
        ("krx_calendar.yaml", "first: 2015-01-01\n", ("krx_calendar.yaml",)),
    ],
)
def test_a_broken_file_is_named_with_the_field(
    name: str, text: str, names: tuple[str, ...], place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    (place.config / name).write_text(text)

    code, line = refused(place, capsys)

    assert code == CONFIGURATION
    assert [word for word in names if word not in line] == []


def test_a_configuration_folder_that_is_not_there_is_named(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    code, line = refused(place, capsys, "--config-dir", "nowhere")

    assert code == CONFIGURATION
    assert "nowhere" in line


HEADER = "symbol,date,open,high,low,close,volume"


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        (["symbol,date,open,high,low,volume", "005930,2026-03-02,1,1,1,9"], ("row 1", "'close'", "missing")),
        ([HEADER], ("no rows",)),
        ([HEADER, "005930,2026-02-27T09:00:00,900,910,890,900,9"], ("row 2", "date", "2026-02-27T09:00:00")),
        ([HEADER, "005930,27.02.2026,900,910,890,900,9"], ("row 2", "date", "27.02.2026", "2017-01-02")),
        ([HEADER, "005930,2026-02-30,900,910,890,900,9"], ("row 2", "date", "2026-02-30")),
        ([HEADER, "005930,2026-02-28,900,910,890,900,9"], ("row 2", "date", "2026-02-28", "closed")),
        (
            [HEADER, "005930,2026-02-27,900,910,890,900,9", "005930,2026-02-26,900,910,890,900,9"],
            ("row 3", "date", "2026-02-26", "after 2026-02-27"),
        ),
        (
            [HEADER, "005930,2026-02-27,900,910,890,900,9", "005930,2026-02-27,900,910,890,900,9"],
            ("row 3", "date", "2026-02-27", "one row a day"),
        ),
        ([HEADER, "005930,2026-02-27,900,890,910,900,9"], ("row 2", "high", "'890'", "910")),
        ([HEADER, "005930,2026-02-27,900,910,890,1000,9"], ("row 2", "close", "'1000'", "between")),
        ([HEADER, "005930,2026-02-27,900,910,890,900,-9"], ("row 2", "volume", "'-9'")),
        ([HEADER, "005930,2026-02-27,900,910,,900,9"], ("row 2", "low", "a number")),
        ([HEADER, "005930,2026-02-27,900,nan,890,900,9"], ("row 2", "high", "'nan'")),
        ([HEADER, "samsung,2026-02-27,900,910,890,900,9"], ("row 2", "symbol", "'samsung'")),
        ([HEADER, "005930,2026-02-27,900,910,890"], ("row 2", "7")),
        (["\x00\x01"], ()),
    ],
)
def test_a_price_file_that_cannot_be_is_named_with_row_field_value_and_what_is_expected(
    rows: list[str], names: tuple[str, ...], place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.prices.write_text("\n".join(rows) + "\n")

    code, line = refused(place, capsys, "--sim-prices", place.prices)

    assert code == USAGE
    assert [word for word in ("prices.csv", *names) if word not in line] == []


@pytest.mark.parametrize("name", ["prices.csv.gz", "prices.parquet"])
def test_a_price_file_that_is_not_what_its_name_says_is_refused(
    name: str, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.prices = place.home / "elsewhere" / name
    place.prices.parent.mkdir()
    place.prices.write_text(f"{HEADER}\n")

    code, line = refused(place, capsys, "--sim-prices", place.prices)

    assert code == USAGE
    assert name in line


def test_a_data_folder_that_is_a_file_is_refused(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    code, line = refused(place, capsys, "--data-dir", place.data / "kept.txt")

    assert code == CONFIGURATION
    assert "kept.txt" in line


@pytest.mark.parametrize("start", ["2030-01-02", "2015-01-05"])
def test_a_start_outside_of_the_prices_is_refused(start: str, place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    write_prices(place.prices)

    code, line = refused(place, capsys, "--sim-prices", place.prices, "--sim-start", start)

    assert code == USAGE
    assert start in line


def test_a_symbol_without_prices_is_refused_with_those_that_have_some(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    write_prices(place.prices)
    start = BREAKOUT_DAY.isoformat()

    code, line = refused(
        place, capsys, "--sim-prices", place.prices, "--sim-start", start, "--symbols", f"{SYMBOLS[0]},005930"
    )

    assert code == USAGE
    assert "005930" in line
    assert ",".join(SYMBOLS) in line


@pytest.mark.parametrize(
    ("more", "variables", "code", "word"),
    [
        (("--mode", "gamble"), {}, USAGE, "'gamble'"),
        ((), {"KIS_ENV": "live"}, CONFIGURATION, "KIS_ENV"),
        (("--sim-prices", "prices.csv"), {}, USAGE, "row 2, high '890'"),
    ],
)
def test_a_refusal_looks_the_same_from_outside_of_the_process(
    more: tuple[str, ...], variables: dict[str, str], code: int, word: str, place: Place
) -> None:
    place.prices.write_text(f"{HEADER}\n005930,2026-02-27,900,890,910,900,9\n")

    ended = run(place.command_line(*more), place.home, variables)

    assert (ended.returncode, ended.stdout) == (code, "")
    assert (ended.stderr.count("\n"), word in ended.stderr) == (1, True)
    assert place.written() == ["data/kept.txt"]
