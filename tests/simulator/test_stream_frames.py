"""What the stream sends: trades, books, auctions, states and notices, field by field."""

from __future__ import annotations

from datetime import date
from typing import Literal

import pytest
from websockets.exceptions import ConnectionClosed

from kis_daemon.simulator.notices import encrypted, fields_on
from kis_daemon.simulator.profile import SimulatorSettings
from kis_daemon.simulator.requests import RequestKind
from tests.simulator.builders import MONDAY, SAMSUNG, TUESDAY, BarsBook, a_bar, at
from tests.simulator.conftest import Served
from tests.simulator.listeners import decrypted, listening


def test_the_cipher_writes_the_frames_of_the_contract() -> None:
    key, iv = "q7m2x9r4t1w8k3v6z5n0b2c7d4f9g1h8", "5a1c9e3b7d2f8046"
    plain = (
        "myhtsid1^5012345601^0000012345^^02^0^00^0^035720^0000000010^000061300^112010^0^1^1^00950^000000010^홍길동"
        "^0^1^Y^^00^^카카오^000061300"
    )

    assert encrypted(plain, key, iv) == (
        "E9afWC4/dZzRqk3ETUhmYz9YwbsiAxO/AStU9lnvW4Cng0UCzFqQ+axwFPa5wJl78MNhuM/U/jVxXinoTGKPNgzxXgWQl+YkLqsi/sRraNsr"
        "OQtKZtDwTpAygIHJl/pNhFE46JNeT+46doRNHhcpSDi2yxK0pb3iq/R8+C8t7ruIIJX+G9dXvOukkV1ryiyO"
    )
    assert decrypted(encrypted(plain, key, iv), key, iv) == plain


async def test_a_registration_is_answered_with_key_and_iv_and_then_trades_come(served: Served) -> None:
    async with served(now=at("09:30")) as client, listening(client) as listener:
        answer = await listener.ask("H0STCNT0", "005930")
        await client.clock.move_to(at("09:50"))
        enc, tr_id, count, payload = str(await listener.socket.recv()).split("|", 3)

        output = answer["body"]["output"]
        assert (answer["body"]["msg_cd"], len(output["key"]), len(output["iv"])) == ("OPSP0000", 32, 16)
        assert answer["header"] == {"tr_id": "H0STCNT0", "tr_key": "005930", "encrypt": "N"}
        fields = payload.split("^")
        assert (enc, tr_id, count, len(fields)) == ("0", "H0STCNT0", "001", 46)
        board = client.sim.exchange.boards[SAMSUNG]
        assert fields[0] == "005930"
        assert fields[2] == str(board.price)
        assert fields[4] == str(board.price - 70_500)
        assert fields[7:12] == [str(x) for x in (board.open, board.high, board.low, board.ask, board.bid)]
        assert fields[13:15] == [str(board.volume), str(board.turnover)]
        assert (fields[33], fields[34], fields[35]) == ("20240305", "20", "N")


async def test_a_hook_may_lose_or_repeat_frames(served: Served) -> None:
    seen: list[str] = []

    def hook(frame: str) -> list[str]:
        seen.append(frame)
        return [] if len(seen) == 1 else [frame, frame]

    async with served(now=at("09:30"), frame_hook=hook) as client, listening(client) as listener:
        await listener.ask("H0STCNT0", "005930")
        await client.clock.move_to(at("10:30"))

        assert [await listener.socket.recv(), await listener.socket.recv()] == [seen[1], seen[1]]


async def test_since_the_reform_of_2026_a_trade_has_47_fields(served: Served) -> None:
    days = [date(2026, 9, 11), date(2026, 9, 14)]
    book = BarsBook({SAMSUNG: [a_bar(day, 70_000, 71_000, 69_000, 70_500) for day in days]})
    async with served(now=at("09:30", days[1]), book=book) as client, listening(client) as listener:
        await listener.ask("H0STCNT0", "005930")
        await client.clock.move_to(at("09:50", days[1]))
        frame = str(await listener.socket.recv())

        assert len(frame.split("|")[3].split("^")) == 47
        assert frame.endswith("^2")


