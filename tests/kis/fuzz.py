"""Frames and bodies by accident: seeds that our own code and the contract write, broken in every way we could think of.

Rules of this room
    One seed of the generator gives one campaign, on any machine: a failure is repeated by its number.
    Frames go through `FeedLink.take`, so that its counters are held against a second count of what was sent.
    Only typed errors come out: `BrokerError` and, for a frame, `LinkLost`. Memory after the first tenth is memory at
    the end.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from time import perf_counter

import structlog

from kis_daemon.domain.market import Quote, Symbol
from kis_daemon.kis.capabilities import KisProfile
from kis_daemon.kis.feed_link import FeedLink, FeedPace, LinkLost
from kis_daemon.kis.feed_metrics import FeedCounters
from kis_daemon.kis.feed_plan import FeedPlan
from kis_daemon.kis.feed_tape import FeedTape
from kis_daemon.kis.wire import Answer
from kis_daemon.kis.wire_errors import read_answer, read_key, read_outcome
from kis_daemon.kis.wire_frames import TRADE_FIELDS, TRADES
from kis_daemon.kis.wire_notices import NOTICE_FIELDS, decrypt
from kis_daemon.ports import BrokerError, ExecutionNotice, FeedState, ProtocolError
from tests.kis.builders import CREDENTIALS, KAKAO, a_clock, in_virtual_time
from tests.kis.fuzz_bodies import BODIES, READERS
from tests.kis.streams import PINGPONG, in_use, reply
from tests.kis.test_wire_frames import BOOK_ACCEPTED, BOOK_CIPHER, BOOK_FILL, FIRST, PLAIN, SECOND

NOTICES = "H0STCNI9"
FRAMES = (
    f"0|{TRADES}|001|{FIRST}",
    f"0|{TRADES}|001|{FIRST}^2",
    f"0|{TRADES}|002|{FIRST}^{SECOND}",
    f"0|{TRADES}|004|{FIRST}^2^{SECOND}^2^{FIRST}^2^{SECOND}^2",
    BOOK_ACCEPTED,
    BOOK_FILL,
    f"0|{NOTICES}|001|{PLAIN}",
    f"0|{NOTICES}|002|{PLAIN}^{PLAIN}",
    "0|H0STASP0|001|" + "^".join(["035720", "112008", "0", *map(str, range(61300, 61360))]),
    PINGPONG,
    in_use(),
    reply(TRADES, KAKAO),
    reply(NOTICES, "myhtsid1"),
    reply(TRADES, KAKAO, "OPSP0008", rt_cd="1"),
    reply(TRADES, KAKAO, "OPSP0001"),
)
STATUSES = (200, 200, 200, 200, 200, 200, 200, 200, 500, 403, 429, 503, 301)
_FIGURES = (
    "0", "-1", "1", "00", "9" * 9, "9" * 18, "9" * 40, "1e9", "1.5", ".", "-", "+7", " 12 ", "0x10", "1_000", "١٢٣",
    "１２", "NaN", "inf", "null", "(null)", "", "Y", "카카오", "\x00", "\u202e", "💥", "A" * 300,
)  # fmt: skip
_SEPARATORS = '^|{}[]":, \t\r\n'


class Mutator:
    """Breaks texts; the same seed breaks them the same way."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self._ways: tuple[Callable[[str], str], ...] = (
            self._flip, self._cut, self._drop, self._splice, self._digit, self._field_figure, self._field_gone,
            self._field_more, self._field_swap, self._count, self._separator, self._foreign,
        )  # fmt: skip

    def text(self, text: str) -> str:
        """Return `text` broken in one to three places; JSON is broken by its structure as often as by its signs."""
        if text[:1] == "{" and self.random.random() < 0.5:
            text = self._structure(text)
        for _ in range(self.random.choice((0, 1, 1, 1, 2, 3))):
            text = self.random.choice(self._ways)(text)
        return text

    def bytes(self, text: str) -> bytes:
        """Return the bytes of `text` broken, not always in UTF-8."""
        told = bytearray(self.text(text).encode("cp949" if self.random.random() < 0.05 else "utf-8", "replace"))
        if told and self.random.random() < 0.2:
            told[self.random.randrange(len(told))] ^= 1 << self.random.randrange(8)
        return bytes(told)

    def _at(self, text: str) -> int:
        return self.random.randrange(len(text) + 1)

    def _flip(self, text: str) -> str:
        told = bytearray(text.encode("utf-8", "replace"))
        if told:
            told[self.random.randrange(len(told))] ^= 1 << self.random.randrange(8)
        return told.decode("utf-8", "replace")

    def _cut(self, text: str) -> str:
        return text[: self._at(text)] if self.random.random() < 0.7 else text[self._at(text) :]

    def _drop(self, text: str) -> str:
        at = self._at(text)
        return text[:at] + text[at + self.random.randrange(1, 30) :]

    def _splice(self, text: str) -> str:
        at, other = self._at(text), self._at(text)
        return text[:at] + text[other : other + self.random.randrange(200)] + text[at:]

    def _digit(self, text: str) -> str:
        places = [at for at, sign in enumerate(text) if sign in "0123456789"]
        if not places:
            return text
        at = self.random.choice(places)
        return text[:at] + self.random.choice("0123456789-.") + text[at + 1 :]

    def _fields(self, text: str) -> tuple[str, list[str]]:
        return ("^", text.split("^")) if "^" in text else ('"', text.split('"'))

    def _field_figure(self, text: str) -> str:
        sign, fields = self._fields(text)
        fields[self.random.randrange(len(fields))] = self.random.choice(_FIGURES)
        return sign.join(fields)

    def _field_gone(self, text: str) -> str:
        sign, fields = self._fields(text)
        del fields[self.random.randrange(len(fields))]
        return sign.join(fields)

    def _field_more(self, text: str) -> str:
        sign, fields = self._fields(text)
        fields.insert(self.random.randrange(len(fields) + 1), self.random.choice(_FIGURES))
        return sign.join(fields)

    def _field_swap(self, text: str) -> str:
        sign, fields = self._fields(text)
        one, two = self.random.randrange(len(fields)), self.random.randrange(len(fields))
        fields[one], fields[two] = fields[two], fields[one]
        return sign.join(fields)

    def _count(self, text: str) -> str:
        parts = text.split("|", 3)
        if len(parts) < 3:
            return text
        parts[2] = self.random.choice(("000", "001", "002", "003", "999", "1", "", "0001", "-01", "+1", "１", "x"))
        return "|".join(parts)

    def _separator(self, text: str) -> str:
        at = self._at(text)
        return text[:at] + self.random.choice(_SEPARATORS) + text[at + self.random.randrange(2) :]

    def _foreign(self, text: str) -> str:
        at = self._at(text)
        return text[:at] + chr(self.random.choice((0, 9, 0xA0, 0x661, 0xFF11, 0xAC00, 0xFFFD, 0x1F4A5))) + text[at:]

    def _structure(self, text: str) -> str:
        try:
            tree = json.loads(text)
        except ValueError:
            return text
        return json.dumps(self._broken(tree, 0), ensure_ascii=self.random.random() < 0.5)

    def _broken(self, value: object, depth: int) -> object:
        chance = self.random.random()
        if chance < 0.12:
            return self.random.choice(
                (None, True, 0, -1, 1.5, 10**30, "", "0", [], {}, [value], {"output": value}, [value] * 3, value)
            )
        if isinstance(value, dict):
            told = {key: self._broken(item, depth + 1) for key, item in value.items() if self.random.random() > 0.03}
            if told and self.random.random() < 0.1:
                key = self.random.choice(list(told))
                told[self.random.choice((key.upper(), f" {key} ", key[:-1], "output", ""))] = told[key]
            return told
        if isinstance(value, list):
            return [self._broken(item, depth + 1) for item in value]
        if chance < 0.25 and isinstance(value, str):
            return self.random.choice(_FIGURES)
        return value


