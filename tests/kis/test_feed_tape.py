"""The order of trades, told by the day's volume."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

from kis_daemon.domain.market import Quote, QuoteSession, QuoteSource, Symbol
from kis_daemon.kis.feed_tape import DROPPED, FeedTape
from tests.kis.builders import KAKAO, TODAY


def a_trade(volume: int, *, second: int = 0, day: int = 0, symbol: Symbol = KAKAO) -> Quote:
    return Quote(
        symbol=symbol, price=61_300, at=TODAY + timedelta(days=day, seconds=second), ask=61_300, bid=61_200,
        open=60_700, high=61_600, low=60_300, day_volume=volume, session=QuoteSession.REGULAR, halted=False,
        in_vi=False, source=QuoteSource.STREAM,
    )  # fmt: skip


def test_each_symbol_has_its_own_count() -> None:
    tape = FeedTape()
    other = Symbol("005930")

    assert [tape.take(a_trade(100), 10), tape.take(a_trade(9, symbol=other), 9), tape.take(a_trade(110), 10)] == [0] * 3
    assert tape.take(a_trade(30, symbol=other), 1) == 20


def test_news_without_a_trade_pass_and_the_same_trade_again_does_not() -> None:
    tape = FeedTape()
    tape.take(a_trade(100), 10)

    assert tape.take(replace(a_trade(100, second=1), halted=True), 0) == 0
    assert tape.take(a_trade(100, second=1), 10) == DROPPED


def test_a_volume_that_falls_later_in_time_means_that_the_one_before_was_wrong() -> None:
    tape = FeedTape()
    tape.take(a_trade(100), 10)
    tape.take(a_trade(900_000_110), 10)

    assert tape.take(a_trade(120, second=1), 10) > 0
    assert tape.take(a_trade(130, second=1), 10) == 0
    assert tape.gaps == 2


def test_one_figure_from_the_end_of_the_day_does_not_silence_a_symbol() -> None:
    tape = FeedTape()
    tape.take(a_trade(100), 10)
    tape.take(a_trade(900_000_110, second=12_000), 10)

    answers = [tape.take(a_trade(120 + 10 * n, second=n), 10) for n in range(6)]

    assert answers[:4] == [DROPPED] * 4
    assert answers[4] > 0
    assert answers[5] == 0


def test_one_date_of_tomorrow_does_not_silence_a_symbol() -> None:
    tape = FeedTape()
    tape.take(a_trade(100), 10)
    tape.take(a_trade(110, day=300), 20)

    answers = [tape.take(a_trade(120 + 10 * n, second=n), 10) for n in range(6)]

    assert answers[-1] == 0


def test_a_forgotten_symbol_begins_anew() -> None:
    tape = FeedTape()
    tape.take(a_trade(100), 10)
    tape.forget(KAKAO)

    assert tape.take(a_trade(5000), 10) == 0
    assert tape.gaps == 0


def test_in_a_stream_with_losses_every_missing_share_is_told() -> None:
    chance = Random(5)
    tape = FeedTape()
    volume, missing, told = 1000, 0, 0
    tape.take(a_trade(volume), 10)
    for second in range(2000):
        size = chance.randint(1, 500)
        volume += size
        if chance.random() < 0.1:
            missing += size
            continue
        told += tape.take(a_trade(volume, second=second), size)

    told += tape.take(a_trade(volume + 1, second=2001), 1)
    assert told == missing > 0