@pytest.mark.parametrize(
    ("day", "changes", "fields"),
    [
        (date(2025, 2, 28), {}, 59),
        (date(2025, 3, 4), {}, 62),
        (date(2026, 9, 14), {}, 63),
        (date(2026, 9, 14), {"reformed": False}, 62),
        (date(2025, 2, 28), {"book_fields": 63}, 63),
    ],
)
async def test_the_book_grew_with_the_years(served: Served, day: date, changes: dict[str, object], fields: int) -> None:
    book = BarsBook({SAMSUNG: [a_bar(day, 70_000, 71_000, 69_000, 70_500)]})
    async with served(now=at("09:30", day), book=book, **changes) as client, listening(client) as listener:
        await listener.ask("H0STASP0", "005930")
        await client.clock.move_to(at("09:50", day))
        enc, tr_id, count, payload = (await listener.text()).split("|", 3)

        told = payload.split("^")
        board = client.sim.exchange.boards[SAMSUNG]
        assert (enc, tr_id, count, len(told)) == ("0", "H0STASP0", "001", fields)
        assert (told[2], told[3], told[13]) == ("0", str(board.ask), str(board.bid))
        assert told[3:13] == [str(board.ask + 100 * level) for level in range(10)]
        assert told[13:23] == [str(board.bid - 100 * level) for level in range(10)]
        assert int(told[43]) == sum(int(size) for size in told[23:33])
        assert (told[47], told[50], told[52]) == ("0", str(-board.base), "-100.00")


async def test_levels_beyond_the_limit_are_empty(served: Served) -> None:
    day = at("09:30").date()
    book = BarsBook({SAMSUNG: [a_bar(date(2024, 3, 4), 70_000, 70_000, 70_000, 70_000), a_bar(day, *[91_000] * 4)]})
    async with served(now=at("09:30"), book=book) as client, listening(client) as listener:
        await listener.ask("H0STASP0", "005930")
        await client.clock.move_to(at("09:50"))
        told = (await listener.text()).split("|", 3)[3].split("^")

        assert told[3:13] == ["0"] * 10
        assert told[13] == "91000"


async def test_a_trade_may_be_printed_as_several_executions(served: Served) -> None:
    async with served(now=at("09:30"), records_per_frame=3) as client, listening(client) as listener:
        await listener.ask("H0STCNT0", "005930")
        before = client.sim.exchange.boards[SAMSUNG].volume
        await client.clock.move_to(at("09:46"))
        _, _, count, payload = (await listener.text()).split("|", 3)

        fields = payload.split("^")
        records = [fields[start : start + 46] for start in range(0, len(fields), 46)]
        board = client.sim.exchange.boards[SAMSUNG]
        assert (count, len(records)) == ("003", 3)
        assert sum(int(record[12]) for record in records) == board.volume - before
        assert [int(record[13]) - before for record in records] == [
            sum(int(record[12]) for record in records[: place + 1]) for place in range(3)
        ]
        assert records[-1][13:15] == [str(board.volume), str(board.turnover)]
        assert all(int(record[13]) == int(record[19]) + int(record[20]) for record in records)


async def test_the_opening_auction_is_told_with_its_expected_price(served: Served) -> None:
    async with served(profile="real", now=at("08:20")) as client, listening(client) as listener:
        for tr_id in ("H0STMKO0", "H0STANC0", "H0STASP0"):
            await listener.ask(tr_id, "005930")
        await client.clock.move_to(at("08:36"))
        frames = [(await listener.text()).split("|", 3) for _ in range(4)]

        told = [(frame[1], frame[3].split("^")) for frame in frames]
        assert [tr_id for tr_id, _ in told] == ["H0STMKO0", "H0STANC0", "H0STASP0", "H0STANC0"]
        status, expected, book = (fields for _, fields in told[:3])
        assert status == ["005930", "N", "(null)", "110", "112", "(null)", "(null)", "55", "N", "N", "1"]
        assert (len(expected), expected[1], expected[43]) == (45, "083000", "B")
        assert (book[2], book[47]) == ("B", expected[2])


async def test_an_interruption_is_told_when_it_begins_and_when_it_has_ended(served: Served) -> None:
    async with served(profile="real", now=at("10:00")) as client, listening(client) as listener:
        await listener.ask("H0STMKO0", "005930")
        assert (await client.post("/__sim/vi", {"symbol": "005930"}))[0] == 200
        await client.clock.move(minutes=3)

        told = [(await listener.text()).split("|", 3)[3].split("^") for _ in range(2)]
        assert [(fields[4], fields[8]) for fields in told] == [("311", "Y"), ("(null)", "N")]


async def test_a_halt_is_told_and_its_end(served: Served) -> None:
    async with served(profile="real", now=at("10:00")) as client, listening(client) as listener:
        await listener.ask("H0STMKO0", "005930")
        for command in ("halt", "resume"):
            await client.post(f"/__sim/{command}", {"symbol": "005930"})

        told = [(await listener.text()).split("|", 3)[3].split("^") for _ in range(2)]
        assert [(fields[1], fields[7]) for fields in told] == [("Y", "58"), ("N", "55")]


