"""
A folder of real requirements with known modules, as the benchmark reads it.

    meta.json                          "repo", "snapshot": the commit whose code may be read; perhaps
                                       "held_out_symbols": [path, qualified name] of what must not be read of it
    modules.jsonl.gz                   {"module", "files"}: the modules to rank, files as of the snapshot
    train|dev|test|issues.jsonl.gz     {"id", "date", "text", "modules", "files", "leaks"}, oldest first
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from inference.labelled import LabelledText
from inference.text import clean_requirement, distinct
from training.origins import text_key

NEEDED = ("train", "dev", "test")
SPLITS = (*NEEDED, "issues")
READ = ("test", "issues")
"""Splits whose figures are reported."""


class BenchError(Exception):
    """
    A benchmark folder that cannot be run; the message says what is wrong with it.
    """


def repository_of(folder: Path, git_dirs: Path) -> Path:
    """
    The git directory of a benchmark's repository among many: *git_dirs*/OWNER+NAME/repo.
    """
    origin: str = json.loads((folder / "meta.json").read_text(encoding="utf-8"))["origin"]
    return git_dirs / origin.replace("/", "+") / "repo"


@dataclass(frozen=True, slots=True)
class BenchRow:
    """
    One requirement of the set.

    Args:
        labelled: Text and true modules, most touched first.
        no_name: Whether the text holds neither the last path part of a true module nor a touched file's stem.
    """

    labelled: LabelledText
    no_name: bool


@dataclass(frozen=True, slots=True)
class BenchSet:
    """
    Args:
        name: Of the repository.
        snapshot: The commit whose code may be read.
        modules: Module id → its files.
        splits: "train", "dev", "test" and, where there are any, "issues".
        held_out: (file path, qualified name) of symbols that no ranker may know: requirements were made of them.
    """

    name: str
    snapshot: str
    modules: Mapping[str, tuple[str, ...]]
    splits: Mapping[str, tuple[BenchRow, ...]]
    held_out: frozenset[tuple[str, str]] = frozenset()

    def texts(self, split: str) -> tuple[LabelledText, ...]:
        """
        The labelled texts of one split.
        """
        return tuple(row.labelled for row in self.splits[split])


def read_bench_set(folder: Path) -> BenchSet:
    """
    Read a benchmark folder.

    Raises:
        BenchError: a file is missing or damaged, or there is no test row. Without train rows the repository is one
            without history; without dev rows the weights that ship are taken.
    """
    if not folder.is_dir():
        raise BenchError(f"{folder} is no folder: give one with meta.json, modules, train, dev and test rows.")
    meta = _read_meta(folder / "meta.json")
    listed = _file_of(folder, "modules")
    modules: dict[str, tuple[str, ...]] = {}
    for number, row in enumerate(_read_lines(folder, "modules"), start=1):
        module = str(_need(row, "module", listed))
        modules[module] = distinct((*modules.get(module, ()), *_files_of(row, number, listed)))
    if not any(modules.values()):
        raise BenchError(f"{folder / 'modules.jsonl.gz'} names no module with files: there is nothing to rank.")
    splits = {name: _read_rows(folder, name) for name in SPLITS if name in NEEDED or _file_of(folder, name).exists()}
    if not splits["test"]:
        raise BenchError(f"{_file_of(folder, 'test')} has no rows: there is nothing to report.")
    name = str(meta.get("repo") or folder.resolve().name)
    kept = {key: rows for key, rows in splits.items() if rows or key in NEEDED}
    return BenchSet(name, meta["snapshot"], modules, kept, _held_out(meta, folder / "meta.json"))


def without_rows(bench: BenchSet, seen: Collection[str], *, whose: str) -> BenchSet:
    """
    Leave out the dev, test and issue rows that a model was trained on.

    Args:
        seen: Ids and `training.origins.text_key` of what it was trained on.
        whose: Name of the model, for the message.

    Raises:
        BenchError: no test row is left.
    """
    splits = {
        name: rows
        if name == "train"
        else tuple(r for r in rows if r.labelled.id not in seen and text_key(r.labelled.text) not in seen)
        for name, rows in bench.splits.items()
    }
    if not splits["test"]:
        raise BenchError(
            f"{whose} was trained on every one of the {len(bench.splits['test'])} test rows: it can say nothing about "
            "requirements it has not seen. Train one on the repository up to the snapshot."
        )
    return replace(bench, splits={name: rows for name, rows in splits.items() if rows or name in NEEDED})


def _read_meta(path: Path) -> dict[str, Any]:
    try:
        meta = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BenchError(f"{path.parent} has no meta.json: is it a benchmark folder?") from error
    except (OSError, ValueError) as error:
        raise BenchError(f"{path} cannot be read ({error}).") from error
    if not isinstance(meta, dict) or not isinstance(meta.get("snapshot"), str) or not meta["snapshot"]:
        raise BenchError(f'{path} names no "snapshot": the commit whose code may be read.')
    return meta


def _held_out(meta: Mapping[str, Any], path: Path) -> frozenset[tuple[str, str]]:
    symbols = meta.get("held_out_symbols") or []
    if not isinstance(symbols, list) or not all(isinstance(s, list) and len(s) == 2 for s in symbols):
        raise BenchError(f'{path} has "held_out_symbols" that are no pairs of file path and qualified name.')
    return frozenset((str(file), str(name)) for file, name in symbols)


def _file_of(folder: Path, name: str) -> Path:
    plain = folder / f"{name}.jsonl"
    return plain if plain.exists() else folder / f"{name}.jsonl.gz"


def _read_lines(folder: Path, name: str) -> list[dict[str, Any]]:
    path = _file_of(folder, name)
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8")
        rows = [json.loads(line) for line in text.split("\n") if line.strip()]
    except FileNotFoundError as error:
        raise BenchError(f"{folder} has no {path.name}: is it a benchmark folder?") from error
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise BenchError(f"{path} is damaged ({error}): copy it again.") from error
    if not all(isinstance(row, dict) for row in rows):
        raise BenchError(f"{path} holds lines that are no JSON objects.")
    return rows


def _read_rows(folder: Path, name: str) -> tuple[BenchRow, ...]:
    path = _file_of(folder, name)
    rows = []
    for number, row in enumerate(_read_lines(folder, name), start=1):
        text, modules = _need(row, "text", path), _need(row, "modules", path)
        if not isinstance(text, str) or not isinstance(modules, list):
            raise BenchError(f'row {number} of {path} has a wrong "text" or "modules".')
        if not modules:
            continue  # an unlabelled row has no score
        labelled = LabelledText(
            id=str(row.get("id", f"{name}-{number - 1}")),
            text=clean_requirement(text),
            modules=tuple(map(str, modules)),
            origin="history",
            date=_date_of(row, number, path),
            files=_files_of(row, number, path),
        )
        rows.append(BenchRow(labelled, not row.get("leaks", False)))
    return tuple(rows)


def _files_of(row: Mapping[str, Any], number: int, path: Path) -> tuple[str, ...]:
    files = row.get("files") or []
    if not isinstance(files, list) or not all(isinstance(file, str) for file in files):
        raise BenchError(f'row {number} of {path} has "files" that are no list of paths.')
    return tuple(files)


def _date_of(row: Mapping[str, Any], number: int, path: Path) -> str:
    date = row.get("date") or ""
    try:
        if date:
            datetime.fromisoformat(date)
    except (TypeError, ValueError) as error:
        raise BenchError(f'row {number} of {path} has a "date" that is no ISO date: {date!r}.') from error
    return str(date)


def _need(row: Mapping[str, Any], key: str, path: Path) -> Any:
    if key not in row:
        raise BenchError(f'{path} has a row without "{key}".')
    return row[key]
