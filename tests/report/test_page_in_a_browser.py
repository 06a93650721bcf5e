"""A report as a person opens it: charts with points, no complaint, and nothing asked of anybody."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kis_daemon.app.report.folder import ReportFolder
from kis_daemon.app.report.subject import Subject
from kis_daemon.console.catalogue import Language
from tests.browser import Visit, browsing
from tests.report.samples import a_subject

pytestmark = pytest.mark.browser

_POINTS = """place => ({
    lines: [...place.querySelectorAll('.scatterlayer path.js-line')].map(
        path => path.getAttribute('d').split(/[LHV]/).length),
    candles: place.querySelectorAll('.boxlayer path.box').length,
    marks: place.querySelectorAll('.points path.point').length,
})"""


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return a_subject(tmp_path_factory.mktemp("bars"))


@pytest.fixture
def visit(subject: Subject, tmp_path: Path) -> Iterator[Visit]:
    with browsing() as visit:
        html = ReportFolder.opened(tmp_path).write(subject, Language.KO)
        visit.page.goto(html.as_uri())
        visit.page.wait_for_selector(".figure.account .main-svg")
        yield visit


def test_every_chart_is_drawn_with_all_its_points_and_nobody_is_asked(visit: Visit, subject: Subject) -> None:
    page = visit.page
    places = page.query_selector_all(".figure.symbol")
    for place in places:
        place.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelectorAll('.figure:not([data-drawn])').length === 0")
    page.wait_for_function(
        "[...document.querySelectorAll('.figure.symbol')].every(place => place.querySelector('.points path.point'))"
    )

    account = page.query_selector(".figure.account").evaluate(_POINTS)
    drawn = [place.evaluate(_POINTS) for place in places]
    traded = {trade.symbol for trade in subject.result.trades}
    bars = {shown.symbol: sum(bar.volume > 0 for bar in shown.bars) for shown in subject.symbols}
    assert len(account["lines"]) == 4  # equity, benchmark, drawdown, exposure
    assert min(account["lines"]) > 20  # a straight stretch is one point
    assert sorted(chart["candles"] for chart in drawn) == sorted(bars[symbol] for symbol in traded)
    assert sum(chart["marks"] for chart in drawn) == len(subject.result.trades)
    assert visit.said == []
    assert [url for url in visit.asked if not url.startswith(("file:", "blob:", "data:"))] == []
    assert len([url for url in visit.asked if url.startswith("file:")]) == 1


def test_a_chart_far_below_waits_until_it_is_near(visit: Visit) -> None:
    waiting = visit.page.query_selector_all(".figure.symbol:not([data-drawn])")

    assert len(waiting) > 0

    waiting[-1].scroll_into_view_if_needed()
    visit.page.wait_for_function("place => place.dataset.drawn === '1'", arg=waiting[-1])


def test_what_a_trade_was_is_told_under_the_mouse(visit: Visit) -> None:
    page = visit.page
    place = page.query_selector(".figure.symbol")
    place.scroll_into_view_if_needed()
    page.wait_for_function("place => place.querySelector('.points path.point')", arg=place)

    said = place.evaluate(
        "place => { Plotly.Fx.hover(place, [{curveNumber: 1, pointNumber: 0}]);"
        " return place.querySelector('.hoverlayer').textContent; }"
    )

    assert "매수" in said
    assert "종가 돌파" in said
    assert "highest close" in said


def test_the_page_may_not_ask_anybody_even_if_it_wanted_to(visit: Visit) -> None:
    answer = visit.page.evaluate("fetch('file:///etc/hostname').then(() => 'answered', () => 'refused')")

    assert answer == "refused"
    assert any("Content Security Policy" in line for line in visit.said)
