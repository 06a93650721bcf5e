"""Section 1: headers, the envelope, and pages."""

from __future__ import annotations

import re
from typing import Any

from tests.conformance.answers import Answer
from tests.conformance.client import QUOTATIONS, TRADING, Client
from tests.conformance.registry import REAL, check

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_SYMBOLS = [f"7{number:04d}0" for number in range(60)]


def _texts(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_texts(each) for each in value.values())
    return all(_texts(each) for each in value) if isinstance(value, list) else isinstance(value, str)


# --- 1.2: request headers -------------------------------------------------------------------------------------


async def _refused_header(kis: Client, code: str, **changes: str | None) -> None:
    query = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "005930"}
    answer = await kis.get(f"{QUOTATIONS}/inquire-price", changes.pop("tr_id", "") or "FHKST01010100", query, **changes)
    answer.failed(code)
    assert answer.rt_cd == "1"


@check("1.2")
async def s1_2_without_authorization_a_call_is_refused(kis: Client) -> None:
    await _refused_header(kis, "EGW00205", authorization=None)


@check("1.2")
async def s1_2_another_scheme_than_bearer_is_refused(kis: Client) -> None:
    await _refused_header(kis, "EGW00205", authorization=f"Basic {kis.token}")


@check("1.2")
async def s1_2_an_invented_token_is_invalid(kis: Client) -> None:
    await _refused_header(kis, "EGW00121", authorization="Bearer invented")


@check("1.2")
async def s1_2_an_empty_token_is_not_found(kis: Client) -> None:
    await _refused_header(kis, "EGW00122", authorization="Bearer ")


@check("1.2")
async def s1_2_the_app_key_is_required_and_checked(kis: Client) -> None:
    await _refused_header(kis, "EGW00102", appkey=None)
    await _refused_header(kis, "EGW00103", appkey="of-another-environment")


@check("1.2")
async def s1_2_the_app_secret_is_required_and_checked(kis: Client) -> None:
    await _refused_header(kis, "EGW00104", appsecret=None)
    await _refused_header(kis, "EGW00105", appsecret="of-another-environment")


@check("1.2")
async def s1_2_a_customer_type_is_p_or_b(kis: Client) -> None:
    await _refused_header(kis, "EGW00208", custtype="X")


@check("1.2")
async def s1_2_a_tr_id_is_case_sensitive(kis: Client) -> None:
    await _refused_header(kis, "EGW00310", tr_id="fhkst01010100")


@check("1.2")
async def s1_2_a_tr_id_belongs_to_its_path(kis: Client) -> None:
    await _refused_header(kis, "EGW00310", tr_id="FHKST01010300")


@check("1.2")
async def s1_2_a_body_in_another_content_type_is_refused(kis: Client) -> None:
    body = {**kis.account, "PDNO": "005930", "ORD_DVSN": "01", "ORD_QTY": "1", "ORD_UNPR": "0"}
    form = "application/x-www-form-urlencoded"

    answer = await kis.post(f"{TRADING}/order-cash", kis.tr("TTTC0012U"), body, content_type=form)

    answer.failed("EGW00132")
    assert (await kis.listing()).rows == []


@check("1.2")
async def s1_2_keys_are_checked_before_the_token(kis: Client) -> None:
    await _refused_header(kis, "EGW00103", appkey="wrong", authorization=None)


@check("1.2")
async def s1_2_the_token_is_checked_before_the_tr_id(kis: Client) -> None:
    await _refused_header(kis, "EGW00121", tr_id="NONSENSE", authorization="Bearer invented")


# --- 1.3: response headers ------------------------------------------------------------------------------------


@check("1.3")
async def s1_3_an_answer_is_json_in_utf_8(kis: Client) -> None:
    content_type = (await kis.balance()).headers["content-type"].lower().replace(" ", "")

    assert content_type == "application/json;charset=utf-8"


@check("1.3")
async def s1_3_the_tr_id_is_echoed(kis: Client) -> None:
    assert (await kis.balance()).headers["tr_id"] == kis.tr("TTTC8434R")


@check("1.3")
async def s1_3_gt_uid_is_echoed(kis: Client) -> None:
    query = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "005930"}

    answer = await kis.get(f"{QUOTATIONS}/inquire-price", "FHKST01010100", query, gt_uid="0123456789abcdef")

    assert answer.headers["gt_uid"] == "0123456789abcdef"


@check("1.3")
async def s1_3_a_quotation_is_never_continued(kis: Client) -> None:
    assert (await kis.chart("20250101", "20261013")).tr_cont == ""
    assert (await kis.book()).tr_cont == ""


@check("1.3")
async def s1_3_an_order_is_never_continued(kis: Client) -> None:
    assert (await kis.order("buy", 1)).tr_cont == ""


