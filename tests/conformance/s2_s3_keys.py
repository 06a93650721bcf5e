"""Sections 2 and 3: keys and tokens, the codes of the gateway, and the limits."""

from __future__ import annotations

import asyncio
import re
from datetime import date, timedelta

from tests.conformance.answers import Answer
from tests.conformance.client import QUOTATIONS, TRADING, Client
from tests.conformance.registry import PAPER, REAL, check

_PRICE = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "005930"}


async def _asked(kis: Client, token: str) -> Answer:
    return await kis.get(f"{QUOTATIONS}/inquire-price", "FHKST01010100", _PRICE, authorization=f"Bearer {token}")


# --- 2.1, 2.2, 2.3: tokens ------------------------------------------------------------------------------------


@check("2.1", signed_in=False)
async def s2_1_a_token_comes_with_its_type_life_and_end(kis: Client) -> None:
    body = (await kis.ask_token()).body

    assert set(body) >= {"access_token", "token_type", "expires_in", "access_token_token_expired"}
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 86400)
    assert body["access_token"].count(".") == 2
    assert len(body["access_token"]) <= 350


@check("2.1", signed_in=False)
async def s2_1_the_end_of_a_token_is_a_moment_of_seoul(kis: Client) -> None:
    told = (await kis.ask_token()).body["access_token_token_expired"]

    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", told)
    assert told == f"{kis.now() + timedelta(days=1):%Y-%m-%d %H:%M:%S}"


@check("2.1", signed_in=False)
async def s2_1_another_grant_type_is_refused(kis: Client) -> None:
    assert (await kis.ask_token(grant_type="password")).status == 403


@check("2.1", signed_in=False)
async def s2_1_a_form_is_no_body_for_a_token(kis: Client) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    body = f"grant_type=client_credentials&appkey={kis.card.app_key}&appsecret={kis.card.app_secret}".encode()

    answer = await kis.send("POST", "/oauth2/tokenP", headers=headers, body=body)

    assert answer.status != 200
    assert "access_token" not in answer.body


@check("2.1", signed_in=False)
async def s2_1_wrong_keys_get_no_token(kis: Client) -> None:
    (await kis.ask_token(appkey="wrong")).failed("EGW00103", 403)
    (await kis.ask_token(appsecret="wrong")).failed("EGW00105", 403)


@check("2.1")
async def s2_1_an_approval_key_has_36_characters(kis: Client) -> None:
    key = (await kis.ask_approval()).body["approval_key"]

    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", key)


@check("2.1")
async def s2_1_approval_calls_the_secret_secretkey(kis: Client) -> None:
    answer = await kis.oauth(
        "Approval", grant_type="client_credentials", appkey=kis.card.app_key, appsecret=kis.card.app_secret
    )

    answer.failed("EGW00104", 403)


@check("2.1")
async def s2_1_a_token_can_be_revoked_and_is_then_invalid(kis: Client) -> None:
    keys = {"appkey": kis.card.app_key, "appsecret": kis.card.app_secret}

    answer = await kis.oauth("revokeP", token=kis.token, **keys)

    assert (answer.status, answer.body["code"]) == (200, 200)
    assert "폐기" in answer.body["message"]
    (await _asked(kis, kis.token)).failed("EGW00121")


@check("2.1")
async def s2_1_a_hashkey_is_64_hex_digits_beside_the_body(kis: Client) -> None:
    headers = {"content-type": "application/json", "appkey": kis.card.app_key, "appsecret": kis.card.app_secret}

    answer = await kis.send("POST", "/uapi/hashkey", headers=headers, body=b'{"ORD_QTY":"1"}')

    assert answer.body["BODY"] == {"ORD_QTY": "1"}
    assert re.fullmatch(r"[0-9a-f]{64}", answer.body["HASH"])


@check("2.2", at="09:00")
async def s2_2_a_token_lives_for_24_hours(kis: Client) -> None:
    await kis.until("08:59:50", days=1)
    assert (await _asked(kis, kis.token)).status == 200

    await kis.until("09:00:01")

    (await _asked(kis, kis.token)).failed("EGW00123")


@check("2.2")
async def s2_2_an_expired_tokens_sentence_says_so(kis: Client) -> None:
    await kis.wait(hours=25)

    answer = (await _asked(kis, kis.token)).failed("EGW00123")

    assert answer.body["msg1"].strip() == "기간이 만료된 token 입니다."