async def test_the_unified_venue_tells_the_same_trades_and_its_status_without_the_symbol(served: Served) -> None:
    async with served(profile="real", now=at("09:30")) as client, listening(client) as listener:
        for tr_id in ("H0STCNT0", "H0UNCNT0", "H0UNASP0", "H0NXASP0"):
            await listener.ask(tr_id, "005930")
        await client.clock.move_to(at("09:46"))
        frames = [(await listener.text()).split("|", 3) for _ in range(4)]

        assert [frame[1] for frame in frames] == ["H0STCNT0", "H0UNCNT0", "H0UNASP0", "H0NXASP0"]
        assert frames[0][3] == frames[1][3]
        assert [len(frame[3].split("^")) for frame in frames[2:]] == [65, 65]
        await listener.ask("H0UNMKO0", "005930")
        await client.post("/__sim/halt", {"symbol": "005930"})
        status = (await listener.text()).split("|", 3)[3].split("^")
        assert (len(status), status[0]) == (10, "Y")


async def test_a_rejected_order_is_told_by_a_notice_that_gives_no_reason(served: Served) -> None:
    async with served() as client, listening(client) as listener:
        await listener.ask("H0STCNI9", client.settings.hts_id)
        client.sim.exchange.reject_next()
        number = (await client.buy(3, 70_000))["output"]["ODNO"]
        notice = await listener.notice()

        assert [notice[place] for place in (2, 5, 12, 13, 14)] == [number, "0", "1", "1", "1"]


async def test_a_modification_that_is_rejected_says_so(served: Served) -> None:
    async with served() as client, listening(client) as listener:
        number = (await client.buy(3, 60_000))["output"]["ODNO"]
        await listener.ask("H0STCNI9", client.settings.hts_id)
        client.sim.exchange.reject_next(RequestKind.CANCEL)
        await client.cancel(number)
        notice = await listener.notice()

        assert [notice[place] for place in (3, 5, 12)] == [number, "2", "1"]


async def test_the_remainder_of_an_ioc_is_told_as_cancelled(served: Served) -> None:
    async with served(profile="real") as client, listening(client) as listener:
        await listener.ask("H0STCNI0", client.settings.hts_id)
        await client.buy(3, 60_000, ORD_DVSN="11")
        told = [await listener.notice() for _ in range(2)]

        assert [[notice[place] for place in (5, 7, 12, 13, 14)] for notice in told] == [
            ["0", "1", "0", "1", "1"],
            ["0", "1", "0", "1", "3"],
        ]


async def test_numbers_in_a_notice_are_filled_with_zeros(served: Served) -> None:
    async with served(notice_fields=26) as client, listening(client) as listener:
        await listener.ask("H0STCNI9", client.settings.hts_id)
        await client.buy(10, 61_300)
        notice = await listener.notice()

        assert [notice[place] for place in (9, 10, 16, 25)] == ["0000000010", "000061300", "000000010", "000061300"]


async def test_before_the_second_venue_a_notice_had_23_fields(served: Served) -> None:
    async with served() as client, listening(client) as listener:
        await listener.ask("H0STCNI9", client.settings.hts_id)
        await client.buy(10, 61_300)
        notice = await listener.notice()

        assert len(notice) == 23
        assert [notice[place] for place in (9, 18, 21, 22)] == ["0000000010", "삼성전자", "삼성전자", "000061300"]


@pytest.mark.parametrize(("profile", "tr_id"), [("paper", "H0STCNI9"), ("real", "H0STCNI0")])
async def test_an_order_is_told_by_encrypted_notices(served: Served, profile: str, tr_id: str) -> None:
    async with served(profile=profile, notice_fields=26) as client, listening(client) as listener:
        answer = await listener.ask(tr_id, client.settings.hts_id)
        output = answer["body"]["output"]
        bought = (await client.buy(3))["output"]["ODNO"]
        waiting = (await client.buy(2, 60_000))["output"]["ODNO"]
        cancelled = (await client.cancel(waiting))["output"]["ODNO"]

        notices = []
        for _ in range(5):
            enc, told, count, payload = str(await listener.socket.recv()).split("|", 3)
            assert (enc, told, count) == ("1", tr_id, "001")
            notices.append(decrypted(payload, output["key"], output["iv"]).split("^"))

        assert answer["header"]["encrypt"] == "Y"
        assert {len(fields) for fields in notices} == {26}
        told_of = [(f[2], f[3], f[5], f[13], f[14], int(f[9])) for f in notices]
        assert told_of == [
            (bought, "", "0", "1", "1", 3),
            (bought, "", "0", "2", "2", 3),
            (waiting, "", "0", "1", "1", 2),
            (cancelled, waiting, "2", "1", "1", 2),
            (cancelled, waiting, "2", "1", "2", 2),
        ]
        price = client.sim.exchange.boards[SAMSUNG].ask
        assert notices[1][10] == f"{price:09d}"
        assert (notices[0][0], notices[0][1], notices[0][8], notices[0][24]) == (
            client.settings.hts_id,
            "5012345601",
            "005930",
            "삼성전자",
        )