# --- frames ----------------------------------------------------------------------------------------------------------


class _NoSocket:
    """A connection on which nothing comes and nothing is sent."""

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        raise AssertionError("frames are handed to the link directly")

    async def send(self, message: str) -> None:
        raise AssertionError(message)


@dataclass(slots=True)
class Sieve:
    """A sink that lets nothing pass but sound facts."""

    quotes: int = 0
    notices: int = 0

    def on_quote(self, quote: Quote) -> None:
        assert 0 < quote.price <= 10**9, quote
        assert 0 <= quote.low <= quote.high <= 10**9, quote
        assert quote.at.tzinfo is not None, quote
        assert len(quote.symbol) == 6, quote
        self.quotes += 1

    def on_notice(self, notice: ExecutionNotice) -> None:
        assert notice.order_no, notice
        assert notice.quantity >= 0, notice
        self.notices += 1

    def on_feed_state(self, state: FeedState) -> None:
        assert len(state.symbols) <= 40, state

    def on_gap(self, symbol: Symbol, missed: int) -> None:
        assert missed > 0, symbol


def at_volume(text: str, volume: int) -> str:
    """Return a frame of the seeds as it would stand later in the day: else every trade would be a duplicate."""
    return text.replace("^1283950^", f"^{volume}^").replace("^1284060^", f"^{volume + 110}^")


