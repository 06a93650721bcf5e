"""Settings: where a value comes from, and every start that is refused."""

from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from kis_daemon.app.errors import ConfigurationError, ExitCode, Refusal, UsageError
from kis_daemon.app.modes import TradingMode, Venue
from kis_daemon.app.options import RunOptions, SimOptions
from kis_daemon.app.settings import (
    MODE_DEFAULTS,
    Settings,
    assert_not_real_mode,
    config_hash,
    load_settings,
)
from kis_daemon.app.settings_fields import kinds
from kis_daemon.app.settings_ranges import RANGES
from kis_daemon.console.catalogue import Language
from kis_daemon.domain.market import as_symbol
from tests.conftest import ROOT

JWT = "j" * 32
SHIPPED = ROOT / "config"
PAPER_KEYS = {
    "PAPER_KIS_APP_KEY": "paper-app-key",
    "PAPER_KIS_APP_SECRET": "paper-app-secret",
    "PAPER_KIS_ACCOUNT_NO": "87654321-01",
    "EXECUTION_JWT_SECRET": JWT,
}
REAL_KEYS = {name.replace("PAPER_KIS", "REAL_KIS"): value for name, value in PAPER_KEYS.items()} | {
    "TRADING_MODE": "REAL"
}
ALIAS_KEYS = {name.replace("PAPER_KIS", "KIS"): value for name, value in PAPER_KEYS.items()}
LOOPBACK = {"KIS_REST_URL": "http://127.0.0.1:18080", "KIS_WS_URL": "ws://localhost:18081"}
STOCKS = (as_symbol("005930"), as_symbol("000660"))
REAL = RunOptions(confirm_real_trading=True, symbols=STOCKS)


class Desk:
    """A folder with YAML files and perhaps a `.env`, and what is loaded from it."""

    def __init__(self, root: Path) -> None:
        self.config = root / "config"
        self.config.mkdir()
        self.dotenv = root / ".env"

    def load(self, options: RunOptions | None = None, /, **environ: str) -> Settings:
        return load_settings(replace(options or RunOptions(), config_dir=self.config), environ, self.dotenv)

    def refusal(self, options: RunOptions | None = None, /, **environ: str) -> Refusal:
        with pytest.raises(Refusal) as caught:
            self.load(options, **environ)
        return caught.value


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


# --- where a value comes from ----------------------------------------------------------------------------------------


def test_nothing_said_is_the_embedded_simulator_on_paper(desk: Desk) -> None:
    settings = desk.load()

    assert settings.trading_mode is TradingMode.PAPER
    assert settings.venue is Venue.SIMULATOR
    assert settings.language is Language.KO
    assert settings.commission_ppb == 140_527


def test_the_shipped_files_say_what_the_code_says(desk: Desk) -> None:
    shipped = load_settings(RunOptions(config_dir=SHIPPED), {}, None)

    assert shipped.model_copy(update={"config_dir": desk.config}) == desk.load()


def test_the_shipped_files_name_every_field(desk: Desk) -> None:
    text = "".join((SHIPPED / f"{name}.yaml").read_text() for name in ("strategy", "risk", "universe", "alerts"))
    by_variable = {"api_timeout_s", "kis_calls_per_second", "kis_ws_symbols", "kill_switch_two_persons"}

    assert [path for path in kinds() if path not in by_variable and f"{path.split('.')[-1]}:" not in text] == []


def test_the_shipped_files_leave_the_modes_their_own_defaults() -> None:
    real = load_settings(replace(REAL, config_dir=SHIPPED), REAL_KEYS, None)

    assert real.protection.max_loss_pct == 3.0
    assert real.gap.threshold_pct == 1.5
    assert real.risk.max_daily_loss_pct == 2.0
    assert real.risk.max_trades_a_day == 3
    assert real.risk.max_consecutive_losses == 2


def test_the_defaults_of_paper_are_those_of_the_domain() -> None:
    plain = Settings()

    for path, by_mode in MODE_DEFAULTS.items():
        section, name = path.split(".")
        assert getattr(getattr(plain, section), name) == float(by_mode[TradingMode.PAPER])


