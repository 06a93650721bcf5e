"""Exit codes, and the refusals that end a start with one line.

Rules of this room
    A refusal is told in one line, in the operator's language, without a traceback; its type decides the code.
    A refusal is made of a sentence's key in the catalogue and its data, or of a finished text.

    Refusal
    ├── UsageError          the command line asks for what does not exist or contradicts itself   64
    ├── AlreadyRunning      another process owns the data directory                               75
    └── ConfigurationError  a file or a variable holds what we cannot work with                   78
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar

from kis_daemon.console.catalogue import Language, knows, say

LOGGED = "written to the log"
"""The note of an unexpected exception whose traceback stands in the log already, masked."""


class ExitCode(IntEnum):
    """What the process says when it ends (BSD sysexits)."""

    OK = 0
    USAGE = 64
    UNEXPECTED = 70
    ALREADY_RUNNING = 75
    CONFIGURATION = 78
    INTERRUPTED = 130


class Refusal(Exception):
    """A start that we refuse, with the one line that says why and what is expected."""

    exit_code: ClassVar[ExitCode] = ExitCode.UNEXPECTED

    def __init__(self, sentence: str, /, **data: object) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.data = data

    def line(self, language: Language) -> str:
        """Return the refusal as one line of words."""
        if not knows(self.sentence):
            return " ".join(self.sentence.split())
        data = dict(self.data)
        expected = data.get("expected")
        if isinstance(expected, str) and knows(expected):
            data["expected"] = say(language, expected, **self.data)
        return " ".join(say(language, self.sentence, **data).split())

    def __str__(self) -> str:
        return self.line(Language.EN)


class UsageError(Refusal):
    """The command line asks for something that does not exist or contradicts itself."""

    exit_code = ExitCode.USAGE


class AlreadyRunning(Refusal):
    """Another process owns the data directory."""

    exit_code = ExitCode.ALREADY_RUNNING


class ConfigurationError(Refusal):
    """A file or a variable holds what we cannot work with."""

    exit_code = ExitCode.CONFIGURATION