async def test_a_second_registration_of_the_same_is_told_so(served: Served) -> None:
    async with served() as client, listening(client) as listener:
        assert await listener.code("H0STCNT0", "005930") == "OPSP0000"
        assert await listener.code("H0STCNT0", "005930") == "OPSP0002"
        assert await listener.code("H0STCNT0", "005930", "2") == "OPSP0001"
        assert await listener.code("H0STCNT0", "005930", "2") == "OPSP0003"


async def test_a_newcomer_is_told_that_the_key_is_in_use_and_closed(served: Served) -> None:
    async with served() as client, listening(client) as first:
        assert await first.code("H0STCNT0", "005930") == "OPSP0000"
        async with listening(client, first.approval_key) as second:
            assert await second.code("H0STCNT0", "005930") == "OPSP8996"
            with pytest.raises(ConnectionClosed):
                await second.socket.recv()

        assert await first.code("H0STCNT0", "000660") == "OPSP0000"


@pytest.mark.parametrize(
    ("day", "reformed", "asked", "width"),
    [
        (date(2025, 3, 3), None, None, 23),
        (date(2025, 3, 4), None, None, 26),
        (date(2024, 3, 5), True, None, 26),
        (date(2024, 3, 5), False, None, 23),
        (date(2024, 3, 5), None, 26, 26),
        (date(2026, 9, 14), None, 23, 23),
    ],
)
def test_a_notice_has_the_fields_of_its_day_or_of_the_switch(
    day: date, reformed: bool | None, asked: Literal[23, 26] | None, width: int
) -> None:
    assert fields_on(day, SimulatorSettings(reformed=reformed, notice_fields=asked)) == width


async def test_a_notice_of_a_stop_tells_its_condition(served: Served) -> None:
    async with served(profile="real", notice_fields=26) as client, listening(client) as listener:
        await listener.ask("H0STCNI0", client.settings.hts_id)
        await client.buy(1, 71_000, ORD_DVSN="22", CNDT_PRIC="70900")

        assert (await listener.notice())[18] == "000070900"


@pytest.mark.parametrize(("profile", "tr_id"), [("paper", "H0GSCNI9"), ("real", "H0GSCNI0")])
async def test_notices_of_foreign_markets_can_be_registered_and_never_come(
    served: Served, profile: str, tr_id: str
) -> None:
    async with served(profile=profile) as client, listening(client) as listener:
        answer = await listener.ask(tr_id, client.settings.hts_id)
        await client.buy(1)

        assert (answer["body"]["msg_cd"], answer["header"]["encrypt"]) == ("OPSP0000", "Y")
        assert await listener.code(tr_id, "somebody") == "OPSP8993"
        await listener.silence()


async def test_an_index_is_told_when_it_has_moved_and_once_a_second_at_most(served: Served) -> None:
    async with served(profile="real", now=at("09:00")) as client, listening(client) as listener:
        await listener.ask("H0UPCNT0", "0001")
        await client.clock.move_to(at("09:00:02"))  # the two symbols open one second after the other
        opened, second = [(await listener.text()).split("|")[3].split("^") for _ in range(2)]
        await client.clock.move_to(at("09:40"))
        later = (await listener.text()).split("|")[3].split("^")
        body = await client.call("FHPUP02100000", FID_COND_MRKT_DIV_CODE="U", FID_INPUT_ISCD="0001")

        assert {len(record) for record in (opened, second, later)} == {30}
        assert [record[1] for record in (opened, second)] == ["090001", "090002"]
        assert (opened[0], opened[2]) != (later[0], later[2])
        assert int(second[5]) > int(opened[5])
        assert int(second[7]) == int(second[5]) - int(opened[5])
        assert float(later[13]) == pytest.approx(float(later[2]) - float(later[10]))
        assert body["output"]["bstp_nmix_oprc"] == later[10]


async def test_an_index_that_stands_still_is_not_told_again(served: Served) -> None:
    still = [a_bar(day, 70_000, 70_000, 70_000, 70_000) for day in (MONDAY, TUESDAY)]
    async with (
        served(profile="real", now=at("09:30"), book=BarsBook({SAMSUNG: still})) as client,
        listening(client) as listener,
    ):
        await listener.ask("H0UPCNT0", "0001")
        await client.clock.move_to(at("11:00"))

        assert "0|H0UPCNT0|001|0001^" in await listener.text()
        await listener.silence()
