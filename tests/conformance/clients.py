"""Habits of clients that live on KIS and that its contract does not ask for: all of them get their answer.

Met in KIS's own samples (`kis_auth`, the stream samples), mojito, python-kis, and code in other languages.
"""

from __future__ import annotations

import json

from tests.conformance.client import QUOTATIONS, TRADING, Client
from tests.conformance.registry import check

_PRICE = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "005930"}


async def _priced(kis: Client, **headers: str | None) -> None:
    answer = await kis.get(f"{QUOTATIONS}/inquire-price", "FHKST01010100", _PRICE, **headers)
    assert answer.done().output["stck_prpr"] == "69400"


@check("clients")
async def client_python_kis_sends_a_get_without_content_type(kis: Client) -> None:
    await _priced(kis, content_type=None)


@check("clients")
async def client_python_kis_sends_no_custtype(kis: Client) -> None:
    await _priced(kis, custtype=None)


@check("clients")
async def client_samples_leave_tr_cont_empty_or_out(kis: Client) -> None:
    await _priced(kis, tr_cont="")
    await _priced(kis, tr_cont=None)
    await _priced(kis, tr_cont=" ")


@check("clients")
async def client_samples_send_plain_text_accept_and_a_browsers_name(kis: Client) -> None:
    headers = {"Accept": "text/plain", "charset": "UTF-8", "User-Agent": "Mozilla/5.0 (Windows NT 10.0)"}

    await _priced(kis, content_type="application/json", **headers)


@check("clients")
async def client_content_types_come_in_every_spelling(kis: Client) -> None:
    for spelling in ("application/json", "application/json; charset=UTF-8", "APPLICATION/JSON;charset=utf-8"):
        await _priced(kis, content_type=spelling)


@check("clients")
async def client_header_names_come_in_every_case(kis: Client) -> None:
    headers = {name.title(): value for name, value in kis.headers("FHKST01010100").items() if "_" not in name}
    headers["Tr_Id"] = "FHKST01010100"

    answer = await kis.send("GET", f"{QUOTATIONS}/inquire-price", headers=headers, query=_PRICE)

    answer.done()


@check("clients")
async def client_samples_send_an_order_with_its_hashkey(kis: Client) -> None:
    body = {**kis.account, "PDNO": "005930", "ORD_DVSN": "01", "ORD_QTY": "1", "ORD_UNPR": "0"}
    headers = {"content-type": "application/json", "appkey": kis.card.app_key, "appsecret": kis.card.app_secret}
    hashed = await kis.send("POST", "/uapi/hashkey", headers=headers, body=json.dumps(body).encode())

    answer = await kis.post(f"{TRADING}/order-cash", kis.tr("TTTC0012U"), body, hashkey=hashed.body["HASH"])

    answer.done()


@check("clients")
async def client_mojito_sends_no_venue_and_the_old_tr(kis: Client) -> None:
    body = {**kis.account, "PDNO": "005930", "ORD_DVSN": "00", "ORD_QTY": "1", "ORD_UNPR": "60000"}

    (await kis.post(f"{TRADING}/order-cash", kis.tr("TTTC0802U"), body)).done()


@check("clients")
async def client_samples_order_with_sll_type_and_condition_price_left_empty(kis: Client) -> None:
    await kis.placed("buy", 1, SLL_TYPE="", CNDT_PRIC="")
    await kis.placed("sell", 1, SLL_TYPE="01", CNDT_PRIC="")


@check("clients")
async def client_some_send_an_order_with_unknown_keys(kis: Client) -> None:
    await kis.placed("buy", 1, ALGO_NO="", CTAC_TLNO="", MGCO_APTM_ODNO="")


@check("clients")
async def client_some_pad_their_order_quantity(kis: Client) -> None:
    (await kis.order("buy", "0000000001", "60000")).done()


@check("clients")
async def client_samples_ask_a_market_power_with_a_price_of_0(kis: Client) -> None:
    assert (await kis.power(0))["nrcvb_buy_qty"] == (await kis.power())["nrcvb_buy_qty"]


@check("clients")
async def client_samples_ask_for_the_balance_with_short_cursors_missing(kis: Client) -> None:
    query = {"AFHR_FLPR_YN": "N", "OFL_YN": "N", "INQR_DVSN": "01", "UNPR_DVSN": "01", "FUND_STTL_ICLD_YN": "N"}
    query |= {"FNCG_AMT_AUTO_RDPT_YN": "N", "PRCS_DVSN": "01"}

    (await kis.ledger("inquire-balance", "TTTC8434R", **query)).done()


