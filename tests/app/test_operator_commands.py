"""`kill-switch`, `trading` and `positions`: an operator's hand beside the daemon, through the database."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from kis_daemon.domain.market import Symbol
from kis_daemon.services import closings, pauses
from kis_daemon.store.database import Database
from tests.conftest import ROOT
from tests.e2e.processes import here
from tests.services.builders import HYNIX, SAMSUNG, a_position
from tests.store.builders import a_file

Command = Callable[..., int]
WORDS = ("--reason", "a test", "--by", "kim")
KEY = "the admin key of these tests"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    file = tmp_path / "data" / "simulated.db"
    a_file(tmp_path / "data").rename(file)
    return file


@pytest.fixture
def command(tmp_path: Path, database: Path) -> Command:
    def run(*arguments: str, **variables: str) -> int:
        where: list[str | Path] = ["--data-dir", tmp_path / "data", "--config-dir", ROOT / "config"]
        return here([*arguments, *where], tmp_path, {"LANGUAGE": "en"} | variables)

    return run


def holding(database: Path, *symbols: Symbol) -> None:
    opened = Database(f"sqlite:///{database}")
    opened.open()
    for symbol in symbols:
        opened.transact_now(lambda rows, symbol=symbol: rows.save_position(a_position(symbol=symbol)))  # type: ignore[misc]
    opened.close()


def wishes(database: Path) -> dict[str, str]:
    opened = Database(f"sqlite:///{database}")
    opened.open()
    try:
        return {wish.symbol: wish.rule.value for wish in opened.transact_now(lambda rows: closings.current(rows))}
    finally:
        opened.close()


def is_paused(database: Path) -> bool:
    opened = Database(f"sqlite:///{database}")
    opened.open()
    try:
        return opened.transact_now(lambda rows: pauses.current(rows)).paused
    finally:
        opened.close()


def code_in(text: str) -> str:
    found = re.search(r"\b[0-9A-F]{6}$", text, re.MULTILINE)
    assert found is not None
    return found[0]


# the kill switch


def test_the_code_is_shown_once_and_releases(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("kill-switch", "activate", *WORDS) == 0
    code = code_in(capsys.readouterr().out)
    assert command("kill-switch", "status") == 0
    assert code not in capsys.readouterr().out

    wrong = command("kill-switch", "release", *WORDS, "--code", "00000G")
    told = capsys.readouterr()
    right = command("kill-switch", "release", *WORDS, "--code", code)

    assert (wrong, told.out, told.err) == (1, "", "That is not the confirmation code\n")
    assert right == 0
    assert capsys.readouterr().out.startswith("INACTIVE ")


def test_five_wrong_codes_lock_out_and_the_status_says_so(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    command("kill-switch", "activate", *WORDS)
    code = code_in(capsys.readouterr().out)
    for _ in range(5):
        command("kill-switch", "release", *WORDS, "--code", "00000G")
    capsys.readouterr()

    assert command("kill-switch", "release", *WORDS, "--code", code) == 1
    assert capsys.readouterr().err.startswith("Too many wrong codes: no try is taken for another ")
    command("kill-switch", "status")
    assert "no try is taken before" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "variables", "exit_code", "told"),
    [
        (KEY, {"KILL_SWITCH_ADMIN_KEY": KEY}, 0, ""),
        ("another one", {"KILL_SWITCH_ADMIN_KEY": KEY}, 1, "That is not the admin key"),
        (KEY, {}, 1, "KILL_SWITCH_ADMIN_KEY is not set"),
    ],
)
def test_the_admin_key_is_typed_and_not_an_argument(
    typed: str,
    variables: dict[str, str],
    exit_code: int,
    told: str,
    command: Command,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    command("kill-switch", "activate", *WORDS)
    monkeypatch.setattr("click.termui.hidden_prompt_func", lambda _: typed)
    monkeypatch.setattr("sys.stdin", io.StringIO(typed + "\n"))

    assert command("kill-switch", "release", *WORDS, "--force", **variables) == exit_code

    out, err = capsys.readouterr()
    assert told in err
    assert KEY not in out + err


def test_with_two_persons_the_second_one_releases(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    two = {"KILL_SWITCH_TWO_PERSONS": "true"}
    command("kill-switch", "activate", *WORDS)
    first = command("kill-switch", "release", *WORDS, **two)
    told = capsys.readouterr().out
    second = command("kill-switch", "release", "--reason", "a test", "--by", "lee", **two)

    assert (first, second) == (0, 0)
    assert "kim asked for the release; a second person has to ask too" in told
    assert capsys.readouterr().out.startswith("INACTIVE ")


def test_the_file_keeps_a_command_from_releasing(
    command: Command, database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database.with_name("KILL_SWITCH").write_text("")

    assert command("kill-switch", "release", *WORDS) == 1

    assert "remove it first" in capsys.readouterr().err
    command("kill-switch", "status")
    assert "KILL_SWITCH is there" in capsys.readouterr().out


def test_a_key_that_is_too_short_refuses_the_start(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("--mode", "trade", KILL_SWITCH_ADMIN_KEY="secret") == 78

    assert capsys.readouterr().err == "KILL_SWITCH_ADMIN_KEY: expected 16 bytes or more\n"


# pause


def test_a_pause_is_kept_and_shown_until_it_is_resumed(
    command: Command, database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [command("trading", "status"), command("trading", "pause", *WORDS)] == [0, 0]
    assert is_paused(database)
    assert [command("trading", "status"), command("trading", "resume", *WORDS)] == [0, 0]

    told = capsys.readouterr().out.splitlines()
    assert told[0] == "RUNNING: entries pass as far as the gate lets them"
    assert told[1] == told[2]
    assert re.fullmatch(r"PAUSED: no entries since [0-9: -]+, by kim: a test\. Exits go on", told[1])
    assert not is_paused(database)


@pytest.mark.parametrize("change", ["pause", "resume"])
@pytest.mark.parametrize("words", [("--reason", "x"), ("--by", "x"), ("--reason", " ", "--by", "x")])
def test_a_pause_needs_a_reason_and_a_name(
    change: str, words: tuple[str, ...], command: Command, database: Path
) -> None:
    assert command("trading", change, *words) == 64
    assert not is_paused(database)


# positions


def test_what_is_held_is_listed(command: Command, database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command("positions", "list")
    holding(database, SAMSUNG)
    command("positions", "list")

    assert capsys.readouterr().out.splitlines() == [
        "Nothing is held",
        "삼성전자(005930) 10 at 70,000 KRW, stop 68,000 KRW, target 73,000 KRW, since 2024-03-04",
    ]


def test_one_position_is_asked_to_be_sold(command: Command, database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command("kill-switch", "release", *WORDS)
    holding(database, SAMSUNG, HYNIX)
    capsys.readouterr()

    assert command("positions", "close", SAMSUNG, *WORDS) == 0

    told = capsys.readouterr().out
    assert ", being sold (by hand, kim)" in told.splitlines()[0]
    assert told.splitlines()[-1].startswith("1 to be sold; ")
    assert wishes(database) == {SAMSUNG: "MANUAL_EXIT"}
    assert not is_paused(database)


@pytest.mark.parametrize(("symbol", "exit_code"), [("000660", 1), ("samsung", 64)])
def test_what_is_not_held_or_no_symbol_is_refused(
    symbol: str, exit_code: int, command: Command, database: Path
) -> None:
    command("kill-switch", "release", *WORDS)

    assert command("positions", "close", symbol, *WORDS) == exit_code
    assert wishes(database) == {}


def test_close_all_needs_a_yes_and_pauses_entries(command: Command, database: Path) -> None:
    command("kill-switch", "release", *WORDS)
    holding(database, SAMSUNG, HYNIX)

    assert command("positions", "close-all", *WORDS) == 64
    assert wishes(database) == {}
    assert command("positions", "close-all", *WORDS, "--yes") == 0

    assert wishes(database) == {SAMSUNG: "MANUAL_EXIT", HYNIX: "MANUAL_EXIT"}
    assert is_paused(database)


def test_through_the_kill_switch_a_close_all_needs_its_own_word(command: Command, database: Path) -> None:
    holding(database, SAMSUNG)

    assert command("positions", "close", SAMSUNG, *WORDS) == 1
    assert command("positions", "close-all", *WORDS, "--yes") == 1
    assert wishes(database) == {}
    assert command("positions", "close-all", *WORDS, "--yes", "--through-kill-switch") == 0

    assert wishes(database) == {SAMSUNG: "KILL_SWITCH"}
