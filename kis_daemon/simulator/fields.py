"""Reading what a client sent: parameters by name in any case, required ones, whole numbers, dates, times."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any

from kis_daemon.simulator.wire import Failed

_WHOLE = re.compile(r"[0-9]{1,18}")
_SINCE_EVER = re.compile(r"0000[0-9]{4}")


class Fields:
    """The query of a GET (names in any case) or the body of a POST (names in capitals, values as texts).

    `is_continued` says that the request asks for a further page (header `tr_cont` N); without it cursors are not read.
    """

    def __init__(self, values: Mapping[str, Any], *, is_continued: bool = False) -> None:
        self._values = values
        self.is_continued = is_continued

    @classmethod
    def of_query(cls, query: Mapping[str, str], *, is_continued: bool = False) -> Fields:
        return cls({name.upper(): value for name, value in query.items()}, is_continued=is_continued)

    def text(self, name: str) -> str:
        """Return a required field; it may be empty, but not absent."""
        value = self._values.get(name)
        if value is None:
            raise Failed("OPSQ2002", f"ERROR INPUT FIELD NOT FOUND [{name}]")
        if not isinstance(value, str):
            raise Failed("IGW00007", f"입력 필드 형식 오류입니다. [{name}]")
        return value.strip()

    def optional(self, name: str) -> str:
        return self.text(name) if self._values.get(name) is not None else ""

    def whole(self, name: str) -> int:
        """Return a required whole number: digits alone, as KIS takes prices and quantities."""
        text = self.text(name)
        if not _WHOLE.fullmatch(text):
            raise Failed("IGW00007", f"입력 필드 형식 오류입니다. [{name}]")
        return int(text)

    def day(self, name: str) -> date:
        """Return a required date, YYYYMMDD; the year 0000, which clients send for "since ever", is the first day."""
        text = self.text(name)
        try:
            if _SINCE_EVER.fullmatch(text):
                return date.min
            if not _WHOLE.fullmatch(text):
                raise ValueError(text)
            return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007
        except ValueError:
            raise Failed("OPSQ2003", f"ERROR INPUT FIELD FORMAT [{name}]") from None

    def clock(self, name: str) -> time:
        """Return a required time, HHMMSS; empty or 000000 is the end of the day."""
        text = self.text(name)
        try:
            if text.strip("0") == "":
                return time.max
            if len(text) != len("090000") or not text.isdigit():
                raise ValueError(text)
            return time(int(text[:2]), int(text[2:4]), int(text[4:]))
        except ValueError:
            raise Failed("OPSQ2003", f"ERROR INPUT FIELD FORMAT [{name}]") from None

    def one_of(self, name: str, allowed: tuple[str, ...], code: str = "OPSQ2003") -> str:
        text = self.text(name)
        if text not in allowed:
            raise Failed(code, f"ERROR INVALID INPUT [{name}]")
        return text
