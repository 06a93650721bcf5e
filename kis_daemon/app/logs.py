"""The log: readable lines on the terminal, JSON lines in a file, and no secret in either.

Rules of this room (C29b, C37, S3-M06, S3-L02, S2-E06)
    Both outputs get every record from INFO up, ours and the libraries', in PAPER and in REAL alike.
    The readable line has the documents' own sentence after the level word where they have one; JSON has the event name.
    `ts` is the time of the clock that was handed in (virtual in a simulation), `wall` the machine's.
    Masking is the last step before writing, on the finished line, so that tracebacks and libraries pass it too.
    The file is `kis_daemon.jsonl`, 10 MB and 10 older ones for the whole process, made with the first line.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

from kis_daemon.app.errors import LOGGED, ConfigurationError, Refusal
from kis_daemon.console.catalogue import stock
from kis_daemon.console.terminal import Screen

FILE_NAME = "kis_daemon.jsonl"
_FILE_BYTES = 10_000_000
_OLDER_FILES = 10
_SHORTEST_SECRET = 4  # a shorter one would mask half of the log
_LOGS_ADDRESSES = ("httpx", "httpcore", "telegram", "aiohttp.access", "websockets")

SENTENCES: Mapping[str, str] = {
    "order_blocked_killswitch": "Order blocked: Kill switch is active",  # S1-T01
    "database_init_failed": "Database initialization failed: {reason}",  # S1-T06
    "event_log_failed": "Failed to log event: {reason}",  # S1-T07
    "token_issuance_failed": "Token issuance failed: {reason}",  # S1-T09, e.g. "502 Bad Gateway"
    "universe_cache_hit": "CACHE HIT",  # S3-U23
    "universe_cache_miss": "CACHE MISS",
    "position_save_deferred": "포지션 저장 실패/보류",  # S3-L05
}
"""The documents' sentences, by the name of the fact."""

_COLOURS = {"debug": "2", "info": "32", "warning": "33", "error": "31", "critical": "31;1"}


class Mask:
    """Replaces every registered secret by `***`."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.add(*secrets)

    def add(self, *secrets: str) -> None:
        """Register further secrets, for instance an access token that was just issued."""
        for secret in secrets:
            # as it is, as JSON writes it, and the secret half of `id:secret`
            forms = {secret, json.dumps(secret)[1:-1], secret.rpartition(":")[2]}
            self._secrets |= {form for form in forms if len(form) >= _SHORTEST_SECRET}
        longest_first = sorted(self._secrets, key=lambda secret: (-len(secret), secret))
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __call__(self, text: str) -> str:
        return text if self._pattern is None else self._pattern.sub("***", text)


class Logs:
    """The two outputs while a `with` lasts; `mask` and `use_clock` may be fed later on."""

    def __init__(
        self,
        screen: Screen,
        log_dir: Path,
        *,
        clock: Callable[[], datetime],
        wall: Callable[[], datetime],
        secrets: Iterable[str] = (),
        colour: bool | None = None,
    ) -> None:
        self.mask = Mask(secrets)
        self._screen = screen
        self._path = log_dir / FILE_NAME
        self._clock = clock
        self._wall = wall
        self._colour = screen.is_terminal if colour is None else colour
        self._handlers: list[logging.Handler] = []
        self._quietened: dict[str, int] = {}

    def use_clock(self, clock: Callable[[], datetime]) -> None:
        """Take the time of every further line from `clock`."""
        self._clock = clock

    def __enter__(self) -> Logs:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError("config.unreadable", place=self._path.parent, reason=error.strerror) from None
        readable = _ScreenHandler(self._screen)
        file = RotatingFileHandler(
            self._path, maxBytes=_FILE_BYTES, backupCount=_OLDER_FILES, encoding="utf-8", delay=True
        )
        shared: list[structlog.typing.Processor] = [
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.ExtraAdder(),
            self._timed,
            structlog.processors.format_exc_info,
        ]
        readable.setFormatter(_MaskedFormatter(self.mask, shared, self._readable))
        file.setFormatter(_MaskedFormatter(self.mask, shared, _as_json))
        self._handlers = [readable, file]
        structlog.configure(
            processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
            logger_factory=structlog.stdlib.LoggerFactory(),
            cache_logger_on_first_use=False,  # module-level loggers must follow a later configuration
        )
        root = logging.getLogger()
        self._quietened[""] = root.level
        root.setLevel(logging.INFO)
        for name in _LOGS_ADDRESSES:  # at INFO they write whole addresses, the bot's token in them
            self._quietened[name] = logging.getLogger(name).level
            logging.getLogger(name).setLevel(logging.WARNING)
        for handler in self._handlers:
            root.addHandler(handler)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception) and not isinstance(error, Refusal):
            structlog.get_logger().error("unexpected_error", exc_info=error)
            error.add_note(LOGGED)
        for handler in self._handlers:
            logging.getLogger().removeHandler(handler)
            handler.close()
        for name, level in self._quietened.items():
            logging.getLogger(name).setLevel(level)
        self._handlers.clear()
        structlog.reset_defaults()

    def _timed(self, _: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["ts"] = self._clock().isoformat("T", "milliseconds")
        event["wall"] = self._wall().isoformat("T", "milliseconds")
        return event

    def _readable(self, _: WrappedLogger, __: str, event: EventDict) -> str:
        return readable_line(event, colour=self._colour)


def readable_line(event: Mapping[str, Any], *, colour: bool) -> str:
    """Return `2026-03-03 09:00:31 [INFO] order_filled symbol=삼성전자(005930) ...` of a log record."""
    data = {name: value for name, value in event.items() if name not in ("ts", "wall", "level", "event")}
    level = str(event.get("level", "info"))
    name = str(event.get("event", ""))
    trace = data.pop("exception", None)
    if "symbol" in data and "name" in data:
        data["symbol"] = stock(data["symbol"], data.pop("name"))
    said = SENTENCES.get(name)
    if said is not None and "{reason}" in said:
        said = said.format(reason=data.pop("reason", "?"))
    word = f"[{level.upper()}]"
    if colour:
        word = f"\x1b[{_COLOURS.get(level, '0')}m{word}\x1b[0m"
    when = str(event.get("ts", ""))[:19].replace("T", " ")
    pairs = [f"{key}={_shown(value)}" for key, value in data.items()]
    line = " ".join([when, word, said or name, *pairs])
    return line if trace is None else f"{line}\n{trace}"


def _shown(value: object) -> str:
    text = f"{value:.4g}" if isinstance(value, float) and abs(value) < 1 else str(value)
    return repr(text) if " " in text or "\n" in text else text


def _as_json(_: WrappedLogger, __: str, event: EventDict) -> str:
    return json.dumps(event, ensure_ascii=False, default=str)


class _ScreenHandler(logging.Handler):
    def __init__(self, screen: Screen) -> None:
        super().__init__()
        self._screen = screen

    def emit(self, record: logging.LogRecord) -> None:
        self._screen.line(self.format(record))


class _MaskedFormatter(structlog.stdlib.ProcessorFormatter):
    """Renders a record of structlog or of the standard library, and masks the finished line."""

    def __init__(self, mask: Mask, shared: list[structlog.typing.Processor], render: Callable[..., str]) -> None:
        super().__init__(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        return self._mask(super().format(record))
