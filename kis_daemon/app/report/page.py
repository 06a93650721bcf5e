"""The page: everything in one file, for a browser without a network."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from kis_daemon import __version__
from kis_daemon.app.report.figures import account_figure, symbol_figure
from kis_daemon.app.report.page_parts import LOCALE_WORDS, POLICY, SCRIPT, STYLE
from kis_daemon.app.report.subject import Subject, SymbolBars
from kis_daemon.app.report.tables import Table, figures_table, months_table, reasons_table, symbols_table
from kis_daemon.app.report.words import percent, ratio, reason_word, words_in
from kis_daemon.console.catalogue import Language, say, stock

_ACCOUNT = "account"


def page(subject: Subject, language: Language, plotly_script: str) -> str:
    """Return the whole page; `plotly_script` is the library's own."""
    words = words_in(language)
    result = subject.result
    traded = {trade.symbol for trade in result.trades}
    drawn = [shown for shown in subject.symbols if shown.symbol in traded and shown.bars]
    figures = {_ACCOUNT: account_figure(subject, words)}
    figures |= {shown.symbol: symbol_figure(shown, result.trades, words, language) for shown in drawn}
    title = say(language, subject.title, rule=reason_word(words, result.rule), first=result.first, last=result.last)
    charts = [_section(escape(_named(shown)), _place(shown.symbol, "symbol"), level=3) for shown in drawn]
    body = [
        f"<header><h1>{escape(title)}</h1>{_told(subject, language)}</header>",
        _tiles(subject, language),
        _section(words("report.section.account"), _place(_ACCOUNT, "account")),
        _section(words("report.section.figures"), _table(figures_table(subject, words, language), "figures")),
        _section(words("report.section.months"), _table(months_table(result.metrics, words), "months")),
        _section(words("report.section.reasons"), _table(reasons_table(result.trades, words, language), "reasons")),
        _section(
            words("report.section.symbols"),
            _table(symbols_table(subject.symbols, result.trades, words, language), "symbols") + "".join(charts),
        ),
        _section(words("report.section.notes"), _notes(subject, language)),
        f"<footer>{escape(say(language, 'report.footer', version=__version__))}</footer>",
    ]
    return _DOCUMENT.format(
        language=language.value,
        policy=POLICY,
        title=escape(title),
        style=STYLE,
        body="\n".join(body),
        figures=_as_script(figures),
        locale=_as_script(_locale(language)),
        plotly=plotly_script,
        script=SCRIPT,
    )


_DOCUMENT = """<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
<script type="application/json" id="figures">{figures}</script>
<script type="application/json" id="locale">{locale}</script>
<script>{plotly}</script>
<script>{script}</script>
</body>
</html>
"""


def _told(subject: Subject, language: Language) -> str:
    result = subject.result
    run = say(
        language,
        "report.run",
        fills=say(language, f"report.fills.{subject.fills}"),
        symbols=len(result.symbols),
        cash=result.start_cash,
        bars=result.bars or None,
    )
    lines = [run]
    if result.bars_that_matter or subject.compared:
        lines.append(say(language, "report.matter", matter=result.bars_that_matter, bars=result.bars))
    if subject.params:
        lines.append(say(language, "report.params", params=", ".join(subject.params)))
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def _tiles(subject: Subject, language: Language) -> str:
    metrics = subject.result.metrics
    shown = {
        "total_return": percent(metrics.total_return, sign=True),
        "cagr": percent(metrics.cagr, sign=True),
        "max_drawdown": percent(-metrics.max_drawdown),
        "sharpe": ratio(metrics.sharpe),
        "win_rate": percent(metrics.win_rate),
        "trades": f"{metrics.trades:,}",
    }
    tiles = (
        f"<div><dt>{escape(say(language, f'report.metric.{name}'))}</dt><dd>{escape(value)}</dd></div>"
        for name, value in shown.items()
    )
    return f'<dl class="tiles">{"".join(tiles)}</dl>'


def _notes(subject: Subject, language: Language) -> str:
    said = (f"<li>{escape(say(language, note.key, **note.data))}</li>" for note in subject.notes)
    return f'<ul class="notes">{"".join(said)}</ul>'


def _named(shown: SymbolBars) -> str:
    return shown.symbol if shown.name == shown.symbol else stock(shown.symbol, shown.name)


def _section(title: str, inside: str, *, level: int = 2) -> str:
    return f"<section><h{level}>{title}</h{level}>{inside}</section>"


def _place(figure: str, kind: str) -> str:
    return f'<div class="figure {kind}" data-figure="{escape(figure)}"></div>'


def _table(table: Table, name: str) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table.head)
    rows = "".join("<tr>" + "".join(_cell(cell) for cell in row) + "</tr>" for row in table.rows)
    return f'<div class="wide"><table class="{name}"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _cell(text: str) -> str:
    is_signed = any(digit in "123456789" for digit in text)  # not "-", not "+0.00%"
    sign = {"+": " class='up'", "-": " class='down'"}.get(text[:1], "") if is_signed else ""
    return f"<td{sign}>{escape(text)}</td>"


def _as_script(value: Any) -> str:
    """Return JSON that no browser takes for the end of its script."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _locale(language: Language) -> dict[str, Any]:
    """Return plotly's own words in the reader's language; those of months it asks for by position."""
    months = [say(language, f"report.month.{number}") for number in range(1, 13)]
    return {
        "name": language.value,
        "dictionary": {said: say(language, key) for said, key in LOCALE_WORDS.items()},
        "format": {"months": months, "shortMonths": months, "date": "%Y-%m-%d"},
    }
