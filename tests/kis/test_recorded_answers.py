"""Every recorded answer of KIS is read: what the daemon asks for field by field, all else as what it is.

`pytest -n0 -s` shows the table of files. Which of them are whole answers, fragments of a document, refusals or frames
is what their index says; nothing here is told by name.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kis_daemon.kis.capabilities import CAPABILITIES, Purpose
from kis_daemon.kis.wire_errors import read_answer, read_key, read_outcome
from kis_daemon.kis.wire_frames import Cipher, DataFrame, Ping, Reply, decode_frame, read_trades
from kis_daemon.kis.wire_notices import decrypt, read_notices
from kis_daemon.ports import BrokerError, NoAnswer, NoticeKind
from tests.kis.builders import TODAY
from tests.kis.recordings import BY_PATH, OURS, Recording, Told, plain


@pytest.fixture(scope="module")
def recordings(shared_data: Path) -> list[Recording]:
    folder = shared_data / "kis_payloads"
    index = json.loads((folder / "index.json").read_text())
    assert {entry["file"] for entry in index["payloads"]} == {
        path.name for path in folder.iterdir() if path.name != "index.json"
    }
    assert index["count"] == len(index["payloads"])
    return [Recording(entry=entry, raw=(folder / entry["file"]).read_bytes()) for entry in index["payloads"]]


# --- decoding --------------------------------------------------------------------------------------------------------


def decode(recording: Recording) -> tuple[str, str]:
    """Return what kind of result a recording is and a word about it; anything untyped is a failure of the test."""
    kind = recording.entry["kind"]
    if kind == "oauth":
        return decode_key(recording)
    if kind == "rest":
        return decode_rest(recording)
    if kind == "ws_notice_plain":
        plain_notice = DataFrame(tr_id="H0STCNI0", encrypted=False, records=1, payload=recording.raw.decode().strip())
        return decode_notice(plain_notice, None)
    return decode_frame_of(recording)


def refused(recording: Recording, error: BrokerError) -> tuple[str, str]:
    assert recording.entry["rt_cd"] != "0"
    assert error.code == recording.entry["msg_cd"]
    return "typed error", f"{type(error).__name__} {error.code}"


def decode_key(recording: Recording) -> tuple[str, str]:
    try:
        row = read_key(recording.answer)
    except BrokerError as error:
        return refused(recording, error)
    raw = json.loads(recording.raw)
    for key, value in raw.items():
        assert row.text(key) == str(value)
    return "fields", f"{len(raw)} fields"


def decode_rest(recording: Recording) -> tuple[str, str]:
    try:
        body = recording.body
    except BrokerError as error:
        return refused(recording, error)
    assert recording.is_fragment or recording.entry["rt_cd"] == "0"
    reader = BY_PATH.get(recording.endpoint)
    if reader is None:
        outputs = sum(1 for key in body.fields if key.startswith("output"))
        return "envelope", f"{outputs} outputs{' of a fragment' if recording.is_fragment else ''}"
    told = reader(body, json.loads(recording.raw))
    for read, recorded in told:
        assert read == recorded, recording.entry["file"]
    if not told:
        return "typed error", "NoAnswer: accepted without a number"
    return "fields", f"{len(told)} fields"


def decode_notice(frame: DataFrame, cipher: Cipher | None) -> tuple[str, str]:
    text = frame.payload if cipher is None else decrypt(frame.payload, cipher)
    told = [value.strip() for value in text.split("^")]
    (notice,), unreadable = read_notices(frame, cipher, told[1], TODAY.date())
    assert (notice.order_no, notice.symbol, plain(notice.side)) == (told[2].lstrip("0"), told[8], told[4])
    assert (notice.quantity, notice.price, f"{notice.at:%H%M%S}") == (int(told[9]), int(told[10]), told[11])
    assert (notice.kind, unreadable) == (NoticeKind.ACCEPTED, 0)
    return "fields", f"{notice.kind} of {notice.order_no}"


def decode_frame_of(recording: Recording) -> tuple[str, str]:
    text = recording.raw.decode().strip()
    frame = decode_frame(text)
    if isinstance(frame, Ping):
        return "control", "ping"
    if isinstance(frame, Reply):
        assert frame.code == recording.entry["msg_cd"]
        assert frame.tr_id == json.loads(text).get("header", {}).get("tr_id", "")
        return "control", f"reply {frame.code}"
    assert frame.tr_id == recording.entry["tr_id"]
    if frame.tr_id == CAPABILITIES[Purpose.TRADES].real:
        return "fields", f"{len(trades_told(frame, recording.entry))} fields"
    if frame.tr_id == CAPABILITIES[Purpose.NOTICES].real:
        return decode_notice(frame, Cipher(key=recording.entry["aes_key"], iv=recording.entry["aes_iv"]))
    assert len(frame.payload.split("^")) == recording.entry["fields"]
    return "envelope", f"{frame.records} records, {recording.entry['fields']} fields"


def trades_told(frame: DataFrame, entry: Mapping[str, Any]) -> Told:
    trades, unreadable = read_trades(frame.payload, frame.records)
    values = frame.payload.split("^")
    assert len(values) == entry["fields"]
    width = len(values) // frame.records
    assert (len(trades), unreadable) == (frame.records, 0)
    told: Told = []
    for n, (quote, size) in enumerate(trades):
        record = dict(enumerate(values[n * width : (n + 1) * width]))
        told += [(plain(quote.at), record[33] + record[1]), (plain(size), record[12])]
        told += [
            (plain(getattr(quote, name)), record[place])
            for name, place in (
                ("symbol", 0), ("price", 2), ("open", 7), ("high", 8), ("low", 9), ("ask", 10), ("bid", 11),
                ("day_volume", 13), ("halted", 35),
            )
        ]  # fmt: skip
    for read, recorded in told:
        assert read == recorded, entry["file"]
    return told


def test_every_recorded_answer_is_read_or_refused_with_a_typed_error(recordings: list[Recording]) -> None:
    results = [(recording, *decode(recording)) for recording in recordings]

    counts = Counter((str(recording.entry["kind"]), kind) for recording, kind, _ in results)
    lines = [
        f"{recording.entry['file']:<44} {recording.entry['tr_id'][:28]:<28} {recording.entry['kind']:<15} "
        f"{kind:<11} {word}"
        for recording, kind, word in results
    ]
    lines += [f"{count:>4}  {of}: {kind}" for (of, kind), count in sorted(counts.items())]
    sys.stdout.write("\n" + "\n".join(lines) + "\n")
    assert sum(counts.values()) == len(recordings)


def test_what_the_daemon_asks_for_is_read_field_by_field_and_never_as_a_mere_envelope(
    recordings: list[Recording],
) -> None:
    ours = [recording for recording in recordings if recording.endpoint in OURS]

    assert {decode(recording)[0] for recording in ours} == {"fields", "typed error"}
    assert {recording.endpoint for recording in ours} >= set(BY_PATH)


def test_a_fragment_without_its_envelope_is_not_believed_to_be_an_answer(recordings: list[Recording]) -> None:
    fragments = [recording for recording in recordings if recording.is_fragment]

    assert fragments
    for recording in fragments:
        with pytest.raises(BrokerError):
            read_answer(recording.answer)
        with pytest.raises(NoAnswer):
            read_outcome(recording.answer)
