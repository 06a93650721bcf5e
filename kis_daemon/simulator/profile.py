"""The two faces of the broker: what the paper and the real venue call things, refuse, and let through.

Source: the wire contract, sections 3 (limits), 4.1 (TR ids), 4.3 (paging) and 4.5 (order failures). Where it
knows no code for a real refusal, one met in other people's logs stands here (APBK0506), or an invented
neighbour (APBK0501, APBK0507).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from kis_daemon.domain.market import Won
from kis_daemon.simulator.market_rules import MarketRules
from kis_daemon.simulator.requests import PAPER_RULES, REAL_RULES, HouseRules, Refusal

ProfileName = Literal["paper", "real"]

_PAPER_FAILED = "모의투자 주문처리가 안되었습니다"
_PAPER_REFUSALS = {
    Refusal.NOT_A_TRADING_DAY: ("40100000", "모의투자 영업일이 아닙니다."),
    Refusal.BEFORE_HOURS: ("40570000", "모의투자 장시작전 입니다."),
    Refusal.AFTER_HOURS: ("40580000", "모의투자 장종료 입니다."),
    Refusal.UNKNOWN_SYMBOL: ("40070000", f"{_PAPER_FAILED}(매매불가 종목)"),
    Refusal.BLOCKED: ("40070000", f"{_PAPER_FAILED}(매매불가 종목)"),
    Refusal.WRONG_DIVISION: ("40310000", f"{_PAPER_FAILED}(주문구분 오류)"),
    Refusal.WRONG_QUANTITY: ("40310000", f"{_PAPER_FAILED}(주문수량 오류)"),
    Refusal.OFF_TICK: ("40030000", f"{_PAPER_FAILED}(호가단위 오류)"),
    Refusal.BEYOND_LIMITS: ("40270000", "모의투자 상/하한가 오류"),
    Refusal.NOT_ENOUGH_CASH: ("40250000", "모의투자 주문가능금액이 부족합니다."),
    Refusal.NOT_ENOUGH_SHARES: ("40240000", "모의투자 잔고내역이 없습니다."),
    Refusal.NOTHING_TO_CHANGE: ("40330000", "모의투자 정정/취소할 수량이 없습니다"),
}
_REAL_REFUSALS = {
    Refusal.NOT_A_TRADING_DAY: ("APBK0919", "장운영일자가 주문일과 상이합니다"),
    Refusal.BEFORE_HOURS: ("APBK0918", "장운영시간이 아닙니다.(주문불가)"),
    Refusal.AFTER_HOURS: ("APBK0918", "장운영시간이 아닙니다.(주문불가)"),
    Refusal.UNKNOWN_SYMBOL: ("APBK0656", "해당종목정보가 없습니다"),
    Refusal.BLOCKED: ("APBK0634", "거래정지 종목입니다.(주문불가)"),
    Refusal.WRONG_DIVISION: ("APBK0963", "주문구분코드 오류 입니다."),
    Refusal.WRONG_QUANTITY: ("APBK0501", "주문수량 오류입니다."),
    Refusal.OFF_TICK: ("APBK0506", "주식주문호가단위 오류입니다."),
    Refusal.BEYOND_LIMITS: ("APBK0507", "주문단가가 상/하한가를 벗어났습니다."),
    Refusal.NOT_ENOUGH_CASH: ("APBK0952", "주문가능금액을 초과 했습니다"),
    Refusal.NOT_ENOUGH_SHARES: ("APBK0400", "주문 가능한 수량을 초과했습니다."),
    Refusal.NOTHING_TO_CHANGE: ("APBK0927", "정정취소 가능수량이 없습니다."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One venue: its limits, page sizes, codes and sentences."""

    name: ProfileName
    rules: HouseRules
    branch: str
    rate_limit_per_s: int
    balance_rows: int
    listing_rows: int
    notice_tr: str
    refused_rt: str
    refusals: dict[Refusal, tuple[str, str]]
    bought: tuple[str, str]
    sold: tuple[str, str]
    changed: tuple[str, str]
    listed: tuple[str, str]
    nothing_listed: tuple[str, str]
    wrong_account: tuple[str, str]


