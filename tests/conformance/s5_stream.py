"""Sections 5.1 to 5.3: connection, registrations, PINGPONG."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import date

from tests.conformance.client import Client
from tests.conformance.registry import check

BEFORE_THE_REFORM = date(2026, 9, 10)
BEFORE_THE_SECOND_VENUE = date(2025, 2, 18)
LOW = 60_000
PINGS_S = 20.0
_VECTOR_KEY, _VECTOR_IV = "q7m2x9r4t1w8k3v6z5n0b2c7d4f9g1h8", "5a1c9e3b7d2f8046"
_VECTOR = (
    "E9afWC4/dZzRqk3ETUhmYz9YwbsiAxO/AStU9lnvW4Cng0UCzFqQ+axwFPa5wJl78MNhuM/U/jVxXinoTGKPNgzxXgWQl+YkLqsi/sRraNsrOQtK"
    "ZtDwTpAygIHJl/pNhFE46JNeT+46doRNHhcpSDi2yxK0pb3iq/R8+C8t7ruIIJX+G9dXvOukkV1ryiyO"
)


# --- 5.1 to 5.3 -----------------------------------------------------------------------------------------------


@check("5.1")
async def s5_1_the_root_tryitout_and_tryitout_with_a_tr_are_all_served(kis: Client) -> None:
    for path in ("/tryitout", "/tryitout/H0STCNT0", "/"):
        async with kis.stream(path=path) as stream:
            assert await stream.code("H0STCNT0", "005930") == "OPSP0000"
        await kis.wait(seconds=2)


@check("5.1")
async def s5_1_the_handshake_asks_for_no_key(kis: Client) -> None:
    async with kis.stream("no key at all") as stream:
        assert await stream.code("H0STCNT0", "005930") == "OPSP0011"


@check("5.1")
async def s5_1_the_servers_websocket_answers_pings(kis: Client) -> None:
    async with kis.stream() as stream:
        pong = await stream.socket.ping()
        async with asyncio.timeout(5):
            await pong


@check("5.2")
async def s5_2_a_registration_is_answered_before_its_first_frame(kis: Client) -> None:
    async with kis.stream() as stream:
        await stream.send("H0STCNT0", "005930")
        first = json.loads(await stream.text())

        assert first["body"]["msg_cd"] == "OPSP0000"
        assert (await stream.raw()).startswith("0|H0STCNT0|")


@check("5.2")
async def s5_2_after_unregistering_nothing_more_comes(kis: Client) -> None:
    async with kis.stream() as stream:
        await stream.register("H0STCNT0", "005930")
        await stream.raw()
        assert await stream.code("H0STCNT0", "005930", "2") == "OPSP0001"

        await kis.wait(hours=1)

        assert await stream.drained() == []


@check("5.2")
async def s5_2_only_what_is_registered_is_sent(kis: Client) -> None:
    async with kis.stream() as stream:
        await stream.register("H0STCNT0", "035720")

        symbols = {(await stream.record())[0] for _ in range(3)}

        assert symbols == {"035720"}


@check("5.2")
async def s5_2_the_order_of_keys_does_not_matter(kis: Client) -> None:
    async with kis.stream() as stream:
        header = {"content-type": "utf-8", "tr_type": "1", "custtype": "P", "approval_key": stream.approval}
        asked = {"body": {"input": {"tr_key": "005930", "tr_id": "H0STCNT0"}}, "header": header}
        await stream.socket.send(json.dumps(asked))

        assert (await stream.answer())["body"]["msg_cd"] == "OPSP0000"


@check("5.3")
async def s5_3_an_answer_has_its_shape_and_a_key_of_32_and_16(kis: Client) -> None:
    async with kis.stream() as stream:
        answer = await stream.register("H0STCNT0", "005930")

    assert answer["header"] == {"tr_id": "H0STCNT0", "tr_key": "005930", "encrypt": "N"}
    body = answer["body"]
    assert (body["rt_cd"], body["msg_cd"], body["msg1"]) == ("0", "OPSP0000", "SUBSCRIBE SUCCESS")
    assert (len(body["output"]["key"]), len(body["output"]["iv"])) == (32, 16)


@check("5.3")
async def s5_3_notices_say_that_they_are_encrypted(kis: Client) -> None:
    async with kis.stream() as stream:
        answer = await stream.register(stream.notice_tr, kis.card.hts_id)

    assert answer["header"]["encrypt"] == "Y"


@check("5.3")
async def s5_3_an_unregistration_is_answered_in_the_same_shape(kis: Client) -> None:
    async with kis.stream() as stream:
        await stream.register("H0STCNT0", "005930")

        body = (await stream.register("H0STCNT0", "005930", "2"))["body"]

        assert (body["rt_cd"], body["msg_cd"], body["msg1"]) == ("0", "OPSP0001", "UNSUBSCRIBE SUCCESS")


@check("5.3")
async def s5_3_registering_twice_is_opsp0002(kis: Client) -> None:
    async with kis.stream() as stream:
        await stream.register("H0STCNT0", "005930")

        body = (await stream.register("H0STCNT0", "005930"))["body"]

        assert (body["rt_cd"], body["msg_cd"], body["msg1"]) == ("1", "OPSP0002", "ALREADY IN SUBSCRIBE")


@check("5.3")
async def s5_3_unregistering_what_is_not_registered_is_opsp0003(kis: Client) -> None:
    async with kis.stream() as stream:
        body = (await stream.register("H0STCNT0", "005930", "2"))["body"]

        assert (body["rt_cd"], body["msg_cd"], body["msg1"]) == ("1", "OPSP0003", "UNSUBSCRIBE ERROR(not found!)")


@check("5.3", crowd=True)
async def s5_3_the_42nd_registration_is_opsp0008_and_the_41_stay(kis: Client) -> None:
    async with kis.stream() as stream:
        await stream.notices()
        for number in range(40):
            assert await stream.code("H0STCNT0", f"7{number:04d}0") == "OPSP0000"

        body = (await stream.register("H0STCNT0", "005930"))["body"]
        assert (body["rt_cd"], body["msg_cd"], body["msg1"]) == ("1", "OPSP0008", "MAX SUBSCRIBE OVER")
        assert {(await stream.record())[0] for _ in range(40)} == {f"7{number:04d}0" for number in range(40)}


@check("5.3", crowd=True)
async def s5_3_a_slot_that_is_given_back_can_be_used(kis: Client) -> None:
    async with kis.stream() as stream:
        for number in range(41):
            await stream.code("H0STASP0" if number % 2 else "H0STCNT0", f"7{number:04d}0")
        assert await stream.code("H0STCNT0", "005930") == "OPSP0008"

        assert await stream.code("H0STCNT0", "700000", "2") == "OPSP0001"
        assert await stream.code("H0STCNT0", "005930") == "OPSP0000"


@check("5.3")
async def s5_3_an_unknown_tr_is_opsp8991_and_an_unknown_key_another(kis: Client) -> None:
    async with kis.stream() as stream:
        assert await stream.code("H0NOTHING", "005930") == "OPSP8991"
        assert await stream.code("H0STCNT0", "999999") in ("OPSP8992", "OPSP8993")
        assert await stream.code(stream.notice_tr, "somebody") in ("OPSP8992", "OPSP8993")


@check("5.3")
async def s5_3_wrong_headers_have_their_codes(kis: Client) -> None:
    async with kis.stream() as stream:
        assert await stream.code("H0STCNT0", "005930", "3") == "OPSP8997"
        assert await stream.code("H0STCNT0", "005930", custtype="X") == "OPSP8998"
        assert await stream.code("H0STCNT0", "005930", approval_key="invented") == "OPSP0011"
        assert await stream.code("H0STCNT0", "005930") == "OPSP0000"


@check("5.3")
async def s5_3_what_is_no_request_has_its_code_and_the_session_goes_on(kis: Client) -> None:
    async with kis.stream() as stream:
        for text, code in (
            ("nonsense", "OPSP9999"),
            ("{}", "OPSP9998"),
            (json.dumps({"header": {}}), "OPSP9992"),
            (json.dumps({"header": {}, "body": {}}), "OPSP9991"),
        ):
            await stream.socket.send(text)
            assert (await stream.answer())["body"]["msg_cd"] == code
        assert await stream.code("H0STCNT0", "005930") == "OPSP0000"


@check("5.3")
async def s5_3_a_second_session_is_told_that_the_key_is_in_use_and_closed(kis: Client) -> None:
    async with kis.stream() as first:
        await first.register("H0STCNT0", "005930")
        await kis.wait(seconds=2)
        async with kis.stream() as second:
            answer = await second.register("H0STCNT0", "035720")

            assert answer["header"]["tr_id"] == "(null)"
            assert answer["body"]["rt_cd"] == "9"
            assert (answer["body"]["msg_cd"], answer["body"]["msg1"]) == ("OPSP8996", "ALREADY IN USE appkey")
            assert await second.is_closed()
        assert (await first.record())[0] == "005930"


@check("5.3")
async def s5_3_when_the_first_session_is_closed_the_next_may_come(kis: Client) -> None:
    async with kis.stream() as first:
        await first.register("H0STCNT0", "005930")
    await kis.wait(seconds=2)

    async with kis.stream() as second:
        assert await second.code("H0STCNT0", "005930") == "OPSP0000"


@check("5.3", session_lingers_s=30.0)
async def s5_3_a_half_open_session_may_linger(kis: Client) -> None:
    async with kis.stream() as first:
        await first.register("H0STCNT0", "005930")
        first.socket.transport.abort()
    await kis.wait(seconds=10)
    async with kis.stream() as second:
        assert await second.code("H0STCNT0", "005930") == "OPSP8996"

    await kis.wait(seconds=30)

    async with kis.stream() as third:
        assert await third.code("H0STCNT0", "005930") == "OPSP0000"


@check("5.3", ping_interval_s=PINGS_S)
async def s5_3_pingpong_is_a_header_with_a_time(kis: Client) -> None:
    async with kis.stream() as stream:
        ping = json.loads(await stream.text())

    assert set(ping) == {"header"}
    assert ping["header"]["tr_id"] == "PINGPONG"
    assert re.fullmatch(r"20261013\d{6}", ping["header"]["datetime"])


@check("5.3", ping_interval_s=PINGS_S)
async def s5_3_whoever_echoes_pingpong_stays(kis: Client) -> None:
    async with kis.stream() as stream:
        for _ in range(9):
            await stream.socket.send(await stream.text())

        assert await stream.code("H0STCNT0", "005930") == "OPSP0000"


@check("5.3", ping_interval_s=PINGS_S)
async def s5_3_a_pong_frame_is_an_answer_too(kis: Client) -> None:
    async with kis.stream() as stream:
        for _ in range(9):
            await stream.socket.pong((await stream.text()).encode())

        assert await stream.code("H0STCNT0", "005930") == "OPSP0000"


@check("5.3", ping_interval_s=PINGS_S)
async def s5_3_whoever_leaves_three_pingpongs_unanswered_is_closed(kis: Client) -> None:
    async with kis.stream() as stream:
        assert not await stream.is_closed(59)
        assert await stream.is_closed(41)


@check("5.3", at="22:00", ping_interval_s=PINGS_S)
async def s5_3_pingpong_comes_outside_of_the_session_too(kis: Client) -> None:
    async with kis.stream() as stream:
        assert "PINGPONG" in await stream.text()


@check("2.2", at="09:00")
async def s2_2_an_open_stream_survives_its_approval_key(kis: Client) -> None:
    async with kis.stream() as stream:
        await stream.register("H0STCNT0", "005930")
        await kis.until("09:00:30", days=1)
        await stream.drained()

        assert (await stream.record())[33] == "20261014"
        assert await stream.code("H0STCNT0", "035720") == "OPSP0011"