@check("2.2")
async def s2_2_within_six_hours_the_same_token_comes_again(kis: Client) -> None:
    await kis.wait(hours=5, minutes=59)

    assert (await kis.ask_token()).body["access_token"] == kis.token


@check("2.2")
async def s2_2_after_six_hours_a_new_token_comes(kis: Client) -> None:
    await kis.wait(hours=6, seconds=1)

    again = (await kis.ask_token()).body["access_token"]

    assert again != kis.token
    assert (await _asked(kis, again)).status == 200


@check("2.3")
async def s2_3_the_token_before_lives_until_its_own_end(kis: Client) -> None:
    first = kis.token
    await kis.wait(hours=7)
    await kis.sign_in()

    assert (await _asked(kis, first)).status == 200


@check("2.3")
async def s2_3_a_second_token_within_a_minute_is_refused(kis: Client) -> None:
    await kis.wait(seconds=59)

    answer = (await kis.ask_token()).failed("EGW00133", 403)

    assert answer.body["error_description"] == "접근토큰 발급 잠시 후 다시 시도하세요(1분당 1회)"


@check("2.3")
async def s2_3_after_a_minute_a_token_may_be_asked_for(kis: Client) -> None:
    await kis.wait(seconds=60)

    assert (await kis.ask_token()).body["access_token"] == kis.token


@check("2.3")
async def s2_3_after_a_revocation_a_new_token_comes(kis: Client) -> None:
    await kis.oauth("revokeP", token=kis.token, appkey=kis.card.app_key, appsecret=kis.card.app_secret)
    await kis.wait(minutes=2)

    again = (await kis.ask_token()).body["access_token"]

    assert again != kis.token


@check("2.3")
async def s2_3_a_token_that_comes_again_ends_when_it_did(kis: Client) -> None:
    await kis.wait(hours=3)

    body = (await kis.ask_token()).body

    assert body["access_token_token_expired"] == "2026-10-14 10:00:00"
    assert body["expires_in"] == 21 * 3600


@check("2.3")
async def s2_3_an_expired_token_can_be_planned(kis: Client) -> None:
    await kis.sim("faults", faults=[{"kind": "EGW00123"}])

    (await _asked(kis, kis.token)).failed("EGW00123")
    assert (await _asked(kis, kis.token)).status == 200


@check("2.3", signed_in=False)
async def s2_3_a_wrong_expires_in_can_be_planned(kis: Client) -> None:
    await kis.sim("faults", faults=[{"kind": "wrong_expires_in"}])

    body = (await kis.ask_token()).body

    assert body["expires_in"] != 86400
    assert body["access_token_token_expired"] == "2026-10-14 10:00:00"


# --- 2.4: codes of the gateway --------------------------------------------------------------------------------


@check("2.4", PAPER)
async def s2_4_a_real_tr_on_paper_is_no_paper_tr(kis: Client) -> None:
    query = {"BASS_DT": "20261013", "CTX_AREA_NK": "", "CTX_AREA_FK": ""}

    answer = (await kis.get(f"{QUOTATIONS}/chk-holiday", "CTCA0903R", query)).failed("EGW02006")

    assert answer.body["msg1"].strip() == "모의투자 TR 이 아닙니다."


@check("2.4")
async def s2_4_decimals_in_a_price_are_malformed(kis: Client) -> None:
    (await kis.order("buy", 1, "69000.0")).failed("IGW00007")
    (await kis.order("buy", "1.5", 69_000)).failed("IGW00007")


@check("2.4")
async def s2_4_a_wrong_choice_is_an_input_error(kis: Client) -> None:
    query = {"FID_INPUT_DATE_1": "20261001", "FID_INPUT_DATE_2": "20261013", "FID_ORG_ADJ_PRC": "0"}

    answer = await kis.quotation("inquire-daily-itemchartprice", "FHKST03010100", FID_PERIOD_DIV_CODE="X", **query)

    assert (answer.status, answer.code[:6]) == (500, "OPSQ20")


@check("2.4")
async def s2_4_an_unknown_tr_id_is_invalid(kis: Client) -> None:
    (await kis.get(f"{TRADING}/inquire-balance", "TTTC0000R", kis.account)).failed("EGW00310")


