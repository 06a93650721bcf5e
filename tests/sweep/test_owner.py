"""Whether the process that runs a trial is still there."""

import subprocess
import sys
from dataclasses import replace

from kis_daemon.app.sweep.owner import QUIET_S, Owner, is_gone


def test_an_owner_is_read_as_it_was_written() -> None:
    assert Owner.of(str(Owner.me())) == Owner.me()


def test_this_process_is_there_however_silent() -> None:
    assert not is_gone(Owner.me(), QUIET_S * 10)


def test_a_process_that_ended_is_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        process.wait()

    assert is_gone(replace(Owner.me(), pid=process.pid), 0.0)


def test_a_number_given_out_again_is_another_process() -> None:
    assert is_gone(replace(Owner.me(), started="1"), 0.0)


def test_a_process_of_another_machine_is_gone_when_it_is_silent() -> None:
    other = replace(Owner.me(), node="another")

    assert not is_gone(other, QUIET_S - 1)
    assert is_gone(other, QUIET_S + 1)
