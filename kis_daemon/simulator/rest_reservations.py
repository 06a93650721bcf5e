"""Reservations on the wire: order-resv, order-resv-rvsecncl and order-resv-ccnl.

Source: the wire contract, section 4.3.8. The rules are told at the top of `reservations`.
"""

from __future__ import annotations

from datetime import date

from kis_daemon.domain.calendar import TradingDay
from kis_daemon.domain.market import Side, Symbol, Won, tick_size
from kis_daemon.simulator.board import Board
from kis_daemon.simulator.fields import Fields
from kis_daemon.simulator.requests import DIVISIONS, Refusal
from kis_daemon.simulator.reservations import LONGEST, Reservation, day_of, is_open
from kis_daemon.simulator.rest_ledger import side_code
from kis_daemon.simulator.rest_pages import page_of
from kis_daemon.simulator.venue import Venue
from kis_daemon.simulator.wire import Body, Failed, Reply, done, envelope, named, plain_symbol

ACCEPTED = ("APBK2938", "예약주문이 접수되었습니다.")
CHANGED = ("APBK2939", "예약주문이 정정/취소되었습니다.")
RESERVATION_ROWS = 20
_DIVISIONS = ("00", "01", "02", "05")
_CURSOR_CHARS = 200
_MODIFY_TR = "CTSC0013U"


def order_resv(venue: Venue, fields: Fields) -> Reply:
    """Answer CTSC0008U: take an order for the next business day, or for every one up to an end date."""
    now, calendar = venue.now(), venue.exchange.calendar
    asked = _asked(venue, fields)
    refused = asked if isinstance(asked, Refusal) else None if is_open(calendar, now) else Refusal.AFTER_HOURS
    if refused is not None or isinstance(asked, Refusal):
        return _refused(venue, refused or Refusal.AFTER_HOURS)
    board, side, division, quantity, price = asked
    first = day_of(calendar, now)
    last = fields.day("RSVN_ORD_END_DT") if fields.optional("RSVN_ORD_END_DT") else first
    if not first <= last <= first + LONGEST:
        raise Failed("OPSQ2003", "ERROR INVALID INPUT [RSVN_ORD_END_DT]")
    reservation = Reservation(
        number=venue.reservations.next_number,
        symbol=board.symbol,
        side=side,
        division=division,
        quantity=quantity,
        price=price,
        at=now,
        first_day=first,
        last_day=last,
    )
    venue.reservations.all.append(reservation)
    venue.publish(())
    return Reply(body=done(ACCEPTED, output={"RSVN_ORD_SEQ": str(reservation.number)}))


def _asked(venue: Venue, fields: Fields) -> tuple[Board, Side, str, int, Won] | Refusal:
    """Return what is to be ordered, or why it never could be; the limits are those of the day it is sent on."""
    side = Side.SELL if fields.one_of("SLL_BUY_DVSN_CD", ("01", "02")) == "01" else Side.BUY
    division = fields.one_of("ORD_DVSN_CD", _DIVISIONS)
    fields.one_of("ORD_OBJT_CBLC_DVSN_CD", ("10",))
    quantity, price = fields.whole("ORD_QTY"), fields.whole("ORD_UNPR")
    board = venue.board(plain_symbol(fields.text("PDNO")))
    if board is None:
        return Refusal.UNKNOWN_SYMBOL
    if quantity == 0:
        return Refusal.WRONG_QUANTITY
    if DIVISIONS[division].has_price and (price == 0 or price % tick_size(price, board.market, board.day)):
        return Refusal.OFF_TICK
    return board, side, division, quantity, price


def order_resv_change(venue: Venue, fields: Fields, tr_id: str) -> Reply:
    """Answer CTSC0009U (cancel) and CTSC0013U (modify): change a reservation that still waits."""
    now = venue.now()
    number = fields.whole("RSVN_ORD_SEQ")
    fields.optional("RSVN_ORD_ORGNO")
    if fields.optional("RSVN_ORD_ORD_DT"):
        fields.day("RSVN_ORD_ORD_DT")
    if not is_open(venue.exchange.calendar, now):
        return _refused(venue, Refusal.AFTER_HOURS)
    reservation = venue.reservations.find(number)
    if reservation is None or not reservation.can_change(now):
        return _refused(venue, Refusal.NOTHING_TO_CHANGE)
    if tr_id == _MODIFY_TR:
        asked = _asked(venue, fields)
        if isinstance(asked, Refusal):
            return _refused(venue, asked)
        board, reservation.side, reservation.division, reservation.quantity, reservation.price = asked
        reservation.symbol = board.symbol
    else:
        reservation.cancelled_at = now
    venue.publish(())
    return Reply(body=done(CHANGED, output={"NRML_PRCS_YN": "Y"}))