def records_sent(text: str) -> int:
    """Return how many records stand in a frame, counted a second time; 1 for what has none."""
    head, _, rest = text.partition("|")
    tr_id, _, rest = rest.partition("|")
    told, _, payload = rest.partition("|")
    if head not in ("0", "1") or not (told.isascii() and told.isdigit() and len(told) <= 3):
        return 1
    if tr_id == TRADES and head == "0":
        least, readable = TRADE_FIELDS, payload.isascii() and "_" not in payload
    elif tr_id == NOTICES:
        least, readable = NOTICE_FIELDS, True
        if head == "1":
            try:
                payload = decrypt(payload, BOOK_CIPHER)
            except ProtocolError:
                readable = False
    else:
        return 1
    count, fields = int(told), payload.count("^") + 1
    fits = count > 0 and fields % count == 0 and fields // count >= least
    return count if readable and fits else 1


@dataclass(slots=True, kw_only=True)
class Result:
    """What a campaign did. `outcomes` counts what came out; memory is in MiB, `grown_mib` since the first tenth."""

    frames: int = 0
    records: int = 0
    quotes: int = 0
    notices: int = 0
    unreadable: int = 0
    links_lost: int = 0
    bodies: int = 0
    readings: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    frames_s: float = 0.0
    bodies_s: float = 0.0
    frames_grown_mib: float = 0.0
    bodies_grown_mib: float = 0.0

    def lines(self) -> list[str]:
        """Return what there is to tell of it."""
        return [
            f"{self.frames:,} frames, {self.records:,} records in {self.frames_s:.1f} s: {self.quotes:,} quotes, "
            f"{self.notices:,} notices, {self.unreadable:,} unreadable, {self.links_lost:,} links lost; "
            f"memory {self.frames_grown_mib:+.1f} MiB",
            f"{self.bodies:,} bodies, {self.readings:,} readings in {self.bodies_s:.1f} s; "
            f"memory {self.bodies_grown_mib:+.1f} MiB; {dict(self.outcomes.most_common(12))}",
        ]


