"""What a stranger reads must be true: options, targets, links, pictures, modules and alerts are named as they are."""

import re
from pathlib import Path
from urllib.parse import unquote

import click
import pytest

from kis_daemon.app.cli import COMMANDS
from kis_daemon.app.cli.simulator import command as simulator
from kis_daemon.app.cli.trade import OPTIONS
from kis_daemon.app.errors import ExitCode
from kis_daemon.console.catalogue_en import SENTENCES
from tests.conftest import ROOT

READMES = ("README.md", "README.ko.md")
PAGES = (*READMES, "CHANGELOG.md", *(str(page.relative_to(ROOT)) for page in sorted(ROOT.glob("docs/**/*.md"))))
PICTURE_BYTES = 120_000
REPORT_BYTES = 300_000
NO_ALERTS = {"progress", "refused", "unexpected"}


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def headings_of(text: str) -> list[int]:
    """Return the level of each heading, in their order."""
    return [len(marks) for marks in re.findall(r"^(#+) ", without_code(text), re.MULTILINE)]


def links_in(text: str) -> list[str]:
    """Return the targets of links and pictures that stay within the project."""
    targets = re.findall(r"\]\(([^)\s]+)\)", without_code(text))
    return [unquote(target.partition("#")[0]) for target in targets if not re.match(r"[a-z]+:|#", target)]


def names_of(params: list[click.Parameter]) -> list[str]:
    return [name for param in params for name in (*param.opts, *param.secondary_opts) if name.startswith("--")]


def modules() -> list[str]:
    """Return every module of the program, as the path within its floor and without `.py`; packages are no modules."""
    package = ROOT / "kis_daemon"
    return sorted(
        "/".join(file.relative_to(package).with_suffix("").parts)
        for file in package.rglob("*.py")
        if file.name != "__init__.py"
    )


@pytest.fixture(params=READMES)
def readme(request: pytest.FixtureRequest) -> str:
    return text_of(str(request.param))


def test_every_option_of_the_front_door_is_explained(readme: str) -> None:
    explained = set(re.findall(r"--[a-z-]+", "".join(re.findall(r"^\| (`--.*?) \|", readme, re.MULTILINE))))

    assert {*names_of(list(OPTIONS)), "--version", "--help"} - explained == set()


def test_no_option_is_explained_that_is_not_there(readme: str) -> None:
    explained = set(re.findall(r"--[a-z-]+", "".join(re.findall(r"^\| (`--.*?) \|", readme, re.MULTILINE))))

    assert explained - {*names_of(list(OPTIONS)), "--version", "--help"} == set()


def test_every_option_of_the_simulator_is_named(readme: str) -> None:
    assert [name for name in names_of(simulator.params) if name not in readme] == []


def test_every_command_is_named(readme: str) -> None:
    assert [name for name in COMMANDS if f"main.py {name}" not in readme] == []


def test_every_exit_code_is_told(readme: str) -> None:
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", readme, re.MULTILINE)}

    assert told == set(ExitCode) - {ExitCode.INTERRUPTED}


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_that_is_named_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE))
    code = "\n".join(re.findall(r"^```sh\n.*?^```|`[^`\n]+`", text_of(page), re.MULTILINE | re.DOTALL))

    assert set(re.findall(r"\bmake ([a-z-]+)", code)) - targets == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    folder = (ROOT / page).parent

    assert [link for link in links_in(text_of(page)) if not (folder / link).exists()] == []


def test_both_languages_have_the_same_headings() -> None:
    english, korean = (headings_of(text_of(page)) for page in READMES)

    assert english == korean


def test_both_languages_lead_to_the_same_places() -> None:
    english, korean = (
        {re.sub(r"README(\.ko)?\.md|\.(en|ko)\.svg", "", link) for link in links_in(text_of(page))} for page in READMES
    )

    assert english == korean


@pytest.mark.parametrize(("page", "picture"), [("README.md", "picture.en.svg"), ("README.ko.md", "picture.ko.svg")])
def test_the_picture_is_there_and_asks_no_host(page: str, picture: str) -> None:
    drawn = (ROOT / "docs" / picture).read_bytes()

    assert f"](docs/{picture})" in text_of(page)
    assert len(drawn) <= PICTURE_BYTES
    assert b"url(http" not in drawn
    assert "삼성전자(005930)".encode() in drawn


def test_the_picture_of_a_report_is_small_and_in_both_languages() -> None:
    assert (ROOT / "docs" / "report.png").stat().st_size < REPORT_BYTES
    assert all("](docs/report.png)" in text_of(page) for page in READMES)


@pytest.mark.parametrize("module", modules())
def test_every_module_has_its_line_in_the_architecture(module: str) -> None:
    floor, _, rest = module.partition("/")
    text = text_of("docs/architecture.md")
    section = re.search(rf"^## Floor \d: {floor}/$(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    where, name = (section.group(1), rest) if rest and section else (text, module)

    assert f"`{name}`" in where


def test_the_architecture_is_a_short_page() -> None:
    assert len(text_of("docs/architecture.md").splitlines()) <= 150


def test_every_alert_is_explained() -> None:
    alerts = {name for name in SENTENCES if "." not in name} - NO_ALERTS
    rows = re.findall(r"^\| \**(`.*?) \|", text_of("docs/operations.md"), re.MULTILINE)

    assert alerts - set(re.findall(r"`(\w+)`", " ".join(rows))) == set()


@pytest.mark.parametrize("decision", sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md")), ids=lambda p: p.stem[:4])
def test_a_decision_says_what_was_given_up_on_one_page(decision: Path) -> None:
    lines = decision.read_text(encoding="utf-8").splitlines()

    assert [line for line in lines if line.startswith("## ")] == ["## Context", "## Choice", "## What we gave up"]
    assert len(lines) <= 40


def test_headings_and_links_in_code_are_not_taken_for_real() -> None:
    text = "# a\n```sh\n# no heading [x](y)\n```\n## b [c](d.md#e) [f](https://g.h) [i](#j)\n"

    assert headings_of(text) == [1, 2]
    assert links_in(text) == ["d.md"]