def _refused(venue: Venue, refusal: Refusal) -> Reply:
    return Reply(body=envelope(venue.profile.refused_rt, *venue.profile.refusals[refusal]))


def order_resv_ccnl(venue: Venue, fields: Fields) -> Reply:
    """Answer CTSC0004R: the reservations of some days with what became of them, newest first."""
    first, last = fields.day("RSVN_ORD_ORD_DT"), fields.day("RSVN_ORD_END_DT")
    number, symbol = fields.text("RSVN_ORD_SEQ"), plain_symbol(fields.text("PDNO"))
    done_or_not = fields.one_of("PRCS_DVSN_CD", ("0", "1", "2"))
    valid_only = fields.text("CNCL_YN") == "Y"
    side = fields.text("SLL_BUY_DVSN_CD")
    fields.text("TMNL_MDIA_KIND_CD")
    rows = [
        _row(venue, each)
        for each in reversed(venue.reservations.all)
        if first <= each.at.date() <= last
        and number in ("", str(each.number))
        and symbol in ("", each.symbol)
        and side in ("", "00", side_code(each.side))
        and (done_or_not == "0" or bool(each.sent or each.refused) is (done_or_not == "1"))
        and not (valid_only and each.cancelled_at is not None)
    ]
    key = "!^".join((venue.settings.account_no, venue.settings.product, f"{first:%Y%m%d}", f"{last:%Y%m%d}", ""))
    page = page_of(venue, rows, RESERVATION_ROWS, fields, key, chars=_CURSOR_CHARS)
    outcome = venue.profile.listed if rows else venue.profile.nothing_listed
    return Reply(body=done(outcome, **page.contexts, output=page.rows), tr_cont=page.tr_cont)


def _row(venue: Venue, each: Reservation) -> Body:
    board = venue.exchange.boards.get(each.symbol)
    cancelled, latest = each.cancelled_at, each.sent[-1] if each.sent else None
    result = "취소" if cancelled is not None else "거부" if each.refused else "처리" if each.sent else "미처리"
    return named("ctac_tlno loan_dt", "") | {
        "rsvn_ord_seq": str(each.number),
        "rsvn_ord_ord_dt": f"{each.first_day:%Y%m%d}",
        "rsvn_ord_rcit_dt": f"{each.at:%Y%m%d}",
        "pdno": each.symbol,
        "ord_dvsn_cd": each.division,
        "ord_rsvn_qty": str(each.quantity),
        "tot_ccld_qty": str(each.filled),
        "cncl_ord_dt": f"{cancelled:%Y%m%d}" if cancelled is not None else "",
        "ord_tmd": f"{latest.at:%H%M%S}" if latest is not None else "",
        "rjct_rson2": each.refused,
        "odno": f"{latest.number:010d}" if latest is not None else "",
        "rsvn_ord_rcit_tmd": f"{each.at:%H%M%S}",
        "kor_item_shtn_name": board.name if board is not None else "",
        "sll_buy_dvsn_cd": side_code(each.side),
        "ord_rsvn_unpr": str(each.price),
        "tot_ccld_amt": str(each.amount),
        "cncl_rcit_tmd": f"{cancelled:%H%M%S}" if cancelled is not None else "",
        "prcs_rslt": result,
        "ord_dvsn_name": DIVISIONS[each.division].name,
        "tmnl_mdia_kind_cd": "31",
        "rsvn_end_dt": "" if each.last_day == each.first_day else f"{each.last_day:%Y%m%d}",
    }


async def send_when_due(venue: Venue) -> None:
    """Send every reservation at the opening auction of its day; returns when none waits."""
    while True:
        day = venue.reservations.next_due(venue.exchange.calendar, venue.now())
        if day is None:
            return
        await venue.clock.sleep_until(day.opening_auction_at)
        send_due(venue, day)


def send_due(venue: Venue, day: TradingDay) -> None:
    """Make orders of the reservations of `day`; a refusal ends one."""
    for each in venue.reservations.all:
        if each.is_due(day.date):
            _send(venue, each, day.date)


def _send(venue: Venue, each: Reservation, day: date) -> None:
    placed = venue.exchange.submit(
        side=each.side,
        symbol=Symbol(each.symbol),
        division=each.division,
        quantity=each.quantity - each.filled,
        price=each.price,
        at=venue.now(),
    )
    if isinstance(placed, Refusal):
        each.refused = venue.profile.refusals[placed][1]
        venue.publish(())
        return
    each.sent.append(placed.request)
    assert placed.request.at.date() == day
    venue.publish(placed.events)
