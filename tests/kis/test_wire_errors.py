"""Which error an answer is, for a question and for a command."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kis_daemon.kis.wire import Answer
from kis_daemon.kis.wire_errors import AccessTokenRefused, read_answer, read_key, read_outcome
from kis_daemon.ports import (
    AccessRefused,
    BrokerError,
    BrokerUnreachable,
    InsufficientCash,
    ListingChanged,
    MarketClosed,
    NoAnswer,
    NothingToCancel,
    NothingToSell,
    NotOnThisVenue,
    OrderRefused,
    ProtocolError,
    RateLimited,
    SymbolBlocked,
)
from tests.kis.builders import payload


def refused(code: str, sentence: str = "", *, status: int = 200, rt_cd: str = "1") -> Answer:
    body = {"rt_cd": rt_cd, "msg_cd": code, "msg1": sentence.ljust(80)}
    return Answer(status=status, body=json.dumps(body).encode())


def question_error(answer: Answer) -> BrokerError:
    with pytest.raises(BrokerError) as raised:
        read_answer(answer)
    return raised.value


def command_error(answer: Answer) -> BrokerError:
    with pytest.raises(BrokerError) as raised:
        read_outcome(answer)
    return raised.value


# (code, HTTP status, after a question, after a command)
CODES = [
    ("EGW00001", 500, BrokerUnreachable, NoAnswer),
    ("EGW00002", 500, BrokerUnreachable, NoAnswer),
    ("EGW00003", 500, AccessRefused, AccessRefused),
    ("EGW00004", 500, AccessRefused, AccessRefused),
    *[(f"EGW00{n}", 500, AccessRefused, AccessRefused) for n in (101, 102, 103, 104, 105, 106, 115, 120)],
    *[(f"EGW00{n}", 500, AccessTokenRefused, AccessTokenRefused) for n in (121, 122, 123)],
    *[(f"EGW00{n}", 500, AccessRefused, AccessRefused) for n in (124, 128, 131, 132)],
    ("EGW00201", 500, RateLimited, NoAnswer),
    ("EGW00201", 200, RateLimited, NoAnswer),
    ("EGW00215", 500, RateLimited, NoAnswer),
    *[(f"EGW00{n}", 500, BrokerUnreachable, NoAnswer) for n in (202, 203, 204, 300)],
    *[(f"EGW00{n}", 500, AccessRefused, AccessRefused) for n in (205, 206, 207, 208, 209, 210)],
    ("EGW00213", 500, NotOnThisVenue, OrderRefused),
    ("EGW00301", 500, BrokerUnreachable, NoAnswer),
    ("EGW00302", 500, BrokerUnreachable, NoAnswer),
    ("EGW00301", 200, BrokerUnreachable, NoAnswer),
    ("EGW00303", 500, AccessRefused, AccessRefused),
    ("EGW00310", 500, ProtocolError, OrderRefused),
    ("EGW02006", 500, NotOnThisVenue, OrderRefused),
    ("EGW09999", 200, BrokerUnreachable, NoAnswer),
    ("OPSQ0001", 200, BrokerUnreachable, NoAnswer),
    ("OPSQ0002", 200, ProtocolError, OrderRefused),
    ("OPSQ1002", 500, BrokerUnreachable, NoAnswer),
    ("OPSQ2000", 200, AccessRefused, AccessRefused),
    ("OPSQ2001", 200, ProtocolError, OrderRefused),
    ("IGW00002", 500, AccessRefused, AccessRefused),
    ("IGW00007", 500, ProtocolError, OrderRefused),
    ("IGW00009", 500, BrokerUnreachable, NoAnswer),
    ("90020000", 200, BrokerUnreachable, NoAnswer),
    ("", 500, BrokerUnreachable, NoAnswer),
]


@pytest.mark.parametrize(("code", "status", "question", "command"), CODES)
def test_a_code_means_one_error_to_a_question_and_one_to_a_command(
    code: str, status: int, question: type[BrokerError], command: type[BrokerError]
) -> None:
    told = question_error(refused(code, status=status))
    ordered = command_error(refused(code, status=status))

    assert (type(told), told.code) == (question, code)
    assert (type(ordered), ordered.code) == (command, code)


@pytest.mark.parametrize(
    ("code", "sentence", "expected"),
    [
        ("40100000", "모의투자 영업일이 아닙니다.", MarketClosed),
        ("40570000", "모의투자 장시작전 입니다.", MarketClosed),
        ("40580000", "모의투자 장종료 입니다.", MarketClosed),
        ("40250000", "모의투자 주문가능금액이 부족합니다.", InsufficientCash),
        ("40240000", "모의투자 잔고내역이 없습니다.", NothingToSell),
        ("40330000", "모의투자 정정/취소할 수량이 없습니다", NothingToCancel),
        ("40070000", "모의투자 주문처리가 안되었습니다(매매불가 종목)", SymbolBlocked),
        ("40030000", "모의투자 주문처리가 안되었습니다(호가단위 오류)", OrderRefused),
        ("APBK0952", "주문가능금액을 초과 했습니다", InsufficientCash),
        ("APBK0400", "주문 가능한 수량을 초과", NothingToSell),
        ("APBK0927", "정정취소 가능수량이 없습니다.", NothingToCancel),
        ("APBK0963", "주문구분코드 오류 입니다.", OrderRefused),
        ("APBK0656", "해당종목정보가 없습니다", SymbolBlocked),
        ("APBK1744", "퇴직연금계좌는 해당 서비스가 불가합니다", AccessRefused),
        # ambiguous codes: the sentence decides
        ("APBK0918", "장운영시간이 아닙니다.(주문불가)", MarketClosed),
        ("APBK0918", "주문가능금액이 부족합니다", InsufficientCash),
        ("APBK0919", "장운영일자가 주문일과 상이합니다", MarketClosed),
        ("APBK0919", "뜻밖의 문장", MarketClosed),
        # no code, or one the book does not know
        ("", "시장가매매불가 종목입니다", OrderRefused),
        ("", "거래정지 종목입니다", SymbolBlocked),
        ("APBK9999", "상/하한가 오류", OrderRefused),
        ("APBK1359", "정정취소수량이 주문수량보다 많습니다", NothingToCancel),
        ("APBK9999", "알 수 없는 오류", OrderRefused),
    ],
)
def test_a_business_rejection_is_told_by_code_then_by_sentence(
    code: str, sentence: str, expected: type[BrokerError]
) -> None:
    error = command_error(refused(code, sentence, rt_cd="7"))

    assert type(error) is expected
    assert error.code == code


def test_a_business_code_on_a_server_error_proves_nothing() -> None:
    assert type(command_error(refused("APBK0952", status=500))) is NoAnswer


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>maintenance</html>",
        b'{"rt_cd":"0","output":{"ODNO":"1"',
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
@pytest.mark.parametrize("status", [200, 404, 500, 503])
def test_an_unreadable_body_is_unreachable_to_a_question_and_no_answer_to_a_command(body: bytes, status: int) -> None:
    assert type(question_error(Answer(status=status, body=body))) is BrokerUnreachable
    assert type(command_error(Answer(status=status, body=body))) is NoAnswer


@pytest.mark.parametrize("body", [b"{}", b'{"message":"hello"}', b'{"rt_cd":null}'])
def test_an_unknown_envelope_never_proves_a_refusal(body: bytes) -> None:
    assert isinstance(command_error(Answer(status=200, body=body)), NoAnswer | OrderRefused)
    assert type(command_error(Answer(status=200, body=b"{}"))) is NoAnswer


def test_http_429_is_the_same_limit_as_kis_s_own_code() -> None:
    assert type(question_error(Answer(status=429, body=b"slow down"))) is RateLimited


def test_a_listing_that_changed_is_told_by_its_sentence() -> None:
    error = question_error(refused("KIER0000", "조회이후에 자료가 변경되었습니다.(다시 조회하세요)", rt_cd="7"))

    assert type(error) is ListingChanged


def test_a_success_is_rt_cd_zero_whatever_its_code_and_keys_are_read_in_any_case() -> None:
    body = read_answer(
        Answer(status=200, body=b'{"RT_CD":"0","msg_cd":"70070000","OUTPUT":{"ODNO":" 7 "}}', tr_cont="M")
    )

    assert body.row("output").text("odno") == "7"
    assert body.has_more


def test_a_success_on_a_server_error_is_believed_by_nobody() -> None:
    body = Answer(status=500, body=b'{"rt_cd":"0"}')

    assert type(question_error(body)) is BrokerUnreachable
    assert type(command_error(body)) is NoAnswer


def test_an_error_text_holds_nothing_that_may_be_a_secret() -> None:
    secret = "PSXk3jd9" + "f8s7d6f5g4h3j2k1l0qpwoeiruty"  # in two parts: the scan for keys is right to stop at one
    error = command_error(refused("IGW00002", f"계좌 50123456 {secret} 불일치"))

    assert "50123456" not in str(error)
    assert secret not in str(error)


def test_the_issue_limit_of_the_token_endpoint_is_a_limit_of_a_minute(shared_data: Path) -> None:
    with pytest.raises(RateLimited) as raised:
        read_key(Answer(status=403, body=payload(shared_data, "rec_err_egw00133.json")))

    assert raised.value.code == "EGW00133"
    assert raised.value.retry_after_s == 60


@pytest.mark.parametrize(
    ("file", "status", "question", "command"),
    [
        ("rec_err_egw00201_http500.json", 500, RateLimited, NoAnswer),
        ("rec_err_egw00215.json", 500, RateLimited, NoAnswer),
        ("rec_err_egw00205.json", 500, AccessRefused, AccessRefused),
        ("rec_err_opsq0002.json", 200, ProtocolError, OrderRefused),
        ("rec_err_40070000.json", 200, ProtocolError, SymbolBlocked),
        ("rec_err_40240000.json", 200, ProtocolError, NothingToSell),
        ("rec_err_40580000.json", 200, ProtocolError, MarketClosed),
        ("log_err_40270000.json", 200, ProtocolError, OrderRefused),
        ("rec_err_apbk0952.json", 200, ProtocolError, InsufficientCash),
        ("rec_err_apbk1359.json", 200, ProtocolError, NothingToCancel),
        ("rec_err_apac0081.json", 200, AccessRefused, AccessRefused),
    ],
)
def test_a_recorded_refusal_is_what_the_book_says(
    shared_data: Path, file: str, status: int, question: type[BrokerError], command: type[BrokerError]
) -> None:
    answer = Answer(status=status, body=payload(shared_data, file))

    assert type(question_error(answer)) is question
    assert type(command_error(answer)) is command


@given(st.binary(max_size=200), st.sampled_from([200, 403, 404, 500]))
@settings(max_examples=200, deadline=None)
def test_any_body_is_an_answer_or_a_typed_error(body: bytes, status: int) -> None:
    answer = Answer(status=status, body=body)

    for read in (read_answer, read_outcome, read_key):
        with contextlib.suppress(BrokerError):
            read(answer)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["rt_cd", "msg_cd", "msg1", "output", "error_code"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(JSON)
@settings(max_examples=200, deadline=None)
def test_after_a_command_only_refused_or_unknown_come_out(value: object) -> None:
    with contextlib.suppress(OrderRefused, AccessRefused, NoAnswer):
        read_outcome(Answer(status=200, body=json.dumps(value).encode()))
