"""The order counter: order-cash and order-rvsecncl.

Source: the wire contract, sections 4.3.1 and 4.3.2. The answer means "transmitted"; what becomes of the order
is told by the notices and the listing. A refusal is HTTP 200 with the profile's code.
"""

from __future__ import annotations

from kis_daemon.domain.market import Side, Symbol, Won
from kis_daemon.simulator.fields import Fields
from kis_daemon.simulator.requests import DIVISIONS, Placed, Refusal
from kis_daemon.simulator.venue import Venue
from kis_daemon.simulator.wire import Failed, Reply, done, envelope, plain_symbol

_SELL_TRS = ("TTTC0011U", "VTTC0011U", "TTTC0801U", "VTTC0801U")
MODIFY, CANCEL = "01", "02"


def order_cash(venue: Venue, fields: Fields, tr_id: str) -> Reply:
    """Answer a buy or a sale: the TR id says which."""
    side = Side.SELL if tr_id in _SELL_TRS else Side.BUY
    symbol, division = Symbol(plain_symbol(fields.text("PDNO"))), fields.text("ORD_DVSN")
    quantity, price = fields.whole("ORD_QTY"), fields.whole("ORD_UNPR")
    if side is Side.SELL and fields.optional("SLL_TYPE") not in ("", "01"):
        return _refused(venue, Refusal.WRONG_DIVISION)  # the account holds nothing that was lent
    placed = _wrong_venue(venue, fields) or venue.exchange.submit(
        side=side,
        symbol=symbol,
        division=division,
        quantity=quantity,
        price=price,
        at=venue.now(),
        trigger=_condition(fields, division),
    )
    return _answer(venue, fields, placed, venue.profile.sold if side is Side.SELL else venue.profile.bought)


def order_change(venue: Venue, fields: Fields) -> Reply:
    """Answer a modification or a cancellation of an order of today."""
    what = fields.one_of("RVSE_CNCL_DVSN_CD", (MODIFY, CANCEL))
    whole = fields.one_of("QTY_ALL_ORD_YN", ("Y", "N")) == "Y"
    number, division = fields.whole("ORGN_ODNO"), fields.text("ORD_DVSN")
    quantity, price = fields.whole("ORD_QTY"), fields.whole("ORD_UNPR")
    branch = fields.text("KRX_FWDG_ORD_ORGNO")
    asked = None if whole else quantity
    placed: Placed | Refusal
    if branch not in ("", venue.profile.branch):
        placed = Refusal.NOTHING_TO_CHANGE
    elif what == CANCEL:
        placed = _wrong_venue(venue, fields) or venue.exchange.cancel(number, asked, venue.now())
    else:
        placed = _wrong_venue(venue, fields) or venue.exchange.modify(
            number,
            division=division,
            quantity=asked,
            price=price,
            at=venue.now(),
            trigger=_condition(fields, division),
        )
    return _answer(venue, fields, placed, venue.profile.changed)


def _condition(fields: Fields, division: str) -> Won:
    """Return the price that wakes a stop, 0 where none is told; clients send the field empty with other types."""
    kind = DIVISIONS.get(division)
    if kind is None or not kind.has_trigger or not fields.optional("CNDT_PRIC"):
        return 0
    return fields.whole("CNDT_PRIC")


def _wrong_venue(venue: Venue, fields: Fields) -> Refusal | None:
    """Only the Korea Exchange is played; SOR is a road to it that paper does not know."""
    division, exchange = fields.text("ORD_DVSN"), fields.optional("EXCG_ID_DVSN_CD")
    if exchange not in ("", "KRX", "NXT", "SOR"):
        raise Failed("OPSQ2003", "ERROR INVALID INPUT [EXCG_ID_DVSN_CD]")
    takes = ("", "KRX") if venue.profile.name == "paper" else ("", "KRX", "SOR")
    return None if exchange in takes and division in DIVISIONS else Refusal.WRONG_DIVISION


def _refused(venue: Venue, refusal: Refusal) -> Reply:
    return Reply(body=envelope(venue.profile.refused_rt, *venue.profile.refusals[refusal]))


def _answer(venue: Venue, fields: Fields, placed: Placed | Refusal, outcome: tuple[str, str]) -> Reply:
    if isinstance(placed, Refusal):
        return _refused(venue, placed)
    profile, request = venue.profile, placed.request
    by_sor = fields.optional("EXCG_ID_DVSN_CD") == "SOR"
    if by_sor:
        venue.by_sor.add((request.at.date(), request.number))
    venue.publish(placed.events)
    output = {
        "KRX_FWDG_ORD_ORGNO": profile.branch,
        "ODNO": str(request.number) if venue.settings.short_order_numbers else f"{request.number:010d}",
        "ORD_TMD": f"{request.at:%H%M%S}",
    }
    if profile.name == "real":
        output["SOR_ODNO"] = ""
    return Reply(body=done(outcome, output=output))