def test_a_yaml_value_outranks_the_default_of_the_mode(desk: Desk) -> None:
    (desk.config / "risk.yaml").write_text("risk:\n  max_trades_a_day: 7\n")

    assert desk.load(REAL, **REAL_KEYS).risk.max_trades_a_day == 7


def test_the_order_is_command_line_environment_dotenv_yaml_default(desk: Desk) -> None:
    sources = [desk.load().risk.max_quantity]
    (desk.config / "risk.yaml").write_text("risk: {max_quantity: 40}\n")
    sources.append(desk.load().risk.max_quantity)
    desk.dotenv.write_text("MAX_QTY=30\n")
    sources.append(desk.load().risk.max_quantity)
    sources.append(desk.load(MAX_QTY="20").risk.max_quantity)
    (desk.config / "universe.yaml").write_text("universe: {stocks: [035720]}\n")
    by_command_line = desk.load(RunOptions(symbols=STOCKS))

    assert sources == [100_000, 40, 30, 20]
    assert desk.load().universe.stocks == ("035720",)
    assert by_command_line.universe.stocks == STOCKS


def test_an_empty_variable_is_not_set(desk: Desk) -> None:
    desk.dotenv.write_text("MAX_QTY=30\nREAL_KIS_APP_KEY=\n")

    assert desk.load(MAX_QTY="", TRADING_MODE=" ").risk.max_quantity == 30


def test_a_code_that_looks_like_an_octal_number_stays_a_code(desk: Desk) -> None:
    (desk.config / "universe.yaml").write_text("universe:\n  stocks: [000660, '005930']\n")

    assert desk.load().universe.stocks == ("000660", "005930")


def test_stocks_at_the_root_are_read_and_those_of_the_universe_win(desk: Desk) -> None:
    file = desk.config / "universe.yaml"
    file.write_text("stocks: ['005930']\nuniverse: {max_stocks: 3}\n")
    at_root = desk.load().universe.stocks
    file.write_text("stocks: ['005930']\nuniverse: {stocks: ['000660']}\n")

    assert at_root == ("005930",)
    assert desk.load().universe.stocks == ("000660",)


def test_an_automatic_universe_needs_no_list_but_a_pool_of_listed_ones_does(desk: Desk) -> None:
    file = desk.config / "universe.yaml"
    file.write_text("universe: {selection_method: combined}\n")
    assert desk.load(**PAPER_KEYS).universe.is_automatic

    file.write_text("universe: {selection_method: atr_filter, candidate_pool_mode: yaml}\n")
    refusal = desk.refusal(**PAPER_KEYS)

    assert "candidate_stocks and stocks are both empty" in str(refusal)
    assert refusal.exit_code is ExitCode.CONFIGURATION


def test_symbols_of_the_command_line_are_traded_whatever_method_the_file_names(desk: Desk) -> None:
    (desk.config / "universe.yaml").write_text("universe: {selection_method: combined}\n")

    universe = desk.load(RunOptions(symbols=STOCKS)).universe

    assert (universe.selection_method, universe.stocks) == ("fixed", STOCKS)


@pytest.mark.parametrize("text", ["true", "True", "false", "FALSE"])
def test_yes_and_no_are_true_and_false(text: str, desk: Desk) -> None:
    (desk.config / "universe.yaml").write_text(f"universe: {{exclude_management: {text}}}\n")

    assert desk.load().universe.exclude_management is (text.lower() == "true")


@pytest.mark.parametrize("text", ["null", "~", "", "0", "-1"])
def test_the_gap_rule_can_be_disabled(text: str, desk: Desk) -> None:
    (desk.config / "strategy.yaml").write_text(f"gap:\n  threshold_pct: {text}\n")

    threshold = desk.load().gap.threshold_pct

    assert threshold is None or threshold <= 0


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "entry:\n"])
def test_an_empty_file_says_nothing(text: str, desk: Desk) -> None:
    (desk.config / "strategy.yaml").write_text(text)

    assert desk.load().entry.adx_min == 25.0


@pytest.mark.parametrize(
    ("text", "language"),
    [("", "ko"), ("ko", "ko"), ("en", "en"), ("en_US:en", "en"), ("EN", "en"), ("de_DE:en", "ko")],
)
def test_the_language_is_told_by_its_first_letters(text: str, language: str, desk: Desk) -> None:
    assert desk.load(LANGUAGE=text).language == language