# --- 1.4: the envelope ----------------------------------------------------------------------------------------


@check("1.4")
async def s1_4_msg1_is_filled_to_80_bytes(kis: Client) -> None:
    answers = [await kis.order("buy", 1), await kis.order("sell", 9), await kis.balance(), await kis.book()]
    answers.append(await kis.get(f"{QUOTATIONS}/inquire-price", "NONSENSE", {}))

    assert {len(answer.body["msg1"].encode()) for answer in answers} == {80}


@check("1.4")
async def s1_4_success_is_rt_cd_0_and_http_200(kis: Client) -> None:
    answer = await kis.balance()

    assert (answer.status, answer.rt_cd) == (200, "0")


@check("1.4")
async def s1_4_a_business_refusal_is_http_200(kis: Client) -> None:
    answer = await kis.order("sell", 1)

    answer.refused(*(("7", "APBK0400") if kis.real else ("1", "40240000")))


@check("1.4")
async def s1_4_a_gateway_error_is_http_500_with_a_json_body(kis: Client) -> None:
    answer = await kis.get(f"{QUOTATIONS}/inquire-price", "NONSENSE", {})

    assert (answer.status, answer.rt_cd, answer.body["msg1"].strip() != "") == (500, "1", True)


@check("1.4")
async def s1_4_oauth_refuses_in_an_envelope_of_its_own(kis: Client) -> None:
    answer = (await kis.ask_token(appkey="wrong")).failed("EGW00103", 403)

    assert set(answer.body) == {"error_code", "error_description"}


@check("1.4")
async def s1_4_a_wrong_path_is_404(kis: Client) -> None:
    assert (await kis.send("GET", f"{QUOTATIONS}/nothing", headers=kis.headers("FHKST01010100"))).status == 404


@check("1.4")
async def s1_4_codes_are_at_most_eight_characters(kis: Client) -> None:
    answers = [await kis.order("buy", 1), await kis.order("sell", 9), await kis.balance(), await kis.listing()]

    assert all(0 < len(answer.code) <= 8 for answer in answers)


@check("1.4")
async def s1_4_a_missing_field_is_an_error_and_not_a_success(kis: Client) -> None:
    query = {"FID_COND_MRKT_DIV_CODE": "J"}

    (await kis.get(f"{QUOTATIONS}/inquire-price", "FHKST01010100", query)).failed("OPSQ2002")


@check("1.4")
async def s1_4_an_unknown_market_is_an_error(kis: Client) -> None:
    (await kis.quotation("inquire-price", "FHKST01010100", FID_COND_MRKT_DIV_CODE="Q")).failed("OPSQ2001")


@check("1.4")
async def s1_4_a_body_that_is_no_json_is_an_error(kis: Client) -> None:
    headers = kis.headers(kis.tr("TTTC0012U"))

    answer = await kis.send("POST", f"{TRADING}/order-cash", headers=headers, body=b"CANO=1&PDNO=2")

    assert (answer.status, answer.code[:7]) == (500, "OPSQ999")


# --- 1.5: pages -----------------------------------------------------------------------------------------------


async def _all_pages(first: Answer, more: Any, kind: str = "output1") -> list[Answer]:
    """Follow the cursor as section 1.5 says."""
    pages = [first]
    while pages[-1].tr_cont in ("F", "M"):
        assert len(pages) < 9
        body = pages[-1].body
        cursor = {"CTX_AREA_FK100": body["ctx_area_fk100"], "CTX_AREA_NK100": body["ctx_area_nk100"]}
        pages.append(await more(cursor))
        assert pages[-1].body[kind]
    return pages


@check("1.5", cash=100_000_000, crowd=True)
async def s1_5_a_balance_comes_in_pages(kis: Client) -> None:
    size = 50 if kis.real else 20
    for symbol in _SYMBOLS[: size + 3]:
        await kis.placed("buy", 1, PDNO=symbol)

    pages = await _all_pages(await kis.balance(), lambda cursor: kis.balance("N", **cursor))

    assert [len(page.rows) for page in pages] == [size, 3]
    assert [page.tr_cont in ("F", "M") for page in pages] == [True, False]
    assert [row["pdno"] for page in pages for row in page.rows] == _SYMBOLS[: size + 3]


async def _many_orders(kis: Client, count: int) -> None:
    for _ in range(count):
        await kis.placed("buy", 1, 4_000, PDNO="700000")


@check("1.5")
async def s1_5_a_listing_comes_in_pages(kis: Client) -> None:
    size = 100 if kis.real else 15
    await _many_orders(kis, 2 * size + 1)

    pages = await _all_pages(await kis.listing(), lambda cursor: kis.listing("N", **cursor))

    numbers = [row["odno"] for page in pages for row in page.rows]
    assert [len(page.rows) for page in pages] == [size, size, 1]
    assert len(set(numbers)) == 2 * size + 1
    assert pages[-1].tr_cont in ("D", "E", "")


