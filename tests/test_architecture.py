"""The walls of the house, proved by walking every import with `ast`.

Rules of this room
    Each rule is a pure function from a tree to complaints, each shown to complain about a made-up tree.
    Imports inside functions, under `if TYPE_CHECKING` and by `import_module("...")` count like any other.
    `from package import name` is an import of `package.name` where that is a module, else of `package`.
"""

import ast
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGE = "kis_daemon"
MAX_LINES = 400  # a module that wants more is two

TOP = 5
FLOORS = {
    "domain": 0,
    "ports": 1,
    "clock": 1,
    "virtual_loop": 1,
    "services": 2,
    "kis": 2,
    "store": 2,
    "simulator": 2,
    "console": 3,
    "app": 4,
    "__init__": TOP,
    "__main__": TOP,
    "main": TOP,
}
NEVER_EACH_OTHER = 2

# a module of the domain imports only what stands to its left
DOMAIN = (
    "market",
    "locks",
    "costs",
    "calendar",
    "indicators",
    "orders",
    "approvals",
    "positions",
    "breakers",
    "corporate_actions",
    "price_path",
    "strategy",
    "exits",
    "universe",
    "universe_filters",
    "safeguards",
    "release_codes",
    "readiness",
    "risk",
    "first_steps",
    "allocation",
    "performance",
    "events",
    "chain",
    "drift",
)

# one library, one room; a pattern is matched against the file's path inside the package, `*` crosses folders
HOMES = {
    "sqlalchemy": ("store/*", "app/sweep/study.py"),  # a study's database is Optuna's, and speaks by its errors
    "optuna": ("app/sweep/study.py", "app/sweep/run.py"),
    "distributed": ("app/sweep/dask.py",),
    "alembic": ("store/*",),
    "aiohttp": ("kis/*", "simulator/*", "console/http/*"),
    "websockets": ("kis/feed*.py", "simulator/*"),
    "pydantic_settings": ("app/settings*.py",),
    "telegram": ("console/telegram*.py",),
    "prometheus_client": ("console/metrics.py",),
    "plotly": ("app/report/*",),
    "jwt": ("services/approvals.py",),
    "structlog": ("services/*", "kis/*", "store/*", "simulator/*", "console/*", "app/*", "__main__.py"),
} | dict.fromkeys(
    ("aiomysql", "aiosqlite", "asyncmy", "asyncpg", "MySQLdb", "psycopg", "psycopg2", "pymysql", "sqlite3"),
    ("store/*",),
)

# a report is drawn by a command; what the daemon is made of never imports it
REPORTERS = ("app/report/*", "app/cli/*")

