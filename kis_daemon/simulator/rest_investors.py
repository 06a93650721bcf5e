"""Who traded on the wire: inquire-investor by kinds of investors, inquire-member by brokers, and inquire-elw-price.

Source: the wire contract, section 4.0, and the official field tables of FHKST01010900, FHKST01010600 and FHKEW15010000.

Rules of this room
    Who trades here is invented: each share of the volume is bought by somebody and sold by somebody, in parts that are
    drawn from the symbol and the day, the same whenever they are asked for.
    The running day's investors are told after its close, as KIS does. Turnover is in millions of won.
    No equity-linked warrant is listed: each is an unknown symbol.
"""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from kis_daemon.domain.market import Symbol
from kis_daemon.simulator.fields import Fields
from kis_daemon.simulator.rest_days import DAILY_ROWS, MARKETS, bars_until_now, with_change
from kis_daemon.simulator.venue import Venue
from kis_daemon.simulator.wire import QUOTED, Body, Reply, direction, done, named, percent

_KINDS = ("prsn", "frgn", "orgn")
_MILLION = 1_000_000
_WHOLE = 1000
# (code, name, whether foreign)
_MEMBERS = (
    ("00003", "한국투자증권", "N"),
    ("00005", "미래에셋증권", "N"),
    ("00012", "NH투자증권", "N"),
    ("00017", "KB증권", "N"),
    ("00030", "삼성증권", "N"),
    ("00050", "키움증권", "N"),
    ("00036", "모간스탠리", "Y"),
    ("00045", "골드만삭스", "Y"),
)
_RANKS = 5
_UNKNOWN_WARRANT = (
    "elw_prpr prdy_vrss acml_vol unas_prpr unas_prdy_vrss bidp askp acml_tr_pbmn elw_oprc elw_hgpr elw_lwpr"
)


def investors(venue: Venue, fields: Fields) -> Reply:
    """Answer FHKST01010900: who bought and sold in the last 30 days, newest first."""
    fields.one_of("FID_COND_MRKT_DIV_CODE", MARKETS, "OPSQ2001")
    board, day = venue.board(fields.text("FID_INPUT_ISCD")), venue.exchange.day
    if board is None or day is None:
        return Reply(body=done(QUOTED, output=[]))
    reach = board.day - timedelta(days=2 * (DAILY_ROWS + 5))
    bars = bars_until_now(venue, board, reach, board.day, "D", adjusted=False)
    rows: list[Body] = []
    for bar, before, _ in with_change(venue, board, bars, DAILY_ROWS):
        change = bar.close - before
        row = {
            "stck_bsop_date": f"{bar.date:%Y%m%d}",
            "stck_clpr": str(bar.close),
            "prdy_vrss": str(change),
            "prdy_vrss_sign": str(direction(change)),
        }
        told = bar.date != board.day or venue.now() >= day.closes_at
        bought, sold = (_parts(board.symbol, bar.date, side, bar.volume, len(_KINDS)) for side in ("buy", "sell"))
        for kind, buys, sells in zip(_KINDS, bought, sold, strict=True):
            for name, shares in (("ntby", buys - sells), ("shnu", buys), ("seln", sells)):
                unit = "qty" if name == "ntby" else "vol"
                row[f"{kind}_{name}_{unit}"] = str(shares) if told else ""
                row[f"{kind}_{name}_tr_pbmn"] = str(shares * bar.close // _MILLION) if told else ""
        rows.append(row)
    return Reply(body=done(QUOTED, output=rows))


def members(venue: Venue, fields: Fields) -> Reply:
    """Answer FHKST01010600: the five brokers that sold, and that bought, most of today."""
    fields.one_of("FID_COND_MRKT_DIV_CODE", MARKETS, "OPSQ2001")
    board = venue.board(fields.text("FID_INPUT_ISCD"))
    if board is None:
        return Reply(body=done(QUOTED, output={}))
    shown: Body = {}
    foreign: dict[str, int] = {}
    for side in ("seln", "shnu"):
        parts = _parts(board.symbol, board.day, side, board.volume, len(_MEMBERS))
        ranked = sorted(zip(parts, _MEMBERS, strict=True), key=lambda pair: -pair[0])
        foreign[side] = sum(shares for shares, (_, _, is_foreign) in ranked if is_foreign == "Y")
        for rank, (shares, (code, name, is_foreign)) in enumerate(ranked[:_RANKS], 1):
            shown |= {
                f"{side}_mbcr_no{rank}": code,
                f"{side}_mbcr_name{rank}": name,
                f"total_{side}_qty{rank}": str(shares),
                f"{side}_mbcr_rlim{rank}": percent(shares, board.volume),
                f"{side}_qty_icdc{rank}": "0",
                f"{side}_mbcr_glob_yn_{rank}": is_foreign,
            }
        shown |= {
            f"glob_total_{side}_qty": str(foreign[side]),
            f"glob_{side}_rlim": percent(foreign[side], board.volume),
            f"glob_total_{side}_qty_icdc": "0",
        }
    shown["glob_ntby_qty"] = str(foreign["shnu"] - foreign["seln"])
    return Reply(body=done(QUOTED, output=shown))


def warrant_price(_venue: Venue, fields: Fields) -> Reply:
    """Answer FHKEW15010000: an unknown symbol, whatever is asked for."""
    fields.one_of("FID_COND_MRKT_DIV_CODE", ("W",), "OPSQ2001")
    fields.text("FID_INPUT_ISCD")
    texts = named("elw_shrn_iscd hts_kor_isnm prdy_vrss_sign prdy_ctrt unas_shrn_iscd unas_isnm", "")
    unknown = texts | named(_UNKNOWN_WARRANT, "0")
    return Reply(body=done(QUOTED, output=unknown, output1=unknown))  # the table says output1, the sample reads output


def _parts(symbol: Symbol, day: date, side: str, shares: int, count: int) -> list[int]:
    """Divide `shares` into `count` parts, the first taking what the division leaves."""
    chance = Random(f"{symbol}/{day:%Y%m%d}/{side}")
    weights = [chance.randrange(_WHOLE // 4, _WHOLE) for _ in range(count)]
    parts = [shares * weight // sum(weights) for weight in weights]
    parts[0] += shares - sum(parts)
    return parts
