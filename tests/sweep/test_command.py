"""`main.py backtest sweep`: progress, kill -9 and what comes after, two processes on one MariaDB, and refusals."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kis_daemon.app.cli import main
from tests.conftest import ROOT
from tests.store.conftest import servers
from tests.store.places import Servers
from tests.sweep.market import RANGES, a_price_file, sweep_command
from tests.sweep.runs import killed_at, run_to_its_end, run_together

__all__ = ["servers"]


@pytest.fixture
def bars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LANGUAGE", "en")
    return a_price_file(tmp_path)


def sweep(bars: Path, *options: str) -> int:
    fixed = ("--prices", str(bars), "--rule", "breakout", "--config-dir", str(ROOT / "config"))
    return main(["backtest", "sweep", *fixed, *options])


def test_a_killed_sweep_goes_on_where_it_was(tmp_path: Path) -> None:
    command = sweep_command(a_price_file(tmp_path), "--trials", "16", "--jobs", "2")
    seen = killed_at(command, tmp_path, 4)

    ended = run_to_its_end(command, tmp_path, "again")

    assert ended.progress[0] >= seen >= 4
    assert ended.progress[-1] == 16
    assert len(set(ended.numbers)) == len(ended.numbers) == 16


@pytest.mark.services
def test_two_processes_share_one_study_in_mariadb(tmp_path: Path, servers: Servers) -> None:
    place = servers.new("mariadb")
    command = sweep_command(a_price_file(tmp_path), "--trials", "8", "--storage", place.url)

    one, other = run_together(command, tmp_path, 2)
    place.drop()

    assert one.told["studies"] == other.told["studies"]
    assert len(one.numbers) == 8


def test_a_dask_cluster_runs_the_trials(tmp_path: Path) -> None:
    cluster = [sys.executable, "-m", "tests.sweep.cluster"]
    command = sweep_command(a_price_file(tmp_path), "--trials", "3")

    with subprocess.Popen(cluster, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as begun:
        assert begun.stdout is not None
        ended = run_to_its_end([*command, "--dask", begun.stdout.readline().strip()], tmp_path, "dask")
        begun.communicate()  # its input ends, and with it the cluster

    assert ended.numbers == [0, 1, 2]


def test_a_walk_forward_tries_its_best_on_the_days_after(bars: Path, tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    options = ("--trials", "3", "--walk-forward", "200/100", "--json", str(told))

    assert sweep(bars, *RANGES, *options) == 0

    written = json.loads(told.read_text("utf-8"))
    assert [study["study"][-3:] for study in written["studies"]] == ["-w1", "-w2"]
    for study in written["studies"]:
        assert study["to"] < study["after"]["from"]
        assert len(study["trials"]) == 3
        assert study["best"]["value"] == max(trial["value"] for trial in study["trials"])
        assert "sharpe" in study["after"]["figures"]
    assert written["order_of_trades"]["shuffles"] == 1000


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--params", "stop_atr=2"], "--params: expected at least one range"),
        (["--params", "stop_atr=3:2"], "--params stop_atr=3:2: expected name=low:high"),
        ([*RANGES, "--walk-forward", "200"], "--walk-forward 200: expected trading days, e.g. 500/125"),
        ([*RANGES, "--walk-forward", "900/100"], "--walk-forward: "),
        ([*RANGES, "--storage", "oracle://x"], "--storage: expected sqlite:///FILE or mysql://"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    options: list[str], line: str, bars: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = sweep(bars, *options)

    told = capsys.readouterr().err
    assert code == 64
    assert line in told


@pytest.mark.parametrize(("library", "options"), [("optuna", []), ("distributed", ["--dask", "tcp://127.0.0.1:1"])])
def test_a_library_that_is_not_there_is_told_with_how_to_install_it(
    library: str, options: list[str], tmp_path: Path
) -> None:
    program = f"import sys; sys.modules[{library!r}] = None; from kis_daemon.app.cli import main; sys.exit(main())"
    told = sweep_command(a_price_file(tmp_path), "--storage", f"sqlite:///{tmp_path / 'sweeps.db'}", *options)[2:]

    ended = run_python(program, *told)

    assert ended.returncode == 78
    assert f"{library} is not installed: tools/venv.sh research .venv" in ended.stderr


def test_the_daemon_and_a_backtest_need_no_library_of_research() -> None:
    program = """
import sys
for name in ("optuna", "distributed", "dask"):
    sys.modules[name] = None
import kis_daemon.app.run, kis_daemon.app.on_kis, kis_daemon.app.on_simulator, kis_daemon.app.cli.backtest
"""

    ended = run_python(program)

    assert (ended.returncode, ended.stderr) == (0, "")


def run_python(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], "LANGUAGE": "en"}
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