# an order is sent once: what sends it may not hold a library that repeats
SENDERS = ("kis/broker.py", "kis/commands.py", "kis/transport.py", "services/order_synchronizer.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One import: the file's path inside the package (or `main.py`), its line, and the dotted target."""

    path: str
    line: int
    target: str

    @property
    def place(self) -> str:
        return f"{self.path}:{self.line}"

    @property
    def importer(self) -> tuple[str, ...]:
        return tuple(self.path.removesuffix(".py").split("/"))

    @property
    def own_target(self) -> tuple[str, ...] | None:
        """Return the target inside our package (`("__init__",)`: the package itself), None for a library."""
        package, *rest = self.target.split(".")
        if package == "main":
            return ("main",)
        return tuple(rest or ["__init__"]) if package == PACKAGE else None


def sources(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield every module of the tree, in order, with its path inside the package."""
    for file in sorted((root / PACKAGE).rglob("*.py")):
        yield file.relative_to(root / PACKAGE).as_posix(), file
    if (root / "main.py").exists():
        yield "main.py", root / "main.py"


def imports_of(root: Path) -> list[Import]:
    """Return every import of the tree."""

    def is_module(dotted: str) -> bool:
        at = root.joinpath(*dotted.split("."))
        return at.is_dir() or at.with_suffix(".py").exists()

    def targets(node: ast.AST, package: list[str]) -> Iterator[str]:
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom():
                above = package[: len(package) - node.level + 1] if node.level else []
                base = ".".join([*above, *filter(None, [node.module])])
                for alias in node.names:
                    inner = f"{base}.{alias.name}"
                    if base == PACKAGE and alias.name == "__version__":
                        continue  # a constant of a module that imports nothing
                    yield inner if is_module(inner) else base
            case ast.Call(
                func=ast.Name(id=called) | ast.Attribute(attr=called),
                args=[ast.Constant(value=str(name)), *_],
            ) if called in ("import_module", "__import__"):
                yield name
            case _:
                return

    found = []
    for path, file in sources(root):
        package = [PACKAGE, *path.split("/")[:-1]]
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            found += [
                Import(path=path, line=node.lineno, target=target)  # type: ignore[attr-defined]
                for target in targets(node, package)
            ]
    return found


def floors(root: Path) -> list[str]:
    """Imports go down only; the four rooms of floor 2 never import each other."""
    complaints = [
        f"{path}: {PACKAGE}/{path.split('/')[0]} stands on no floor"
        for path, _ in sources(root)
        if path.split("/")[0].removesuffix(".py") not in FLOORS
    ]
    for found in imports_of(root):
        target = found.own_target
        here, there = found.importer[0], target[0] if target else ""
        if here not in FLOORS or there not in FLOORS or here == there:
            continue
        if FLOORS[there] > FLOORS[here]:
            complaints.append(f"{found.place}: {here} imports {there}, which stands above it")
        elif FLOORS[there] == FLOORS[here] == NEVER_EACH_OTHER:
            complaints.append(f"{found.place}: {here} imports {there}; rooms of one floor never import each other")
    return complaints


def domain_order(root: Path) -> list[str]:
    """Inside the domain a module imports only what stands to its left, and every module has its place."""
    modules = [path.removesuffix(".py").split("/")[1] for path, _ in sources(root) if path.startswith("domain/")]
    complaints = [
        f"domain/{module}: has no place in the order of the domain (DOMAIN in tests/test_architecture.py)"
        for module in sorted(set(modules) - {*DOMAIN, "__init__"})
    ]
    # the room's front door is last: nobody inside goes through it
    place = {module: i for i, module in enumerate((*DOMAIN, "__init__"))}
    for found in imports_of(root):
        target = found.own_target
        if found.importer[0] != "domain" or target is None or target[0] != "domain":
            continue
        here, there = found.importer[1], target[1] if len(target) > 1 else "__init__"
        if here in place and there in place and here != there and place[there] > place[here]:
            complaints.append(f"{found.place}: {here} imports {there}, which stands to its right")
    return complaints


def domain_libraries(root: Path) -> list[str]:
    """The domain imports the standard library only."""
    return [
        f"{found.place}: the domain imports {found.target}, which is no part of the standard library"
        for found in imports_of(root)
        if found.importer[0] == "domain"
        and found.own_target is None
        and found.target.split(".")[0] not in sys.stdlib_module_names
    ]


def homes(root: Path) -> list[str]:
    """One library, one room."""
    return [
        f"{found.place}: {library} has its home in {', '.join(HOMES[library])}"
        for found in imports_of(root)
        if (library := found.target.split(".")[0]) in HOMES
        and not any(fnmatch(found.path, home) for home in HOMES[library])
    ]


def senders(root: Path) -> list[str]:
    """What sends an order never holds a library that repeats."""
    return [
        f"{found.place}: sends orders, and an order is never repeated: no tenacity here"
        for found in imports_of(root)
        if found.path in SENDERS and found.target.split(".")[0] == "tenacity"
    ]


def reporters(root: Path) -> list[str]:
    """The daemon imports no report, and so none of the libraries that draw one."""
    return [
        f"{found.place}: imports a report, which only a command may"
        for found in imports_of(root)
        if (found.own_target or ())[:2] == ("app", "report")
        and not any(fnmatch(found.path, home) for home in REPORTERS)
    ]


def front_door(root: Path) -> list[str]:
    """The package's `__init__` imports nothing, so that everybody may read its version."""
    return [
        f"{found.place}: the front door imports {found.target}"
        for found in imports_of(root)
        if found.path == "__init__.py"
    ]


def sizes(root: Path) -> list[str]:
    """No module is longer than `MAX_LINES`."""
    return [
        f"{path}: {lines} lines; one that wants more than {MAX_LINES} is two"
        for path, file in sources(root)
        if (lines := len(file.read_text(encoding="utf-8").splitlines())) > MAX_LINES
    ]


RULES = (floors, domain_order, domain_libraries, homes, senders, reporters, front_door, sizes)


@pytest.mark.parametrize("rule", RULES)
def test_the_house_stands(rule: Callable[[Path], list[str]]) -> None:
    assert rule(ROOT) == []


def test_the_walk_sees_the_house() -> None:
    assert any(found.own_target == ("domain", "market") for found in imports_of(ROOT))


def a_tree(root: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        file = root / path if path == "main.py" else root / PACKAGE / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("rule", "path", "text", "complaint"),
    [
        (floors, "domain/orders.py", "import kis_daemon.ports", "domain imports ports, which stands above"),
        (floors, "ports.py", "from kis_daemon.kis import wire", "ports imports kis, which stands above"),
        (floors, "services/trader.py", "from kis_daemon.console import alerts", "stands above"),
        (floors, "services/trader.py", "def late():\n    import kis_daemon.app.compose", "stands above"),
        (floors, "services/trader.py", "from ..app import compose", "stands above"),
        (floors, "store/rows.py", "if TYPE_CHECKING:\n    from kis_daemon.app import lock", "stands above"),
        (floors, "kis/wire.py", "importlib.import_module('kis_daemon.app.lock')", "stands above"),
        (floors, "app/daemon.py", "import main", "app imports main, which stands above"),
        (floors, "app/daemon.py", "from kis_daemon import anything", "app imports __init__"),
        (floors, "simulator/server.py", "from kis_daemon.kis.wire import x", "never import each other"),
        (floors, "services/trader.py", "from kis_daemon import store", "never import each other"),
        (floors, "utils.py", "", "stands on no floor"),
        (domain_order, "domain/market.py", "from kis_daemon.domain import risk", "market imports risk"),
        (domain_order, "domain/orders.py", "from .events import Event", "orders imports events"),
        (domain_order, "domain/orders.py", "from kis_daemon.domain import Won", "orders imports __init__"),
        (domain_order, "domain/misc.py", "", "domain/misc: has no place in the order"),
        (domain_libraries, "domain/market.py", "import yaml.nodes", "imports yaml.nodes"),
        (homes, "services/journal.py", "import sqlalchemy as sa", "sqlalchemy has its home in store/*"),
        (homes, "app/daemon.py", "import sqlite3", "sqlite3 has its home"),
        (
            homes,
            "kis/transport.py",
            "from websockets.asyncio.client import connect",
            "websockets has its home",
        ),
        (homes, "console/telegram.py", "import aiohttp", "aiohttp has its home"),
        (
            homes,
            "app/compose.py",
            "from pydantic_settings import BaseSettings",
            "pydantic_settings has its home",
        ),
        (homes, "console/alerts.py", "import telegram.ext", "telegram has its home"),
        (homes, "services/trader.py", "import prometheus_client", "prometheus_client has its home"),
        (homes, "console/http/auth.py", "import jwt", "jwt has its home"),
        (homes, "clock.py", "import structlog", "structlog has its home"),
        (senders, "kis/broker.py", "from tenacity import retry", "never repeated"),
        (senders, "services/order_synchronizer.py", "def f():\n    import tenacity", "never repeated"),
        (homes, "app/summary.py", "from plotly.offline import get_plotlyjs", "plotly has its home in app/report/*"),
        (reporters, "app/daemon.py", "from kis_daemon.app.report import page", "only a command may"),
        (front_door, "__init__.py", "import kis_daemon.ports", "front door imports"),
        (sizes, "kis/wire.py", "\n" * (MAX_LINES + 1), "401 lines"),
    ],
)
def test_a_broken_wall_is_seen(
    rule: Callable[[Path], list[str]], path: str, text: str, complaint: str, tmp_path: Path
) -> None:
    tree = a_tree(
        tmp_path,
        {"ports.py": "", "kis/wire.py": "", "store/__init__.py": "", "domain/risk.py": "", path: text},
    )

    complaints = rule(tree)

    assert len(complaints) == 1
    assert complaint in complaints[0]


@pytest.mark.parametrize("rule", RULES)
def test_a_sound_house_is_not_complained_about(rule: Callable[[Path], list[str]], tmp_path: Path) -> None:
    tree = a_tree(
        tmp_path,
        {
            "__init__.py": "__version__ = '1'",
            "domain/market.py": "import math",
            "domain/orders.py": "from kis_daemon.domain import market\nfrom .market import Won",
            "ports.py": "from kis_daemon.domain.orders import Order",
            "clock.py": "from kis_daemon import ports, virtual_loop",
            "virtual_loop.py": "",
            "kis/feed_socket.py": "import websockets\nfrom kis_daemon.kis import wire",
            "kis/wire.py": "import structlog\nfrom tenacity import retry",
            "simulator/server/http.py": "import aiohttp, websockets",
            "store/migrations/versions/0001_start.py": "from alembic import op\nimport sqlalchemy",
            "console/http/server.py": "from aiohttp import web\nfrom kis_daemon.services import control",
            "services/control.py": "",
            "app/cli.py": "from kis_daemon import __version__\nfrom kis_daemon.kis import wire",
            "__main__.py": "from kis_daemon.app.cli import main",
            "main.py": "from kis_daemon.app.cli import main",
        },
    )

    assert rule(tree) == []
