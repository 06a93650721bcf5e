"""Which channels one connection carries, and how far each has come: a state without a socket. Pure but for its state.

Rules of this room
    KIS allows 41 registrations a connection over all channels. What is wanted enters first while there is room, what
    is no longer wanted leaves; where there is no room, leaving comes first and is waited for.
    A request is repeated when its reply stays out; after three the connection is not to be trusted. One that KIS
    could not carry out is repeated ever more slowly: the connection lives.
    What KIS refused for good is not asked for again on this connection.
    Where KIS counts more registrations than we do (OPSP0008), everything that ever left is told to leave once more;
    if that does not help, we make do with what KIS carries, and the least important goes without.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from kis_daemon.kis.wire_frames import REGISTER, UNREGISTER

MAX_REGISTRATIONS = 41
_MAX_TRIES = 3
_LONGEST_WAIT_S = 300.0
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
    """`due_at`: when it is to be asked again, if nothing is heard until then."""

    state: _State
    due_at: float
    tries: int = 0
    failures: int = 0


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
        self._left: dict[Channel, None] = {}
        self._limit = MAX_REGISTRATIONS
        self._is_resyncing = False

    def want(self, wanted: Sequence[Channel]) -> None:
        """Replace what is wanted; refused channels that leave the list may be asked for again later."""
        self._wanted = tuple(wanted)
        for channel, registration in list(self._known.items()):
            if registration.state is _State.REFUSED and channel not in self._wanted:
                del self._known[channel]

    def next_request(self, now: float) -> Request | None:
        """Return what to tell KIS now and note it as told; `RepliesStayOut` after too many repeats."""
        wanted = self._wanted[: self._limit]
        if (entering := self._entering(wanted, now)) is not None:
            return self._ask(entering, REGISTER, now)
        for channel, known in self._known.items():
            leaves = channel not in wanted and known.state in (_State.ASKED, _State.ACTIVE)
            if leaves or (known.state is _State.LEAVING and self._is_due(known, now)):
                return self._ask(channel, UNREGISTER, now)
        return None

    def _entering(self, wanted: Sequence[Channel], now: float) -> Channel | None:
        states = [known.state for known in self._known.values()]
        self._is_resyncing = self._is_resyncing and _State.LEAVING in states
        has_room = len(states) - states.count(_State.REFUSED) < self._limit and not self._is_resyncing
        for channel in wanted:
            known = self._known.get(channel)
            if (known is None and has_room) or (
                known is not None and known.state is _State.ASKED and self._is_due(known, now)
            ):
                return channel
        return None

    def next_repeat_at(self) -> float | None:
        """Return when the oldest request without a reply is to be repeated."""
        due = [known.due_at for known in self._known.values() if known.state in (_State.ASKED, _State.LEAVING)]
        return min(due, default=None)

    def acknowledge(self, channel: Channel) -> bool:
        """Note that KIS carries this channel; True if that is news."""
        known = self._known.get(channel)
        if known is None or known.state is not _State.ASKED:
            return False
        known.state = _State.ACTIVE
        self._left.pop(channel, None)
        return True

    def removed(self, channel: Channel | None) -> Channel | None:
        """Note, and return, what KIS no longer carries; None: the one that was asked to leave first."""
        for known, registration in self._known.items():
            if registration.state is _State.LEAVING and (channel is None or channel == known):
                del self._known[known]
                self._left[known] = None
                return known
        return None

    def refuse(self, channel: Channel) -> None:
        """Note that KIS will not carry this channel."""
        known = self._known.get(channel)
        if known is not None:
            known.state = _State.REFUSED

    def fail(self, channel: Channel, now: float) -> None:
        """Note that KIS could not do what it was asked for this channel, this time."""
        known = self._known.get(channel)
        if known is not None and known.state in (_State.ASKED, _State.LEAVING):
            known.tries, known.failures = 0, known.failures + 1
            known.due_at = now + min(self._reply_within_s * 2.0 ** min(known.failures - 1, 9), _LONGEST_WAIT_S)

    def over_limit(self, channel: Channel) -> None:
        """Note that KIS carries as many channels as it can, and this one is not among them."""
        self._known.pop(channel, None)
        if self._left:
            self._is_resyncing = True
            for gone in self._left:
                self._known.setdefault(gone, _Registration(_State.LEAVING, due_at=0.0))
            self._left = {}
        else:
            self._limit = max(sum(known.state is not _State.REFUSED for known in self._known.values()), 1)

    @property
    def active(self) -> tuple[Channel, ...]:
        """The acknowledged channels, in the order of their importance."""
        return tuple(
            channel
            for channel in self._wanted
            if (known := self._known.get(channel)) is not None and known.state is _State.ACTIVE
        )

    def is_decided(self, channel: Channel) -> bool:
        """Whether KIS has carried, refused or failed this channel, or nobody wants it."""
        known = self._known.get(channel)
        if known is None:
            return channel not in self._wanted[: self._limit]
        return known.state in (_State.ACTIVE, _State.REFUSED) or known.failures > 0

    @property
    def has_begun(self) -> bool:
        """Whether the most important channel is decided: the other side speaks with us."""
        return not self._wanted or self.is_decided(self._wanted[0])

    @property
    def is_settled(self) -> bool:
        """Whether everything wanted is decided, and nothing else is carried."""
        wanted = self._wanted[: self._limit]
        return all(map(self.is_decided, wanted)) and all(
            known.state is _State.REFUSED or channel in wanted for channel, known in self._known.items()
        )

    def _is_due(self, registration: _Registration, now: float) -> bool:
        return now + _GRAIN_S >= registration.due_at

    def _ask(self, channel: Channel, tr_type: str, now: float) -> Request:
        state = _State.ASKED if tr_type == REGISTER else _State.LEAVING
        known = self._known.get(channel)
        if known is None or known.state is not state:
            self._known.pop(channel, None)  # the order of the known is that of the asking
            known = self._known[channel] = _Registration(state, due_at=0.0)
        if known.tries >= _MAX_TRIES:
            raise RepliesStayOut
        known.tries += 1
        known.due_at = now + self._reply_within_s
        return Request(tr_type=tr_type, channel=channel)
