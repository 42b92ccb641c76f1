"""
A small code base with a history, for tests that need a real repository: eight areas of a shop, written with git.

Its texts are made by rule from word lists, so that a classifier can learn them and a test can predict them.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

AREAS: dict[str, tuple[str, ...]] = {
    "billing": ("invoice", "refund", "payment", "discount", "receipt", "currency"),
    "catalog": ("product", "category", "barcode", "price list", "supplier", "stock keeping unit"),
    "shipping": ("parcel", "courier", "tracking number", "delivery address", "customs form", "postage"),
    "accounts": ("login", "password", "session", "profile", "permission", "two factor code"),
    "search": ("query parser", "synonym", "ranking weight", "facet", "spelling hint", "index shard"),
    "reports": ("revenue chart", "export file", "weekly summary", "audit trail", "forecast", "dashboard tile"),
    "warehouse": ("shelf", "pallet", "forklift route", "inventory count", "picking list", "bin label"),
    "messages": ("email template", "newsletter", "push notice", "unsubscribe link", "language file", "digest"),
}
_DEEDS = ("compute", "store", "validate", "render", "remove", "round")
_CHANGES = (
    "Handle a missing {} without an error",
    "Show the {} again after it was changed",
    "Speed up loading of every {}",
    "Wrong {} when two people edit at once",
    "Allow an empty {} for guests",
    "Log who touched the {} and when",
)
_START = datetime(2024, 1, 1, 12, tzinfo=UTC)


def write_shop(folder: Path) -> Path:
    """
    Write the code base into *folder*, without git.
    """
    for path, text in _files():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


def write_shop_with_history(folder: Path, *, commits: int = 160) -> Path:
    """
    Write the code base as a git repository whose later commits each ask for a change in one area.
    """
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)
    stream = b"".join(_fast_import(commits))
    subprocess.run(["git", "-C", str(folder), "fast-import", "--quiet"], input=stream, check=True)
    subprocess.run(["git", "-C", str(folder), "reset", "-q", "--hard", "main"], check=True)
    return folder


def requirement(number: int) -> tuple[str, str, str]:
    """
    Give the (text, area, thing) of the *number*-th change.
    """
    areas = list(AREAS)
    area = areas[number * 5 % len(areas)]
    thing = AREAS[area][number // len(areas) % len(AREAS[area])]
    pattern = _CHANGES[(number // 3 + number % 7) % len(_CHANGES)]
    return pattern.format(thing) + f" in step {number}", area, thing


def _files() -> Iterator[tuple[str, str]]:
    yield "shop/__init__.py", '"""A shop."""\n'
    for area, things in AREAS.items():
        yield f"shop/{area}/__init__.py", f'"""Everything about {area}: {", ".join(things)}."""\n'
        for thing in things:
            yield f"shop/{area}/{_name(thing)}.py", _code(area, thing)


def _code(area: str, thing: str, *, note: str = "") -> str:
    functions = "\n\n".join(
        f'def {deed}_{_name(thing)}(value, options):\n    """{deed.capitalize()}s the {thing} of the {area} area, '
        f'step {i} of the usual way."""\n    result = value + len(options) * {i}\n    return result'
        for i, deed in enumerate(_DEEDS)
    )
    return f'"""The {thing}, as {area} sees it."""\n\n{functions}\n{note}'


def _name(thing: str) -> str:
    return thing.replace(" ", "_")


def _fast_import(commits: int) -> Iterator[bytes]:
    yield _commit(0, "Import the shop from the old system", dict(_files()))
    notes: dict[str, str] = {}
    for number in range(1, commits):
        text, area, thing = requirement(number)
        path = f"shop/{area}/{_name(thing)}.py"
        notes[path] = notes.get(path, "") + f"# change {number}\n"
        yield _commit(number, text, {path: _code(area, thing, note=notes[path])})


def _commit(number: int, message: str, files: dict[str, str]) -> bytes:
    when = int((_START + timedelta(days=number)).timestamp())
    head = f"commit refs/heads/main\ncommitter Ada Lovelace <ada@example.org> {when} +0000\n".encode()
    body = b"".join(f"M 100644 inline {path}\n".encode() + _data(text.encode()) for path, text in files.items())
    return head + _data(message.encode()) + body + b"\n"


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)
