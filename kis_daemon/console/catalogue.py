"""Everything the operator reads, in Korean and in English: one table of sentences per language.

Rules of this room
    Both tables have the same keys, and a key's sentences name the same fields (a test proves both).
    `{field:won}` is money, `{field:side}` a side, `{field:pct}` a percentage; `{stock}` is made of `symbol` and `name`.
    `[[ ... ]]` is said only when every field inside is known. A field that is missing elsewhere is shown as `?`.
    An unknown key is told by its name and its data. `say` never raises.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from kis_daemon.console import catalogue_en, catalogue_ko

_OPTIONAL = re.compile(r"\[\[(.*?)\]\]")
_MISSING = "?"


class Language(StrEnum):
    """What the operator reads."""

    KO = "ko"
    EN = "en"

    @classmethod
    def of(cls, text: str | None) -> Language:
        """Return the language that `LANGUAGE` names, by its first letters as in POSIX (`en_US:en`); else Korean."""
        return cls.EN if (text or "").strip().lower().startswith("en") else cls.KO


SENTENCES: Mapping[Language, Mapping[str, str]] = {
    Language.KO: catalogue_ko.SENTENCES,
    Language.EN: catalogue_en.SENTENCES,
}


def knows(key: str) -> bool:
    """Whether the catalogue has a sentence for `key`."""
    return key in catalogue_en.SENTENCES


def say(language: Language, key: str, /, **data: object) -> str:
    """Return the sentence of `key` with its data in it, or the key and the data where there is none."""
    sentence = SENTENCES[language].get(key)
    if sentence is None:
        facts = ", ".join(f"{name}={value}" for name, value in data.items())
        return f"{key}: {facts}" if facts else key
    if "symbol" in data:
        data = {**data, "stock": stock(data["symbol"], data.get("name"))}
    speaker = _Speaker(language)
    shortened = _OPTIONAL.sub(lambda part: part[1] if speaker.is_known(part[1], data) else "", sentence)
    return speaker.vformat(shortened, (), data)


def stock(symbol: object, name: object = None) -> str:
    """Return how a symbol is always shown: `삼성전자(005930)`, or `UNKNOWN(005930)` without a name (S3-L07, L08)."""
    return f"{name or 'UNKNOWN'}({symbol})"


def won(language: Language, amount: int, *, sign: bool = False) -> str:
    """Return an amount of money as the operator reads it."""
    return f"{amount:{'+' if sign else ''},}" + ("원" if language is Language.KO else " KRW")


class _Speaker(string.Formatter):
    """Fills a sentence; never raises over what is missing or of another type than thought."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def is_known(self, part: str, data: Mapping[str, object]) -> bool:
        """Whether every field that `part` names has a value."""
        return all(data.get(name) is not None for _, name, _, _ in self.parse(part) if name)

    def get_value(self, key: int | str, _args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        value = kwargs.get(str(key))
        return _MISSING if value is None else value

    def format_field(self, value: Any, format_spec: str) -> str:
        words = SENTENCES[self._language]
        match format_spec, value:
            case (("won" | "gain"), int() | float()):
                return won(self._language, round(value), sign=format_spec == "gain")
            case "number", int() | float():
                return f"{value:,}"
            case "pct", int() | float():
                return f"{value:.2f}%"
            case "short", _:  # enough of a hash to tell two apart
                return str(value)[:12]
            case "word", _:  # a side, a state, a reason: said in words where the catalogue has them
                return words.get(f"word.{value}", str(value))
            case _:
                return str(value)