# --- whose account ---------------------------------------------------------------------------------------------------

TRADES = RunOptions(symbols=STOCKS)


@pytest.mark.parametrize("keys", [PAPER_KEYS, ALIAS_KEYS, PAPER_KEYS | ALIAS_KEYS])
def test_paper_keys_by_either_name_trade_at_kis_paper(keys: dict[str, str], desk: Desk) -> None:
    settings = desk.load(TRADES, **keys)

    assert settings.venue is Venue.KIS_PAPER
    assert settings.credentials is not None
    assert settings.credentials.app_key.get_secret_value() == "paper-app-key"
    assert settings.credentials.account_no.get_secret_value() == "87654321"
    assert settings.credentials.product_code == "01"


@pytest.mark.parametrize(
    "account",
    [
        {"PAPER_KIS_ACCOUNT_NO": "87654321-01"},
        {"PAPER_KIS_ACCOUNT_NO": "8765432101"},
        {"PAPER_KIS_ACCOUNT_NO": "87654321", "PAPER_KIS_ACCOUNT_PRODUCT_CODE": "01"},
        {"PAPER_KIS_ACCOUNT_NO": "87654321", "KIS_ACCOUNT_PRODUCT_CODE": "01"},
    ],
)
def test_both_forms_of_an_account_are_read(account: dict[str, str], desk: Desk) -> None:
    held = desk.load(TRADES, **PAPER_KEYS | account).credentials

    assert held is not None
    assert (held.account_no.get_secret_value(), held.product_code) == ("87654321", "01")


def test_real_needs_its_keys_and_the_confirmation(desk: Desk) -> None:
    assert desk.load(REAL, **REAL_KEYS).venue is Venue.KIS_REAL


def test_the_calls_a_second_are_the_venue_s_unless_said(desk: Desk) -> None:
    assert desk.load().kis_calls_per_second is None
    assert desk.load(REAL, **REAL_KEYS, KIS_CALLS_PER_SECOND="3").kis_calls_per_second == 3


def test_the_paper_server_may_be_one_on_this_machine(desk: Desk) -> None:
    settings = desk.load(replace(TRADES, sim_clock=True), **PAPER_KEYS, **LOOPBACK)

    assert settings.kis_rest_url == "http://127.0.0.1:18080"
    assert settings.venue is Venue.KIS_PAPER


def test_agreeing_words_about_the_mode_are_fine(desk: Desk) -> None:
    desk.dotenv.write_text("TRADING_MODE=PAPER\n")

    assert desk.load(TRADING_MODE="PAPER", KIS_ENV="mock", KIS_MOCK="True").trading_mode is TradingMode.PAPER


def test_the_simulator_never_shares_a_database_with_an_account(desk: Desk) -> None:
    url = "mysql+aiomysql://me:secret-word@127.0.0.1/kis"

    assert desk.load(DATABASE_URL=url).database == "sqlite:///data/simulated.db"
    assert desk.load(TRADES, **PAPER_KEYS, DATABASE_URL=url).database == url
    assert desk.load(TRADES, **PAPER_KEYS).database == "sqlite:///data/kis_trading.db"


def test_a_real_setting_never_passes_the_paper_assertion(desk: Desk) -> None:
    with pytest.raises(ConfigurationError):
        assert_not_real_mode(desk.load(REAL, **REAL_KEYS))


