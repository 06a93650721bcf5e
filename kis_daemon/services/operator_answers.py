"""What the operator's services answer: what was asked for and is so now, or why not.

Rules of this room
    A refusal is a result (`Declined`) with a constant code; the words an operator reads come from the catalogue.
    A confirmation code stands in `Activated` and nowhere else: whoever gets it shows it once and keeps it nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from kis_daemon.domain.exits import ExitReason
from kis_daemon.domain.market import Symbol, Won
from kis_daemon.domain.safeguards import KillSwitch


class Source(StrEnum):
    """By which way a person spoke."""

    COMMAND = "command"
    API = "api"
    TELEGRAM = "telegram"
    FILE = "file"


class DeclinedCode(StrEnum):
    """Why not; beside each the status that a desk which speaks HTTP answers with."""

    WORDS_MISSING = "words_missing"  # 400: no reason, or no name
    CODE_NEEDED = "code_needed"  # 400: neither confirmation code nor admin key was given
    CODE_UNKNOWN = "code_unknown"  # 409: no code was made for this activation; activate again, or use the admin key
    CODE_WRONG = "code_wrong"  # 403
    LOCKED_OUT = "locked_out"  # 429: too many wrong codes; `retry_after_s` says for how long
    KEY_UNKNOWN = "key_unknown"  # 409: no KILL_SWITCH_ADMIN_KEY is set
    KEY_WRONG = "key_wrong"  # 403; counts as a wrong code
    FILE_PRESENT = "file_present"  # 409: data/KILL_SWITCH is there; remove it first
    NOT_ACTIVE = "not_active"  # 409: there is nothing to release
    NOT_HELD = "not_held"  # 404: we hold nothing of that symbol
    KILL_SWITCH = "kill_switch"  # 403: the switch stops sales too; only a confirmed close-all passes it
    CONFIRMATION_NEEDED = "confirmation_needed"  # 409: a close-all that is to pass the switch needs its own yes
    STORE_AWAY = "store_away"  # 503: nothing was written


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """Nothing was changed (but a wrong code was counted), and why. `reason` is for the record, in English."""

    code: DeclinedCode
    reason: str
    retry_after_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchView:
    """The switch as it is, and what a release needs.

    `code_hash` is the beginning of the code's hash, "" where none was made. `first_release_by` is whoever asked for
    the release first, where two persons are needed.
    """

    switch: KillSwitch
    file_present: bool = False
    code_needed: bool = False
    code_hash: str = ""
    locked_until: datetime | None = None
    first_release_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Activated:
    """The switch is active. It never gets narrower by this: `view.switch.scope` may be wider than was asked for."""

    view: SwitchView
    confirmation_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """The switch is released; or, while two persons are needed, the first of them has asked (`is_complete` False)."""

    view: SwitchView
    is_complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseView:
    """Whether entries are paused; exits never are."""

    paused: bool
    reason: str = ""
    by: str = ""
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingView:
    """A position that an operator wants sold, until it is: `rule` is MANUAL_EXIT or KILL_SWITCH."""

    symbol: Symbol
    name: str
    quantity: int
    rule: ExitReason
    reason: str
    by: str
    asked_at: datetime
    has_live_order: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """What is being sold by an operator's word; empty where nothing was held. A close-all pauses entries too."""

    positions: tuple[ClosingView, ...]
    pause: PauseView


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionView:
    """A position as an operator reads it. `price` and `open_pnl` are None before the day's first price.

    `locked` is why nothing of it is sold by itself, "" where it is; `closing` is an operator's exit under way.
    """

    symbol: Symbol
    name: str
    quantity: int
    average_price: float
    cost: Won
    price: Won | None
    open_pnl: Won | None
    stop: Won
    target: Won
    highest: Won
    trailing_armed: bool
    entry_day: date
    opened_at: datetime
    locked: str = ""
    closing: ClosingView | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionsView:
    """What we hold, by symbol; `external` are shares in the account that are not ours."""

    own: tuple[PositionView, ...]
    external: dict[Symbol, int] = field(default_factory=dict)
