"""Whom the daemon tells what has happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from kis_daemon.domain.events import Scalar


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something to tell a person: the name of the fact and its data; the words come from the catalogue.

    What is `private` is told to that person and stands in no log.
    """

    event: str
    severity: Severity
    at: datetime
    data: Mapping[str, Scalar] = field(default_factory=dict)
    private: Mapping[str, Scalar] = field(default_factory=dict, repr=False)


class Notifier(Protocol):
    def tell(self, alert: Alert) -> None:
        """Take the alert and return at once; delivery is the notifier's own affair and never stops trading."""
