"""
Time the index against the floor (tree-sitter's parse and one query) and, where they are installed, against its peers.

    python -m tests.bench.bench_graph path/to/sympy                          (a folder of Python source)
    python -m tests.bench.bench_graph path/to/sympy --peers path/to/peers    (also npm's codegraph, aider's repo map)
    python -m tests.bench.bench_graph path/to/sympy --copies 1 6 23          (the curve, up to 20,000 files)

Everything runs in one go on one machine, each in a process of its own. Processor time is the fair column: user and
system, of the process and its children. Memory is that of the largest process; parsing processes come on top.
Peers are looked for as ``PEERS/npm/node_modules/@colbymchenry/codegraph`` and ``PEERS/aider/bin/python``.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]

FLOOR = """
import sys
from pathlib import Path
import tree_sitter, tree_sitter_python
language = tree_sitter.Language(tree_sitter_python.language())
parser = tree_sitter.Parser(language)
query = tree_sitter.Query(language, "(function_definition) @f (class_definition) @c (call) @r (import_statement) @i "
                                    "(import_from_statement) @j")
found = 0
for path in sorted(Path(sys.argv[1]).rglob("*.py")):
    tree = parser.parse(path.read_bytes())
    found += sum(map(len, tree_sitter.QueryCursor(query).captures(tree.root_node).values()))
print(found, "captures")
"""
NOTHING = "import graph.index"
INDEX = """
import sys
from pathlib import Path
from graph.index import index_snapshot
from graph.snapshot import open_snapshot
with open_snapshot(sys.argv[1], cache=Path(sys.argv[2])) as snapshot:
    index = index_snapshot(snapshot, cache=Path(sys.argv[2]))
links = index.links
print(len(index.catalog.files), "files,", len(index.catalog.modules), "modules,",
      sum(len(file.symbols) for file in index.catalog.files), "symbols,", sum(map(len, links.imports.values())),
      "imports,", len(links.calls), "calls,", len(links.inherits), "inherits")
if len(sys.argv) > 3:
    print(len(index.graph), "nodes,", index.graph.number_of_edges(), "edges in networkx")
"""
AIDER = """
import os, sys
from pathlib import Path
from aider.io import InputOutput
from aider.repomap import RepoMap
class Tokens:
    def token_count(self, text):
        return len(text) // 4
root = os.path.abspath(sys.argv[1])
files = [str(path) for path in Path(root).rglob("*.py")]
repo_map = RepoMap(map_tokens=1024, root=root, main_model=Tokens(), io=InputOutput(yes=True), refresh="always",
                   max_context_window=32768)
tags = sum(len(repo_map.get_tags(path, os.path.relpath(path, root)) or []) for path in files)
repo_map.get_repo_map([], files)
print(tags, "tags")
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """
    What one command took, and the last line it wrote.
    """

    wall: float
    cpu: float
    megabytes: float
    said: str


def measure(command: Sequence[str], *, folder: Path, environment: Mapping[str, str] | None = None) -> Cost:
    """
    Run a command to its end, with its children.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    wrapped = [sys.executable, "-c", _WAIT, *command]
    done = subprocess.run(
        wrapped, cwd=folder, capture_output=True, text=True, env={**os.environ, **(environment or {})}
    )
    wall = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr[-500:]}")
    *lines, megabytes = done.stdout.strip().splitlines()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall, cpu - 0.02, float(megabytes), next((line for line in reversed(lines) if line.strip()), ""))


_WAIT = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print()
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (1024 if sys.platform == "linux" else 1024 ** 2))
sys.exit(code)
"""


def with_bytecode(place: Path) -> dict[str, str]:
    """
    Give an environment in which our own code is compiled already, as it is where it was installed (as the peers are);
    `PYTHONDONTWRITEBYTECODE` would have every process compile it again.
    """
    environment = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(place / "bytecode")}
    tiny = place / "tiny"
    tiny.mkdir()
    for number in range(450):  # as many as make a second parsing process worth it
        (tiny / f"a{number}.py").write_text("def vat():\n    return 0\n")
    measure([sys.executable, "-c", INDEX, str(tiny), str(place / "c")], folder=ROOT, environment=environment)
    return environment


def best_of(times: int, command: Sequence[str], *, folder: Path, environment: Mapping[str, str] | None = None) -> Cost:
    """
    The run with the least processor time: what disturbs only ever adds.
    """
    return min((measure(command, folder=folder, environment=environment) for _ in range(times)), key=lambda c: c.cpu)


