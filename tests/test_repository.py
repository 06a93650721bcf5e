"""What must hold for the files of the tree, whatever the code does."""

import os
import re
import string
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import kis_daemon
from tests.conftest import ROOT

LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-research.lock")

# written by a run, not by us; so is whatever a dot hides, .ci apart
ELSEWHERE = {"__pycache__", "build", "data", "dist", "htmlcov", "logs"}

# what a machine drew has at least this many different characters; a placeholder (PSsimulator000…) has fewer
CHARACTERS = 16

# a KIS app key, a KIS app secret, a signed token, a Telegram bot's token
SECRET = re.compile(
    r"\bPS[A-Za-z0-9]{34}\b"
    r"|(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{178}[A-Za-z0-9+/=]{2}(?![A-Za-z0-9+/=])"
    r"|\beyJ[\w-]{16,}\.eyJ[\w-]{16,}\.[\w-]{16,}"
    r"|\b\d{8,10}:[A-Za-z0-9_-]{35}\b"
)


def requirements_in(lock: str) -> list[str]:
    """Return the entries of a lock, each on one line."""
    return [line for line in lock.replace("\\\n", " ").splitlines() if line.strip()]


def pins_in(lock: str) -> dict[str, str]:
    """Return name and version of each entry of a lock."""
    return dict(re.findall(r"^([\w.-]+)==([^\s;\\]+)", lock, re.MULTILINE))


def loose_in(lock: str) -> list[str]:
    """Return the entries that are not pinned to one version with at least one hash."""
    whole = re.compile(r"[a-z0-9][\w.-]*==[\w.!+]+(\s*;[^\\]*?)?(\s+--hash=sha256:[0-9a-f]{64})+\s*")
    return [entry for entry in requirements_in(lock) if not whole.fullmatch(entry)]


def hosts_in(lock: str) -> list[str]:
    """Return the lines that name a host, an index, a path or a link."""
    return [line for line in lock.splitlines() if re.search(r"://|^\s*-(?!-hash)|\s@\s|^\s*[./]|\bfile:", line)]


def texts(root: Path) -> Iterator[tuple[str, str]]:
    """Yield path and text of every file of the tree that could be committed."""
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in ELSEWHERE and (name[0] != "." or name == ".ci")]
        for name in sorted(files):
            file = Path(folder, name)
            if name != ".env":
                yield file.relative_to(root).as_posix(), file.read_text(encoding="utf-8", errors="replace")


def secrets_in(root: Path) -> list[str]:
    """Return where something stands that looks like a secret, without repeating it."""
    return [
        f"{path}: {found.start()}"
        for path, text in texts(root)
        for found in SECRET.finditer(text)
        if len(set(found.group())) >= CHARACTERS
    ]


@pytest.fixture(params=LOCKS)
def lock(request: pytest.FixtureRequest) -> str:
    return (ROOT / str(request.param)).read_text(encoding="utf-8")


def test_a_lock_names_no_host_and_no_path(lock: str) -> None:
    assert hosts_in(lock) == []


def test_a_lock_pins_every_line_by_hash(lock: str) -> None:
    assert requirements_in(lock)
    assert loose_in(lock) == []


def test_every_lock_agrees_with_the_daemons(lock: str) -> None:
    daemons = pins_in((ROOT / "requirements.lock").read_text(encoding="utf-8"))

    assert daemons.items() <= pins_in(lock).items()


@pytest.mark.parametrize(("name", "extra"), [(LOCKS[0], None), (LOCKS[1], "dev"), (LOCKS[2], "research")])
def test_a_lock_knows_everything_that_the_project_asks_for(name: str, extra: str | None) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = project["dependencies"] + (project["optional-dependencies"][extra] if extra else [])
    names = {re.split(r"[^\w.-]", wanted, maxsplit=1)[0].lower() for wanted in asked}

    assert names - pins_in((ROOT / name).read_text(encoding="utf-8")).keys() == set()


NOISE = (string.ascii_letters + string.digits) * 3
HASH = "--hash=sha256:" + "0" * 64


@pytest.mark.parametrize("entry", ["a==1", f"a>=1 {HASH}", f"a {HASH}", "-e .", f"a==1 {HASH} b", f"a==1 {HASH[:-1]}"])
def test_a_loose_entry_is_seen(entry: str) -> None:
    assert loose_in(f"b==2 ; sys_platform == 'win32' \\\n    {HASH} \\\n    {HASH}\n{entry}\n") == [entry]


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://example.org/simple",
        "--find-links wheels",
        "a @ file:///a.whl",
        "./a.whl",
        "# via /b/c://d",
    ],
)
def test_a_host_in_a_lock_is_seen(line: str) -> None:
    assert hosts_in(f"a==1 \\\n    {HASH}\n{line}\n") == [line]


def test_no_file_holds_a_secret() -> None:
    assert secrets_in(ROOT) == []


@pytest.mark.parametrize(
    "secret",
    [
        "PS" + NOISE[:34],
        NOISE[:180],
        NOISE[:178] + "==",
        "eyJ" + NOISE[:20] + ".eyJ" + NOISE[:20] + "." + NOISE[:43],
    ],
    ids=["app key", "app secret", "padded app secret", "signed token"],
)
def test_a_secret_in_a_file_is_seen(secret: str, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "note.md").write_text(f"the key is {secret}, keep it", encoding="utf-8")

    assert secrets_in(tmp_path) == ["docs/note.md: 11"]


def test_a_placeholder_is_no_secret(tmp_path: Path) -> None:
    (tmp_path / "fake.py").write_text("PS" + "fake" + "0" * 30, encoding="utf-8")

    assert secrets_in(tmp_path) == []


def test_the_file_of_secrets_is_never_committed() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()

    assert ".env" in ignored
    assert "!.env" not in ignored


def test_the_project_and_the_package_name_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert project["version"] == kis_daemon.__version__


@pytest.mark.parametrize("name", ["README.md", "README.ko.md", "LICENSE"])
def test_a_reader_finds_the_first_pages(name: str) -> None:
    assert (ROOT / name).is_file()


def test_every_target_of_the_makefile_is_explained() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    explained = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))

    assert {
        "run",
        "test",
        "check",
        "format",
        "lint",
        "types",
        "bench",
        "simulate",
        "lock",
        "venv",
        "clean",
    } <= explained
