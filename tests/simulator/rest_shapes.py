"""Every REST service with a request it answers, and the fields that the wire contract promises in the answer."""

from __future__ import annotations

from dataclasses import dataclass

_SYMBOL = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "005930"}
_INDEX = {"FID_COND_MRKT_DIV_CODE": "U", "FID_INPUT_ISCD": "0001"}
_DATES = {"FID_INPUT_DATE_1": "20240101", "FID_INPUT_DATE_2": "20240331"}
_PAGE = {"CTX_AREA_FK100": "", "CTX_AREA_NK100": ""}
_HOUR = {"FID_INPUT_HOUR_1": "153000", "FID_PW_DATA_INCU_YN": "N"}
_BALANCE = {
    "AFHR_FLPR_YN": "N",
    "OFL_YN": "",
    "INQR_DVSN": "02",
    "UNPR_DVSN": "01",
    "FUND_STTL_ICLD_YN": "N",
    "FNCG_AMT_AUTO_RDPT_YN": "N",
    "PRCS_DVSN": "00",
    **_PAGE,
}
_PERIOD = {"INQR_STRT_DT": "20240301", "INQR_END_DT": "20240331", **_PAGE}
_PROFIT = {"SORT_DVSN": "00", "PDNO": "", "CBLC_DVSN": "00", **_PERIOD}
_LISTING = {
    "SLL_BUY_DVSN_CD": "00",
    "INQR_DVSN": "00",
    "PDNO": "",
    "CCLD_DVSN": "00",
    "ORD_GNO_BRNO": "",
    "ODNO": "",
    "INQR_DVSN_3": "00",
    "INQR_DVSN_1": "",
    "EXCG_ID_DVSN_CD": "KRX",
    **_PERIOD,
}
_ORDER = {"PDNO": "005930", "ORD_DVSN": "00", "ORD_QTY": "1", "ORD_UNPR": "69000", "EXCG_ID_DVSN_CD": "KRX"}
_CHANGE_KEYS = "prdy_vrss prdy_vrss_sign prdy_ctrt"
_LEVELS = " ".join(
    f"askp{n} bidp{n} askp_rsqn{n} bidp_rsqn{n} askp_rsqn_icdc{n} bidp_rsqn_icdc{n}" for n in range(1, 11)
)
_OVERTIME_KEYS = (
    "ovtm_untp_prpr ovtm_untp_prdy_vrss ovtm_untp_prdy_vrss_sign ovtm_untp_prdy_ctrt ovtm_untp_vol ovtm_untp_tr_pbmn "
    "ovtm_untp_mxpr ovtm_untp_llam ovtm_untp_oprc ovtm_untp_hgpr ovtm_untp_lwpr ovtm_untp_antc_cnpr "
    "ovtm_untp_antc_cntg_vrss ovtm_untp_antc_cntg_vrss_sign ovtm_untp_antc_cntg_ctrt ovtm_untp_antc_vol"
)
_INVESTOR_KEYS = " ".join(
    f"{kind}_{side}_{unit} {kind}_{side}_tr_pbmn"
    for kind in ("prsn", "frgn", "orgn")
    for side, unit in (("ntby", "qty"), ("shnu", "vol"), ("seln", "vol"))
)
_MEMBER_KEYS = " ".join(
    f"{side}_mbcr_no{n} {side}_mbcr_name{n} total_{side}_qty{n} {side}_mbcr_rlim{n} {side}_qty_icdc{n} "
    f"{side}_mbcr_glob_yn_{n} glob_total_{side}_qty glob_{side}_rlim glob_total_{side}_qty_icdc glob_ntby_qty"
    for side in ("seln", "shnu")
    for n in range(1, 6)
)
_HOLDING_KEYS = (
    "pdno prdt_name trad_dvsn_name bfdy_buy_qty bfdy_sll_qty thdt_buyqty thdt_sll_qty hldg_qty ord_psbl_qty "
    "pchs_avg_pric pchs_amt prpr evlu_amt evlu_pfls_amt evlu_pfls_rt evlu_erng_rt loan_dt loan_amt stln_slng_chgs "
    "expd_dt fltt_rt bfdy_cprs_icdc stck_loan_unpr"
)
_SUMS_KEYS = (
    "dnca_tot_amt nxdy_excc_amt prvs_rcdl_excc_amt cma_evlu_amt bfdy_buy_amt thdt_buy_amt nxdy_auto_rdpt_amt "
    "bfdy_sll_amt thdt_sll_amt d2_auto_rdpt_amt bfdy_tlex_amt thdt_tlex_amt tot_loan_amt scts_evlu_amt tot_evlu_amt "
    "nass_amt fncg_gld_auto_rdpt_yn pchs_amt_smtl_amt evlu_amt_smtl_amt evlu_pfls_smtl_amt tot_stln_slng_chgs "
    "bfdy_tot_asst_evlu_amt asst_icdc_amt asst_icdc_erng_rt"
)
_PROFIT_SUMS_KEYS = (
    "sll_qty_smtl sll_tr_amt_smtl sll_fee_smtl sll_tltx_smtl sll_excc_amt_smtl buy_tr_amt_smtl buy_fee_smtl "
    "buy_tax_smtl buy_excc_amt_smtl tot_qty tot_tr_amt tot_fee tot_tltx tot_excc_amt tot_rlzt_pfls loan_int"
)
_LISTING_KEYS = (
    "ord_gno_brno odno orgn_odno ord_dvsn_name pdno prdt_name ord_qty ord_unpr ord_tmd tot_ccld_qty tot_ccld_amt "
    "sll_buy_dvsn_cd ord_dvsn_cd excg_dvsn_cd excg_id_dvsn_cd stpm_cndt_pric"
)
_ORDER_KEYS = "KRX_FWDG_ORD_ORGNO ODNO ORD_TMD SOR_ODNO"
_PRICE_KEYS = """
    iscd_stat_cls_code marg_rate rprs_mrkt_kor_name new_hgpr_lwpr_cls_code bstp_kor_isnm temp_stop_yn oprc_rang_cont_yn
    clpr_rang_cont_yn crdt_able_yn grmn_rate_cls_code elw_pblc_yn ssts_yn vi_cls_code ovtm_vi_cls_code invt_caful_yn
    mrkt_warn_cls_code short_over_yn sltr_yn mang_issu_cls_code stck_prpr prdy_vrss prdy_vrss_sign prdy_ctrt
    acml_tr_pbmn acml_vol prdy_vrss_vol_rate stck_oprc stck_hgpr stck_lwpr stck_mxpr stck_llam stck_sdpr
    wghn_avrg_stck_prc aspr_unit hts_deal_qty_unit_val hts_frgn_ehrt frgn_ntby_qty pgtr_ntby_qty pvt_scnd_dmrs_prc
    pvt_frst_dmrs_prc pvt_pont_val pvt_frst_dmsp_prc pvt_scnd_dmsp_prc dmrs_val dmsp_val frgn_hldn_qty
    last_ssts_cntg_qty apprch_rate cpfn rstc_wdth_prc stck_fcam stck_sspr lstn_stcn hts_avls per pbr stac_month
    vol_tnrt eps bps fcam_cnnm cpfn_cnnm whol_loan_rmnd_rate stck_shrn_iscd d250_hgpr d250_hgpr_date
    d250_hgpr_vrss_prpr_rate d250_lwpr d250_lwpr_date d250_lwpr_vrss_prpr_rate stck_dryy_hgpr dryy_hgpr_vrss_prpr_rate
    dryy_hgpr_date stck_dryy_lwpr dryy_lwpr_vrss_prpr_rate dryy_lwpr_date w52_hgpr w52_hgpr_vrss_prpr_ctrt
    w52_hgpr_date w52_lwpr w52_lwpr_vrss_prpr_ctrt w52_lwpr_date
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A request that the service answers with something, and the fields of each of its outputs.

    `filled` says that the moment of the test has rows for it.
    """

    request: dict[str, str]
    outputs: dict[str, str]
    filled: bool = True