def main() -> None:
    """
    Print the table.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--copies", type=int, nargs="*", default=[])
    chosen = parser.parse_args()
    with TemporaryDirectory() as place:
        if chosen.copies:
            _curve(chosen.source, chosen.copies, Path(place))
        else:
            _compare(chosen.source, chosen.peers, chosen.times, Path(place))


def _compare(source: Path, peers: Path | None, times: int, place: Path) -> None:
    copy = place / "source" / source.name
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__", ".git"))
    rows: list[tuple[str, Cost]] = []
    ready = with_bytecode(place)

    def take(name: str, cost: Cost) -> None:
        rows.append((name, cost))
        print(f"{name}: {cost.cpu:.2f} s", file=sys.stderr, flush=True)

    take(
        "floor: parse and one query",
        best_of(times, [sys.executable, "-c", FLOOR, str(copy)], folder=ROOT, environment=ready),
    )
    take("python and our imports", best_of(times, [sys.executable, "-c", NOTHING], folder=ROOT, environment=ready))

    def index(cache: str) -> Cost:
        return measure([sys.executable, "-c", INDEX, str(copy), str(place / cache)], folder=ROOT, environment=ready)

    take("signpost, cold", min((index(f"c{number}") for number in range(times)), key=lambda cost: cost.cpu))
    take("signpost, nothing edited", min((index("c0") for _ in range(times)), key=lambda cost: cost.cpu))
    largest = max(copy.rglob("*.py"), key=lambda path: path.stat().st_size if path.stat().st_size < 90_000 else 0)
    edited = []
    for number in range(times):
        with largest.open("a") as file:
            file.write(f"\n# edit {number}\n")
        edited.append(index("c0"))
    take("signpost, one file edited", min(edited, key=lambda cost: cost.cpu))
    if peers is not None:
        _measure_peers(peers.resolve(), copy, take)
    _print(rows)


def _measure_peers(peers: Path, copy: Path, take: object) -> None:
    shim = peers / "npm/node_modules/@colbymchenry/codegraph/npm-shim.js"
    if shim.is_file():
        quiet = {"CODEGRAPH_TELEMETRY": "0"}
        cost = measure(["node", str(shim), "init", "."], folder=copy, environment=quiet)
        take("codegraph (colbymchenry), cold", cost)  # type: ignore[operator]
        with next(copy.rglob("query.py")).open("a") as file:
            file.write("\n# edited\n")
        cost = measure(["node", str(shim), "sync", "."], folder=copy, environment=quiet)
        take("codegraph, one file edited", cost)  # type: ignore[operator]
        shutil.rmtree(copy / ".codegraph", ignore_errors=True)
    python = peers / "aider/bin/python"
    if python.is_file():
        take("aider repo map, cold", measure([str(python), "-c", AIDER, "."], folder=copy))  # type: ignore[operator]


def _print(rows: Sequence[tuple[str, Cost]]) -> None:
    floor = rows[0][1].cpu
    ours = next(cost.cpu for name, cost in rows if name == "signpost, cold")
    print("| what | CPU s | of the floor | of ours, cold | wall s | MB | gives |")
    print("|---|---:|---:|---:|---:|---:|---|")
    for name, cost in rows:
        ratios = f"{cost.cpu / floor:.1f}× | {cost.cpu / ours:.2f}×"
        print(f"| {name} | {cost.cpu:.2f} | {ratios} | {cost.wall:.2f} | {cost.megabytes:.0f} | {cost.said[:90]} |")


def _curve(source: Path, copies: Sequence[int], place: Path) -> None:
    ready = with_bytecode(place)
    print("| copies | CPU s | CPU ms a copy | wall s | MB | gives |")
    print("|---:|---:|---:|---:|---:|---|")
    for count in copies:
        top = place / f"x{count}"
        for number in range(count):
            target = top / f"part{number}" / source.name
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".git"))
            for path in target.rglob("*.py"):  # no two blobs are the same: nothing comes out of the cache
                with path.open("a") as file:
                    file.write(f"\n# copy {number}\n")
        command = [sys.executable, "-c", INDEX, str(top), str(place / f"cache{count}")]
        cost = measure(command, folder=ROOT, environment=ready)
        each = 1000 * cost.cpu / count
        print(f"| {count} | {cost.cpu:.1f} | {each:.0f} | {cost.wall:.1f} | {cost.megabytes:.0f} | {cost.said[:60]} |")
        shutil.rmtree(top)


if __name__ == "__main__":
    main()
