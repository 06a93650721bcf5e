"""Every REST service by its TR id: method, path, venues, and who answers.

Source: the wire contract, sections 4.0 and 4.1; the ids that it leaves out are those of KIS's own field tables. The ids
from before the second venue are taken beside the new ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from kis_daemon.simulator.fields import Fields
from kis_daemon.simulator.rest_assets import account_balance, intgr_margin, period_rights
from kis_daemon.simulator.rest_book import asking_price, exp_closing_price
from kis_daemon.simulator.rest_calendar import chk_holiday, market_time
from kis_daemon.simulator.rest_days import daily_chart, daily_price
from kis_daemon.simulator.rest_index import index_chart, index_price
from kis_daemon.simulator.rest_info import dividends, product_info, splits, stock_info
from kis_daemon.simulator.rest_investors import investors, members, warrant_price
from kis_daemon.simulator.rest_ledger import balance, psbl_order, psbl_sell
from kis_daemon.simulator.rest_listing import daily_ccld, psbl_rvsecncl
from kis_daemon.simulator.rest_overseas import (
    foreign_balance,
    foreign_orders,
    foreign_price,
    foreign_profit,
    present_balance,
)
from kis_daemon.simulator.rest_overtime import overtime_days, overtime_trades
from kis_daemon.simulator.rest_price import inquire_price, inquire_price_2
from kis_daemon.simulator.rest_profit import balance_with_profit, period_profit, period_trade_profit
from kis_daemon.simulator.rest_rank import market_cap, multi_price, volume_rank
from kis_daemon.simulator.rest_reservations import order_resv, order_resv_ccnl, order_resv_change
from kis_daemon.simulator.rest_ticks import inquire_ccnl, minutes_of_a_day, minutes_today, trades_at
from kis_daemon.simulator.rest_trading import order_cash, order_change
from kis_daemon.simulator.rest_vi import vi_status
from kis_daemon.simulator.venue import Venue
from kis_daemon.simulator.wire import Reply

Answer: TypeAlias = Callable[[Venue, Fields, str], Reply]
_Simple: TypeAlias = Callable[[Venue, Fields], Reply]

_PREFIX = "/uapi/domestic-stock/v1"
_OVERSEAS = "/uapi/overseas-stock/v1"
_OVERSEAS_PRICES = "/uapi/overseas-price/v1/quotations/price"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One TR: its method and path, whether the paper venue has it, whether it names an account, and who answers."""

    method: str
    path: str
    on_paper: bool
    on_real: bool
    of_account: bool
    answer: Answer


def _simple(answer: _Simple) -> Answer:
    return lambda venue, fields, _tr_id: answer(venue, fields)


def _quotations(table: dict[str, Service]) -> None:
    """Enter what is asked without an account: the first group on both venues, the second on the real one alone."""
    both: tuple[tuple[str, str, _Simple], ...] = (
        ("FHKST01010100", "/quotations/inquire-price", inquire_price),
        ("FHKST01010200", "/quotations/inquire-asking-price-exp-ccn", asking_price),
        ("FHKST01010300", "/quotations/inquire-ccnl", inquire_ccnl),
        ("FHKST01010400", "/quotations/inquire-daily-price", daily_price),
        ("FHKST03010100", "/quotations/inquire-daily-itemchartprice", daily_chart),
        ("FHKST03010200", "/quotations/inquire-time-itemchartprice", minutes_today),
        ("FHKUP03500100", "/quotations/inquire-daily-indexchartprice", index_chart),
        ("FHPST01060000", "/quotations/inquire-time-itemconclusion", trades_at),
        ("FHPST02310000", "/quotations/inquire-time-overtimeconclusion", overtime_trades),
        ("FHPST02320000", "/quotations/inquire-daily-overtimeprice", overtime_days),
        ("FHKST01010900", "/quotations/inquire-investor", investors),
        ("FHKST01010600", "/quotations/inquire-member", members),
        ("FHKEW15010000", "/quotations/inquire-elw-price", warrant_price),
    )
    real: tuple[tuple[str, str, _Simple], ...] = (
        ("FHPST01010000", "/quotations/inquire-price-2", inquire_price_2),
        ("FHKST03010230", "/quotations/inquire-time-dailychartprice", minutes_of_a_day),
        ("FHPUP02100000", "/quotations/inquire-index-price", index_price),
        ("FHPST01390000", "/quotations/inquire-vi-status", vi_status),
        ("FHPST01710000", "/quotations/volume-rank", volume_rank),
        ("FHPST01740000", "/ranking/market-cap", market_cap),
        ("FHKST11300006", "/quotations/intstock-multprice", multi_price),
        ("CTPF1002R", "/quotations/search-stock-info", stock_info),
        ("CTPF1604R", "/quotations/search-info", product_info),
        ("CTCA0903R", "/quotations/chk-holiday", chk_holiday),
        ("HHMCM000002C0", "/quotations/market-time", market_time),
        ("FHKST117300C0", "/quotations/exp-closing-price", exp_closing_price),
        ("HHKDB669102C0", "/ksdinfo/dividend", dividends),
        ("HHKDB669105C0", "/ksdinfo/rev-split", splits),
    )
    for rows, on_paper in ((both, True), (real, False)):
        for tr_id, path, answer in rows:
            table[tr_id] = Service(
                method="GET",
                path=_PREFIX + path,
                on_paper=on_paper,
                on_real=True,
                of_account=False,
                answer=_simple(answer),
            )