# --- every start that is refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "dotenv", "line"),
    [
        ({"TRADING_MODE": "paper"}, "", "TRADING_MODE = 'paper': expected one of PAPER, REAL"),
        ({}, "TRADING_MODE=LIVE", ".env: TRADING_MODE = 'LIVE': expected one of PAPER, REAL"),
        ({"TRADING_MODE": "PAPER"}, "TRADING_MODE=REAL", ".env says REAL, the environment says PAPER"),
        ({"TRADING_MODE": "REAL"}, "TRADING_MODE=PAPER", ".env says PAPER, the environment says REAL"),
        ({"KIS_ENV": "live"}, "", "KIS_ENV = 'live': contradicts TRADING_MODE PAPER, expected mock"),
        ({"KIS_MOCK": "false"}, "", "KIS_MOCK = 'false': contradicts TRADING_MODE PAPER, expected true"),
        ({"KIS_MOCK": "maybe"}, "", "KIS_MOCK = 'maybe'"),
        (REAL_KEYS | {"KIS_ENV": "mock"}, "", "KIS_ENV = 'mock': contradicts TRADING_MODE REAL, expected live"),
        (REAL_KEYS | {"KIS_MOCK": "true"}, "", "KIS_MOCK = 'true': contradicts TRADING_MODE REAL"),
        ({"REAL_KIS_APP_KEY": "x"}, "", "REAL_KIS_APP_KEY: with TRADING_MODE PAPER no REAL_KIS_*"),
        ({"REAL_KIS_HTS_ID": "x"}, "", "REAL_KIS_HTS_ID: with TRADING_MODE PAPER no REAL_KIS_*"),
        ({}, "REAL_KIS_ACCOUNT_NO=x", "REAL_KIS_ACCOUNT_NO: with TRADING_MODE PAPER no REAL_KIS_*"),
        ({"REAL_KIS_SOMETHING": "x"}, "", "REAL_KIS_SOMETHING: unknown variable"),
        ({"PAPER_KIS_APP_KYE": "x"}, "", "did you mean PAPER_KIS_APP_KEY?"),
        ({}, "TRADNG_MODE=REAL", "TRADNG_MODE: unknown variable, did you mean TRADING_MODE?"),
        ({}, "MAX_QTY=1\nMAX_QTY=2", "MAX_QTY: stands twice"),
        ({}, "MAX_QTY=1\n=5", "line 2: cannot be read"),
        ({"PAPER_KIS_APP_KEY": "x"}, "", "PAPER_KIS_APP_SECRET, PAPER_KIS_ACCOUNT_NO: missing"),
        ({"KIS_APP_KEY": "x"}, "", "KIS_APP_SECRET, KIS_ACCOUNT_NO: missing"),
        ({"PAPER_KIS_HTS_ID": "x"}, "", "PAPER_KIS_APP_KEY, PAPER_KIS_APP_SECRET, PAPER_KIS_ACCOUNT_NO: missing"),
        ({"TRADING_MODE": "REAL"}, "", "REAL_KIS_APP_KEY, REAL_KIS_APP_SECRET, REAL_KIS_ACCOUNT_NO: missing"),
        (REAL_KEYS | {"REAL_KIS_APP_SECRET": ""}, "", "REAL_KIS_APP_SECRET: missing, and REAL needs it"),
        (LOOPBACK, "", "PAPER_KIS_APP_KEY, PAPER_KIS_APP_SECRET, PAPER_KIS_ACCOUNT_NO: missing"),
        (PAPER_KEYS | {"KIS_APP_KEY": "other"}, "", "PAPER_KIS_APP_KEY and KIS_APP_KEY: their values differ"),
        (PAPER_KEYS | {"PAPER_KIS_ACCOUNT_NO": "1234"}, "", "PAPER_KIS_ACCOUNT_NO: expected an account like"),
        (PAPER_KEYS | {"PAPER_KIS_ACCOUNT_NO": "87654321"}, "", "eight digits and a product code"),
        (PAPER_KEYS | {"PAPER_KIS_ACCOUNT_NO": "87654321-22"}, "", "PAPER_KIS_ACCOUNT_NO = '22': expected product"),
        (PAPER_KEYS | {"PAPER_KIS_ACCOUNT_PRODUCT_CODE": "29"}, "", "their values differ"),
        (PAPER_KEYS | {"EXECUTION_JWT_SECRET": ""}, "", "EXECUTION_JWT_SECRET: missing, and KIS_PAPER needs it"),
        ({"EXECUTION_JWT_SECRET": "j" * 31}, "", "EXECUTION_JWT_SECRET: 31 bytes, expected 32 or more"),
        (REAL_KEYS | LOOPBACK, "", "KIS_REST_URL: the server cannot be changed in REAL"),
        (PAPER_KEYS | LOOPBACK | {"KIS_WS_URL": ""}, "", "KIS_WS_URL: missing"),
        (PAPER_KEYS | LOOPBACK | {"KIS_REST_URL": "http://10.0.0.5:1"}, "", "KIS_REST_URL: expected a http/https"),
        (PAPER_KEYS | LOOPBACK | {"KIS_REST_URL": "http://127.0.0.1@a.example"}, "", "KIS_REST_URL: expected"),
        (PAPER_KEYS | LOOPBACK | {"KIS_REST_URL": "http://localhost.a.example"}, "", "KIS_REST_URL: expected"),
        (PAPER_KEYS | LOOPBACK | {"KIS_REST_URL": "http://[::1"}, "", "KIS_REST_URL: expected"),
        (PAPER_KEYS | LOOPBACK | {"KIS_REST_URL": "http://127.0.0.1:99999"}, "", "KIS_REST_URL: expected"),
        (PAPER_KEYS | LOOPBACK | {"KIS_WS_URL": "http://127.0.0.1"}, "", "KIS_WS_URL: expected a ws/wss"),
        ({"TELEGRAM_BOT_TOKEN": "1:x"}, "", "TELEGRAM_CHAT_ID: missing"),
        ({"TELEGRAM_CHAT_ID": "1"}, "", "TELEGRAM_BOT_TOKEN: missing"),
        ({"MAX_QTY": "many"}, "", "MAX_QTY = 'many': expected a whole number from 1 to 1,000,000"),
        ({"ORDER_QUANTITY": "1.5"}, "", "ORDER_QUANTITY = '1.5': expected a whole number"),
        ({"API_TIMEOUT": "0"}, "", "API_TIMEOUT = '0': expected a number from 1 to 60"),
        ({"KIS_CALLS_PER_SECOND": "0"}, "", "KIS_CALLS_PER_SECOND = '0': expected a whole number from 1 to 20"),
        (
            PAPER_KEYS | {"KIS_CALLS_PER_SECOND": "3"},
            "",
            "KIS_CALLS_PER_SECOND = '3': expected a whole number from 1 to 2",
        ),
        ({"API_TIMEOUT": "nan"}, "", "API_TIMEOUT = 'nan': expected a number"),
        ({"KIS_WS_SYMBOLS": "005930,5930"}, "", "KIS_WS_SYMBOLS = '5930': expected a list of six-character"),
        ({"ORDER_QUANTITY": "10", "MAX_QTY": "5"}, "", "MAX_QTY = 5: expected at least risk.order_quantity (10)"),
    ],
)
def test_a_variable_that_cannot_be_is_refused(environ: dict[str, str], dotenv: str, line: str, desk: Desk) -> None:
    desk.dotenv.write_text(dotenv)

    refusal = desk.refusal(REAL, **environ)

    assert line in str(refusal)
    assert refusal.exit_code is ExitCode.CONFIGURATION