@check("1.5", REAL)
async def s1_5_open_orders_come_in_pages_of_50(kis: Client) -> None:
    await _many_orders(kis, 51)
    query = {"INQR_DVSN_1": "0", "INQR_DVSN_2": "0", "CTX_AREA_FK100": "", "CTX_AREA_NK100": ""}
    name, tr_id = "inquire-psbl-rvsecncl", "TTTC0084R"

    pages = await _all_pages(
        await kis.ledger(name, tr_id, **query),
        lambda cursor: kis.ledger(name, tr_id, "N", **query | cursor),
        "output",
    )

    assert [len(page.output) for page in pages] == [50, 1]


@check("1.5")
async def s1_5_a_single_page_says_that_it_is_the_last(kis: Client) -> None:
    assert (await kis.listing()).tr_cont in ("D", "E", "")
    assert (await kis.balance()).tr_cont in ("D", "E", "")


@check("1.5")
async def s1_5_cursors_are_filled_to_100_characters(kis: Client) -> None:
    await _many_orders(kis, 101 if kis.real else 16)

    body = (await kis.listing()).body

    assert (len(body["ctx_area_fk100"]), len(body["ctx_area_nk100"])) == (100, 100)
    assert body["ctx_area_nk100"].strip()


@check("1.5")
async def s1_5_the_fk_cursor_echoes_the_query(kis: Client) -> None:
    of_listing = (await kis.listing()).body["ctx_area_fk100"].strip()
    of_balance = (await kis.balance()).body["ctx_area_fk100"].strip()

    assert of_listing.startswith("50123456!^01!^20261013!^20261013!^")
    assert of_balance.startswith("50123456^01^N^N^")


@check("1.5")
async def s1_5_without_the_header_every_call_is_the_first_page(kis: Client) -> None:
    await _many_orders(kis, 101 if kis.real else 16)
    first = await kis.listing()

    again = await kis.listing(CTX_AREA_FK100=first.body["ctx_area_fk100"], CTX_AREA_NK100=first.body["ctx_area_nk100"])

    assert again.rows == first.rows


@check("1.5")
async def s1_5_stripped_cursors_work_too(kis: Client) -> None:
    await _many_orders(kis, 101 if kis.real else 16)
    body = (await kis.listing()).body

    cursor = {"CTX_AREA_FK100": body["ctx_area_fk100"].strip(), "CTX_AREA_NK100": body["ctx_area_nk100"].strip()}
    last = await kis.listing("N", **cursor)

    assert len(last.rows) == 1


@check("1.5", refuses_changed_pages=True)
async def s1_5_changed_data_between_two_pages_may_be_an_error(kis: Client) -> None:
    await _many_orders(kis, 101 if kis.real else 16)
    body = (await kis.listing()).body
    await kis.placed("buy", 1)

    today = f"{kis.now():%Y%m%d}"
    query = {"INQR_STRT_DT": today, "INQR_END_DT": today, "SLL_BUY_DVSN_CD": "00", "INQR_DVSN": "01", "PDNO": ""}
    query |= {"CCLD_DVSN": "00", "ORD_GNO_BRNO": "", "ODNO": "", "INQR_DVSN_3": "00", "INQR_DVSN_1": ""}
    query |= {"EXCG_ID_DVSN_CD": "KRX"}
    query |= {"CTX_AREA_FK100": body["ctx_area_fk100"], "CTX_AREA_NK100": body["ctx_area_nk100"]}
    answer = await kis.ledger("inquire-daily-ccld", "TTTC0081R", "N", **query)

    assert answer.rt_cd != "0"
    assert "조회이후에 자료가 변경되었습니다" in answer.body["msg1"]


@check("1.5", REAL)
async def s1_5_holidays_are_paged_by_date(kis: Client) -> None:
    query = {"BASS_DT": "20261013", "CTX_AREA_NK": "", "CTX_AREA_FK": ""}
    path = f"{QUOTATIONS}/chk-holiday"
    first = (await kis.get(path, "CTCA0903R", query)).done()

    cursor = {"CTX_AREA_NK": first.body["ctx_area_nk"], "CTX_AREA_FK": first.body["ctx_area_fk"]}
    second = (await kis.get(path, "CTCA0903R", query | cursor, tr_cont="N")).done()

    days = [row["bass_dt"] for row in (*first.output, *second.output)]
    assert first.tr_cont in ("F", "M")
    assert days == sorted(set(days))
    assert days[0] == "20261013"
