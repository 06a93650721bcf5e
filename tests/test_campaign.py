"""The campaign's command: which campaigns it runs, what it tells of them, and what one that breaks off is."""

import pytest

from tests import campaign, campaign_mutation, campaign_tests, campaign_wire
from tests.samples import sample_seed


@pytest.fixture(autouse=True)
def _three_campaigns(monkeypatch: pytest.MonkeyPatch) -> None:
    def holds() -> tuple[bool, str]:
        """Everything."""
        return True, "all of it"

    def fails() -> tuple[bool, str]:
        return False, "1 of 2"

    def breaks_off() -> tuple[bool, str]:
        raise AssertionError("frame 7 of seed 3:\n6 of 7")

    monkeypatch.setattr(campaign, "CAMPAIGNS", {"holds": holds, "fails": fails, "breaks-off": breaks_off})


def test_the_named_campaigns_run_and_the_rest_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert campaign.main(["holds"]) == 0

    told = capsys.readouterr().out
    assert "| holds | holds | all of it; 0 s |" in told
    assert "fails" not in told


def test_one_that_breaks_off_fails_and_the_others_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert campaign.main(["breaks-off", "fails", "holds"]) == 1

    table = capsys.readouterr().out.splitlines()[-3:]
    assert table == [
        "| breaks-off | FAILS | AssertionError: frame 7 of seed 3: 6 of 7; 0 s |",
        "| fails | FAILS | 1 of 2; 0 s |",
        "| holds | holds | all of it; 0 s |",
    ]


def test_a_name_that_is_none_runs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert campaign.main(["holds", "fuss"]) == 2

    captured = capsys.readouterr()
    assert captured.out == ""
    assert "fuss" in captured.err


def test_the_list_tells_what_each_asks(capsys: pytest.CaptureFixture[str]) -> None:
    assert campaign.main(["--list"]) == 0

    assert capsys.readouterr().out.splitlines()[0].split() == ["holds", "Everything."]


def test_tests_that_are_not_there_do_not_hold() -> None:
    assert campaign_tests.counted("tests/nowhere.py") == (False, "not there: tests/nowhere.py")


def test_a_short_budget_campaign_tells_both_profiles() -> None:
    _, told = campaign_wire.budget(400)

    assert "real 18/s ±50 ms 0 refused" in told
    assert "paper 1/s ±0 ms 0 refused" in told


def test_a_short_fuzz_campaign_holds() -> None:
    holds, told = campaign_wire.fuzz(4_000, 400)

    assert holds
    assert "4,000 frames" in told


def test_a_commit_has_one_sample_seed() -> None:
    assert 0 <= sample_seed() == sample_seed() < 2**32


def test_a_mutant_that_no_test_meets_counts_as_one_that_lived() -> None:
    results = """
    kis_daemon.domain.orders.x_move__mutmut_1: killed
    kis_daemon.services.order_synchronizer.xǁOrderSynchronizerǁplace__mutmut_1: timeout
    kis_daemon.services.order_follower.xǁOrderFollowerǁfollow__mutmut_1: no tests
    kis_daemon.services.reconciler.xǁReconcilerǁrun__mutmut_1: survived
"""

    holds, told = campaign_mutation.judged(results)

    assert not holds
    assert told == (
        "orders 1 of 1 noticed, 100.0 %; order_synchronizer 1 of 2 noticed, 50.0 %; reconciler 0 of 1 noticed, 0.0 %"
    )
