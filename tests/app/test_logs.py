"""The two outputs of the log, and what never reaches either."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import structlog

from kis_daemon.app import logs as room
from kis_daemon.app.errors import LOGGED, ConfigurationError
from kis_daemon.app.logs import SENTENCES, Logs, Mask, readable_line
from kis_daemon.console.terminal import Screen

KST = ZoneInfo("Asia/Seoul")
NINE = datetime(2026, 3, 3, 9, 0, 31, 250_000, tzinfo=KST)
WALL = datetime(2026, 11, 21, 1, 2, 3, tzinfo=KST)

log = structlog.get_logger()


class Desk:
    """A log whose readable lines and JSON lines can be read back."""

    def __init__(self, root: Path) -> None:
        self.out = io.StringIO()
        self.file = root / "logs" / "kis_daemon.jsonl"
        self.logs = Logs(
            Screen(self.out),
            root / "logs",
            clock=lambda: NINE,
            wall=lambda: WALL,
            secrets=("app-key-1234", 'quote"back\\slash', "77:bot-token"),
        )

    @property
    def lines(self) -> list[str]:
        return self.out.getvalue().splitlines()

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.file.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    with made.logs:
        yield made


def test_a_line_is_readable_here_and_json_there(desk: Desk) -> None:
    log.info("order_submitted", symbol="005930", name="삼성전자", order_no="117", latency_ms=12.5, why="a b")

    assert desk.lines == [
        "2026-03-03 09:00:31 [INFO] order_submitted symbol=삼성전자(005930) order_no=117 latency_ms=12.5 why='a b'"
    ]
    assert desk.records == [
        {
            "event": "order_submitted",
            "symbol": "005930",
            "name": "삼성전자",
            "order_no": "117",
            "latency_ms": 12.5,
            "why": "a b",
            "level": "info",
            "ts": "2026-03-03T09:00:31.250+09:00",
            "wall": "2026-11-21T01:02:03.000+09:00",
        }
    ]


@pytest.mark.parametrize(
    ("event", "data", "sentence"),
    [
        ("order_blocked_killswitch", {}, "[ERROR] Order blocked: Kill switch is active"),
        ("database_init_failed", {"reason": "denied"}, "[ERROR] Database initialization failed: denied"),
        ("event_log_failed", {"reason": "locked"}, "[ERROR] Failed to log event: locked"),
        ("token_issuance_failed", {"reason": "502 Bad Gateway"}, "[ERROR] Token issuance failed: 502 Bad Gateway"),
        ("token_issuance_failed", {}, "[ERROR] Token issuance failed: ?"),
        ("universe_cache_hit", {"reason": "same_day"}, "[ERROR] CACHE HIT reason=same_day"),
        ("universe_cache_miss", {"reason": "no_cache"}, "[ERROR] CACHE MISS reason=no_cache"),
        ("position_save_deferred", {"symbol": "1"}, "[ERROR] 포지션 저장 실패/보류 symbol=1"),
    ],
)
def test_the_documents_sentences_stand_after_the_level_word(
    event: str, data: dict[str, str], sentence: str, desk: Desk
) -> None:
    log.error(event, **data)

    assert desk.lines == [f"2026-03-03 09:00:31 {sentence}"]
    assert desk.records[0]["event"] == event


def test_every_sentence_of_the_documents_was_tried() -> None:
    assert len(SENTENCES) == 7


def test_info_is_the_level_of_every_logger(desk: Desk) -> None:
    log.debug("too_much")
    logging.getLogger("some.library").debug("too much")
    logging.getLogger("some.library").info("said by %s", "a library")

    assert [record["event"] for record in desk.records] == ["said by a library"]


@pytest.mark.parametrize("name", ["httpx", "httpcore", "telegram"])
def test_libraries_that_log_addresses_are_kept_quiet(name: str, desk: Desk) -> None:
    logging.getLogger(f"{name}.inner").info("POST https://api.example/bot77:bot-token")

    assert desk.lines == []


@pytest.mark.parametrize(
    "say",
    [
        lambda: log.info("app-key-1234"),
        lambda: log.info("x", key="app-key-1234", deep={"list": ["app-key-1234"]}),
        lambda: log.info("x", **{"app-key-1234": 1}),
        lambda: log.info("x", odd='quote"back\\slash'),
        lambda: log.warning("x", url="https://api.example/bot77:bot-token/send and bot-token alone"),
        lambda: logging.getLogger("a.library").warning("key %s", "app-key-1234"),
    ],
)
def test_a_secret_is_masked_wherever_it_stands(say: Callable[[], None], desk: Desk) -> None:
    say()

    for text in (desk.out.getvalue(), desk.file.read_text()):
        assert "***" in text
        assert not any(secret in text for secret in ("app-key-1234", "slash", "bot-token"))


def test_a_secret_inside_an_exception_is_masked(desk: Desk) -> None:
    try:
        raise ValueError("no access with app-key-1234")
    except ValueError:
        log.exception("broken")
        logging.getLogger("a.library").exception("broken too")

    assert desk.out.getvalue().count("ValueError: no access with ***") == 2
    assert all("no access with ***" in record["exception"] for record in desk.records)
    assert "app-key-1234" not in desk.file.read_text()


def test_a_secret_learned_later_is_masked_from_then_on(desk: Desk) -> None:
    desk.logs.mask.add("access-token-of-today")

    log.info("x", token="access-token-of-today")

    assert desk.records[0]["token"] == "***"


def test_nothing_and_next_to_nothing_are_no_secrets() -> None:
    assert Mask(["", "01"])("order 01 of 01") == "order 01 of 01"


def test_the_time_follows_the_clock_that_was_handed_in(desk: Desk) -> None:
    desk.logs.use_clock(lambda: NINE + timedelta(days=1))

    log.info("next_day")

    assert desk.records[0]["ts"].startswith("2026-03-04T09:00:31")
    assert desk.records[0]["wall"].startswith("2026-11-21")


def test_the_file_rotates_for_the_whole_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_FILE_BYTES", 1000)
    monkeypatch.setattr(room, "_OLDER_FILES", 2)
    desk = Desk(tmp_path)

    with desk.logs:
        for number in range(60):
            log.info("line", number=number)

    assert sorted(path.name for path in desk.file.parent.iterdir()) == [
        "kis_daemon.jsonl",
        "kis_daemon.jsonl.1",
        "kis_daemon.jsonl.2",
    ]
    assert all(path.stat().st_size <= 1000 for path in desk.file.parent.iterdir())


def test_the_house_rotates_at_ten_megabytes_and_keeps_ten() -> None:
    assert (room._FILE_BYTES, room._OLDER_FILES) == (10_000_000, 10)


def test_an_unexpected_error_is_the_last_line(tmp_path: Path) -> None:
    desk = Desk(tmp_path)

    with pytest.raises(RuntimeError) as caught, desk.logs:
        raise RuntimeError("with app-key-1234")

    assert desk.records[0]["event"] == "unexpected_error"
    assert "RuntimeError: with ***" in desk.records[0]["exception"]
    assert caught.value.__notes__ == [LOGGED]


def test_a_refusal_is_left_to_the_front_door(tmp_path: Path) -> None:
    desk = Desk(tmp_path)

    with pytest.raises(ConfigurationError), desk.logs:
        raise ConfigurationError("some reason")

    assert desk.lines == []


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("")

    with pytest.raises(ConfigurationError, match="cannot be read"), Desk(tmp_path).logs:
        pass


def test_everything_is_as_before_afterwards(tmp_path: Path) -> None:
    before = (list(logging.getLogger().handlers), logging.getLogger().level, logging.getLogger("httpx").level)

    with Desk(tmp_path).logs:
        pass

    after = (list(logging.getLogger().handlers), logging.getLogger().level, logging.getLogger("httpx").level)
    assert after == before


def test_colour_is_the_level_words_alone() -> None:
    event = {"ts": NINE.isoformat(), "level": "error", "event": "order_blocked_killswitch"}

    assert readable_line(event, colour=True) == (
        "2026-03-03 09:00:31 \x1b[31m[ERROR]\x1b[0m Order blocked: Kill switch is active"
    )
