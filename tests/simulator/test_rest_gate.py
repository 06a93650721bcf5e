"""The gate beyond its first troubles: headers that clients leave out, newcomers, tokens that overlap."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kis_daemon.simulator.gateway import CallBudget
from tests.simulator.builders import TUESDAY, at
from tests.simulator.conftest import Client, Served
from tests.simulator.rest_shapes import SHAPES

PRICE = SHAPES["FHKST01010100"].request
PATH = "/uapi/domestic-stock/v1/quotations/inquire-price"


async def status_of(client: Client, *without: str, **changes: str) -> tuple[int, str]:
    sent = {name: value for name, value in {**client.headers, **changes}.items() if name not in without}
    sent.setdefault("tr_id", "FHKST01010100")
    async with client.http.get(client.sim.rest_url + PATH, params=PRICE, headers=sent) as answer:
        return answer.status, (await answer.json())["msg_cd"]


@pytest.mark.parametrize("header", ["content-type", "custtype"])
async def test_a_header_that_living_clients_leave_out_may_be_left_out(served: Served, header: str) -> None:
    async with served() as client:
        assert await status_of(client, header) == (200, "MCA00000")


async def test_a_body_needs_its_content_type(served: Served) -> None:
    async with served() as client:
        sent = {**client.headers, "tr_id": "VTTC0012U", "content-type": "application/x-www-form-urlencoded"}
        url = f"{client.sim.rest_url}/uapi/domestic-stock/v1/trading/order-cash"
        async with client.http.post(url, data=b"CANO=50123456", headers=sent) as answer:
            assert (answer.status, (await answer.json())["msg_cd"]) == (500, "EGW00132")


@pytest.mark.parametrize(("profile", "days", "allowed"), [("real", 0, 3), ("real", 3, 18), ("paper", 0, 1)])
async def test_a_newcomer_has_three_calls_a_second_for_three_days(
    served: Served, profile: str, days: int, allowed: int
) -> None:
    applied_on = TUESDAY - timedelta(days=days)
    async with served(profile=profile, rate_limit_per_s=None, applied_on=applied_on) as client:
        codes = [(await status_of(client))[1] for _ in range(allowed + 1)]

        assert codes == ["MCA00000"] * allowed + ["EGW00201"]


async def test_a_call_refused_for_something_else_counts_in_its_second(served: Served) -> None:
    async with served(rate_limit_per_s=None) as client:
        assert (await status_of(client, tr_id="NONSENSE"))[1] == "EGW00310"
        assert (await status_of(client))[1] == "EGW00201"


def test_calls_beyond_the_limit_fill_the_window_only_where_they_count() -> None:
    lenient, strict = CallBudget(1), CallBudget(1, counts_excess=True)
    moments = [index / 2 for index in range(6)]

    assert [lenient.take(at) for at in moments] == [True, False] * 3
    assert [strict.take(at) for at in moments] == [True] + [False] * 5


async def test_a_token_that_was_followed_by_another_lives_its_own_day_out_and_no_longer(served: Served) -> None:
    async with served(now=at("09:00")) as client:
        old = dict(client.headers)
        await client.clock.move(hours=7)
        await client.sign_in()

        assert client.headers["authorization"] != old["authorization"]
        assert await status_of(client, **old) == (200, "MCA00000")
        await client.clock.move(hours=17)
        assert await status_of(client, **old) == (500, "EGW00123")
        assert await status_of(client) == (200, "MCA00000")


async def test_after_a_revocation_the_next_token_is_a_new_one(served: Served) -> None:
    async with served() as client:
        old = client.token
        keys = {"appkey": client.settings.app_key, "appsecret": client.settings.app_secret}
        await client.post("/oauth2/revokeP", {**keys, "token": old})
        status, unknown = await client.post("/oauth2/revokeP", {**keys, "token": old})
        await client.clock.move(minutes=1)
        await client.sign_in()

        assert (status, unknown["error_code"]) == (403, "EGW00121")
        assert client.token != old
        assert await status_of(client) == (200, "MCA00000")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"grant_type": "password"}, "EGW00112"),
        ({"appkey": ""}, "EGW00102"),
        ({"appkey": "x"}, "EGW00103"),
        ({"appsecret": ""}, "EGW00104"),
        ({"appsecret": "x"}, "EGW00105"),
    ],
)
async def test_a_token_is_refused_in_the_envelope_of_oauth(served: Served, changes: dict[str, str], code: str) -> None:
    async with served() as client:
        keys = {"appkey": client.settings.app_key, "appsecret": client.settings.app_secret}
        body = {"grant_type": "client_credentials", **keys, **changes}
        status, answer = await client.post("/oauth2/tokenP", body)

        assert (status, set(answer), answer["error_code"]) == (403, {"error_code", "error_description"}, code)


async def test_names_of_a_query_may_be_written_small_and_those_of_a_body_not(served: Served) -> None:
    async with served() as client:
        small = await client.call("FHKST01010100", **{name.lower(): value for name, value in PRICE.items()})
        order = {name.lower(): value for name, value in SHAPES["TTTC0012U"].request.items()}

        assert small["rt_cd"] == "0"
        assert (await client.call("VTTC0012U", **order))["msg_cd"] == "OPSQ2002"
