"""The layout of the code, as far as it can be measured."""

import ast
import configparser
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "findme"
FILES = sorted(PACKAGE.rglob("*.py"))

#: Lines of the longest module, and of the one in the middle.
LONGEST, MEDIAN = 350, 150
#: Modules directly in a package that has packages of its own.
MOST_MODULES = {PACKAGE: 18, PACKAGE / "web": 24}
#: Lines of all import contracts together.
MOST_CONTRACT_LINES = 110
#: How a transaction is begun, and how a connection runs SQL.
TRANSACTIONS = {"transaction", "retry_serialization"}
STATEMENTS = {"execute", "executemany", "fetch", "fetchrow", "fetchval"}


def name_of(file: Path) -> str:
    """Return the dotted name of a module."""
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports_of(file: Path, modules: set[str]) -> Iterator[str]:
    """Yield the modules of ours that a file imports anywhere, also for types alone."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if (found := inner if inner in modules else node.module) in modules:
                    yield found


def packages_of(file: Path) -> set[str]:
    """Return the names of the packages that a file imports from, ours or not."""
    nodes = list(ast.walk(ast.parse(file.read_text("utf-8"))))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names}


def test_folders_are_small_enough_to_read() -> None:
    for folder, most in MOST_MODULES.items():
        assert len(list(folder.glob("*.py"))) <= most, folder


def test_modules_are_short() -> None:
    lines = {name_of(file): len(file.read_text("utf-8").splitlines()) for file in FILES}

    assert {name: number for name, number in lines.items() if number > LONGEST} == {}
    assert median(lines.values()) <= MEDIAN


def test_no_module_imports_itself_through_others() -> None:
    modules = {name_of(file) for file in FILES}
    graph = {name_of(file): set(imports_of(file, modules)) - {name_of(file)} for file in FILES}

    # raises CycleError, which names the modules
    order = list(TopologicalSorter(graph).static_order())

    assert order.index("findme.errors") < order.index("findme.db") < order.index("findme.server")


def test_import_contracts_are_short_and_without_exceptions() -> None:
    text = (ROOT / "setup.cfg").read_text("utf-8")
    config = configparser.ConfigParser()
    config.read_string(text)
    contracts = [name for name in config.sections() if name.startswith("importlinter")]
    lines = text[text.index("[importlinter]") :].splitlines()

    assert not [name for name in contracts if "ignore_imports" in config[name]]
    assert config.sections()[-len(contracts) :] == contracts
    assert len(lines) <= MOST_CONTRACT_LINES


def test_web_begins_no_transaction_and_runs_no_sql() -> None:
    found = [
        f"{name_of(file)}:{node.lineno} {node.attr}"
        for file in FILES
        if PACKAGE / "web" in file.parents
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in TRANSACTIONS | STATEMENTS
    ]

    assert found == []


def test_services_know_nothing_of_http() -> None:
    found = [
        f"{name_of(file)} imports {name}"
        for file in FILES
        if PACKAGE / "services" in file.parents
        for name in packages_of(file) & {"aiohttp", "aiohttp_jinja2", "jinja2", "multidict", "yarl"}
    ]

    assert found == []


def test_every_package_says_what_belongs_there() -> None:
    unsigned = [
        name_of(file)
        for file in PACKAGE.rglob("__init__.py")
        if len((ast.get_docstring(ast.parse(file.read_text("utf-8"))) or "").split()) < 8
    ]

    assert unsigned == []


def test_connections_are_borrowed_through_db_alone() -> None:
    """`db.acquire` says what goes wrong if a method of the pool itself is cancelled."""
    borrowing = re.compile(r"\bpool\.(acquire|fetch\w*|execute\w*)\(|POOL\]\.(fetch|execute)")
    found = [name_of(file) for file in FILES if borrowing.search(file.read_text("utf-8"))]

    assert found == ["findme.db"]


def test_migrations_are_numbered_without_gaps() -> None:
    """Two branches may each take the next number; the service would not start with both."""
    numbers = sorted(int(file.name[:4]) for file in (ROOT / "migrations").glob("*.sql"))

    assert numbers == list(range(1, len(numbers) + 1))
