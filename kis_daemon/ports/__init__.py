"""The doors of the house: what the services ask of the world, and the errors that may come through.

time      dates, and chance
errors    the tree of what the broker may answer instead of a result
broker    the account: orders, what became of them, what is held
market    questions about symbols and days
stream    trades and notices as they come
operator  whom the daemon tells
records   what is written down
"""

from __future__ import annotations

from kis_daemon.ports.broker import (
    Accepted,
    AccountStatement,
    Broker,
    BrokerOrder,
    DayProfit,
    Holding,
    OrderListing,
    Permit,
    TradeProfit,
    UnreadableOrder,
    Withdrawn,
)
from kis_daemon.ports.errors import (
    REST_RATE_LIMIT_COOLDOWN,
    AccessRefused,
    BrokerError,
    BrokerUnreachable,
    Cooldown,
    InsufficientCash,
    ListingChanged,
    MarketClosed,
    NoAnswer,
    NoSlotInTime,
    NothingToCancel,
    NothingToSell,
    NotOnThisVenue,
    OrderRefused,
    ProtocolError,
    RateLimited,
    SymbolBlocked,
)
from kis_daemon.ports.market import (
    Chart,
    Level,
    MarketData,
    MarketDay,
    MarketResearch,
    MinuteBar,
    OrderBook,
    Ranked,
    Ranking,
    Snapshot,
    StockInfo,
)
from kis_daemon.ports.operator import Alert, Notifier, Severity
from kis_daemon.ports.records import (
    AccountFigures,
    DaySummary,
    OutcomeUnknown,
    Records,
    Rows,
    StaleVersion,
    StoreError,
    SymbolName,
    WriteRefused,
)
from kis_daemon.ports.stream import ExecutionNotice, FeedSink, FeedState, NoticeKind, QuoteFeed
from kis_daemon.ports.time import Clock, Entropy

__all__ = [
    "Accepted",
    "AccessRefused",
    "AccountFigures",
    "AccountStatement",
    "Alert",
    "Broker",
    "BrokerError",
    "BrokerOrder",
    "BrokerUnreachable",
    "Chart",
    "Clock",
    "Cooldown",
    "DayProfit",
    "DaySummary",
    "Entropy",
    "ExecutionNotice",
    "FeedSink",
    "FeedState",
    "Holding",
    "InsufficientCash",
    "Level",
    "ListingChanged",
    "MarketClosed",
    "MarketData",
    "MarketDay",
    "MarketResearch",
    "MinuteBar",
    "NoAnswer",
    "NoSlotInTime",
    "NotOnThisVenue",
    "NothingToCancel",
    "NothingToSell",
    "NoticeKind",
    "Notifier",
    "OrderBook",
    "OrderListing",
    "OrderRefused",
    "OutcomeUnknown",
    "Permit",
    "ProtocolError",
    "QuoteFeed",
    "REST_RATE_LIMIT_COOLDOWN",
    "Ranked",
    "Ranking",
    "RateLimited",
    "Records",
    "Rows",
    "Severity",
    "Snapshot",
    "StaleVersion",
    "StockInfo",
    "StoreError",
    "SymbolBlocked",
    "SymbolName",
    "TradeProfit",
    "UnreadableOrder",
    "Withdrawn",
    "WriteRefused",
]