@pytest.mark.parametrize(
    ("file", "text", "line"),
    [
        ("risk.yaml", "risk: {max_positions: 0}", "risk.max_positions = '0': expected a whole number from 1 to"),
        ("risk.yaml", "risk: {max_daily_loss_pct: 6}", "risk.max_daily_loss_pct = '6': expected a number from 0.1"),
        ("risk.yaml", "risk: {max_positions: yes}", "risk.max_positions = 'yes': expected a whole number"),
        ("risk.yaml", "risk: {max_positions: [1]}", "risk.max_positions = '[…]': expected a single value"),
        ("risk.yaml", "risk: {max_positions: {a: 1}}", "risk.max_positions.a = '…': expected a single value"),
        ("risk.yaml", "risk: {max_positions: }", "risk.max_positions = '': expected a whole number"),
        ("risk.yaml", "risk: {max_postions: 5}", "risk.max_postions: unknown, expected one of"),
        ("risk.yaml", "risk: 5", "risk = '5': expected names with values under it"),
        ("risk.yaml", "risk: {sizing: kelly}", "risk.sizing = 'kelly': expected one of risk, fixed"),
        ("risk.yaml", "commission_pct: -1", "commission_pct = '-1': expected a number from 0 to 1"),
        (
            "risk.yaml",
            "entry: {adx_min: 1}",
            "entry: unknown, expected one of risk, breaker, approvals, commission_pct",
        ),
        ("risk.yaml", "- 5", "risk.yaml = …: expected names with values"),
        ("risk.yaml", "risk: {a: 1", "risk.yaml line 2: cannot be read"),
        ("risk.yaml", "risk:\n  max_positions: 1\n  max_positions: 2", "line 3: cannot be read ('max_"),
        ("risk.yaml", "? [a]\n: 1", "risk.yaml line 1: cannot be read"),
        ("strategy.yaml", "entry: {adx_min: inf}", "entry.adx_min = 'inf': expected a number from 0 to 100"),
        ("strategy.yaml", "entry: {periods: {atr: 1}}", "entry.periods.atr = '1': expected a whole number from 2"),
        ("strategy.yaml", "entry: {periods: {atr_method: ema}}", "expected one of wilder, sma"),
        ("strategy.yaml", "entry: {min_bars: 40}", "entry.min_bars = 40: expected at least entry.periods.sma (50)"),
        ("strategy.yaml", "entry: {full_bars: 90}", "expected at least entry.min_bars (100)"),
        (
            "strategy.yaml",
            "entry: {periods: {adx: 60}}",
            "entry.periods.adx = 60: expected at most entry.min_bars / 2 (50)",
        ),
        ("strategy.yaml", "gap: {reference: open}", "expected one of prev_close, entry, stop"),
        ("universe.yaml", "universe: {stocks: [5930]}", "universe.stocks = '5930': expected a list of six-character"),
        ("universe.yaml", "universe: {selection_method: best}", "expected one of fixed, volume_top, atr_filter"),
        ("universe.yaml", "universe: {candidate_pool_mode: nasdaq}", "expected one of kospi200, yaml, volume_top"),
        ("universe.yaml", "universe: {candidate_stocks: [593]}", "universe.candidate_stocks = '593': expected a list"),
        ("universe.yaml", "universe: {exclude_management: maybe}", "= 'maybe': expected one of true, false"),
        ("universe.yaml", "universe: {fallback_to_fixed: 1}", "= '1': expected one of true, false"),
        ("universe.yaml", "universe: {halt_on_fallback_in_real: ''}", "expected one of true, false"),
        ("universe.yaml", "universe: {min_volume: -1}", "universe.min_volume = '-1': expected a whole number from 0"),
        ("universe.yaml", "universe: {min_market_cap: lots}", "universe.min_market_cap = 'lots': expected a whole"),
        ("universe.yaml", "universe: {market_scan_size: 0}", "universe.market_scan_size = '0': expected a whole"),
        ("universe.yaml", "universe: {volume_top_n: 0}", "universe.volume_top_n = '0': expected a whole number"),
        ("universe.yaml", "universe: {atr_period: 1}", "universe.atr_period = '1': expected a whole number from 2"),
        ("universe.yaml", "universe: {min_atr_pct: 9}", "universe.min_atr_pct = 9.0: expected at most"),
        ("universe.yaml", "universe: {max_atr_pct: .nan}", "universe.max_atr_pct = '.nan': expected a number"),
        ("universe.yaml", "universe: {cache_refresh_minutes: 5}", "unknown"),
        ("alerts.yaml", "alerts: {telegram_level: loud}", "expected one of info, warning, error"),
    ],
)
def test_a_file_that_cannot_be_is_refused(file: str, text: str, line: str, desk: Desk) -> None:
    (desk.config / file).write_text(text + "\n")

    refusal = desk.refusal()

    assert line in str(refusal)
    assert file in str(refusal)
    assert refusal.exit_code is ExitCode.CONFIGURATION


