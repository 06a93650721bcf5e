"""The table of what exists where, by the book's rule for TR ids."""

from __future__ import annotations

import pytest

from kis_daemon.kis.capabilities import (
    CAPABILITIES,
    Capability,
    KisProfile,
    NotOnThisVenue,
    Purpose,
    path_of,
    tr_id,
)


@pytest.mark.parametrize("purpose", list(Purpose))
def test_a_paper_tr_id_is_the_real_one_with_a_v_unless_it_tells_prices(purpose: Purpose) -> None:
    real, paper = tr_id(purpose, KisProfile.REAL), tr_id(purpose, KisProfile.PAPER)

    if purpose is Purpose.NOTICES:
        assert (real, paper) == ("H0STCNI0", "H0STCNI9")
    elif real.startswith(("FH", "H0")):
        assert paper == real
    else:
        assert paper == "V" + real[1:]


@pytest.mark.parametrize("purpose", list(Purpose))
def test_only_streams_have_no_path(purpose: Purpose) -> None:
    assert (path_of(purpose) == "") == (purpose in (Purpose.TRADES, Purpose.NOTICES))


def test_what_a_venue_does_not_offer_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CAPABILITIES, Purpose.PRICE, Capability(real="X", paper=None))

    assert tr_id(Purpose.PRICE, KisProfile.REAL) == "X"
    with pytest.raises(NotOnThisVenue):
        tr_id(Purpose.PRICE, KisProfile.PAPER)
