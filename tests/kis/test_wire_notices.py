"""Notices in the layouts of before and after the second exchange, and those of others (contract 5.5.4)."""

from __future__ import annotations

import pytest

from kis_daemon.kis.wire_frames import DataFrame
from kis_daemon.kis.wire_notices import NOTICE_FIELDS, read_notices
from kis_daemon.ports import ProtocolError
from tests.kis.builders import TODAY
from tests.kis.test_wire_frames import ACCOUNT, PLAIN, changed

LOGIC = "^".join(PLAIN.split("^")[:NOTICE_FIELDS])
OLD = LOGIC + "^카카오^00^^카카오^000061300"  # 23 fields


def frame(*records: str) -> DataFrame:
    return DataFrame(tr_id="H0STCNI9", encrypted=False, records=len(records), payload="^".join(records))


def test_the_layouts_of_23_and_26_fields_and_one_of_the_future_read_the_same() -> None:
    assert (len(OLD.split("^")), len(PLAIN.split("^"))) == (23, 26)

    old, new, future = (
        read_notices(frame(record), None, ACCOUNT, TODAY.date()) for record in (OLD, PLAIN, PLAIN + "^x^y")
    )

    assert old == new == future
    assert len(old[0]) == 1


def test_the_original_quantity_is_never_taken_for_what_was_filled() -> None:
    fill = changed(13, "2", changed(9, "0000000004", PLAIN))

    (notice,), _ = read_notices(frame(fill), None, ACCOUNT, TODAY.date())

    assert notice.quantity == 4


@pytest.mark.parametrize("account", ["5012345699", "5099999901", "", "50123456"])
def test_only_our_account_s_notices_are_ours_and_a_missing_product_code_is_no_other_account(account: str) -> None:
    found, unreadable = read_notices(frame(changed(1, account, PLAIN)), None, ACCOUNT, TODAY.date())

    assert (len(found), unreadable) == (account == "50123456", 0)


def test_records_of_another_account_are_not_read_and_so_cannot_be_unreadable() -> None:
    foreign = changed(1, "5099999901", changed(9, "x", PLAIN))

    assert read_notices(frame(foreign, PLAIN), None, ACCOUNT, TODAY.date())[1] == 0


def test_a_notice_cut_short_is_refused() -> None:
    with pytest.raises(ProtocolError):
        read_notices(frame("^".join(PLAIN.split("^")[: NOTICE_FIELDS - 1])), None, ACCOUNT, TODAY.date())