def test_bytes_that_are_no_text_are_refused(desk: Desk) -> None:
    (desk.config / "risk.yaml").write_bytes(b"risk: \xff")

    assert "risk.yaml: cannot be read (UTF-8)" in str(desk.refusal())


def test_a_missing_folder_is_refused(desk: Desk) -> None:
    desk.config.rmdir()

    assert "configuration folder is not there" in str(desk.refusal())


def test_an_account_with_nothing_to_trade_is_refused(desk: Desk) -> None:
    assert "universe.stocks: empty" in str(desk.refusal(**PAPER_KEYS))


@pytest.mark.parametrize(
    ("options", "environ", "line"),
    [
        (RunOptions(symbols=STOCKS), REAL_KEYS, "add --confirm-real-trading"),
        (RunOptions(symbols=STOCKS, sim=SimOptions(given=("--sim-days",))), PAPER_KEYS, "--sim-days: belongs to"),
        (RunOptions(all_symbols=True), PAPER_KEYS, "--symbols all: belongs to"),
        (replace(REAL, sim=SimOptions(given=("--sim-cash",))), REAL_KEYS, "--sim-cash: belongs to"),
        (replace(TRADES, sim_clock=True), PAPER_KEYS, "--sim-clock: only in PAPER with a KIS_REST_URL"),
        (replace(REAL, sim_clock=True), REAL_KEYS, "--sim-clock: only in PAPER"),
        (RunOptions(sim_clock=True), {}, "--sim-clock: only in PAPER"),
    ],
)
def test_a_command_line_that_contradicts_the_settings_is_refused(
    options: RunOptions, environ: dict[str, str], line: str, desk: Desk
) -> None:
    refusal = desk.refusal(options, **environ)

    assert line in str(refusal)
    assert isinstance(refusal, UsageError)


