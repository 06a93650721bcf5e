"""`proposals` and `mandates`: the sample flow of the documents, and what a person grants and takes back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kis_daemon.app.cli import main
from kis_daemon.app.errors import ExitCode
from kis_daemon.domain.approvals import Proposal
from kis_daemon.store.database import Database
from kis_daemon.store.rows import SqlRows
from tests.conftest import ROOT
from tests.store.builders import a_file, by_hand

SNAPSHOT = str(ROOT / "data" / "sample_snapshot.json")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DATABASE_URL", "LANGUAGE", "OPERATOR_TOKEN", "ADMIN_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANGUAGE", "en")
    monkeypatch.setenv("EXECUTION_JWT_SECRET", "j" * 32)
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "simulated.db").write_bytes(a_file(tmp_path).read_bytes())
    return folder


def run(data: Path, *words: str) -> int:
    return main([*words, "--data-dir", str(data), "--config-dir", str(ROOT / "config")])


def generated(data: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert run(data, "proposals", "generate", "--snapshot", SNAPSHOT) == 0
    return dict(line.split("=") for line in capsys.readouterr().out.split())["proposal_id"]


def rows(data: Path, sql: str) -> list[tuple[Any, ...]]:
    return by_hand(data / "simulated.db", sql)


def kept(data: Path, work: Callable[[SqlRows], Any]) -> Any:
    database = Database(f"sqlite:///{data / 'simulated.db'}")
    database.open()
    try:
        return database.transact_now(work)
    finally:
        database.close()


def test_a_snapshot_becomes_a_pending_proposal_with_what_was_in_force(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proposal = generated(data, capsys)

    (stored,) = rows(
        data, "SELECT proposal_id, status, length(config_hash), schema_version, universe_snapshot_id FROM proposals"
    )
    assert stored[:3] == (proposal, "pending", 64)
    assert stored[4] == 1
    assert rows(data, "SELECT source FROM snapshots") == [("sample",)]
    assert rows(data, "SELECT event_type FROM event_log") == [("proposal_created",)]


def test_a_second_run_makes_others_and_keeps_the_first(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = generated(data, capsys), generated(data, capsys)

    assert first != second
    assert rows(data, "SELECT count(*) FROM snapshots") == rows(data, "SELECT count(*) FROM proposals") == [(2,)]


@pytest.mark.parametrize("text", ["", "{}", "[" * 3_000, '{"asof": 1}'])
def test_a_snapshot_that_cannot_be_read_proposes_nothing(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    file = tmp_path / "broken.json"
    file.write_text(text)

    assert run(data, "proposals", "generate", "--snapshot", str(file)) == ExitCode.USAGE
    assert str(file) in capsys.readouterr().err
    assert rows(data, "SELECT count(*) FROM proposals") == [(0,)]


def test_an_approval_prints_its_token_once(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    proposal = generated(data, capsys)

    assert run(data, "proposals", "approve", proposal, "--by", "admin", "--expires-in", "60") == 0
    told = json.loads(capsys.readouterr().out)
    assert run(data, "proposals", "approve", proposal, "--by", "admin") == ExitCode.USAGE

    assert told["token"].count(".") == 2
    assert rows(data, "SELECT token_hash, approved_by FROM approvals") == [(told["token_hash"], "admin")]
    assert "PROPOSAL_NOT_PENDING" in capsys.readouterr().err


def test_a_rejection_is_kept_and_listed(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    proposal = generated(data, capsys)

    assert run(data, "proposals", "reject", proposal, "--by", "admin", "--reason", "Risk too high") == 0
    assert run(data, "proposals", "list", "--status", "rejected") == 0
    assert run(data, "proposals", "list", "--status", "pending") == 0

    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"Rejected: {proposal}"
    assert said[1].startswith(f"{proposal}  rejected")
    assert said[2] == "No proposals"


def test_without_the_secret_nothing_is_approved(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    proposal = generated(data, capsys)
    monkeypatch.delenv("EXECUTION_JWT_SECRET")

    assert run(data, "proposals", "approve", proposal, "--by", "admin") == ExitCode.USAGE
    assert "EXECUTION_JWT_SECRET" in capsys.readouterr().err
    assert rows(data, "SELECT status FROM proposals") == [("pending",)]


@pytest.mark.parametrize("words", [("approve", "x", "--by", " "), ("reject", "x", "--by", "a", "--reason", "")])
def test_a_decision_needs_words(data: Path, words: tuple[str, ...]) -> None:
    assert run(data, "proposals", *words) == ExitCode.USAGE


def test_the_order_of_a_signal_is_asked_of_the_running_daemon(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.services.test_approvals import a_desk, a_grant

    proposal = a_grant(a_desk()).proposal
    assert isinstance(proposal, Proposal)
    kept(data, lambda rows: rows.add_proposal(proposal))
    asked = ("proposals", "approve", proposal.proposal_id, "--by", "admin")

    assert run(data, *asked) == ExitCode.USAGE
    assert "OPERATOR_TOKEN" in capsys.readouterr().err
    monkeypatch.setenv("OPERATOR_TOKEN", "operator-token-0123")
    monkeypatch.setenv("HTTP_BIND", "127.0.0.1:9")
    assert run(data, *asked) == ExitCode.USAGE
    assert "127.0.0.1:9" in capsys.readouterr().err


# --- mandates --------------------------------------------------------------------------------------------------------


def test_a_mandate_is_granted_listed_and_revoked(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bounds = ("--symbols", "005930,000660", "--max-quantity", "10", "--max-notional", "1000000", "--days", "5")
    assert run(data, "mandates", "grant", "--by", "kim", *bounds) == 0
    mandate = capsys.readouterr().out.split()[-1]
    assert run(data, "mandates", "list") == 0
    assert run(data, "mandates", "revoke", mandate, "--by", "kim", "--reason", "enough") == 0
    assert run(data, "mandates", "revoke", mandate, "--by", "kim", "--reason", "enough") == ExitCode.USAGE
    assert run(data, "mandates", "list") == 0

    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(f"{mandate}  in force  kim")
    assert "005930,000660, 10 shares an entry, 1,000,000 KRW a day" in said[0]
    assert said[1:] == [f"Revoked: {mandate}", said[0].replace("in force", "revoked")]
    events = rows(data, "SELECT event_type FROM event_log ORDER BY event_id")
    assert events == [("mandate_signed",), ("mandate_revoked",)]


@pytest.mark.parametrize(
    "words",
    [
        ("--by", " ", "--max-quantity", "1", "--max-notional", "1"),
        ("--by", "start on the simulator", "--max-quantity", "1", "--max-notional", "1"),
        ("--by", "kim", "--max-quantity", "0", "--max-notional", "1"),
        ("--by", "kim", "--max-quantity", "1", "--max-notional", "1", "--symbols", "AAPL"),
        ("--by", "kim", "--max-quantity", "1", "--max-notional", "1", "--days", "9999"),
        ("--by", "kim", "--max-quantity", "1"),
    ],
)
def test_a_mandate_without_a_name_or_bounds_is_not_granted(data: Path, words: tuple[str, ...]) -> None:
    assert run(data, "mandates", "grant", *words) == ExitCode.USAGE
    assert rows(data, "SELECT count(*) FROM mandates") == [(0,)]


def test_without_the_secret_no_mandate_is_signed(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EXECUTION_JWT_SECRET")

    assert run(data, "mandates", "grant", "--by", "kim", "--max-quantity", "1", "--max-notional", "1") == ExitCode.USAGE
