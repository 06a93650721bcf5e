"""How figures are written on a report: signs, percent, won, and "-" where there is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from kis_daemon.console.catalogue import Language, knows, say, won

NONE = "-"

Words: TypeAlias = Callable[[str], str]
"""Says a key of the catalogue in the reader's language."""


def words_in(language: Language) -> Words:
    return lambda key: say(language, key)


def reason_word(words: Words, rule: str) -> str:
    """Return a rule as the operator knows it; one that the catalogue does not know is shown by its name."""
    key = f"word.{rule}"
    return words(key) if knows(key) else rule


def percent(part: float | None, *, sign: bool = False) -> str:
    return NONE if part is None else f"{part * 100:{'+' if sign else ''},.2f}%"


def ratio(value: float | None) -> str:
    return NONE if value is None else f"{value:,.2f}"


def money(language: Language, amount: float | None, *, sign: bool = False) -> str:
    return NONE if amount is None else won(language, round(amount), sign=sign)
