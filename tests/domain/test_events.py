"""Facts: the bytes that are hashed, the chain, and the time that is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kis_daemon.domain.calendar import KST
from kis_daemon.domain.events import GENESIS_HASH, Event, Payload, Scalar, canonical, chain_hash

TAGS: list[Scalar] = ["a", 1]
DATA: Payload = {"symbol": "005930", "name": "삼성전자", "quantity": 10, "pct": 0.5, "tags": TAGS, "last": None}
FILLED = Event(
    at=datetime(2024, 3, 5, 9, 33, 54, 120, tzinfo=KST),
    type="order_filled",
    actor="engine",
    correlation_id="20240305-005930-1",
    payload=DATA,
)
CANONICAL = (
    "2024-03-05T00:33:54.000120Z\n"
    "order_filled\n"
    "20240305-005930-1\n"
    '{"last":null,"name":"삼성전자","pct":0.5,"quantity":10,"symbol":"005930","tags":["a",1]}'
)


def with_payload(payload: Payload) -> Event:
    return Event(at=FILLED.at, type="order_filled", correlation_id="20240305-005930-1", payload=payload)


def test_the_form_that_is_hashed_is_this_to_the_letter() -> None:
    assert canonical(FILLED) == CANONICAL


def test_the_chain_hash_is_this_to_the_letter() -> None:
    # { printf '%064d\n' 0; printf '%s' "$CANONICAL"; } | sha256sum
    first = chain_hash(GENESIS_HASH, FILLED)
    assert first == "6cbd8c4681ac39216e1fa46421f7e367262e1905d3bc7ea9ffc5c9c559c2b3f3"
    # { printf '%s\n' "$first"; printf '%s' "$CANONICAL"; } | sha256sum
    assert chain_hash(first, FILLED) == "4e11d3daeb8e73bb78a5ffdeb0764c17f0ae52418b659521a5b62c58da27902d"


def test_the_first_event_stands_behind_64_zeros() -> None:
    assert GENESIS_HASH == "0" * 64


def test_the_order_of_the_keys_is_not_a_part_of_the_fact() -> None:
    assert canonical(with_payload({"b": 1, "a": {"d": 2, "c": 3}})) == canonical(
        with_payload({"a": {"c": 3, "d": 2}, "b": 1})
    )


def test_the_time_zone_is_not_a_part_of_the_fact_and_the_microsecond_is() -> None:
    moment = FILLED.at.astimezone(UTC)

    assert canonical(Event(at=moment, type="t")) == canonical(Event(at=FILLED.at, type="t"))
    assert canonical(Event(at=moment.replace(microsecond=121), type="t")) != canonical(Event(at=FILLED.at, type="t"))


def test_an_event_without_data_or_correlation_has_both_empty() -> None:
    assert canonical(Event(at=FILLED.at, type="started")) == "2024-03-05T00:33:54.000120Z\nstarted\n\n{}"


def test_who_acted_is_told_beside_the_chain() -> None:
    assert Event(at=FILLED.at, type="t").actor == "engine"
    assert canonical(Event(at=FILLED.at, type="t", actor="operator")) == canonical(Event(at=FILLED.at, type="t"))


@pytest.mark.parametrize(
    "other",
    [
        Event(at=FILLED.at, type="order_cancelled", correlation_id=FILLED.correlation_id, payload=FILLED.payload),
        Event(at=FILLED.at, type=FILLED.type, correlation_id="x", payload=FILLED.payload),
        with_payload({**FILLED.payload, "quantity": 11}),
        with_payload({**FILLED.payload, "quantity": "10"}),
    ],
)
def test_every_other_part_changes_the_hash(other: Event) -> None:
    assert chain_hash(GENESIS_HASH, other) != chain_hash(GENESIS_HASH, FILLED)


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="event order_filled: a naive time 2024-03-05 09:33:54 was given"):
        Event(at=datetime(2024, 3, 5, 9, 33, 54), type="order_filled")
