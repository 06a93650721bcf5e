"""Faults of the stream, one by one, over a scripted server: missing, late, refused, limited (contract 5.8)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import structlog

from kis_daemon.domain.market import Symbol
from kis_daemon.kis.feed import KisFeed
from kis_daemon.ports import NoticeKind
from tests.kis.builders import KAKAO
from tests.kis.streams import Listener, Peer, Stream, in_use, reply
from tests.kis.test_feed import SAMSUNG, Approvals, with_feed
from tests.kis.test_wire_frames import BOOK_ACCEPTED, BOOK_FILL, SECOND, changed


def trade(volume: int, size: int, *, time: str = "112008", day: str = "20261118", record: str = SECOND) -> str:
    told = changed(13, str(volume), changed(12, str(size), changed(1, time, changed(33, day, record))))
    return f"0|H0STCNT0|001|{told}"


def volumes(listener: Listener) -> list[int]:
    return [quote.day_volume for quote in listener.quotes]


async def settle(feed: KisFeed, stream: Stream, *frames: str) -> None:
    for frame in frames:
        await stream.peers[-1].send(frame)
    await asyncio.sleep(0.1)


# --- trades that are missing, late or there twice --------------------------------------------------------------------


def test_a_lost_trade_is_a_gap_that_is_counted_and_told_once(tmp_path: Path) -> None:
    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(1)
        await settle(feed, stream, trade(1000, 10), trade(1010, 10), trade(1130, 20), trade(1140, 10))
        assert listener.gaps == [(KAKAO, 100)]
        assert volumes(listener) == [1000, 1010, 1130, 1140]
        assert (feed.metrics().ws_gaps, feed.metrics().ws_dropped) == (1, 0)

    with_feed(tmp_path, work)


def test_a_record_that_cannot_be_read_shows_as_a_gap_too(tmp_path: Path) -> None:
    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(1)
        broken = trade(1020, 10).replace("^61200^", "^x^", 1)
        await settle(feed, stream, trade(1000, 10), broken, trade(1030, 10))
        assert (listener.gaps, feed.metrics().ws_unreadable) == ([(KAKAO, 20)], 1)

    with_feed(tmp_path, work)


def test_duplicates_and_late_frames_do_not_reach_the_sink_and_are_no_gap(tmp_path: Path) -> None:
    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(1)
        first, second, third = trade(1000, 10), trade(1010, 10), trade(1020, 10)
        await settle(feed, stream, first, second, second, third, second, first, trade(1030, 10))
        assert volumes(listener) == [1000, 1010, 1020, 1030]
        assert (feed.metrics().ws_dropped, feed.metrics().ws_gaps) == (3, 0)
        assert listener.gaps == []

    with_feed(tmp_path, work)


def test_a_new_day_begins_anew(tmp_path: Path) -> None:
    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(1)
        await settle(feed, stream, trade(90_000, 10), trade(500, 500, time="090001", day="20261119"))
        assert volumes(listener) == [90_000, 500]
        assert (listener.gaps, feed.metrics().ws_dropped) == ([], 0)

    with_feed(tmp_path, work)


def test_what_was_missed_while_there_was_no_connection_is_counted_and_told_by_the_connection(tmp_path: Path) -> None:
    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(1)
        await settle(feed, stream, trade(1000, 10))
        stream.peers[0].socket.transport.abort()
        await asyncio.sleep(5)
        await settle(feed, stream, trade(5000, 10), trade(5020, 10))
        assert [state.resync_needed for _, state in listener.states] == [True, False, False, True, False]
        assert listener.gaps == [(KAKAO, 10)]
        assert feed.metrics().ws_gaps == 2

    with_feed(tmp_path, work)


# --- registrations ---------------------------------------------------------------------------------------------------


def test_a_late_acknowledgement_and_one_that_comes_twice_count_once(tmp_path: Path) -> None:
    def deaf(peer: Peer, tr_type: str, tr_id: str, tr_key: str) -> str | None:
        if tr_key != KAKAO:
            return reply(tr_id, tr_key)
        return None if peer.registered.count(KAKAO) == 1 else reply(tr_id, tr_key, "OPSP0002", rt_cd="1")

    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(11)
        await stream.peers[0].send(reply("H0STCNT0", KAKAO))  # the answer to the first request, late
        await asyncio.sleep(60)
        assert stream.peers[0].registered == ["myhtsid1", KAKAO, KAKAO]
        assert feed.metrics().ws_symbols == (KAKAO,)
        assert len(stream.peers) == 1

    with structlog.testing.capture_logs() as logged:
        with_feed(tmp_path, work, answer=deaf)

    assert [entry["symbol"] for entry in logged if entry["event"] == "subscribe_acked"] == ["", KAKAO]


def test_what_kis_cannot_do_is_repeated_ever_more_slowly_and_the_connection_lives(tmp_path: Path) -> None:
    def fail(peer: Peer, tr_type: str, tr_id: str, tr_key: str) -> str | None:
        return reply(tr_id, tr_key, "OPSP0007" if tr_key == KAKAO else "OPSP0000", rt_cd="1")

    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(1000)
        times = [at for at, _, _, tr_key in stream.peers[0].requests if tr_key == KAKAO]
        gaps = [after - before for before, after in pairwise(times)]
        assert gaps[:6] == pytest.approx([10, 20, 40, 80, 160, 300], abs=0.5)
        assert feed.metrics().ws_symbols == (SAMSUNG,)
        assert len(stream.peers) == 1

    with_feed(tmp_path, work, symbols=(KAKAO, SAMSUNG), answer=fail, ping_every_s=30.0)


def limited_to(limit: int, *, ghosts: int = 0) -> Callable[[Peer, str, str, str], str | None]:
    """Carry `limit` registrations; the first `ghosts` that leave stay carried until they are told once more."""
    carried: dict[str, None] = {}
    told: dict[str, int] = {}

    def answer(peer: Peer, tr_type: str, tr_id: str, tr_key: str) -> str | None:
        if tr_type == "2":
            told[tr_key] = told.get(tr_key, 0) + 1
            if len(told) > ghosts or told[tr_key] > 1:
                carried.pop(tr_key, None)
            return reply(tr_id, tr_key, "OPSP0001")
        if len(carried) >= limit:
            return reply(tr_id, tr_key, "OPSP0008", rt_cd="1")
        carried[tr_key] = None
        return reply(tr_id, tr_key)

    return answer


def test_where_kis_carries_less_than_it_says_the_least_important_goes_without(tmp_path: Path) -> None:
    symbols = [Symbol(f"{i:06}") for i in range(6)]

    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(20)
        assert feed.metrics().ws_symbols == tuple(symbols[:4])
        assert len(stream.peers[0].requests) == 6
        feed.want([symbols[5]], symbols[:5])
        await asyncio.sleep(60)
        assert feed.metrics().ws_symbols == (symbols[5], *symbols[:3])
        assert len(stream.peers[0].requests) <= 10  # no loop of refusals

    with_feed(tmp_path, work, symbols=(), candidates=symbols[:5], answer=limited_to(5))


def test_where_kis_still_carries_what_has_left_it_is_told_once_more(tmp_path: Path) -> None:
    symbols = [Symbol(f"{i:06}") for i in range(43)]

    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(20)
        feed.want([symbols[40]], symbols[:40])
        await asyncio.sleep(5)
        feed.want([symbols[40], symbols[41]], symbols[:40])
        await asyncio.sleep(5)
        assert feed.metrics().ws_symbols == (symbols[40], symbols[41], *symbols[:37])
        assert [key for _, kind, _, key in stream.peers[0].requests if kind == "2"].count("000038") == 2

    with_feed(tmp_path, work, symbols=(), candidates=symbols[:39], answer=limited_to(41, ghosts=1))


# --- connections -----------------------------------------------------------------------------------------------------


def test_a_key_in_use_is_told_at_the_third_time_and_the_key_is_not_hammered(tmp_path: Path) -> None:
    async def refuse(peer: Peer) -> None:
        await peer.send(in_use())

    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(3600)
        in_the_series = [after.at - before.at for before, after in pairwise(stream.peers[:10])]
        assert all(30 <= gap <= 61 for gap in in_the_series)
        assert all(120 <= after.at - before.at <= 181 for before, after in pairwise(stream.peers[9:]))
        assert approvals.issued == 1

    approvals = Approvals()
    with structlog.testing.capture_logs() as logged:
        with_feed(tmp_path, work, greet=refuse, approvals=approvals)

    errors = [entry["event"] for entry in logged if entry["log_level"] == "error"]
    assert errors == ["stream_key_in_use", "feed_reconnect_series_failed"]


def test_stream_keys_that_are_all_refused_are_issued_once_a_minute(tmp_path: Path) -> None:
    def refuse(peer: Peer, tr_type: str, tr_id: str, tr_key: str) -> str | None:
        return reply(tr_id, tr_key, "OPSP0011", rt_cd="1")

    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(300)
        assert approvals.issued == len(stream.peers) <= 2 + 5
        assert stream.peers[1].at - stream.peers[0].at < 1.5  # the first refusal is answered at once

    approvals = Approvals()
    with_feed(tmp_path, work, answer=refuse, approvals=approvals)


def test_there_is_no_wait_between_the_last_attempt_of_a_series_and_the_alarm(tmp_path: Path) -> None:
    async def kick(peer: Peer) -> None:
        await peer.socket.close()

    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(350)
        (told_at,) = (at for at, state in listener.states if state.gave_up)
        assert len(stream.peers) == 10
        assert told_at - stream.peers[9].at < 0.2

    with_feed(tmp_path, work, greet=kick)


def test_no_close_frame_received_right_after_the_notice_costs_the_notices_and_not_the_trades(tmp_path: Path) -> None:
    def hang_up(peer: Peer, tr_type: str, tr_id: str, tr_key: str) -> str | None:
        if tr_id == "H0STCNI9":
            peer.socket.transport.abort()
            return None
        return reply(tr_id, tr_key)

    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(20)
        assert [peer.registered[:1] for peer in stream.peers] == [["myhtsid1"]] * 3 + [[KAKAO]]
        assert listener.states[-1][1].symbols == (KAKAO,)
        await settle(feed, stream, trade(1000, 10))
        stream.peers[-1].socket.transport.abort()
        await asyncio.sleep(10)  # it is asked for once more, and left out again
        assert [peer.registered[:1] for peer in stream.peers[4:]] == [["myhtsid1"], [KAKAO]]

    with structlog.testing.capture_logs() as logged:
        with_feed(tmp_path, work, answer=hang_up)

    errors = [entry["event"] for entry in logged if entry["log_level"] == "error"]
    assert errors == ["feed_notices_left_out", "feed_notices_left_out"]


def test_a_key_in_use_is_no_verdict_about_the_notices(tmp_path: Path) -> None:
    async def refuse(peer: Peer) -> None:
        if peer.number < 5:
            await peer.send(in_use())

    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(400)
        assert stream.peers[-1].registered == ["myhtsid1", KAKAO]

    with_feed(tmp_path, work, greet=refuse, ping_every_s=30.0)


def test_a_notice_that_overtakes_its_rest_answer_is_passed_on(tmp_path: Path) -> None:
    """The feed knows no orders: whose number it is, the services find out when the answer is there."""

    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(1)
        await settle(feed, stream, BOOK_FILL, BOOK_ACCEPTED, BOOK_FILL)
        assert [(notice.kind, notice.order_no) for notice in listener.notices] == [
            (NoticeKind.FILLED, "12345"),
            (NoticeKind.ACCEPTED, "12345"),
            (NoticeKind.FILLED, "12345"),
        ]
        assert feed.metrics().ws_notices == 3

    with_feed(tmp_path, work)


def test_the_last_error_is_clean_once_data_comes_again(tmp_path: Path) -> None:
    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(1)
        stream.peers[0].socket.transport.abort()
        await asyncio.sleep(5)
        assert feed.metrics().ws_last_error == "closed without a word"
        await settle(feed, stream, trade(1000, 10))
        metrics = feed.metrics()
        assert (metrics.ws_last_error, metrics.ws_reconnect_attempts, metrics.ws_reconnect_count) == ("", 0, 1)
        assert metrics.last_ws_quote_ts == metrics.last_ws_message_ts

    with_feed(tmp_path, work)


def test_a_person_may_ask_for_a_new_connection(tmp_path: Path) -> None:
    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(1)
        feed.reconnect()
        await asyncio.sleep(3)
        assert len(stream.peers) == 2
        assert 1.0 <= stream.peers[1].at - listener.states[2][0] <= 1.3
        assert listener.states[2][1].reason == "asked to reconnect"

    with_feed(tmp_path, work)


def test_a_person_s_wish_ends_a_long_wait(tmp_path: Path) -> None:
    async def kick(peer: Peer) -> None:
        if peer.number < 7:
            await peer.socket.close()

    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(80)
        count = len(stream.peers)
        feed.reconnect()
        await asyncio.sleep(0.1)
        assert len(stream.peers) == count + 1

    with_feed(tmp_path, work, greet=kick)


@pytest.mark.parametrize("text", ['{"header":{},"body":{}}', '{"header":{"tr_id":"H0STCNT0"},"body":{"msg_cd":"?"}}'])
def test_a_reply_without_a_code_is_counted_and_costs_no_connection(tmp_path: Path, text: str) -> None:
    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(1)
        await settle(feed, stream, text)
        assert feed.metrics().ws_unreadable == 1
        assert feed.metrics().ws_connected

    with_feed(tmp_path, work)


def test_a_burst_of_a_hundredfold_is_read_to_the_last_record(tmp_path: Path) -> None:
    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(1)
        burst = [trade(1_283_950 + 10 * n, 10) for n in range(5000)]
        await settle(feed, stream, *burst)
        assert (len(listener.quotes), feed.metrics().ws_gaps) == (5000, 0)

    with_feed(tmp_path, work)