def _trading(table: dict[str, Service]) -> None:
    """Enter what concerns the account; paper's ids begin with V, and it lacks the second group."""
    both: tuple[tuple[str, str, str, Answer], ...] = (
        ("POST", "TTTC0012U TTTC0011U TTTC0802U TTTC0801U", "order-cash", order_cash),
        ("POST", "TTTC0013U TTTC0803U", "order-rvsecncl", _simple(order_change)),
        ("GET", "TTTC8908R", "inquire-psbl-order", _simple(psbl_order)),
        ("GET", "TTTC8434R", "inquire-balance", _simple(balance)),
        ("GET", "TTTC0081R TTTC8001R CTSC9215R CTSC9115R", "inquire-daily-ccld", daily_ccld),
    )
    real: tuple[tuple[str, str, str, Answer], ...] = (
        ("GET", "TTTC0084R TTTC8036R", "inquire-psbl-rvsecncl", _simple(psbl_rvsecncl)),
        ("GET", "TTTC8408R", "inquire-psbl-sell", _simple(psbl_sell)),
        ("GET", "TTTC8494R", "inquire-balance-rlz-pl", _simple(balance_with_profit)),
        ("GET", "TTTC8715R", "inquire-period-trade-profit", _simple(period_trade_profit)),
        ("GET", "TTTC8708R", "inquire-period-profit", _simple(period_profit)),
        ("GET", "CTRP6548R", "inquire-account-balance", _simple(account_balance)),
        ("GET", "TTTC0869R", "intgr-margin", _simple(intgr_margin)),
        ("POST", "CTSC0008U", "order-resv", _simple(order_resv)),
        ("POST", "CTSC0009U CTSC0013U", "order-resv-rvsecncl", order_resv_change),
        ("GET", "CTSC0004R", "order-resv-ccnl", _simple(order_resv_ccnl)),
        ("GET", "CTRGA011R", "period-rights", _simple(period_rights)),
    )
    for rows, has_paper in ((both, True), (real, False)):
        for method, ids, path, answer in rows:
            _account_service(table, method, ids, f"{_PREFIX}/trading/{path}", answer, has_paper=has_paper)


def _overseas(table: dict[str, Service]) -> None:
    """Enter the foreign side, which is empty."""
    rows: tuple[tuple[str, str, _Simple, bool], ...] = (
        ("CTRP6504R", "inquire-present-balance", present_balance, True),
        ("TTTS3012R", "inquire-balance", foreign_balance, True),
        ("TTTS3018R", "inquire-nccs", foreign_orders, True),
        ("TTTS3035R", "inquire-ccnl", foreign_orders, True),
        ("TTTS3039R", "inquire-period-profit", foreign_profit, False),
    )
    for tr_id, path, answer, has_paper in rows:
        _account_service(table, "GET", tr_id, f"{_OVERSEAS}/trading/{path}", _simple(answer), has_paper=has_paper)
    table["HHDFS00000300"] = Service(
        method="GET",
        path=_OVERSEAS_PRICES,
        on_paper=True,
        on_real=True,
        of_account=False,
        answer=_simple(foreign_price),
    )


def _account_service(
    table: dict[str, Service], method: str, ids: str, path: str, answer: Answer, *, has_paper: bool
) -> None:
    for tr_id in ids.split():
        for name, on_paper in ((tr_id, False), *(((f"V{tr_id[1:]}", True),) if has_paper else ())):
            table[name] = Service(
                method=method, path=path, on_paper=on_paper, on_real=not on_paper, of_account=True, answer=answer
            )


def _services() -> dict[str, Service]:
    table: dict[str, Service] = {}
    _quotations(table)
    _trading(table)
    _overseas(table)
    return table


SERVICES = _services()
PATHS = tuple(dict.fromkeys(service.path for service in SERVICES.values()))