SHAPES: dict[str, Shape] = {
    "FHKST01010100": Shape(request=_SYMBOL, outputs={"output": _PRICE_KEYS}),
    "FHPST01010000": Shape(
        request=_SYMBOL,
        outputs={
            "output": "prdy_clpr_vrss_oprc_rate prdy_clpr_vrss_hgpr_rate prdy_clpr_vrss_lwpr_rate crdt_rate "
            "mang_issu_yn divi_app_cls_code stange_runup_yn ssts_hot_yn low_current_yn short_over_cls_code "
            "new_lstn_cls_name vlnt_deal_cls_name flng_cls_name revl_issu_reas_name mrkt_warn_cls_name stck_prdy_clpr "
            "insn_pbnt_yn fcam_mod_cls_name trht_yn vlnt_fin_cls_code mxpr_llam_cls_code prdy_vol"
        },
    ),
    "FHKST01010300": Shape(
        request=_SYMBOL, outputs={"output": f"stck_cntg_hour stck_prpr {_CHANGE_KEYS} cntg_vol tday_rltv"}
    ),
    "FHKST01010200": Shape(
        request=_SYMBOL,
        outputs={
            "output1": f"aspr_acpt_hour {_LEVELS} total_askp_rsqn total_bidp_rsqn total_askp_rsqn_icdc "
            "total_bidp_rsqn_icdc ovtm_total_askp_icdc ovtm_total_bidp_icdc ovtm_total_askp_rsqn ovtm_total_bidp_rsqn "
            "ntby_aspr_rsqn new_mkop_cls_code",
            "output2": "antc_mkop_cls_code stck_prpr stck_oprc stck_hgpr stck_lwpr stck_sdpr antc_cnpr "
            "antc_cntg_vrss_sign antc_cntg_vrss antc_cntg_prdy_ctrt antc_vol stck_shrn_iscd vi_cls_code",
        },
    ),
    "FHPST01060000": Shape(
        request={**_SYMBOL, "FID_INPUT_HOUR_1": "153000"},
        outputs={
            "output1": f"stck_prpr {_CHANGE_KEYS} acml_vol prdy_vol rprs_mrkt_kor_name",
            "output2": f"stck_cntg_hour stck_pbpr {_CHANGE_KEYS} askp bidp tday_rltv acml_vol cnqn",
        },
    ),
    "FHPST02310000": Shape(
        request={**_SYMBOL, "FID_HOUR_CLS_CODE": "1"},
        outputs={"output1": f"{_OVERTIME_KEYS} uplm_sign lslm_sign"},
    ),
    "FHPST02320000": Shape(
        request=_SYMBOL,
        outputs={
            "output1": _OVERTIME_KEYS,
            "output2": "stck_bsop_date ovtm_untp_prpr ovtm_untp_prdy_vrss ovtm_untp_prdy_vrss_sign "
            f"ovtm_untp_prdy_ctrt ovtm_untp_vol stck_clpr {_CHANGE_KEYS} acml_vol ovtm_untp_tr_pbmn",
        },
    ),
    "FHKST01010900": Shape(
        request=_SYMBOL,
        outputs={"output": f"stck_bsop_date stck_clpr prdy_vrss prdy_vrss_sign {_INVESTOR_KEYS}"},
    ),
    "FHKST01010600": Shape(request=_SYMBOL, outputs={"output": _MEMBER_KEYS}),
    "FHKEW15010000": Shape(
        request={"FID_COND_MRKT_DIV_CODE": "W", "FID_INPUT_ISCD": "58J297"},
        outputs={"output": "elw_shrn_iscd hts_kor_isnm elw_prpr acml_vol unas_shrn_iscd unas_prpr bidp askp"},
    ),
    "FHKST01010400": Shape(
        request={**_SYMBOL, "FID_PERIOD_DIV_CODE": "D", "FID_ORG_ADJ_PRC": "0"},
        outputs={
            "output": f"stck_bsop_date stck_oprc stck_hgpr stck_lwpr stck_clpr acml_vol prdy_vrss_vol_rate "
            f"{_CHANGE_KEYS} hts_frgn_ehrt frgn_ntby_qty flng_cls_code acml_prtt_rate"
        },
    ),
    "FHKST03010100": Shape(
        request={**_SYMBOL, **_DATES, "FID_PERIOD_DIV_CODE": "D", "FID_ORG_ADJ_PRC": "0"},
        outputs={
            "output1": f"{_CHANGE_KEYS} stck_prdy_clpr acml_vol acml_tr_pbmn hts_kor_isnm stck_prpr stck_shrn_iscd "
            "prdy_vol stck_mxpr stck_llam stck_oprc stck_hgpr stck_lwpr stck_prdy_oprc stck_prdy_hgpr stck_prdy_lwpr "
            "askp bidp prdy_vrss_vol vol_tnrt stck_fcam lstn_stcn cpfn hts_avls per eps pbr itewhol_loan_rmnd_ratem",
            "output2": "stck_bsop_date stck_clpr stck_oprc stck_hgpr stck_lwpr acml_vol acml_tr_pbmn flng_cls_code "
            "prtt_rate mod_yn prdy_vrss_sign prdy_vrss revl_issu_reas",
        },
    ),
    "FHKST03010200": Shape(
        request={**_SYMBOL, **_HOUR, "FID_ETC_CLS_CODE": ""},
        outputs={
            "output1": f"{_CHANGE_KEYS} stck_prdy_clpr acml_vol acml_tr_pbmn hts_kor_isnm stck_prpr",
            "output2": "stck_bsop_date stck_cntg_hour stck_prpr stck_oprc stck_hgpr stck_lwpr cntg_vol acml_tr_pbmn",
        },
    ),
    "FHKST03010230": Shape(
        request={**_SYMBOL, **_HOUR, "FID_INPUT_DATE_1": "20240304", "FID_FAKE_TICK_INCU_YN": ""},
        outputs={
            "output1": f"{_CHANGE_KEYS} stck_prdy_clpr acml_vol acml_tr_pbmn hts_kor_isnm stck_prpr",
            "output2": "stck_bsop_date stck_cntg_hour stck_prpr stck_oprc stck_hgpr stck_lwpr cntg_vol acml_tr_pbmn",
        },
    ),
    "FHKUP03500100": Shape(
        request={**_INDEX, **_DATES, "FID_PERIOD_DIV_CODE": "D"},
        outputs={
            "output1": "bstp_nmix_prpr bstp_nmix_prdy_vrss prdy_vrss_sign bstp_nmix_prdy_ctrt prdy_nmix",
            "output2": "stck_bsop_date bstp_nmix_prpr bstp_nmix_oprc bstp_nmix_hgpr bstp_nmix_lwpr acml_vol "
            "acml_tr_pbmn mod_yn",
        },
    ),
    "FHPUP02100000": Shape(
        request=_INDEX,
        outputs={"output": "bstp_nmix_prpr bstp_nmix_prdy_vrss prdy_vrss_sign bstp_nmix_prdy_ctrt acml_vol"},
    ),
    "FHPST01390000": Shape(
        request={
            "FID_DIV_CLS_CODE": "0",
            "FID_COND_SCR_DIV_CODE": "20139",
            "FID_MRKT_CLS_CODE": "0",
            "FID_INPUT_ISCD": "",
            "FID_RANK_SORT_CLS_CODE": "0",
            "FID_INPUT_DATE_1": "20240305",
            "FID_TRGT_CLS_CODE": "",
            "FID_TRGT_EXLS_CLS_CODE": "",
        },
        outputs={
            "output": "hts_kor_isnm mksc_shrn_iscd vi_cls_code bsop_date cntg_vi_hour vi_cncl_hour vi_kind_code vi_prc "
            "vi_stnd_prc vi_dprt vi_dmc_stnd_prc vi_dmc_dprt vi_count"
        },
    ),
    "FHPST01710000": Shape(
        request={
            "FID_COND_MRKT_DIV_CODE": "J",
            "FID_COND_SCR_DIV_CODE": "20171",
            "FID_INPUT_ISCD": "0000",
            "FID_DIV_CLS_CODE": "0",
            "FID_BLNG_CLS_CODE": "3",
            "FID_TRGT_CLS_CODE": "111111111",
            "FID_TRGT_EXLS_CLS_CODE": "0000000000",
            "FID_INPUT_PRICE_1": "",
            "FID_INPUT_PRICE_2": "",
            "FID_VOL_CNT": "",
            "FID_INPUT_DATE_1": "",
        },
        outputs={
            "output": f"hts_kor_isnm mksc_shrn_iscd data_rank stck_prpr {_CHANGE_KEYS} acml_vol prdy_vol lstn_stcn "
            "avrg_vol n_befr_clpr_vrss_prpr_rate vol_inrt vol_tnrt nday_vol_tnrt avrg_tr_pbmn tr_pbmn_tnrt "
            "nday_tr_pbmn_tnrt acml_tr_pbmn"
        },
    ),
    "FHPST01740000": Shape(
        request={
            "fid_cond_mrkt_div_code": "J",
            "fid_cond_scr_div_code": "20174",
            "fid_div_cls_code": "0",
            "fid_input_iscd": "0000",
            "fid_trgt_cls_code": "0",
            "fid_trgt_exls_cls_code": "0",
            "fid_input_price_1": "",
            "fid_input_price_2": "",
            "fid_vol_cnt": "",
        },
        outputs={
            "output": f"mksc_shrn_iscd data_rank hts_kor_isnm stck_prpr {_CHANGE_KEYS} acml_vol lstn_stcn stck_avls "
            "mrkt_whol_avls_rlim"
        },
    ),
    "FHKST11300006": Shape(
        request={"FID_COND_MRKT_DIV_CODE_1": "J", "FID_INPUT_ISCD_1": "005930"},
        outputs={
            "output": "kospi_kosdaq_cls_name mrkt_trtm_cls_name hour_cls_code inter_shrn_iscd inter_kor_isnm "
            "inter2_prpr inter2_prdy_vrss prdy_vrss_sign prdy_ctrt acml_vol inter2_oprc inter2_hgpr inter2_lwpr "
            "inter2_llam inter2_mxpr inter2_askp inter2_bidp seln_rsqn shnu_rsqn total_askp_rsqn total_bidp_rsqn "
            "acml_tr_pbmn inter2_prdy_clpr oprc_vrss_hgpr_rate intr_antc_cntg_vrss intr_antc_cntg_vrss_sign "
            "intr_antc_cntg_prdy_ctrt intr_antc_vol inter2_sdpr"
        },
    ),
    "CTPF1002R": Shape(
        request={"PRDT_TYPE_CD": "300", "PDNO": "005930"},
        outputs={
            "output": "pdno prdt_name prdt_abrv_name prdt_eng_name std_pdno mket_id_cd scty_grp_id_cd excg_dvsn_cd "
            "lstg_stqt cpta papr kospi200_item_yn scts_mket_lstg_dt kosdaq_mket_lstg_dt lstg_abol_dt etf_dvsn_cd "
            "stck_kind_cd tr_stop_yn admn_item_yn thdt_clpr bfdy_clpr clpr_chng_dt crfd_item_yn idx_bztp_lcls_cd "
            "idx_bztp_mcls_cd_name std_idst_clsf_cd sbst_pric nwst_odst_dvsn_cd etf_etn_ivst_heed_item_yn "
            "cptt_trad_tr_psbl_yn nxt_tr_stop_yn"
        },
    ),
    "CTPF1604R": Shape(
        request={"PRDT_TYPE_CD": "300", "PDNO": "005930"},
        outputs={
            "output": "pdno prdt_type_cd std_pdno shtn_pdno prdt_sale_stat_cd prdt_risk_grad_cd prdt_clsf_cd "
            "sale_strt_dt sale_end_dt wrap_asst_type_cd ivst_prdt_type_cd frst_erlm_dt prdt_name prdt_name120 "
            "prdt_abrv_name prdt_eng_name120 prdt_eng_abrv_name"
        },
    ),
    "CTCA0903R": Shape(
        request={"BASS_DT": "20240305", "CTX_AREA_NK": "", "CTX_AREA_FK": ""},
        outputs={"output": "bass_dt wday_dvsn_cd bzdy_yn tr_day_yn opnd_yn sttl_day_yn"},
    ),
    "HHMCM000002C0": Shape(request={}, outputs={"output1": "date1 date2 date3 date4 date5 today time s_time e_time"}),
    "FHKST117300C0": Shape(
        request={
            "FID_RANK_SORT_CLS_CODE": "0",
            "FID_COND_MRKT_DIV_CODE": "J",
            "FID_COND_SCR_DIV_CODE": "11173",
            "FID_INPUT_ISCD": "0000",
            "FID_BLNG_CLS_CODE": "0",
        },
        outputs={"output1": "stck_shrn_iscd hts_kor_isnm stck_prpr"},
        filled=False,
    ),
    "HHKDB669102C0": Shape(
        request={"CTS": "", "GB1": "0", "F_DT": "20240101", "T_DT": "20241231", "SHT_CD": "", "HIGH_GB": ""},
        outputs={"output1": "record_date sht_cd isin_name per_sto_divi_amt"},
    ),
    "HHKDB669105C0": Shape(
        request={"CTS": "", "MARKET_GB": "0", "F_DT": "20240101", "T_DT": "20241231", "SHT_CD": ""},
        outputs={"output1": "record_date sht_cd isin_name inter_bf_face_amt inter_af_face_amt td_stop_dt list_dt"},
    ),
    "TTTC0012U": Shape(request=_ORDER, outputs={"output": _ORDER_KEYS}),
    "TTTC0011U": Shape(request={**_ORDER, "SLL_TYPE": "01"}, outputs={"output": _ORDER_KEYS}),
    "TTTC0013U": Shape(
        request={
            "KRX_FWDG_ORD_ORGNO": "",
            "ORGN_ODNO": "10100",
            "ORD_DVSN": "00",
            "RVSE_CNCL_DVSN_CD": "02",
            "ORD_QTY": "0",
            "ORD_UNPR": "0",
            "QTY_ALL_ORD_YN": "Y",
            "EXCG_ID_DVSN_CD": "KRX",
        },
        outputs={"output": _ORDER_KEYS},
    ),
    "TTTC8908R": Shape(
        request={
            "PDNO": "005930",
            "ORD_UNPR": "",
            "ORD_DVSN": "01",
            "CMA_EVLU_AMT_ICLD_YN": "N",
            "OVRS_ICLD_YN": "N",
        },
        outputs={
            "output": "ord_psbl_cash ord_psbl_sbst ruse_psbl_amt fund_rpch_chgs psbl_qty_calc_unpr nrcvb_buy_amt "
            "nrcvb_buy_qty max_buy_amt max_buy_qty cma_evlu_amt ovrs_re_use_amt_wcrc ord_psbl_frcr_amt_wcrc"
        },
    ),
    "TTTC0084R": Shape(
        request={"INQR_DVSN_1": "0", "INQR_DVSN_2": "0", **_PAGE},
        outputs={
            "output": f"{_LISTING_KEYS} rvse_cncl_dvsn_name psbl_qty mgco_aptm_odno excg_id_dvsn_name stpm_efct_occr_yn"
        },
    ),
    "TTTC8408R": Shape(
        request={"PDNO": "005930"},
        outputs={
            "output": "pdno buy_qty sll_qty cblc_qty nsvg_qty ord_psbl_qty pchs_avg_pric pchs_amt now_pric evlu_amt "
            "evlu_pfls_amt evlu_pfls_rt"
        },
    ),
    "TTTC8434R": Shape(
        request=_BALANCE,
        outputs={"output1": f"{_HOLDING_KEYS} item_mgna_rt_name grta_rt_name sbst_pric", "output2": _SUMS_KEYS},
    ),
    "TTTC0081R": Shape(
        request=_LISTING,
        outputs={
            "output1": f"{_LISTING_KEYS} ord_dt sll_buy_dvsn_cd_name avg_prvs cncl_yn loan_dt ordr_empno cncl_cfrm_qty "
            "rmn_qty rjct_qty ccld_cndt_name inqr_ip_addr cpbc_ordp_ord_rcit_dvsn_cd cpbc_ordp_infm_mthd_dvsn_cd "
            "infm_tmd ctac_tlno prdt_type_cd cpbc_ordp_mtrl_dvsn_cd ord_orgno rsvn_ord_end_dt stpm_efct_occr_dtmd",
            "output2": "tot_ord_qty tot_ccld_qty tot_ccld_amt prsm_tlex_smtl pchs_avg_pric",
        },
    ),
    "TTTC8494R": Shape(
        request={**_BALANCE, "INQR_DVSN": "00", "COST_ICLD_YN": "Y"},
        outputs={
            "output1": _HOLDING_KEYS,
            "output2": f"{_SUMS_KEYS} rlzt_pfls rlzt_erng_rt real_evlu_pfls real_evlu_pfls_erng_rt",
        },
    ),
    "TTTC8715R": Shape(
        request=_PROFIT,
        outputs={
            "output1": "trad_dt pdno prdt_name trad_dvsn_name loan_dt hldg_qty pchs_unpr buy_qty buy_amt sll_pric "
            "sll_qty sll_amt rlzt_pfls pfls_rt fee tl_tax loan_int",
            "output2": f"{_PROFIT_SUMS_KEYS} buyqty_smtl tot_pftrt",
        },
    ),
    "TTTC8708R": Shape(
        request={**_PROFIT, "INQR_DVSN": "00"},
        outputs={
            "output1": "trad_dt buy_amt sll_amt rlzt_pfls fee loan_int tl_tax pfls_rt sll_qty1 buy_qty1",
            "output2": f"{_PROFIT_SUMS_KEYS} buy_qty_smtl",
        },
    ),
    "CTRP6548R": Shape(
        request={"INQR_DVSN_1": "", "BSPR_BF_DT_APLY_YN": ""},
        outputs={
            "output1": "pchs_amt evlu_amt evlu_pfls_amt crdt_lnd_amt real_nass_amt whol_weit_rt",
            "output2": "nass_tot_amt tot_asst_amt tot_dncl_amt dncl_amt",
        },
    ),
    "TTTC0869R": Shape(
        request={"CMA_EVLU_AMT_ICLD_YN": "N", "WCRC_FRCR_DVSN_CD": "02", "FWEX_CTRT_FRCR_DVSN_CD": "02"},
        outputs={"output": "acmga_rt stck_cash_objt_amt stck_cash_use_amt stck_cash_ord_psbl_amt usd_ord_psbl_amt"},
    ),
    "CTSC0008U": Shape(
        request={
            "PDNO": "005930",
            "ORD_QTY": "1",
            "ORD_UNPR": "69000",
            "SLL_BUY_DVSN_CD": "02",
            "ORD_DVSN_CD": "00",
            "ORD_OBJT_CBLC_DVSN_CD": "10",
        },
        outputs={"output": "RSVN_ORD_SEQ"},
        filled=False,
    ),
    "CTSC0009U": Shape(request={"RSVN_ORD_SEQ": "39001"}, outputs={"output": "NRML_PRCS_YN"}, filled=False),
    "CTSC0013U": Shape(request={"RSVN_ORD_SEQ": "39001"}, outputs={"output": "NRML_PRCS_YN"}, filled=False),
    "CTSC0004R": Shape(
        request={
            "RSVN_ORD_ORD_DT": "20240301",
            "RSVN_ORD_END_DT": "20240331",
            "RSVN_ORD_SEQ": "",
            "TMNL_MDIA_KIND_CD": "00",
            "PRCS_DVSN_CD": "0",
            "CNCL_YN": "",
            "PDNO": "",
            "SLL_BUY_DVSN_CD": "",
            "CTX_AREA_FK200": "",
            "CTX_AREA_NK200": "",
        },
        outputs={"output": "rsvn_ord_seq pdno odno prcs_rslt"},
        filled=False,
    ),
    "CTRGA011R": Shape(
        request={
            "INQR_DVSN": "03",
            "CUST_RNCNO25": "",
            "HMID": "",
            "RGHT_TYPE_CD": "",
            "PDNO": "",
            "PRDT_TYPE_CD": "",
            **_PERIOD,
        },
        outputs={"output1": "acno10 rght_type_cd bass_dt pdno shtn_pdno cblc_qty tot_alct_qty"},
        filled=False,
    ),
}
