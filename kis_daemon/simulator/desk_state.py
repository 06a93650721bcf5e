"""What the counter itself has to remember on disk: the reservations, and which orders came in by the road `SOR`.

Rules of this room
    The orders that a reservation became are those of the exchange, found again by day and number. Where a file does not
    name them, or names orders of days that are forgotten, they were not.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import date, datetime
from typing import Any

from kis_daemon.domain.calendar import KST
from kis_daemon.domain.market import Side, Symbol
from kis_daemon.simulator.requests import Request
from kis_daemon.simulator.reservations import Reservation
from kis_daemon.simulator.venue import Venue


def desk_of(venue: Venue) -> dict[str, Any]:
    """Return what is to be saved, in what JSON can hold."""
    known = venue.exchange.orders.days
    return {
        "reservations": [_plain(each) for each in venue.reservations.all],
        "by_sor": sorted([day.isoformat(), number] for day, number in venue.by_sor if day in known),
    }


def take_back_desk(venue: Venue, state: dict[str, Any]) -> None:
    """Give the counter back what it knew; after the orders of the exchange."""
    saved = state.get("desk")
    if saved is None:
        return
    venue.by_sor.update((date.fromisoformat(day), number) for day, number in saved["by_sor"])
    venue.reservations.all[:] = [_reservation(venue, row) for row in saved["reservations"]]


def _plain(each: Reservation) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for field in fields(each):
        value = getattr(each, field.name)
        row[field.name] = value.isoformat() if isinstance(value, date) else value
    return row | {"sent": [[request.at.date().isoformat(), request.number] for request in each.sent]}


def _reservation(venue: Venue, row: dict[str, Any]) -> Reservation:
    cancelled_at = row["cancelled_at"]
    return Reservation(
        **{
            **row,
            "symbol": Symbol(row["symbol"]),
            "side": Side(row["side"]),
            "at": _moment(row["at"]),
            "first_day": date.fromisoformat(row["first_day"]),
            "last_day": date.fromisoformat(row["last_day"]),
            "cancelled_at": None if cancelled_at is None else _moment(cancelled_at),
            "sent": [request for day, number in row["sent"] for request in _found(venue, day, number)],
        }
    )


def _found(venue: Venue, day: str, number: int) -> list[Request]:
    request = venue.exchange.orders.days.get(date.fromisoformat(day), {}).get(number)
    return [] if request is None else [request]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(KST)
