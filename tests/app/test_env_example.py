"""`.env.example` is whole, and works as it is."""

import re
import shutil
from pathlib import Path

from kis_daemon.app.modes import Venue
from kis_daemon.app.options import RunOptions
from kis_daemon.app.settings import load_settings
from kis_daemon.app.settings_sources import VARIABLES
from tests.conftest import ROOT

TEXT = (ROOT / ".env.example").read_text(encoding="utf-8")
NAMES = re.findall(r"^([A-Z_]+)=", TEXT, re.MULTILINE)


def test_every_variable_is_in_the_example_once_and_nothing_else() -> None:
    assert sorted(NAMES) == sorted(VARIABLES)


def test_every_variable_is_explained() -> None:
    block_of = {name: block for block in TEXT.split("\n\n") for name in re.findall(r"^(\w+)=", block, re.MULTILINE)}

    assert all("# " in block_of[name] for name in NAMES)


def test_the_example_copied_as_it_is_trades_on_paper(tmp_path: Path) -> None:
    shutil.copy(ROOT / ".env.example", tmp_path / ".env")

    settings = load_settings(RunOptions(config_dir=ROOT / "config"), {}, tmp_path / ".env")

    assert settings.venue is Venue.SIMULATOR
