"""Minute bars on the wire."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path

import pytest

from kis_daemon.domain.calendar import KST
from kis_daemon.domain.market import Symbol
from kis_daemon.kis.capabilities import KisProfile
from kis_daemon.kis.wire import Answer, Body
from kis_daemon.kis.wire_errors import read_answer
from kis_daemon.kis.wire_minutes import ask_minutes, read_minutes
from kis_daemon.ports import MinuteBar, NotOnThisVenue, ProtocolError
from tests.kis.bodies import minute_row
from tests.kis.builders import KAKAO, TODAY, payload

DAY = TODAY.date()
YESTERDAY = date(2026, 11, 17)


def minutes(*rows: dict[str, str]) -> Body:
    return Body(fields={"output2": [*rows]})


def test_today_and_a_past_day_stand_behind_two_tr_ids_and_paper_has_only_today() -> None:
    today = ask_minutes(KAKAO, DAY, time(11, 20), DAY, KisProfile.PAPER)
    past = ask_minutes(KAKAO, YESTERDAY, time(20, 0), DAY, KisProfile.REAL)

    assert today.tr_id == "FHKST03010200"
    assert (dict(today.params)["FID_INPUT_HOUR_1"], dict(today.params)["FID_ETC_CLS_CODE"]) == ("112000", "")
    assert past.tr_id == "FHKST03010230"
    assert (dict(past.params)["FID_INPUT_DATE_1"], dict(past.params)["FID_INPUT_HOUR_1"]) == ("20261117", "200000")
    with pytest.raises(NotOnThisVenue):
        ask_minutes(KAKAO, YESTERDAY, time(20, 0), DAY, KisProfile.PAPER)


def test_the_official_minutes_are_read(shared_data: Path) -> None:
    body = read_answer(Answer(status=200, body=payload(shared_data, "off_inquire-time-dailychartprice.json")))

    read = read_minutes(body, Symbol("005930"), date(2024, 11, 8), None)

    assert [bar.at.time() for bar in read] == [time(14, 0), time(13, 59), time(12, 1)]
    assert read[1] == MinuteBar(
        at=datetime(2024, 11, 8, 13, 59, tzinfo=KST), open=57_400, high=57_500, low=57_300, close=57_300, volume=118_619
    )


def test_rows_of_the_day_before_are_not_of_this_day() -> None:
    read = read_minutes(
        minutes(minute_row("20261118", "090000"), minute_row("20261117", "153000"), {}), KAKAO, DAY, None
    )

    assert [bar.at.time() for bar in read] == [time(9, 0)]


@pytest.mark.parametrize(
    "rows",
    [
        [minute_row("20261118", "100000"), minute_row("20261118", "100000")],
        [minute_row("20261118", "100000"), minute_row("20261118", "100100")],
        [minute_row("20261118", "110000")],
        [minute_row("20261118", "100000", 111)],
        [minute_row("20261118", "100000", stck_lwpr="0")],
        [minute_row("20261118", "")],
    ],
)
def test_a_minute_out_of_place_or_out_of_shape_is_an_error(rows: list[dict[str, str]]) -> None:
    with pytest.raises(ProtocolError):
        read_minutes(minutes(*rows), KAKAO, DAY, datetime(2026, 11, 18, 11, tzinfo=KST))
