"""What can be registered on the stream, on which venue, and what each channel sends.

Source: the wire contract, section 5.5. NXT and unified channels exist on the real venue alone and tell the trades of
the one exchange that is played. The notices of foreign markets can be registered, and never come. A code that stands
in no row is no TR (OPSP8991).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from kis_daemon.domain.price_path import PathTick
from kis_daemon.simulator.board import Board
from kis_daemon.simulator.frames import trade_printer
from kis_daemon.simulator.frames_book import book_frame
from kis_daemon.simulator.profile import ProfileName, SimulatorSettings

Printer: TypeAlias = Callable[[Board, PathTick], str]


class ChannelKind(StrEnum):
    """What a channel tells."""

    TRADES = "TRADES"
    BOOK = "BOOK"
    EXPECTED = "EXPECTED"
    STATUS = "STATUS"
    INDEX = "INDEX"
    NOTICES = "NOTICES"
    FOREIGN_NOTICES = "FOREIGN_NOTICES"


OF_A_LOGIN = (ChannelKind.NOTICES, ChannelKind.FOREIGN_NOTICES)
"""Registered with the client's login id instead of a symbol."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One TR of the stream."""

    tr_id: str
    kind: ChannelKind
    venues: tuple[ProfileName, ...]


_BOTH: tuple[ProfileName, ...] = ("paper", "real")
_REAL: tuple[ProfileName, ...] = ("real",)
_KINDS = {
    "CNT0": ChannelKind.TRADES,
    "ASP0": ChannelKind.BOOK,
    "ANC0": ChannelKind.EXPECTED,
    "MKO0": ChannelKind.STATUS,
}

CHANNELS = {
    channel.tr_id: channel
    for channel in (
        Channel(tr_id="H0STCNT0", kind=ChannelKind.TRADES, venues=_BOTH),
        Channel(tr_id="H0STASP0", kind=ChannelKind.BOOK, venues=_BOTH),
        Channel(tr_id="H0STANC0", kind=ChannelKind.EXPECTED, venues=_REAL),
        Channel(tr_id="H0STMKO0", kind=ChannelKind.STATUS, venues=_REAL),
        Channel(tr_id="H0UPCNT0", kind=ChannelKind.INDEX, venues=_REAL),
        Channel(tr_id="H0STCNI0", kind=ChannelKind.NOTICES, venues=("real",)),
        Channel(tr_id="H0STCNI9", kind=ChannelKind.NOTICES, venues=("paper",)),
        Channel(tr_id="H0GSCNI0", kind=ChannelKind.FOREIGN_NOTICES, venues=("real",)),
        Channel(tr_id="H0GSCNI9", kind=ChannelKind.FOREIGN_NOTICES, venues=("paper",)),
        *(
            Channel(tr_id=f"{venue}{ending}", kind=kind, venues=_REAL)
            for venue in ("H0NX", "H0UN")
            for ending, kind in _KINDS.items()
        ),
    )
}
INDEX_CODES = ("0001", "1001", "2001")


def book_width(settings: SimulatorSettings) -> int | None:
    """Return the fields of a book on the Korea Exchange, None for what its day knows."""
    if settings.book_fields is not None or settings.reformed is None:
        return settings.book_fields
    return 63 if settings.reformed else 62


def channel_of(tr_id: str, venue: ProfileName) -> Channel | None:
    """Return the channel `tr_id` of `venue`, None where it has none."""
    channel = CHANNELS.get(tr_id)
    return channel if channel is not None and venue in channel.venues else None


def printer_of(channel: Channel, settings: SimulatorSettings) -> Printer | None:
    """Return what writes this channel's frame of a trade; None where a trade is not what it tells."""
    tr_id = channel.tr_id
    if channel.kind is ChannelKind.TRADES:
        return trade_printer(tr_id, reformed=settings.reformed, records=settings.records_per_frame)
    if channel.kind is ChannelKind.BOOK:
        width = book_width(settings)
        return lambda board, tick: book_frame(board, tick.volume, tr_id=tr_id, width=width)
    return None