@check("2.4")
async def s2_4_a_ledger_under_load_can_be_planned(kis: Client) -> None:
    await kis.sim("faults", faults=[{"kind": "EGW00215", "path": "inquire-balance"}])

    query = {"AFHR_FLPR_YN": "N", "OFL_YN": "", "INQR_DVSN": "02", "UNPR_DVSN": "01", "FUND_STTL_ICLD_YN": "N"}
    query |= {"FNCG_AMT_AUTO_RDPT_YN": "N", "PRCS_DVSN": "00", "CTX_AREA_FK100": "", "CTX_AREA_NK100": ""}
    (await kis.ledger("inquire-balance", "TTTC8434R", **query)).failed("EGW00215")
    (await kis.ledger("inquire-balance", "TTTC8434R", **query)).done()


@check("2.4")
async def s2_4_after_a_transaction_timeout_the_order_may_stand_in_the_books_or_not(kis: Client) -> None:
    for accepted, rows in ((False, 0), (True, 1)):
        await kis.sim("faults", faults=[{"kind": "EGW00302", "path": "order-cash", "accepted": accepted}])

        answer = await kis.order("buy", 1)

        assert (answer.status, answer.code) == (500, "EGW00302")
        assert len((await kis.listing()).rows) == rows


# --- 3: limits ------------------------------------------------------------------------------------------------


async def _burst(kis: Client, count: int) -> list[Answer]:
    return list(await asyncio.gather(*(_asked(kis, kis.token) for _ in range(count))))


@check("3", rate_limit_per_s=None)
async def s3_more_calls_than_the_limit_in_a_second_are_refused(kis: Client) -> None:
    limit = 18 if kis.real else 1

    answers = await _burst(kis, limit + 3)

    assert sorted(answer.status for answer in answers) == [200] * limit + [500] * 3
    assert {answer.code for answer in answers if answer.status == 500} == {"EGW00201"}


@check("3", rate_limit_per_s=None)
async def s3_the_refusal_is_http_500_with_a_sentence(kis: Client) -> None:
    refused = (await _burst(kis, 19 if kis.real else 2))[-1].failed("EGW00201")

    assert refused.body["msg1"].strip() == "초당 거래건수를 초과하였습니다."


@check("3", rate_limit_per_s=None)
async def s3_the_window_slides(kis: Client) -> None:
    limit = 18 if kis.real else 1
    await kis.wait(milliseconds=700)
    assert {answer.status for answer in await _burst(kis, limit)} == {200}

    await kis.wait(milliseconds=500)
    assert (await _burst(kis, 1))[0].status == 500
    await kis.wait(milliseconds=1_100)
    assert {answer.status for answer in await _burst(kis, limit)} == {200}


@check("3", rate_limit_per_s=None)
async def s3_all_services_count_together(kis: Client) -> None:
    await _burst(kis, 17 if kis.real else 0)

    assert (await kis.order("buy", 1)).status == 200
    (await _asked(kis, kis.token)).failed("EGW00201")


@check("3", rate_limit_per_s=None)
async def s3_an_order_beyond_the_limit_reaches_nobody(kis: Client) -> None:
    await _burst(kis, 18 if kis.real else 1)

    (await kis.order("buy", 1)).failed("EGW00201")

    assert await kis.sim("orders") == []


@check("3", REAL, rate_limit_per_s=None, applied_on=date(2026, 10, 12))
async def s3_a_new_customer_has_three_calls_a_second(kis: Client) -> None:
    assert [answer.status for answer in await _burst(kis, 4)].count(200) == 3


@check("3", REAL, rate_limit_per_s=None, applied_on=date(2026, 10, 10))
async def s3_after_three_days_the_limit_is_the_ordinary_one(kis: Client) -> None:
    assert [answer.status for answer in await _burst(kis, 19)].count(200) == 18


@check("3", PAPER, rate_limit_per_s=2)
async def s3_the_limit_of_before_april_2026_can_be_set(kis: Client) -> None:
    assert [answer.status for answer in await _burst(kis, 4)].count(200) == 2


@check("3")
async def s3_one_approval_key_a_second(kis: Client) -> None:
    assert (await kis.ask_approval()).status == 200
    assert (await kis.ask_approval()).status == 500

    await kis.wait(seconds=2)

    assert (await kis.ask_approval()).status == 200


@check("3", rate_limit_per_s=None)
async def s3_a_call_with_wrong_keys_does_not_use_the_budget(kis: Client) -> None:
    await asyncio.gather(*(_asked(kis, "invented") for _ in range(20)))

    assert (await _asked(kis, kis.token)).status == 200
