"""The cursors of paged listings."""

from __future__ import annotations

from datetime import date

import pytest

from kis_daemon.kis.capabilities import KisProfile, Purpose
from kis_daemon.kis.wire import Answer, Body, Question
from kis_daemon.kis.wire_errors import read_answer
from kis_daemon.kis.wire_listing import ask_orders
from kis_daemon.kis.wire_pages import Cursor, at_cursor, next_cursor
from kis_daemon.kis.wire_research import ask_days
from kis_daemon.ports import ProtocolError
from tests.kis.builders import CREDENTIALS

DAY = date(2026, 11, 18)
ORDERS = ask_orders(DAY, DAY, Purpose.ORDERS, CREDENTIALS, KisProfile.PAPER)


def test_the_next_page_is_asked_with_the_cursor_of_this_one_without_its_padding() -> None:
    fields = {"ctx_area_fk100": "50123456^01^   ", "ctx_area_nk100": "0000012345      "}

    cursor = next_cursor(ORDERS, Body(fields=fields, has_more=True))

    assert cursor == Cursor(fk="50123456^01^", nk="0000012345")
    after = at_cursor(ORDERS, cursor)
    assert after.continued
    assert dict(after.params)["CTX_AREA_NK100"] == "0000012345"
    assert len(after.params) == len(ORDERS.params)
    assert next_cursor(ORDERS, Body(fields=fields, has_more=False)) is None


@pytest.mark.parametrize("fields", [{}, {"ctx_area_nk100": "   "}, {"ctx_area_fk100": "50123456^01^"}])
def test_more_without_a_cursor_is_an_error_and_no_end(fields: dict[str, object]) -> None:
    with pytest.raises(ProtocolError):
        next_cursor(ORDERS, Body(fields=fields, has_more=True))


@pytest.mark.parametrize("suffix", ["100", "200", ""])
def test_a_cursor_is_found_under_the_name_its_question_has_for_it(suffix: str) -> None:
    question = Question(
        tr_id="X", path="/x", params=((f"CTX_AREA_NK{suffix}", ""), ("A", "1"), (f"CTX_AREA_FK{suffix}", ""))
    )
    body = Body(fields={f"ctx_area_fk{suffix}": "f", f"ctx_area_nk{suffix}": "n"}, has_more=True)

    cursor = next_cursor(question, body)

    assert cursor == Cursor(fk="f", nk="n")
    assert at_cursor(question, cursor).params == (
        (f"CTX_AREA_NK{suffix}", "n"),
        ("A", "1"),
        (f"CTX_AREA_FK{suffix}", "f"),
    )


def test_the_days_have_cursors_without_a_width() -> None:
    question = ask_days(DAY, KisProfile.REAL)
    body = Body(fields={"ctx_area_nk": "20261211  ", "ctx_area_fk": "20261118  "}, has_more=True)

    cursor = next_cursor(question, body)

    assert cursor == Cursor(fk="20261118", nk="20261211")
    assert dict(at_cursor(question, cursor).params) == {
        "BASS_DT": "20261118",
        "CTX_AREA_NK": "20261211",
        "CTX_AREA_FK": "20261118",
    }


@pytest.mark.parametrize(
    ("tr_cont", "has_more"),
    [("F", True), ("M", True), (" M ", True), ("m", True), ("D", False), ("E", False), ("", False), ("N", False)],
)
def test_more_follows_where_the_header_says_f_or_m(tr_cont: str, has_more: bool) -> None:
    assert read_answer(Answer(status=200, body=b'{"rt_cd":"0"}', tr_cont=tr_cont)).has_more is has_more


def test_an_answer_without_the_header_is_the_last_page() -> None:
    assert not read_answer(Answer(status=200, body=b'{"rt_cd":"0"}')).has_more