@check("clients")
async def client_samples_ask_for_a_listing_without_a_venue(kis: Client) -> None:
    await kis.placed("buy", 1)
    query = {"INQR_STRT_DT": "20261013", "INQR_END_DT": "20261013", "SLL_BUY_DVSN_CD": "00", "INQR_DVSN": "01"}
    query |= {"PDNO": "", "CCLD_DVSN": "00", "ORD_GNO_BRNO": "", "ODNO": "", "INQR_DVSN_3": "00", "INQR_DVSN_1": ""}
    query |= {"CTX_AREA_FK100": "", "CTX_AREA_NK100": ""}

    assert len((await kis.ledger("inquire-daily-ccld", "TTTC8001R", **query)).done().rows) == 1


@check("clients")
async def client_mojito_sends_personalseckey_with_every_registration(kis: Client) -> None:
    async with kis.stream() as stream:
        assert await stream.code("H0STCNT0", "005930", personalseckey="1") == "OPSP0000"


@check("clients")
async def client_old_samples_connect_to_the_bare_root(kis: Client) -> None:
    async with kis.stream(path="") as stream:
        assert await stream.code("H0STCNT0", "005930") == "OPSP0000"


@check("clients")
async def client_some_send_their_registration_with_blanks_and_line_ends(kis: Client) -> None:
    async with kis.stream() as stream:
        header = {"approval_key": stream.approval, "custtype": "P", "tr_type": "1", "content-type": "utf-8"}
        asked = {"header": header, "body": {"input": {"tr_id": "H0STCNT0", "tr_key": "005930"}}}
        await stream.socket.send(json.dumps(asked, indent=2) + "\n")

        assert (await stream.answer())["body"]["msg_cd"] == "OPSP0000"


@check("clients", ping_interval_s=20.0)
async def client_official_samples_answer_pingpong_with_a_pong_frame(kis: Client) -> None:
    async with kis.stream() as stream:
        for _ in range(5):
            await stream.socket.pong((await stream.text()).encode())
        assert await stream.code("H0STCNT0", "005930") == "OPSP0000"


@check("clients")
async def client_python_kis_registers_the_notices_of_foreign_markets(kis: Client) -> None:
    async with kis.stream() as stream:
        assert await stream.code("H0GSCNI0" if kis.real else "H0GSCNI9", kis.card.hts_id) == "OPSP0000"


@check("clients")
async def client_a_session_may_use_one_connection_for_everything(kis: Client) -> None:
    for _ in range(5):
        await _priced(kis, connection="keep-alive")


@check("clients")
async def client_corporate_headers_are_carried_along(kis: Client) -> None:
    headers = {"personalseckey": "", "seq_no": "", "mac_address": "000000000000", "phone_number": "", "ip_addr": ""}

    await _priced(kis, **headers)


@check("clients")
async def client_mojito_cancels_with_price_and_quantity_and_without_venue_and_custtype(kis: Client) -> None:
    number = await kis.placed("buy", 2, 60_000)
    body = {**kis.account, "KRX_FWDG_ORD_ORGNO": "", "ORGN_ODNO": number, "ORD_DVSN": "00", "RVSE_CNCL_DVSN_CD": "02"}
    body |= {"ORD_QTY": "2", "ORD_UNPR": "60000", "QTY_ALL_ORD_YN": "Y"}

    (await kis.post(f"{TRADING}/order-rvsecncl", kis.tr("TTTC0803U"), body, custtype=None)).done()

    assert (await kis.listed(number))["rmn_qty"] == "0"


@check("clients")
async def client_mojito_registers_everything_at_once_and_then_listens(kis: Client) -> None:
    async with kis.stream() as stream:
        asked = [(tr_id, symbol) for tr_id in ("H0STCNT0", "H0STASP0") for symbol in ("005930", "035720")]
        for tr_id, symbol in asked:
            await stream.send(tr_id, symbol)

        answers = [await stream.answer() for _ in asked]

    assert [(each["header"]["tr_id"], each["header"]["tr_key"]) for each in answers] == asked
    assert {each["body"]["msg_cd"] for each in answers} == {"OPSP0000"}