PROFILES: dict[ProfileName, Profile] = {
    "paper": Profile(
        name="paper",
        rules=PAPER_RULES,
        branch="00950",
        rate_limit_per_s=1,
        balance_rows=20,
        listing_rows=15,
        notice_tr="H0STCNI9",
        refused_rt="1",
        refusals=_PAPER_REFUSALS,
        bought=("40600000", "모의투자 매수주문이 완료 되었습니다."),
        sold=("40590000", "모의투자 매도주문이 완료 되었습니다."),
        changed=("40630000", "모의투자 정정/취소주문이 완료 되었습니다"),
        listed=("20310000", "모의투자 조회가 완료되었습니다."),
        nothing_listed=("70070000", "모의투자 조회할 내역(자료)이 없습니다."),
        wrong_account=("IGW00002", "입력하신 계좌번호를 확인하여 주십시오."),
    ),
    "real": Profile(
        name="real",
        rules=REAL_RULES,
        branch="03930",
        rate_limit_per_s=18,
        balance_rows=50,
        listing_rows=100,
        notice_tr="H0STCNI0",
        refused_rt="7",
        refusals=_REAL_REFUSALS,
        bought=("APBK0013", "주문 전송 완료 되었습니다."),
        sold=("APBK0013", "주문 전송 완료 되었습니다."),
        changed=("APBK0013", "주문 전송 완료 되었습니다."),
        listed=("KIOK0510", "조회가 완료되었습니다"),
        nothing_listed=("KIOK0560", "조회할 내용이 없습니다"),
        wrong_account=("OPSQ2000", "ERROR : INPUT INVALID_CHECK_ACNO"),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorSettings:
    """What a simulator is made with; keys and account are invented and open nothing outside of it.

    `rate` is only told on `/__sim/clock`. `rate_limit_per_s` None means the profile's own, 0 no limit.
    `latency_s` passes before each REST answer, `notice_delay_s` between an event and its notice.
    `reformed` switches what is in force since 2026-09-14 on or off, None is by the simulated day; `book_fields` and
    `notice_fields` None too: 23 is the layout before the second venue. A trade is printed as `records_per_frame`
    executions.
    A session that went without a word holds its key for `session_lingers_s` more; a wrong login id is answered, or
    closes the connection (`wrong_hts_id_closes`).
    The API was applied for on `applied_on`: a real account has three calls a second for its first three days.
    `refuses_changed_pages` answers a further page with an error when the rows have changed. `short_order_numbers` lets
    order answers give their number without zeros before it, as paper has been seen to do. `counts_excess_calls` lets a
    call that was refused for the limit count against the limit.
    `market` has the switches of the market itself.
    """

    profile: ProfileName = "paper"
    seed: int = 1
    start: date = date(2024, 1, 2)
    cash: Won = 100_000_000
    commission_ppb: int = 140_527
    ticks_per_day: int = 30
    rate_limit_per_s: int | None = None
    app_key: str = "PSsimulator000000000000000000000000A"
    app_secret: str = "simulator-" + "0" * 170
    account: str = "50123456-01"
    hts_id: str = "simuser1"
    account_name: str = "모의계좌"
    rate: float = 1.0
    latency_s: float = 0.02
    notice_delay_s: float = 0.03
    ping_interval_s: float = 20.0
    reformed: bool | None = None
    book_fields: Literal[59, 62, 63] | None = None
    notice_fields: Literal[23, 26] | None = None
    records_per_frame: int = 1
    session_lingers_s: float = 0.0
    wrong_hts_id_closes: bool = False
    applied_on: date | None = None
    refuses_changed_pages: bool = False
    short_order_numbers: bool = False
    counts_excess_calls: bool = False
    market: MarketRules = field(default_factory=MarketRules)

    @property
    def account_no(self) -> str:
        return self.account[:8]

    @property
    def product(self) -> str:
        return self.account[-2:]