def resident_mib() -> float:
    """Return the memory this process holds after everything that can go has gone."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def fuzz_frames(count: int, seed: int, result: Result) -> None:
    """Send `count` broken frames through a link and hold its counters against our own count of records."""
    mutator, sieve, counters, tape = Mutator(seed), Sieve(), FeedCounters(), FeedTape()

    async def run() -> None:
        link = a_link(sieve, counters, tape)
        before, sent, lost = 0.0, 0, 0
        for number in range(count):
            if number == count // 10:
                before = resident_mib()
            text = mutator.text(at_volume(mutator.random.choice(FRAMES), 1_283_950 + 135 * number))
            try:
                link.take(text)
            except LinkLost:
                lost += 1
                link = a_link(sieve, counters, tape)
            sent += records_sent(text)
            told = accounted(counters, tape) + lost
            assert told == sent, f"frame {number} of seed {seed}: {told} of {sent} records: {text!r}"
        result.records += sent
        result.links_lost += lost
        result.frames_grown_mib += resident_mib() - before

    began = perf_counter()
    in_virtual_time(run())
    result.frames_s += perf_counter() - began
    result.frames += count
    assert (counters.quotes, counters.notices) == (sieve.quotes, sieve.notices)
    result.quotes += counters.quotes
    result.notices += counters.notices
    result.unreadable += counters.unreadable


def a_link(sieve: Sieve, counters: FeedCounters, tape: FeedTape) -> FeedLink:
    """Return a link that knows the key of its notices."""
    clock = a_clock()
    plan = FeedPlan(notices=1)
    link = FeedLink(
        _NoSocket(), "stream-key", CREDENTIALS, KisProfile.PAPER, clock, FeedPace(), counters, sieve, plan, tape
    )
    controls = counters.controls
    link.take(reply(NOTICES, CREDENTIALS.hts_id, key=BOOK_CIPHER.key, iv=BOOK_CIPHER.iv))
    counters.controls = controls
    return link


def accounted(counters: FeedCounters, tape: FeedTape) -> int:
    """Return how many records and messages the counters know of."""
    read = counters.quotes + tape.dropped + counters.unpriced + counters.notices + counters.foreign
    return read + counters.unreadable + counters.unknown + counters.controls


# --- bodies ----------------------------------------------------------------------------------------------------------


def fuzz_bodies(count: int, seed: int, result: Result) -> None:
    """Read `count` broken bodies by every envelope, and by every reader where an envelope lets them through."""
    mutator = Mutator(seed)
    began, before = perf_counter(), 0.0
    for number in range(count):
        if number == count // 10:
            before = resident_mib()
        answer = Answer(
            status=mutator.random.choice(STATUSES),
            body=mutator.bytes(mutator.random.choice(BODIES)),
            tr_cont=mutator.random.choice(("", "F", "M", "D", " M ", "x")),
        )
        try:
            _read_everywhere(answer, result)
        except Exception as error:
            error.add_note(f"body {number} of seed {seed}: {answer!r}")
            raise
    result.bodies_grown_mib += resident_mib() - before
    result.bodies_s += perf_counter() - began
    result.bodies += count


def _read_everywhere(answer: Answer, result: Result) -> None:
    for envelope in (read_key, read_outcome):
        _outcome(partial(envelope, answer), result)
    try:
        body = read_answer(answer)
    except BrokerError as error:
        result.outcomes[type(error).__name__] += 1
        return
    for reader in READERS:
        _outcome(partial(reader, body), result)


def _outcome(work: Callable[[], object], result: Result) -> None:
    result.readings += 1
    try:
        work()
    except BrokerError as error:
        result.outcomes[type(error).__name__] += 1
    else:
        result.outcomes["read"] += 1


def campaign(frames: int = 1_000_000, bodies: int = 100_000, seeds: Sequence[int] = (1, 2, 3, 4)) -> Result:
    """Fuzz so many frames and bodies in all, shared out to the seeds; raises at the first surprise."""
    result = Result()
    with quietly():
        for seed in seeds:
            fuzz_frames(-(-frames // len(seeds)), seed, result)
            fuzz_bodies(-(-bodies // len(seeds)), seed, result)
    return result


@contextmanager
def quietly() -> Iterator[None]:
    """Log nothing: a campaign has a warning for every other frame."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)


if __name__ == "__main__":
    sys.stdout.write("\n".join([*campaign().lines(), ""]))
