"""Real money: who may reach it, what is said before, and who may not."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from kis_daemon.app.errors import ConfigurationError
from kis_daemon.app.modes import TradingMode
from kis_daemon.app.options import RunOptions
from kis_daemon.app.real_money import Confirmed, count_down, real_endpoints
from kis_daemon.app.settings import Settings, load_settings
from tests.app.test_settings import LOOPBACK, PAPER_KEYS, REAL, REAL_KEYS
from tests.conftest import ROOT

PACKAGE = ROOT / "kis_daemon"


def settings(**environ: str) -> Settings:
    options = replace(REAL, config_dir=ROOT / "config")
    return load_settings(options, environ, None)


def counted(of: Settings, options: RunOptions = REAL) -> tuple[list[str], list[float], Confirmed]:
    shown: list[str] = []
    slept: list[float] = []
    return shown, slept, count_down(of, options, shown.append, slept.append)


def test_ten_seconds_pass_before_real_money_is_touched() -> None:
    shown, slept, confirmed = counted(settings(**REAL_KEYS, LANGUAGE="en"))

    assert sum(slept) == 10.0
    assert "REAL MONEY" in shown[0]
    assert "****4321" in shown[0]
    assert "87654321" not in "".join(shown)
    assert [line.strip() for line in shown[1:3]] == ["begins in 10 s", "begins in 9 s"]
    assert "openapi.koreainvestment.com" in real_endpoints(confirmed).rest.url


def test_who_interrupts_the_countdown_has_begun_nothing() -> None:
    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        count_down(settings(**REAL_KEYS), REAL, lambda _text: None, interrupted)


def test_paper_is_never_counted_down() -> None:
    with pytest.raises(ConfigurationError):
        counted(settings(**PAPER_KEYS))


def test_real_without_the_flag_is_never_counted_down() -> None:
    with pytest.raises(ConfigurationError):
        counted(settings(**REAL_KEYS), replace(REAL, confirm_real_trading=False))


@pytest.mark.parametrize("proof", [None, True, object(), "confirmed"])
def test_nobody_makes_a_confirmation_by_hand(proof: object) -> None:
    with pytest.raises(ConfigurationError):
        Confirmed(proof)


@pytest.mark.parametrize("instead", [None, True, object()])
def test_the_real_address_is_given_for_a_confirmation_only(instead: object) -> None:
    with pytest.raises(ConfigurationError):
        real_endpoints(instead)  # type: ignore[arg-type]


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def names_used(module: Path) -> set[str]:
    tree = ast.parse(module.read_text("utf-8"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return names | {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def test_the_real_address_stands_in_one_module() -> None:
    hosts = ("openapi.koreainvestment.com:9443", "ops.koreainvestment.com:21000")

    holders = {module.name for module in modules() if any(host in module.read_text("utf-8") for host in hosts)}

    assert holders == {"real_money.py"}


def test_no_way_into_the_program_passes_by_the_guards_of_real_money() -> None:
    """Every command is a module of `app/`: one of them asks for the address, one for the countdown before it."""
    users = {module.name for module in modules() if "real_endpoints" in names_used(module)}
    makers = {module.name for module in modules() if "count_down" in names_used(module)}

    assert users == {"on_kis.py"}
    assert makers == {"run.py"}


# --- configurations that do not reach real money ---------------------------------------------------------------------

KEYS = tuple(name for name in REAL_KEYS if name.startswith("REAL_"))
ALIASES = {name.replace("REAL_KIS", "KIS"): value for name, value in REAL_KEYS.items()}


def without(name: str, given: dict[str, str] = REAL_KEYS) -> dict[str, str]:
    return {key: value for key, value in given.items() if key != name}


BAD: list[dict[str, str]] = [
    *({**REAL_KEYS, "TRADING_MODE": word} for word in ("real", "Real", "LIVE", "live", "", "PAPER,REAL", "1", "RE4L")),
    *({**REAL_KEYS, "KIS_ENV": word} for word in ("mock", "MOCK", "paper", "dev")),
    *({**REAL_KEYS, "KIS_MOCK": word} for word in ("true", "1", "yes", "TRUE")),
    *(without(name) for name in KEYS),
    *(without(name.replace("REAL_KIS", "KIS"), ALIASES) for name in KEYS),
    without("EXECUTION_JWT_SECRET"),
    {**REAL_KEYS, "EXECUTION_JWT_SECRET": "s" * 31},
    {**REAL_KEYS, "EXECUTION_JWT_SECRET": "short"},
    *(
        {**REAL_KEYS, "REAL_KIS_ACCOUNT_NO": number}
        for number in ("1234567-01", "123456789", "12345678", "12345678-1", "abcdefgh-01", "12345678-22", "12345678-03")
    ),
    {**REAL_KEYS, "REAL_KIS_ACCOUNT_PRODUCT_CODE": "22"},
    {**REAL_KEYS, "KIS_APP_KEY": "another"},
    {**REAL_KEYS, "KIS_APP_SECRET": "another"},
    {**REAL_KEYS, "KIS_ACCOUNT_NO": "11112222-01"},
    {**REAL_KEYS, **LOOPBACK},
    {**REAL_KEYS, "KIS_REST_URL": LOOPBACK["KIS_REST_URL"]},
    {**REAL_KEYS, "KIS_WS_URL": LOOPBACK["KIS_WS_URL"]},
    {**REAL_KEYS, "KIS_REST_URL": "https://openapi.koreainvestment.com:9443"},
    {**REAL_KEYS, "TELEGRAM_BOT_TOKEN": "1:a"},
    {**REAL_KEYS, "TELEGRAM_CHAT_ID": "1"},
    *({**REAL_KEYS, "KIS_CALLS_PER_SECOND": text} for text in ("0", "-1", "21", "many", "1.5")),
    *({**REAL_KEYS, "MAX_QTY": text} for text in ("0", "-1", "1e9", "ten")),
    *({**REAL_KEYS, "ORDER_QUANTITY": text} for text in ("0", "-5", "x")),
    *({**REAL_KEYS, "API_TIMEOUT": text} for text in ("0", "61", "nan")),
    {**PAPER_KEYS, "REAL_KIS_APP_KEY": "left behind"},
    {**PAPER_KEYS, "REAL_KIS_APP_SECRET": "left behind"},
    {**PAPER_KEYS, "REAL_KIS_ACCOUNT_NO": "87654321-01"},
    {**PAPER_KEYS, "REAL_KIS_HTS_ID": "left behind"},
]


def test_at_least_fifty_bad_configurations_are_tried() -> None:
    assert len({tuple(sorted(one.items())) for one in BAD}) >= 50


@pytest.mark.parametrize("environ", BAD)
def test_a_bad_configuration_is_refused_with_its_own_words(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError) as refused:
        settings(**environ)

    text = str(refused.value)
    changed = [name for name in (*REAL_KEYS, *environ) if environ.get(name) != REAL_KEYS.get(name)]
    assert any(name.removeprefix("REAL_") in text for name in changed), text
    assert not any(len(value) > 7 and value in text for value in REAL_KEYS.values()), "no secret in a refusal"


def test_the_mode_that_counts_down_is_real() -> None:
    assert settings(**REAL_KEYS).trading_mode is TradingMode.REAL