def test_a_refusal_is_one_line_in_both_languages(desk: Desk) -> None:
    (desk.config / "risk.yaml").write_text("risk:\n  max_positions: |\n    a\n    b\n")

    refusal = desk.refusal()

    assert refusal.line(Language.KO).endswith("1 이상 100 이하의 정수여야 합니다")
    assert all("\n" not in refusal.line(language) for language in Language)


def test_a_refusal_writes_nothing(desk: Desk, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))

    desk.refusal(replace(RunOptions(), data_dir=tmp_path / "data"), TRADING_MODE="x", AUTO_TRADE_LOG_DIR="logs")

    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "environ",
    [
        PAPER_KEYS | {"KIS_APP_SECRET": "other-app-secret"},
        PAPER_KEYS | {"PAPER_KIS_ACCOUNT_NO": "87654321-22"},
        PAPER_KEYS | {"PAPER_KIS_ACCOUNT_NO": "87654321-0x"},
        PAPER_KEYS | {"EXECUTION_JWT_SECRET": "short-secret"},
    ],
)
def test_a_refusal_never_shows_a_secret(environ: dict[str, str], desk: Desk) -> None:
    line = str(desk.refusal(TRADES, **environ))

    assert not any(secret in line for secret in ("app-secret", "87654321", "short-secret"))


def test_secrets_do_not_show_in_the_settings(desk: Desk) -> None:
    telegram = {"TELEGRAM_BOT_TOKEN": "12345:bot-secret", "TELEGRAM_CHAT_ID": "99"}
    settings = desk.load(TRADES, **PAPER_KEYS, **telegram, DATABASE_URL="mysql://me:db-secret@127.0.0.1/x")

    assert settings.secrets() == (JWT, "paper-app-key", "paper-app-secret", "87654321", "12345:bot-secret", "db-secret")
    assert not any(secret in repr(settings) for secret in settings.secrets())


# --- the hash --------------------------------------------------------------------------------------------------------


def test_the_hash_follows_judgement(desk: Desk) -> None:
    before = config_hash(desk.load())
    (desk.config / "risk.yaml").write_text("risk: {max_positions: 4}\n")

    assert len(before) == 64
    assert config_hash(desk.load()) != before


def test_the_hash_does_not_follow_secrets_paths_and_speed(desk: Desk, tmp_path: Path) -> None:
    quick = RunOptions(symbols=STOCKS, data_dir=tmp_path / "elsewhere")
    one = desk.load(TRADES, **PAPER_KEYS)
    other = desk.load(quick, **PAPER_KEYS | {"PAPER_KIS_APP_SECRET": "another", "AUTO_TRADE_LOG_DIR": "x"})

    assert config_hash(one) == config_hash(other)
    assert config_hash(one) != config_hash(desk.load(TRADES))


def test_every_number_has_a_range() -> None:
    def numbers(value: Any, prefix: str) -> list[str]:
        found = []
        for item in fields(value):
            inner = getattr(value, item.name)
            if is_dataclass(inner):
                found += numbers(inner, f"{prefix}{item.name}.")
            elif isinstance(inner, int | float) and not isinstance(inner, bool):
                found.append(prefix + item.name)
        return found

    settings = Settings()
    sections = {path.split(".")[0] for path in kinds() if "." in path}
    named = [path for section in sorted(sections) for path in numbers(getattr(settings, section), f"{section}.")]

    assert sorted([*named, "api_timeout_s", "commission_pct", "kis_calls_per_second"]) == sorted(RANGES)
