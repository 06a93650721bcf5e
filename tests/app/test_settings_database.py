"""Which database the variables name, and that its password is nowhere shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import make_url

from kis_daemon.app.cli import main
from kis_daemon.app.errors import ConfigurationError, ExitCode
from kis_daemon.app.settings_database import database_url, passwords
from kis_daemon.app.settings_sources import Given, is_secret
from kis_daemon.store.schema import SCHEMA_VERSION


def given(**variables: str) -> dict[str, Given]:
    return {name: Given(value=value, place=name) for name, value in variables.items()}


PARTS = {"DB_HOST": "db.example", "DB_NAME": "trading", "DB_USER": "kis", "DB_PASSWORD": "p@ss/w:rd%"}


def test_nothing_said_is_no_url() -> None:
    assert database_url({}) is None


def test_a_url_is_taken_as_it_is() -> None:
    assert database_url(given(DATABASE_URL="postgresql://a:b@c/d")) == "postgresql://a:b@c/d"


@pytest.mark.parametrize(
    ("kind", "port"), [({}, 3306), ({"DB_TYPE": "mariadb"}, 3306), ({"DB_TYPE": "postgresql"}, 5432)]
)
def test_the_parts_make_a_url_whatever_is_in_the_password(kind: dict[str, str], port: int) -> None:
    url = make_url(database_url(given(**PARTS, **kind)) or "")

    assert (url.host, url.port, url.database, url.username) == ("db.example", port, "trading", "kis")
    assert url.password == PARTS["DB_PASSWORD"]


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({**PARTS, "DATABASE_URL": "sqlite:///x"}, "DATABASE_URL"),
        ({"DB_HOST": "h", "DB_USER": "u"}, "DB_NAME"),
        ({"DB_PASSWORD": "p"}, "DB_HOST, DB_NAME, DB_USER"),
        ({**PARTS, "DB_TYPE": "oracle"}, "DB_TYPE"),
        ({**PARTS, "DB_PORT": "0"}, "DB_PORT"),
        ({**PARTS, "DB_PORT": "many"}, "DB_PORT"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(variables: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told) as refused:
        database_url(given(**variables))

    assert PARTS["DB_PASSWORD"] not in str(refused.value)


def test_a_password_is_masked_as_it_is_and_as_it_is_written() -> None:
    url = database_url(given(**PARTS)) or ""

    assert set(passwords(url)) == {"p@ss/w:rd%", "p%40ss%2Fw%3Ard%25"}
    assert is_secret("DB_PASSWORD")


def test_the_schema_goes_down_and_up_by_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("DATABASE_URL", *PARTS):
        monkeypatch.delenv(name, raising=False)
    where = ["--data-dir", str(tmp_path)]

    codes = [
        main(["db", *command, *where])
        for command in (["status"], ["check"], ["init"], ["check"], ["downgrade", "0001"], ["check"], ["upgrade"])
    ]

    told = capsys.readouterr()
    assert codes == [ExitCode.OK, 78, ExitCode.OK, ExitCode.OK, ExitCode.OK, 78, ExitCode.OK]
    first, *rest = told.out.splitlines()
    assert first.endswith(f"schema -, program {SCHEMA_VERSION}")
    assert rest[0] == "Database initialized successfully"
    assert rest[2:] == ["schema 0001", f"schema {SCHEMA_VERSION}"]
    assert told.err.count("main.py db upgrade") == 2


def test_a_version_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["db", "downgrade", "0000", "--data-dir", str(tmp_path)]) == ExitCode.CONFIGURATION
    assert "expected 0001 to" in capsys.readouterr().err
