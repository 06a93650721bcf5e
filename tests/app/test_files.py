"""What a run reads beside its settings: the calendar, refused with its name, and the commit."""

import re
from pathlib import Path

import pytest

from kis_daemon.app import files
from kis_daemon.app.errors import ConfigurationError
from kis_daemon.app.files import git_commit, load_calendar
from tests.conftest import ROOT


def test_the_calendar_that_ships_can_be_read() -> None:
    calendar = load_calendar(ROOT / "config")

    assert (calendar.first.year, calendar.last.year) == (2015, 2027)


@pytest.mark.parametrize(
    "text", [None, "", "[]", "first: [", "first: 2015-01-01\n", "first: soon\nlast: later\n", "\x00"]
)
def test_a_calendar_that_cannot_be_used_is_refused_in_one_line_with_its_name(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "krx_calendar.yaml").write_text(text)

    with pytest.raises(ConfigurationError) as refused:
        load_calendar(tmp_path)

    assert str(tmp_path / "krx_calendar.yaml") in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_commit_is_a_whole_hash_or_said_to_be_unknown() -> None:
    assert re.fullmatch(r"[0-9a-f]{40}|unknown", git_commit())


def test_without_git_the_commit_is_unknown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert files.git_commit() == "unknown"
