"""Which channels the stream shall carry, and how far each has come: a state without a socket. Pure but
for its state.

Rules of this room
    KIS allows 41 registrations a connection over all channels; we plan 1 notice and at most 40 symbols.
    The notice comes first, then symbols in the order of their importance; what is no longer wanted goes
    before something new is asked for, so that the limit is never met.
    A request is repeated when its reply stays out; after three the connection is not to be trusted.
    What KIS refused for good is not asked for again on this connection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from kis_daemon.kis.wire_frames import REGISTER, UNREGISTER

MAX_SYMBOLS = 40
_MAX_TRIES = 3
_GRAIN_S = 1e-4  # a loop may wake us this much early; waiting for the rest could be a wait of no time, for ever


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A TR and the key it is registered for: a symbol, or the login name for notices."""

    tr_id: str
    tr_key: str


class _State(Enum):
    ASKED = auto()
    ACTIVE = auto()
    LEAVING = auto()
    REFUSED = auto()


@dataclass(slots=True)
class _Registration:
    state: _State
    asked_at: float
    tries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The next thing to tell KIS."""

    tr_type: str
    channel: Channel


class RepliesStayOut(Exception):
    """KIS does not reply to registrations on this connection."""


class Registrations:
    """The channels of one connection."""

    def __init__(self, wanted: Sequence[Channel], reply_within_s: float) -> None:
        self._wanted = tuple(wanted)
        self._reply_within_s = reply_within_s
        self._known: dict[Channel, _Registration] = {}

    def want(self, wanted: Sequence[Channel]) -> None:
        """Replace what is wanted; refused channels that leave the list may be asked for again later."""
        self._wanted = tuple(wanted)
        for channel, registration in list(self._known.items()):
            if registration.state is _State.REFUSED and channel not in self._wanted:
                del self._known[channel]

    def next_request(self, now: float) -> Request | None:
        """Return what to tell KIS now and note it as told; `RepliesStayOut` after too many repeats."""
        for channel, registration in self._known.items():
            if channel not in self._wanted and registration.state in (_State.ASKED, _State.ACTIVE):
                return self._ask(channel, UNREGISTER, now)
            if registration.state is _State.LEAVING and self._is_overdue(registration, now):
                return self._ask(channel, UNREGISTER, now)
        for channel in self._wanted:
            known = self._known.get(channel)
            if known is None or (known.state is _State.ASKED and self._is_overdue(known, now)):
                return self._ask(channel, REGISTER, now)
        return None

    def next_repeat_at(self) -> float | None:
        """Return when the oldest request without a reply is to be repeated."""
        open_ = [known.asked_at for known in self._known.values() if known.state in (_State.ASKED, _State.LEAVING)]
        return min(open_) + self._reply_within_s if open_ else None

    def acknowledge(self, channel: Channel) -> bool:
        """Note that KIS carries this channel; True if that is news."""
        known = self._known.get(channel)
        if known is None or known.state is not _State.ASKED:
            return False
        known.state = _State.ACTIVE
        return True

    def removed(self, channel: Channel | None) -> None:
        """Note that KIS no longer carries this channel; None: the one that was asked to leave first."""
        for known, registration in self._known.items():
            if registration.state is _State.LEAVING and (channel is None or channel == known):
                del self._known[known]
                return

    def refuse(self, channel: Channel) -> None:
        """Note that KIS will not carry this channel."""
        known = self._known.get(channel)
        if known is not None:
            known.state = _State.REFUSED

    @property
    def active(self) -> tuple[Channel, ...]:
        """The acknowledged channels, in the order of their importance."""
        return tuple(
            channel
            for channel in self._wanted
            if (known := self._known.get(channel)) is not None and known.state is _State.ACTIVE
        )

    def is_decided(self, channel: Channel) -> bool:
        """Whether KIS has carried or refused this channel, or nobody wants it."""
        known = self._known.get(channel)
        if known is None:
            return channel not in self._wanted
        return known.state in (_State.ACTIVE, _State.REFUSED)

    @property
    def is_settled(self) -> bool:
        """Whether everything wanted is carried or refused, and nothing else is carried."""
        settled = (_State.ACTIVE, _State.REFUSED)
        return all(
            (known := self._known.get(channel)) is not None and known.state in settled for channel in self._wanted
        ) and all(channel in self._wanted for channel in self._known)

    def _is_overdue(self, registration: _Registration, now: float) -> bool:
        return now + _GRAIN_S >= registration.asked_at + self._reply_within_s

    def _ask(self, channel: Channel, tr_type: str, now: float) -> Request:
        state = _State.ASKED if tr_type == REGISTER else _State.LEAVING
        known = self._known.get(channel)
        repeats = known.tries if known is not None and known.state is state else 0
        if repeats >= _MAX_TRIES:
            raise RepliesStayOut
        self._known[channel] = _Registration(state=state, asked_at=now, tries=repeats + 1)
        return Request(tr_type=tr_type, channel=channel)
