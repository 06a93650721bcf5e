"""The stream over a scripted server: registrations, records, notices, and every way a connection ends."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from itertools import islice, pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
import structlog
from cryptography.hazmat.primitives.ciphers import Cipher as BlockCipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from kis_daemon.domain.market import Symbol
from kis_daemon.kis.capabilities import KisProfile
from kis_daemon.kis.feed import KisFeed
from kis_daemon.kis.feed_incident import reconnect_delays
from kis_daemon.ports import BrokerUnreachable, FeedState, NoticeKind
from tests.kis.builders import KAKAO, Seen, an_open_kis, http, in_virtual_time
from tests.kis.streams import IV, KEY, PINGPONG, Listener, Peer, Stream, a_stream, in_use, reply
from tests.kis.test_wire_frames import BOOK_FILL, FIRST, PLAIN, SECOND, changed

SAMSUNG = Symbol("005930")
TRADES = f"0|H0STCNT0|002|{FIRST}^{SECOND}"

Work = Callable[[KisFeed, Stream, Listener], Coroutine[Any, Any, None]]


class Approvals:
    """Issues numbered stream keys, unless it is down."""

    def __init__(self) -> None:
        self.issued = 0
        self.is_down = False

    async def __call__(self, request: Seen) -> bytes | None:
        if self.is_down:
            return None
        self.issued += 1
        return http({"approval_key": f"stream-key-{self.issued}"})


def with_feed(
    folder: Path,
    work: Work,
    *,
    symbols: Sequence[Symbol] = (KAKAO,),
    candidates: Sequence[Symbol] = (),
    approvals: Approvals | None = None,
    **script: Any,
) -> None:
    """Run the feed against a scripted stream in virtual time while `work` looks on."""

    async def run() -> None:
        async with (
            a_stream(folder, **script) as stream,
            an_open_kis(approvals or Approvals(), folder, profile=KisProfile.PAPER, stream=stream.endpoint) as (kis, _),
            running(kis.feed, symbols, candidates) as listener,
        ):
            await work(kis.feed, stream, listener)

    in_virtual_time(run())


@asynccontextmanager
async def running(
    feed: KisFeed, symbols: Sequence[Symbol], candidates: Sequence[Symbol] = ()
) -> AsyncIterator[Listener]:
    listener = Listener()
    feed.want(symbols, candidates)
    task = asyncio.create_task(feed.run(listener))
    try:
        yield listener
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


# --- registering -----------------------------------------------------------------------------------------------------


def test_the_notice_is_registered_first_then_the_symbols_in_their_order_with_a_pause_between(
    tmp_path: Path,
) -> None:
    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(5)
        (peer,) = stream.peers
        assert [(tr_id, tr_key) for _, _, tr_id, tr_key in peer.requests] == [
            ("H0STCNI9", "myhtsid1"),
            ("H0STCNT0", "035720"),
            ("H0STCNT0", "005930"),
        ]
        times = [at for at, *_ in peer.requests]
        assert [after - before for before, after in pairwise(times)] == pytest.approx([0.2, 0.2])
        assert peer.stream_keys == ["stream-key-1"] * 3

    with_feed(tmp_path, work, symbols=(KAKAO, SAMSUNG))


def test_the_sink_hears_that_the_link_is_up_and_again_when_all_symbols_are(tmp_path: Path) -> None:
    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(5)
        assert [state for _, state in listener.states] == [
            FeedState(connected=True, symbols=(), resync_needed=True),
            FeedState(connected=True, symbols=(KAKAO, SAMSUNG)),
        ]

    with_feed(tmp_path, work, symbols=(KAKAO, SAMSUNG))


def test_forty_registrations_are_planned_for_and_none_is_made_twice(tmp_path: Path) -> None:
    symbols = [Symbol(f"{i:06}") for i in range(45)]

    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(20)
        assert stream.peers[0].registered == ["myhtsid1", *symbols[:39]]
        assert feed.metrics().ws_symbols == tuple(symbols[:39])

    with_feed(tmp_path, work, symbols=(), candidates=[symbols[0], *symbols])


def test_a_new_holding_enters_at_once_by_the_reserve_and_the_farthest_candidate_leaves(tmp_path: Path) -> None:
    symbols = [Symbol(f"{i:06}") for i in range(45)]

    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(20)
        feed.want([symbols[44]], symbols[:44])
        asked_at = asyncio.get_running_loop().time()
        await asyncio.sleep(1)
        changes = stream.peers[0].requests[40:]
        assert [(tr_type, tr_key) for _, tr_type, _, tr_key in changes] == [("1", "000044"), ("2", "000038")]
        assert changes[0][0] == pytest.approx(asked_at)
        assert listener.states[-1][1].symbols == (symbols[44], *symbols[:38])

    with_feed(tmp_path, work, symbols=(), candidates=symbols)


def test_more_than_forty_held_symbols_are_told_and_no_register_goes_beyond_the_limit(tmp_path: Path) -> None:
    symbols = [Symbol(f"{i:06}") for i in range(45)]

    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(20)
        assert stream.peers[0].registered == ["myhtsid1", *symbols[:40]]

    with structlog.testing.capture_logs() as logged:
        with_feed(tmp_path, work, symbols=symbols)

    assert {"event": "feed_held_symbols_left_out", "count": 5, "log_level": "error"} in logged


def test_candidates_change_places_ten_minutes_later_at_the_earliest_and_six_times_an_hour(tmp_path: Path) -> None:
    symbols = [Symbol(f"{i:06}") for i in range(80)]

    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(20)
        feed.want((), symbols[40:])  # all others are nearer now
        await asyncio.sleep(2 * 3600)
        entered: dict[str, float] = {}
        ends: list[float] = []
        for at, tr_type, _, tr_key in stream.peers[0].requests:
            if tr_type == "1":
                entered[tr_key] = at
            else:
                ends.append(at - began)
                assert at - entered[tr_key] >= 600
                assert sum(began + end > at - 3600 for end in ends) <= 6
        assert len(ends) == 12

    with_feed(tmp_path, work, symbols=(), candidates=symbols[:40], ping_every_s=60.0)


def test_a_new_day_s_universe_is_placed_at_once(tmp_path: Path) -> None:
    symbols = [Symbol(f"{i:06}") for i in range(80)]

    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(18 * 3600)
        feed.want((), symbols[39::-1])  # after midnight, the same universe in another order: no new wishes
        await asyncio.sleep(3 * 3600)
        feed.want((), symbols[40:])
        await asyncio.sleep(30)
        assert feed.metrics().ws_symbols == tuple(symbols[40:79])

    with_feed(tmp_path, work, symbols=(), candidates=symbols[:40], ping_every_s=80.0)


def test_other_wishes_change_only_the_difference_and_what_nobody_needs_stays(tmp_path: Path) -> None:
    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(2)
        feed.want([Symbol("000660"), KAKAO])
        await asyncio.sleep(2)
        assert [(tr_type, tr_key) for _, tr_type, _, tr_key in stream.peers[0].requests[3:]] == [("1", "000660")]
        assert listener.states[-1][1] == FeedState(connected=True, symbols=(Symbol("000660"), KAKAO, SAMSUNG))

    with_feed(tmp_path, work, symbols=(KAKAO, SAMSUNG))


def test_a_registration_without_a_reply_is_repeated_and_then_the_connection_given_up(tmp_path: Path) -> None:
    def deaf(peer: Peer, tr_type: str, tr_id: str, tr_key: str) -> str | None:
        return None if peer.number == 0 and tr_key == KAKAO else reply(tr_id, tr_key)

    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(60)
        times = [at for at, _, _, tr_key in stream.peers[0].requests if tr_key == KAKAO]
        assert len(times) == 3
        assert all(10 <= after - before < 10.3 for before, after in pairwise(times))
        assert stream.peers[1].registered == ["myhtsid1", KAKAO]
        assert listener.ups_and_downs == [True, False, True, True]
        assert listener.states[1][1].reason == "no reply to registrations"

    with_feed(tmp_path, work, answer=deaf)


@pytest.mark.parametrize("code", ["OPSP8992", "OPSP8993", "OPSP8991"])
def test_a_refused_symbol_is_not_asked_for_again_and_the_others_go_on(tmp_path: Path, code: str) -> None:
    def refuse(peer: Peer, tr_type: str, tr_id: str, tr_key: str) -> str | None:
        return reply(tr_id, tr_key, code if tr_key == KAKAO else "OPSP0000")

    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(80)
        assert stream.peers[0].registered == ["myhtsid1", KAKAO, SAMSUNG]
        assert feed.metrics().ws_symbols == (SAMSUNG,)
        feed.want([SAMSUNG, KAKAO])
        await asyncio.sleep(10)
        assert stream.peers[0].registered[3:] == []

    with_feed(tmp_path, work, symbols=(KAKAO, SAMSUNG), answer=refuse)


def test_already_subscribed_counts_as_subscribed_and_a_passing_error_is_repeated(tmp_path: Path) -> None:
    tries: list[str] = []

    def answer(peer: Peer, tr_type: str, tr_id: str, tr_key: str) -> str | None:
        tries.append(tr_key)
        if tr_key == KAKAO:
            return reply(tr_id, tr_key, "OPSP0007" if tries.count(KAKAO) == 1 else "OPSP0002", rt_cd="1")
        return reply(tr_id, tr_key)

    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(30)
        assert feed.metrics().ws_symbols == (KAKAO,)
        assert tries.count(KAKAO) == 2

    with_feed(tmp_path, work, answer=answer)


# --- reading ---------------------------------------------------------------------------------------------------------


def test_every_record_of_a_frame_reaches_the_sink_in_its_order(tmp_path: Path) -> None:
    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(1)
        await stream.peers[0].send(TRADES)
        third = changed(13, "1284085", FIRST)
        await stream.peers[0].send(f"0|H0STCNT0|001|{third}^2^more")
        await asyncio.sleep(0.1)
        assert [quote.price for quote in listener.quotes] == [61_300, 61_200, 61_300]
        assert (listener.gaps, feed.metrics().ws_gaps, feed.metrics().ws_dropped) == ([], 0, 0)

    with_feed(tmp_path, work)


def test_what_cannot_be_read_is_counted_and_the_stream_goes_on(tmp_path: Path) -> None:
    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(1)
        peer = stream.peers[0]
        for text in ("0|H0STCNT0|001|x", "garbage", "{}", f"0|H0STCNT0|002|{changed(2, 'x')}^{SECOND}"):
            await peer.send(text)
        await peer.send("0|HDFSCNT0|001|a^b")
        await peer.send("1|H0STCNI9|001|AAAA")
        await peer.socket.send(b"\x00\x01")
        await peer.send(TRADES)
        await asyncio.sleep(0.1)
        metrics = feed.metrics()
        assert (metrics.ws_unreadable, metrics.ws_unknown, metrics.ws_quotes) == (6, 1, 1)
        assert [quote.price for quote in listener.quotes] == [61_200]
        assert metrics.ws_dropped == 2  # the last frame tells nothing new
        assert metrics.ws_messages == 2 + 8
        assert listener.ups_and_downs == [True, True]

    with_feed(tmp_path, work)


def test_a_ping_is_echoed_as_it_came(tmp_path: Path) -> None:
    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(1)
        await stream.peers[0].send(PINGPONG)
        await asyncio.sleep(0.1)
        assert stream.peers[0].echoes == [PINGPONG]

    with_feed(tmp_path, work)


def sealed(plain: str, key: str, iv: str) -> str:
    padder = PKCS7(128).padder()
    sealer = BlockCipher(AES(key.encode()), CBC(iv.encode())).encryptor()
    padded = padder.update(plain.encode()) + padder.finalize()
    return "1|H0STCNI9|001|" + base64.b64encode(sealer.update(padded) + sealer.finalize()).decode()


def test_notices_are_opened_with_the_key_of_this_connection(tmp_path: Path) -> None:
    other_key, other_iv = "z" * 32, "9" * 16

    def rotate(peer: Peer, tr_type: str, tr_id: str, tr_key: str) -> str | None:
        if peer.number == 0:
            return reply(tr_id, tr_key)
        if tr_id == "H0STCNT0":  # another channel's key is not the notice's
            return reply(tr_id, tr_key, key="t" * 32, iv="1" * 16)
        return reply(tr_id, tr_key, key=other_key, iv=other_iv)

    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(1)
        await stream.peers[0].send(BOOK_FILL)
        await stream.peers[0].socket.close()
        await asyncio.sleep(5)
        await stream.peers[1].send(BOOK_FILL)
        await stream.peers[1].send(sealed(PLAIN, other_key, other_iv))
        await asyncio.sleep(0.1)
        assert [notice.kind for notice in listener.notices] == [NoticeKind.FILLED, NoticeKind.ACCEPTED]
        assert feed.metrics().ws_unreadable == 1

    with_feed(tmp_path, work, answer=rotate)


def test_a_notice_right_behind_its_acknowledgement_is_opened(tmp_path: Path) -> None:
    async def greet(peer: Peer) -> None:
        await peer.send(reply("H0STCNI9", "MYHTSID1", "OPSP0000"))
        await peer.send(sealed(PLAIN, KEY, IV))

    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(1)
        assert [notice.order_no for notice in listener.notices] == ["12345"]

    with_feed(tmp_path, work, greet=greet)


def test_another_account_s_notice_is_not_ours(tmp_path: Path) -> None:
    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(1)
        await stream.peers[0].send(f"0|H0STCNI9|001|{changed(1, '5099999901', PLAIN)}")
        await asyncio.sleep(0.1)
        assert (listener.notices, feed.metrics().ws_unreadable) == ([], 0)

    with_feed(tmp_path, work)


# --- losing and finding it again -------------------------------------------------------------------------------------


def test_a_lost_connection_is_told_once_and_everything_is_registered_again(tmp_path: Path) -> None:
    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(1)
        stream.peers[0].socket.transport.abort()
        await asyncio.sleep(5)
        assert listener.ups_and_downs == [True, True, False, True, True]
        assert stream.peers[1].registered == ["myhtsid1", KAKAO]
        assert 1.0 <= stream.peers[1].at - listener.states[2][0] <= 1.25
        assert feed.metrics().ws_reconnect_count == 1
        assert feed.metrics().ws_last_error == "closed without a word"

    with_feed(tmp_path, work)


def test_silence_of_ninety_seconds_ends_a_connection_and_a_ping_is_no_silence(tmp_path: Path) -> None:
    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        for _ in range(5):
            await asyncio.sleep(60)
            await stream.peers[0].send(PINGPONG)
        assert len(stream.peers) == 1
        assert feed.metrics().ws_heartbeat_fresh
        await asyncio.sleep(89.9)
        assert len(stream.peers) == 1
        await asyncio.sleep(5)
        assert len(stream.peers) == 2
        assert listener.states[2][1] == FeedState(connected=False, reason="silence")

    with_feed(tmp_path, work)


def kicked(peer: Peer) -> Coroutine[Any, Any, None]:
    return peer.socket.close()


def test_a_server_that_kicks_us_is_asked_ever_more_slowly(tmp_path: Path) -> None:
    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(250)
        gaps = [after.at - before.at for before, after in pairwise(stream.peers)]
        for gap, base in zip(gaps, (1, 2, 4, 8, 16, 32, 60, 60, 60), strict=False):
            assert base <= gap <= min(base * 1.25, 60) + 0.2
        assert len(gaps) >= 8
        assert [state.gave_up for _, state in listener.states] == [False, True]

    with_feed(tmp_path, work, greet=kicked)


def test_an_acknowledgement_does_not_begin_the_series_anew_but_real_data_does(tmp_path: Path) -> None:
    async def run(with_data: bool, folder: Path) -> list[float]:
        gaps: list[float] = []
        async with (
            a_stream(folder) as stream,
            an_open_kis(Approvals(), folder, profile=KisProfile.PAPER, stream=stream.endpoint) as (kis, _),
            running(kis.feed, (KAKAO,)),
        ):
            await asyncio.sleep(20)
            for i in range(4):
                if with_data:
                    await stream.peers[i].send(TRADES)
                    await asyncio.sleep(0.1)
                lost_at = asyncio.get_running_loop().time()
                stream.peers[i].socket.transport.abort()
                await asyncio.sleep(20)
                gaps.append(stream.peers[i + 1].at - lost_at)
        return gaps

    for name in ("without", "with"):
        (tmp_path / name).mkdir()
    without = in_virtual_time(run(False, tmp_path / "without"))
    with_ = in_virtual_time(run(True, tmp_path / "with"))

    assert without[3] >= 8.0
    assert all(gap <= 1.3 for gap in with_)


def test_a_key_in_use_elsewhere_is_left_alone_for_half_a_minute_or_more(tmp_path: Path) -> None:
    async def refuse(peer: Peer) -> None:
        await peer.send(in_use())

    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(300)
        gaps = [after.at - before.at for before, after in pairwise(stream.peers)]
        assert len(gaps) >= 4
        assert all(30 <= gap <= 61 for gap in gaps)
        assert feed.metrics().ws_last_error == "OPSP8996"

    with_feed(tmp_path, work, greet=refuse)


def test_a_refused_stream_key_is_replaced_and_a_good_one_is_used_again(tmp_path: Path) -> None:
    approvals = Approvals()

    def answer(peer: Peer, tr_type: str, tr_id: str, tr_key: str) -> str | None:
        return reply(tr_id, tr_key, "OPSP0011" if peer.number == 0 else "OPSP0000", rt_cd="1")

    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(5)
        stream.peers[1].socket.transport.abort()
        await asyncio.sleep(10)
        assert [peer.stream_keys[0] for peer in stream.peers] == ["stream-key-1", "stream-key-2", "stream-key-2"]
        assert approvals.issued == 2

    with_feed(tmp_path, work, answer=answer, approvals=approvals)


def test_without_a_stream_key_the_link_is_down_and_tried_again(tmp_path: Path) -> None:
    approvals = Approvals()
    approvals.is_down = True

    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(3)
        assert listener.ups_and_downs == [False]
        assert BrokerUnreachable.__name__ in listener.states[0][1].reason
        approvals.is_down = False
        await asyncio.sleep(20)
        assert listener.ups_and_downs == [False, True, True]

    with_feed(tmp_path, work, approvals=approvals)


def test_without_a_server_the_link_is_down_and_the_series_is_told_once_when_it_fails(tmp_path: Path) -> None:
    async def run() -> list[str]:
        async with a_stream(tmp_path) as stream:
            endpoint = stream.endpoint  # nobody listens there any more
        async with an_open_kis(Approvals(), tmp_path, profile=KisProfile.PAPER, stream=endpoint) as (kis, _):
            async with running(kis.feed, (KAKAO,)) as listener:
                await asyncio.sleep(3600)
                attempts = kis.feed.metrics().ws_reconnect_attempts
            assert [state.gave_up for _, state in listener.states] == [False, True]
            assert 10 + 3200 / 180 <= attempts <= 10 + 3600 / 120  # slow probing goes on
            return [entry["event"] for entry in logged if entry["log_level"] == "error"]

    with structlog.testing.capture_logs() as logged:
        errors = in_virtual_time(run())

    assert errors == ["feed_reconnect_series_failed"]


def test_the_events_an_operator_looks_for_are_logged_without_secrets(tmp_path: Path) -> None:
    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(1)
        await stream.peers[0].send(TRADES)
        await asyncio.sleep(0.1)
        await stream.peers[0].socket.close()
        await asyncio.sleep(1)

    with structlog.testing.capture_logs() as logged:
        with_feed(tmp_path, work)

    events = [entry["event"] for entry in logged]
    assert events[:7] == [
        "ws_runtime_activated",
        "stream_key_issued",
        "subscribe_acked",
        "feed_connected",
        "subscribe_acked",
        "first_message",
        "feed_reconnecting",
    ]
    assert logged[4]["symbol"] == KAKAO
    shown = repr(logged)
    for secret in ("stream-key-1", "app-key", "app-secret", "5012345601", "myhtsid1", KEY, IV):
        assert secret not in shown


def test_metrics_have_the_operator_s_names_and_the_last_message_s_moment(tmp_path: Path) -> None:
    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        before = feed.metrics()
        assert (before.ws_connected, before.last_ws_message_ts, before.ws_heartbeat_fresh) == (False, None, False)
        await asyncio.sleep(10)
        metrics = feed.metrics()
        assert metrics.ws_connected
        assert metrics.ws_heartbeat_fresh
        assert metrics.last_ws_message_ts is not None
        assert f"{metrics.last_ws_message_ts:%H:%M:%S}" == "11:20:00"
        stream.peers[0].socket.transport.abort()
        await asyncio.sleep(0.1)
        assert not feed.metrics().ws_connected

    with_feed(tmp_path, work)


def test_a_sink_that_fails_ends_the_feed_and_is_not_swallowed(tmp_path: Path) -> None:
    class Broken(Listener):
        def on_quote(self, quote: object) -> None:
            raise ZeroDivisionError

    async def run() -> None:
        async with (
            a_stream(tmp_path) as stream,
            an_open_kis(Approvals(), tmp_path, profile=KisProfile.PAPER, stream=stream.endpoint) as (kis, _),
        ):
            kis.feed.want([KAKAO])
            task = asyncio.create_task(kis.feed.run(Broken()))
            await asyncio.sleep(1)
            await stream.peers[0].send(TRADES)
            await asyncio.sleep(1)
            with pytest.raises(ExceptionGroup) as raised:
                await task
            assert raised.group_contains(ZeroDivisionError)

    in_virtual_time(run())


def test_delays_double_to_a_minute_and_equal_seeds_give_equal_delays() -> None:
    delays = list(islice(reconnect_delays(Random(3)), 10))

    assert delays == list(islice(reconnect_delays(Random(3)), 10))
    for delay, base in zip(delays, (1, 2, 4, 8, 16, 32, 60, 60, 60, 60), strict=True):
        assert base <= delay <= min(base * 1.25, 60)


# --- failures of earlier systems -------------------------------------------------------------------------------------


def test_not_only_the_first_record_of_a_multi_record_frame_is_read(tmp_path: Path) -> None:
    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(1)
        await stream.peers[0].send(TRADES)
        await asyncio.sleep(0.1)
        assert [quote.price for quote in listener.quotes] == [61_300, 61_200]
        assert feed.metrics().ws_quotes == 2

    with_feed(tmp_path, work)


def test_neither_pingpong_nor_acks_are_ignored(tmp_path: Path) -> None:
    """A ping goes back as it came; and a symbol that KIS did not acknowledge does not count as registered."""

    def acknowledge_one(peer: Peer, tr_type: str, tr_id: str, tr_key: str) -> str | None:
        return None if tr_key == SAMSUNG else reply(tr_id, tr_key)

    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(30)
        assert stream.peers[0].echoes == [PINGPONG] * 2
        assert feed.metrics().ws_symbols == (KAKAO,)
        assert stream.peers[0].registered.count(SAMSUNG) > 1  # asked for again until it is acknowledged

    with_feed(tmp_path, work, symbols=(KAKAO, SAMSUNG), answer=acknowledge_one, ping_every_s=12.0)


def test_the_reconnect_counter_is_reset_so_that_many_lost_links_of_a_day_are_no_failed_series(tmp_path: Path) -> None:
    async def work(feed: KisFeed, stream: Stream, listener: Listener) -> None:
        await asyncio.sleep(5)
        for lost in range(30):
            await stream.peers[lost].send(TRADES)
            await asyncio.sleep(600)
            stream.peers[lost].socket.transport.abort()
            lost_at = asyncio.get_running_loop().time()
            await asyncio.sleep(5)
            assert stream.peers[lost + 1].at - lost_at <= 1.3
        assert not any(state.gave_up for _, state in listener.states)

    with_feed(tmp_path, work, ping_every_s=20.0)
