"""Volatility interruptions on the wire: inquire-vi-status.

Source: the wire contract, section 4.2.10. Only those of the running day are known; the newest 30 are told.
"""

from __future__ import annotations

from kis_daemon.domain.market import Market
from kis_daemon.simulator.fields import Fields
from kis_daemon.simulator.interruptions import Interruption, InterruptionKind
from kis_daemon.simulator.venue import Venue
from kis_daemon.simulator.wire import QUOTED, Body, Reply, done, percent

VI_ROWS = 30
_DYNAMIC = (InterruptionKind.DYNAMIC, InterruptionKind.BOTH)


def vi_status(venue: Venue, fields: Fields) -> Reply:
    """Answer FHPST01390000: the interruptions of a day, newest first."""
    way = fields.one_of("FID_DIV_CLS_CODE", ("0", "1", "2"))
    fields.one_of("FID_COND_SCR_DIV_CODE", ("20139",))
    market = fields.one_of("FID_MRKT_CLS_CODE", ("0", "K", "Q"))
    symbol = fields.text("FID_INPUT_ISCD")
    kind = fields.one_of("FID_RANK_SORT_CLS_CODE", ("0", "1", "2", "3"))
    day = fields.day("FID_INPUT_DATE_1") if fields.text("FID_INPUT_DATE_1") else venue.now().date()
    for name in ("FID_TRGT_CLS_CODE", "FID_TRGT_EXLS_CLS_CODE"):
        fields.text(name)
    boards = venue.exchange.boards
    chosen = [
        record
        for record in venue.exchange.interruptions.records
        if record.begins_at.date() == day
        and symbol in ("", record.symbol)
        and kind in ("0", record.kind.value)
        and (way == "0" or (record.price >= record.reference) is (way == "1"))
        and (market == "0" or (boards[record.symbol].market is Market.KOSDAQ) is (market == "Q"))
    ]
    return Reply(body=done(QUOTED, output=[_row(venue, record) for record in chosen[-VI_ROWS:][::-1]]))


def _row(venue: Venue, record: Interruption) -> Body:
    running = venue.now() < record.ends_at
    dynamic = record.last_price if record.kind in _DYNAMIC else 0
    static = record.reference if record.kind is not InterruptionKind.DYNAMIC else 0
    return {
        "hts_kor_isnm": venue.exchange.boards[record.symbol].name,
        "mksc_shrn_iscd": record.symbol,
        "vi_cls_code": "Y" if running else "N",
        "bsop_date": f"{record.begins_at:%Y%m%d}",
        "cntg_vi_hour": f"{record.begins_at:%H%M%S}",
        "vi_cncl_hour": "000000" if running else f"{record.ends_at:%H%M%S}",
        "vi_kind_code": record.kind.value,
        "vi_prc": str(record.price),
        "vi_stnd_prc": str(static),
        "vi_dprt": percent(record.price - static, static),
        "vi_dmc_stnd_prc": str(dynamic),
        "vi_dmc_dprt": percent(record.price - dynamic, dynamic),
        "vi_count": str(record.count),
    }
