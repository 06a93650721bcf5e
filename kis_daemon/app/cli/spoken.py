"""Help in the operator's language for every click command.

A command writes keys of the catalogue where click wants help texts (`help="help.feed"`); they become words when the
help is shown, in the language that the root context carries as its `obj`. A text that is no key is shown as it is.
"""

from __future__ import annotations

from collections.abc import Iterable

import click

from kis_daemon.console.catalogue import Language, knows, say


class SpokenFormatter(click.HelpFormatter):
    """Says headings and help texts in one language."""

    language = Language.KO

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args, prefix or say(self.language, "help.usage"))

    def write_heading(self, heading: str) -> None:
        super().write_heading(self._said(heading))

    def write_text(self, text: str) -> None:
        super().write_text(self._said(text))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        said = []
        for term, text in rows:
            words, gap, extra = text.partition("  [")  # click appends "[default: …]"
            said.append((term, self._said(words) + gap + extra))
        super().write_dl(said, col_max, col_spacing)

    def _said(self, text: str) -> str:
        key = text if text.startswith("help.") else f"help.{text}"
        return say(self.language, key) if knows(key) else text


class SpokenContext(click.Context):
    """A context whose help is said in the language of the root context."""

    def make_formatter(self) -> click.HelpFormatter:
        language = self.find_root().obj
        formatter = SpokenFormatter(width=self.terminal_width, max_width=self.max_content_width)
        formatter.language = language if isinstance(language, Language) else Language.KO
        return formatter


def spoken(command: click.Command) -> click.Command:
    """Return `command`, it and everything under it with spoken help."""
    vars(command)["context_class"] = SpokenContext
    for child in getattr(command, "commands", {}).values():
        spoken(child)
    return command
