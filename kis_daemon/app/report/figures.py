"""The figures of a report, as plain dicts in plotly's own words.

Rules of this room
    Up is red and down is blue, as on every Korean screen; a purchase is a green triangle up, a sale a dark one down.
    Text that came from outside (names, reasons) is escaped: plotly reads a little HTML.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from kis_daemon.app.backtest.metrics import drawdowns, exposure
from kis_daemon.app.backtest.result import BacktestTrade
from kis_daemon.app.report.subject import Subject, SymbolBars
from kis_daemon.app.report.words import Words, money, percent, reason_word
from kis_daemon.console.catalogue import Language
from kis_daemon.domain.market import Side

UP, DOWN = "#d24f45", "#1261c4"
_BOUGHT, _SOLD = "#0a8f3c", "#222222"
_OURS, _OTHERS, _FALL, _HELD = "#1b3a5c", "#b0812a", "#7a869a", "#5b8a72"
_FONT = "Pretendard, 'Noto Sans KR', 'Noto Sans CJK KR', 'Malgun Gothic', 'Apple SD Gothic Neo', sans-serif"
_DAY = "%{x|%Y-%m-%d}"


def account_figure(subject: Subject, words: Words) -> dict[str, Any]:
    """Return equity (and benchmark), drawdown and exposure under one another, on one axis of time."""
    result = subject.result
    days = [day.day.isoformat() for day in result.equity]
    worth = [result.start_cash, *(day.equity for day in result.equity)]
    traces = [_line(days, worth[1:], words("report.equity"), _OURS, f"{_DAY}<br>%{{y:,.0f}}")]
    if subject.benchmark is not None:
        closes = subject.benchmark.worth([day.day for day in result.equity], result.start_cash)[1:]
        name = escape(subject.benchmark.name)
        traces.append(_line(days, [round(value) for value in closes], name, _OTHERS, f"{_DAY}<br>%{{y:,.0f}}"))
    below = [-round(part, 6) for part in drawdowns(worth)][1:]
    held = [round(exposure(day), 6) for day in result.equity]
    part = f"{_DAY}<br>%{{y:.2%}}"
    traces.append(_line(days, below, words("report.drawdown"), _FALL, part) | {"yaxis": "y2", "fill": "tozeroy"})
    traces.append(_line(days, held, words("report.exposure"), _HELD, part) | {"yaxis": "y3", "fill": "tozeroy"})
    layout = _layout() | {
        "xaxis": _time() | {"anchor": "y3"},
        "yaxis": _axis(words("report.equity")) | {"domain": [0.48, 1.0], "tickformat": ",.0f"},
        "yaxis2": _axis(words("report.drawdown")) | {"domain": [0.24, 0.44], "tickformat": ".2~%"},
        "yaxis3": _axis(words("report.exposure")) | {"domain": [0.0, 0.2], "tickformat": ".2~%"},
        "showlegend": subject.benchmark is not None,
    }
    return {"data": traces, "layout": layout}


def symbol_figure(
    shown: SymbolBars, trades: Iterable[BacktestTrade], words: Words, language: Language
) -> dict[str, Any]:
    """Return the candles of one symbol with its purchases and sales on them."""
    bars = [bar for bar in shown.bars if bar.volume > 0]
    mine = [trade for trade in trades if trade.symbol == shown.symbol]
    candles = {
        "type": "candlestick",
        "name": escape(shown.name),
        "x": [bar.date.isoformat() for bar in bars],
        "open": [bar.open for bar in bars],
        "high": [bar.high for bar in bars],
        "low": [bar.low for bar in bars],
        "close": [bar.close for bar in bars],
        "increasing": {"line": {"color": UP, "width": 1}},
        "decreasing": {"line": {"color": DOWN, "width": 1}},
    }
    marks = [_marks([t for t in mine if t.side is side], side, words, language) for side in (Side.BUY, Side.SELL)]
    layout = _layout() | {
        "xaxis": _time() | {"rangeslider": {"visible": False}},
        "yaxis": _axis("") | {"tickformat": ",.0f"},
        "hovermode": "closest",
    }
    return {"data": [candles, *marks], "layout": layout}


def _marks(trades: Sequence[BacktestTrade], side: Side, words: Words, language: Language) -> dict[str, Any]:
    bought = side is Side.BUY
    return {
        "type": "scatter",
        "mode": "markers",
        "name": words(f"word.{side}"),
        "x": [trade.at.date().isoformat() for trade in trades],
        "y": [round(trade.price, 2) for trade in trades],
        "text": [_told(trade, words, language) for trade in trades],
        "hovertemplate": f"{_DAY}<br>%{{text}}<extra></extra>",
        "marker": {
            "symbol": "triangle-up" if bought else "triangle-down",
            "size": 11,
            "color": _BOUGHT if bought else _SOLD,
            "line": {"color": "#ffffff", "width": 1},
        },
    }


def _told(trade: BacktestTrade, words: Words, language: Language) -> str:
    lines = [
        f"{words(f'word.{trade.side}')} {trade.quantity:,} × {trade.price:,.0f}",
        f"{reason_word(words, trade.rule)}: {trade.reason}" if trade.reason else reason_word(words, trade.rule),
    ]
    if trade.side is Side.SELL:
        gained = trade.realized_pnl / max(trade.amount - trade.realized_pnl, 1)
        lines.append(f"{money(language, trade.realized_pnl, sign=True)} ({percent(gained, sign=True)})")
    return "<br>".join(escape(line) for line in lines)


def _line(days: list[str], values: Sequence[float], name: str, colour: str, hover: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": days,
        "y": list(values),
        "line": {"color": colour, "width": 1.6},
        "hovertemplate": f"{hover}<extra>{name}</extra>",
    }


def _layout() -> dict[str, Any]:
    return {
        "font": {"family": _FONT, "size": 12, "color": "#1f2933"},
        "margin": {"l": 112, "r": 16, "t": 16, "b": 36},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "#ffffff",
        "hovermode": "x unified",
        "legend": {"orientation": "h", "x": 0, "y": 1.06},
    }


def _time() -> dict[str, Any]:
    stops: list[dict[str, Any]] = [
        {"dtickrange": [None, "M1"], "value": "%m-%d"},
        {"dtickrange": ["M1", None], "value": "%Y-%m"},
    ]
    return {"type": "date", "tickformatstops": stops, "gridcolor": "#eef1f4", "hoverformat": "%Y-%m-%d"}


def _axis(title: str) -> dict[str, Any]:
    return {
        "title": {"text": title, "standoff": 14},
        "gridcolor": "#eef1f4",
        "zerolinecolor": "#cfd6dd",
        "automargin": True,
    }
