"""Frames of the stream, by the book's examples, by recordings and by accident."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kis_daemon.domain.calendar import KST
from kis_daemon.domain.market import Quote, QuoteSession, QuoteSource, Side, Symbol
from kis_daemon.domain.orders import OrderNo
from kis_daemon.kis.wire_frames import (
    Cipher,
    DataFrame,
    Ping,
    Reply,
    decode_frame,
    read_session,
    read_trades,
    write_registration,
)
from kis_daemon.kis.wire_notices import decrypt, read_notices
from kis_daemon.ports import ExecutionNotice, NoticeKind, ProtocolError
from tests.kis.builders import TODAY, payload

ACCOUNT = "5012345601"
FIRST = (
    "035720^112007^61300^2^800^1.32^61032.68^60700^61600^60300^61300^61200^25^1283950^78362914300^6021^6544^523^"
    "109.96^601233^661094^1^0.52^87.41^090013^2^600^101442^5^-300^090351^2^1000^20261118^20^N^4182^2967^96340^71218^"
    "0.29^1187402^108.13^0^^60700"
)
SECOND = (
    "035720^112008^61200^2^700^1.16^61032.70^60700^61600^60300^61300^61200^110^1284060^78369646300^6022^6544^522^"
    "109.94^601343^661094^5^0.52^87.41^090013^2^500^101442^5^-400^090351^2^900^20261118^20^N^4182^2967^96340^71218^"
    "0.29^1187402^108.13^0^^60700"
)
BOOK_CIPHER = Cipher(key="q7m2x9r4t1w8k3v6z5n0b2c7d4f9g1h8", iv="5a1c9e3b7d2f8046")
BOOK_ACCEPTED = (
    "1|H0STCNI9|001|E9afWC4/dZzRqk3ETUhmYz9YwbsiAxO/AStU9lnvW4Cng0UCzFqQ+axwFPa5wJl78MNhuM/U/jVxXinoTGKPNgzxXgWQl+"
    "YkLqsi/sRraNsrOQtKZtDwTpAygIHJl/pNhFE46JNeT+46doRNHhcpSDi2yxK0pb3iq/R8+C8t7ruIIJX+G9dXvOukkV1ryiyO"
)
BOOK_FILL = (
    "1|H0STCNI9|001|E9afWC4/dZzRqk3ETUhmYz9YwbsiAxO/AStU9lnvW4Cng0UCzFqQ+axwFPa5wJl76wwrrlwhx1fCfgmivoL2M6OiL5hxCE5"
    "wTU+9Sr+HywSxNUnrVqTBMw+sUolpY+0RswQxqpSeR6dc69LDRDMEoVe7YpYoYSlbQib6GWOJdq43whp6uWNAu/fFfWJ8O99i"
)
PLAIN = (
    "myhtsid1^5012345601^0000012345^^02^0^00^0^035720^0000000010^000061300^112010^0^1^1^00950^000000010^홍길동^0^1^Y^^"
    "00^^카카오^000061300"
)


def trades(*records: str, count: int | None = None) -> tuple[list[Quote], int]:
    read, unreadable = read_trades("^".join(records), len(records) if count is None else count)
    return [quote for quote, _ in read], unreadable


def data(text: str, count: int, tr_id: str = "H0STCNT0") -> DataFrame:
    frame = decode_frame(f"0|{tr_id}|{count:03}|{text}")
    assert isinstance(frame, DataFrame)
    return frame


def changed(field: int, value: str, record: str = FIRST) -> str:
    values = record.split("^")
    return "^".join([*values[:field], value, *values[field + 1 :]])


def test_the_book_s_two_trades_are_read() -> None:
    quotes, unreadable = trades(FIRST + "^2", SECOND + "^2")

    assert unreadable == 0
    assert quotes[0] == Quote(
        symbol=Symbol("035720"),
        price=61_300,
        at=datetime(2026, 11, 18, 11, 20, 7, tzinfo=KST),
        ask=61_300,
        bid=61_200,
        open=60_700,
        high=61_600,
        low=60_300,
        day_volume=1_283_950,
        session=QuoteSession.REGULAR,
        halted=False,
        in_vi=False,
        source=QuoteSource.STREAM,
    )
    assert (quotes[1].price, quotes[1].day_volume) == (61_200, 1_284_060)


def test_the_format_before_and_after_the_reform_and_one_of_the_future_read_the_same() -> None:
    old, new, future = trades(FIRST, SECOND), trades(FIRST + "^2", SECOND + "^2"), trades(FIRST + "^2^x^y")

    assert old == new
    assert future[0][0] == old[0][0]


@pytest.mark.parametrize(
    ("file", "prices", "volumes"),
    [
        ("rec_ws_cnt0_20240507_x4.txt", [73_000, 73_000, 72_900, 72_900], [126_363, 126_409, 126_419, 126_429]),
        ("rec_ws_cnt0_20250730_x3.txt", [71_950, 71_900, 72_000], [8_305_216, 8_305_218, 8_305_293]),
        ("off_ws_h0stcnt0_1.txt", [71_900], [3_052_507]),
    ],
)
def test_recorded_trades_are_read_half_ticks_too(
    shared_data: Path, file: str, prices: list[int], volumes: list[int]
) -> None:
    frame = decode_frame(payload(shared_data, file).decode().strip())
    assert isinstance(frame, DataFrame)

    trades, unreadable = read_trades(frame.payload, frame.records)

    assert unreadable == 0
    assert [quote.price for quote, _ in trades] == prices
    assert [quote.day_volume for quote, _ in trades] == volumes
    assert all(quote.session is QuoteSession.REGULAR for quote, _ in trades)
    for (before, _), (after, size) in pairwise(trades):  # no sequence number, but the day's volume is one
        assert after.day_volume - before.day_volume == size


@pytest.mark.parametrize(
    "file",
    [
        "rec_ws_hdfscnt0_20230502.txt",
        "rec_ws_asp0_1207_59f.txt",
        "rec_ws_asp0_1400_62f.txt",
        "off_ws_h0stanc0_1.txt",
        "off_ws_h0stmko0_1.txt",
        "off_ws_h0ewcnt0_1.txt",
        "off_ws_h0stnav0_1.txt",
        "off_ws_h0uppgm0_1.txt",
    ],
)
def test_a_channel_we_did_not_ask_for_is_still_a_frame(shared_data: Path, file: str) -> None:
    frame = decode_frame(payload(shared_data, file).decode().strip())

    assert isinstance(frame, DataFrame)
    assert file.split("_")[2][:4].upper() in frame.tr_id or "asp0" in file


def test_a_price_of_zero_is_no_quote_and_no_error() -> None:
    assert trades(changed(2, "0")) == ([], 0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (0, "5930"), (1, "256000"), (1, "1120"), (2, ""), (2, "x"), (2, "61300.5"), (7, "-1"), (8, "99999999999"),
        (10, ""), (13, "-5"), (33, "20261301"), (33, ""),
    ],
)  # fmt: skip
def test_a_record_that_cannot_be_read_is_counted_and_its_neighbour_is_kept(field: int, value: str) -> None:
    quotes, unreadable = trades(changed(field, value), SECOND)

    assert unreadable == 1
    assert [quote.price for quote in quotes] == [61_200]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (FIRST, 2),
        (FIRST, 0),
        (FIRST + "^2", 2),
        ("", 1),
        (FIRST[:80], 1),
        (FIRST.replace("61300", "6_1300"), 1),
        (FIRST + "카", 1),
    ],
)
def test_a_frame_whose_records_do_not_fit_is_refused(text: str, count: int) -> None:
    with pytest.raises(ProtocolError):
        read_trades(text, count)


@pytest.mark.parametrize(
    "text",
    ["", "0|", "0|H0STCNT0", "0|H0STCNT0|001", "0||001|x", "0|A|x|y", "0|A|0001|y", "hello", "[]", "{}", "2|A|001|x"],
)
def test_what_is_no_frame_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        decode_frame(text)


@pytest.mark.parametrize(
    ("operation", "hour", "market", "session"),
    [
        ("20", "0", "", QuoteSession.REGULAR),
        ("20", "0", "2", QuoteSession.REGULAR),
        ("20", "C", "2", QuoteSession.AUCTION),
        ("20", "D", "", QuoteSession.AUCTION),
        ("10", "B", "", QuoteSession.AFTER_HOURS),
        ("20", "B", "", QuoteSession.AUCTION),
        ("20", "A", "", QuoteSession.AFTER_HOURS),
        ("30", "0", "", QuoteSession.AFTER_HOURS),
        ("21", "0", "", QuoteSession.AFTER_HOURS),
        ("22", "0", "2", QuoteSession.AFTER_HOURS),
        ("20", "0", "3", QuoteSession.AFTER_HOURS),
        ("20", "0", "1", QuoteSession.AFTER_HOURS),
        ("20", "0", "5", QuoteSession.AFTER_HOURS),
    ],
)
def test_the_session_is_told_by_the_exchange_s_codes(
    operation: str, hour: str, market: str, session: QuoteSession
) -> None:
    assert read_session(operation, hour, market) is session


def test_a_halt_and_an_interruption_stand_on_the_quote() -> None:
    (quote,), _ = trades(changed(35, "Y", changed(43, "C")))

    assert (quote.halted, quote.in_vi, quote.session) == (True, True, QuoteSession.AUCTION)


# --- control messages ------------------------------------------------------------------------------------------------


def test_a_registration_is_written_as_the_book_writes_it() -> None:
    assert json.loads(write_registration("uuid", "1", "H0STCNT0", "035720")) == {
        "header": {"approval_key": "uuid", "custtype": "P", "tr_type": "1", "content-type": "utf-8"},
        "body": {"input": {"tr_id": "H0STCNT0", "tr_key": "035720"}},
    }


def test_the_recorded_controls_are_read(shared_data: Path) -> None:
    def read(file: str) -> object:
        return decode_frame(payload(shared_data, file).decode())

    assert isinstance(read("rec_ws_pingpong_2023.json"), Ping)
    ack = read("off_ws_ack_h0stcnt0.json")
    assert isinstance(ack, Reply)
    assert (ack.tr_id, ack.tr_key, ack.code) == ("H0STCNT0", "005930", "OPSP0000")
    assert ack.cipher == Cipher(key="abcdefghijklmnopabcdefghijklmnop", iv="0123456789abcdef")
    assert "abcdef" not in repr(ack)
    bad_key = read("rec_ws_opsp0011_appkey.json")
    assert isinstance(bad_key, Reply)
    assert (bad_key.code, bad_key.cipher) == ("OPSP0011", None)
    headless = read("rec_ws_opsp0003.json")
    assert isinstance(headless, Reply)
    assert (headless.tr_id, headless.code) == ("", "OPSP0003")


def test_a_reply_about_the_connection_has_no_channel() -> None:
    text = (
        '{"header":{"tr_id":"(null)","tr_key":"","encrypt":"N"},'
        '"body":{"rt_cd":"9","msg_cd":"OPSP8996","msg1":"ALREADY IN USE appkey"}}'
    )

    reply = decode_frame(text)

    assert isinstance(reply, Reply)
    assert (reply.tr_id, reply.code) == ("", "OPSP8996")


# --- notices ---------------------------------------------------------------------------------------------------------


def test_the_book_s_vector_is_decrypted() -> None:
    assert decrypt(BOOK_ACCEPTED.split("|")[3], BOOK_CIPHER) == PLAIN


def notices(
    text: str, cipher: Cipher | None = BOOK_CIPHER, account: str = ACCOUNT
) -> tuple[list[ExecutionNotice], int]:
    frame = decode_frame(text)
    assert isinstance(frame, DataFrame)
    return read_notices(frame, cipher, account, TODAY.date())


def test_the_book_s_acceptance_and_fill_are_read() -> None:
    (accepted,), _ = notices(BOOK_ACCEPTED)
    (fill,), _ = notices(BOOK_FILL)

    assert accepted == ExecutionNotice(
        kind=NoticeKind.ACCEPTED,
        order_no=OrderNo("12345"),
        original_no=None,
        symbol=Symbol("035720"),
        side=Side.BUY,
        quantity=10,
        price=61_300,
        at=datetime(2026, 11, 18, 11, 20, 10, tzinfo=KST),
    )
    assert (fill.kind, fill.quantity, fill.at.second) == (NoticeKind.FILLED, 4, 11)


def test_the_recorded_notice_of_the_old_layout_is_read(shared_data: Path) -> None:
    frame = decode_frame(payload(shared_data, "off_ws_h0stcni0_encrypted_1.txt").decode().strip())
    assert isinstance(frame, DataFrame)
    cipher = Cipher(key="abcdefghijklmnopabcdefghijklmnop", iv="0123456789abcdef")
    plain = payload(shared_data, "off_ws_h0stcni0_plain_1.txt").decode().strip()

    assert decrypt(frame.payload, cipher) == plain
    (notice,), _ = read_notices(frame, cipher, "X" * 10, TODAY.date())
    assert (notice.kind, notice.order_no, notice.symbol, notice.quantity, notice.price) == (
        NoticeKind.ACCEPTED,
        "2891",
        "136480",
        1,
        0,
    )


@pytest.mark.parametrize(
    ("revised", "refused", "filled", "accepted", "kind"),
    [
        ("0", "0", "1", "1", NoticeKind.ACCEPTED),
        ("0", "0", "1", "2", NoticeKind.ACCEPTED),
        ("0", "1", "1", "1", NoticeKind.REJECTED),
        ("2", "1", "1", "1", NoticeKind.REJECTED),
        ("0", "0", "2", "2", NoticeKind.FILLED),
        ("0", "0", "2", "1", NoticeKind.FILLED),
        ("1", "0", "1", "1", NoticeKind.MODIFIED),
        ("2", "0", "1", "2", NoticeKind.CANCELLED),
        ("0", "0", "1", "3", NoticeKind.CANCELLED),
    ],
)
def test_each_row_of_the_book_s_event_table_is_told_apart(
    revised: str, refused: str, filled: str, accepted: str, kind: NoticeKind
) -> None:
    record = changed(5, revised, changed(12, refused, changed(13, filled, changed(14, accepted, PLAIN))))

    (notice,), unreadable = notices(f"0|H0STCNI9|001|{record}")

    assert (notice.kind, unreadable) == (kind, 0)


def test_notices_of_other_accounts_are_left_out() -> None:
    other = changed(1, "5099999901", PLAIN)
    pension = changed(1, "5012345622", PLAIN)

    found, unreadable = notices(f"0|H0STCNI9|003|{other}^{PLAIN}^{pension}")

    assert (len(found), unreadable) == (1, 0)


@pytest.mark.parametrize("cipher", [None, Cipher(key="x" * 32, iv="0" * 16), Cipher(key="short", iv="short")])
def test_a_notice_that_this_connection_s_key_does_not_open_is_refused(cipher: Cipher | None) -> None:
    with pytest.raises(ProtocolError):
        notices(BOOK_ACCEPTED, cipher)


@pytest.mark.parametrize(
    ("field", "value"), [(2, ""), (4, "09"), (8, ""), (9, "-1"), (10, "1.5"), (11, "99"), (13, "")]
)
def test_a_notice_out_of_shape_is_counted(field: int, value: str) -> None:
    assert notices(f"0|H0STCNI9|001|{changed(field, value, PLAIN)}") == ([], 1)


# --- accidents -------------------------------------------------------------------------------------------------------


@st.composite
def mutilated(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from([f"0|H0STCNT0|002|{FIRST}^{SECOND}", BOOK_ACCEPTED, f"0|H0STCNI9|001|{PLAIN}"]))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.text(max_size=3)) + text[at + draw(st.integers(0, 3)) :]
    return text[: draw(st.integers(0, len(text) + 20))]


@given(mutilated() | st.text(max_size=60))
@settings(max_examples=500, deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        frame = decode_frame(text)
        if isinstance(frame, DataFrame):
            if frame.tr_id == "H0STCNT0":
                trades, _ = read_trades(frame.payload, frame.records)
                assert all(0 < quote.price <= 10**9 and size >= 0 for quote, size in trades)
            else:
                read_notices(frame, BOOK_CIPHER, ACCOUNT, TODAY.date())
    except ProtocolError:
        pass
