"""The table of what exists where, by the book's rule for TR ids."""

from __future__ import annotations

import pytest

from kis_daemon.kis.capabilities import CAPABILITIES, Generation, KisProfile, Purpose, is_offered, path_of, tr_id
from kis_daemon.ports import BrokerError, NotOnThisVenue

# KIS manual and its paper collection: what answers on paper.
ON_PAPER = {
    Purpose.PRICE,
    Purpose.ORDER_BOOK,
    Purpose.DAILY_CHART,
    Purpose.RECENT_DAYS,
    Purpose.MINUTES,
    Purpose.BUY,
    Purpose.SELL,
    Purpose.MODIFY_OR_CANCEL,
    Purpose.BUYABLE,
    Purpose.BALANCE,
    Purpose.ORDERS,
    Purpose.OLD_ORDERS,
    Purpose.TRADES,
    Purpose.NOTICES,
}


@pytest.mark.parametrize("purpose", sorted(ON_PAPER))
def test_a_paper_tr_id_is_the_real_one_with_a_v_unless_it_tells_prices(purpose: Purpose) -> None:
    real, paper = tr_id(purpose, KisProfile.REAL), tr_id(purpose, KisProfile.PAPER)

    if purpose is Purpose.NOTICES:
        assert (real, paper) == ("H0STCNI0", "H0STCNI9")
    elif real.startswith(("FH", "H0")):
        assert paper == real
    else:
        assert paper == "V" + real[1:]


@pytest.mark.parametrize("purpose", list(Purpose))
@pytest.mark.parametrize("generation", list(Generation))
def test_what_paper_does_not_offer_is_an_error_that_services_can_catch(
    purpose: Purpose, generation: Generation
) -> None:
    assert is_offered(purpose, KisProfile.REAL)
    assert tr_id(purpose, KisProfile.REAL, generation)
    assert is_offered(purpose, KisProfile.PAPER) == (purpose in ON_PAPER)
    if purpose not in ON_PAPER:
        with pytest.raises(NotOnThisVenue) as refused:
            tr_id(purpose, KisProfile.PAPER, generation)
        assert isinstance(refused.value, BrokerError)


@pytest.mark.parametrize(
    ("purpose", "real", "paper"),
    [
        (Purpose.BUY, "TTTC0802U", "VTTC0802U"),
        (Purpose.SELL, "TTTC0801U", "VTTC0801U"),
        (Purpose.MODIFY_OR_CANCEL, "TTTC0803U", "VTTC0803U"),
        (Purpose.ORDERS, "TTTC8001R", "VTTC8001R"),
        (Purpose.OLD_ORDERS, "CTSC9115R", "VTSC9115R"),
    ],
)
def test_the_older_tr_ids_are_chosen_by_generation(purpose: Purpose, real: str, paper: str) -> None:
    assert tr_id(purpose, KisProfile.REAL, Generation.OLD) == real
    assert tr_id(purpose, KisProfile.PAPER, Generation.OLD) == paper
    assert tr_id(purpose, KisProfile.REAL) not in (real, paper)


def test_what_never_had_an_older_tr_id_has_one_for_both_generations() -> None:
    alone = [purpose for purpose in Purpose if CAPABILITIES[purpose].older is None]

    assert all(tr_id(purpose, KisProfile.REAL, Generation.OLD) == tr_id(purpose, KisProfile.REAL) for purpose in alone)
    assert tr_id(Purpose.OPEN_ORDERS, KisProfile.REAL, Generation.OLD) == "TTTC8036R"


@pytest.mark.parametrize("purpose", list(Purpose))
def test_only_streams_have_no_path(purpose: Purpose) -> None:
    assert (path_of(purpose) == "") == (purpose in (Purpose.TRADES, Purpose.NOTICES))
