"""
Parsing in processes of its own: what a bad file costs, and that nothing else changes.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from graph.index import Skipped, index_snapshot
from graph.parsing import Packed, ParserProcess, Source, parse_apart
from graph.snapshot import open_snapshot
from graph.values import RepositoryError
from tests.graph.repositories import GitRepository, python_file


def bad_process() -> ParserProcess:
    return ParserProcess([sys.executable, "-m", "tests.graph.bad_child"])


def parsed(*paths: str, processes: int = 1) -> list[Packed]:
    sources = [Source(path, "b", b"data") for path in paths]
    return list(parse_apart(sources, count=len(sources), processes=processes, start=bad_process))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("crash.py", "the parser crashed (SIGSEGV)"),
        ("hang.py", "the parser was stopped after 20 seconds"),
        ("end.py", "the parser crashed (exit status 3)"),
    ],
)
def test_a_file_that_ends_the_parser_costs_that_file_only(bad: str, reason: str) -> None:
    assert parsed("a.py", bad, "b.py") == [
        Packed("a.py", "a.py 4 b"),
        Packed(bad, None, reason),
        Packed("b.py", "b.py 4 b"),
    ]


def test_results_come_in_the_order_of_the_files_whatever_the_number_of_processes() -> None:
    paths = [f"{'crash' if number % 7 == 0 else 'fine'}{number}.py" for number in range(40)]

    assert parsed(*paths, processes=3) == parsed(*paths)
    assert [packed.path for packed in parsed(*paths)] == paths


def test_a_warning_of_the_child_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="signpost.graph"):
        parsed("warn1.py", "warn2.py")

    assert caplog.text.count("no grammar for klingon") == 1


def test_files_that_were_not_read_keep_their_reason() -> None:
    assert list(parse_apart([Source("a.py", "b", None, "binary")], count=1)) == [Packed("a.py", None, "binary")]


def test_a_head_that_moves_while_it_is_read_changes_nothing(shop: GitRepository) -> None:
    with open_snapshot(shop.folder) as snapshot:
        still = index_snapshot(snapshot).catalog
    with open_snapshot(shop.folder) as snapshot:
        shop.commit("Move on while somebody reads", {"shop/tax/vat.py": python_file("other"), "new.py": "x = 1\n"})
        moved = index_snapshot(snapshot).catalog

    assert moved == still


def test_a_commit_that_is_thrown_away_while_it_is_read_is_still_read(shop: GitRepository) -> None:
    shop.commit("Something to throw away", {"shop/tax/extra.py": python_file("extra")})
    with open_snapshot(shop.folder) as snapshot:
        shop.git("reset", "-q", "--hard", shop.commits[0])

        assert index_snapshot(snapshot).catalog.module_of("shop/tax/extra.py") == "tax"


def test_a_file_of_a_plain_folder_that_changes_while_it_is_read_costs_that_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.py").write_text(python_file(name))
    with open_snapshot(tmp_path) as snapshot:
        (tmp_path / "a.py").write_text("changed = 1\n")

        with pytest.raises(RepositoryError, match=r"a\.py changed while it was read"):
            snapshot.read("a.py")
        assert index_snapshot(snapshot).skipped == (
            Skipped("a.py", "unreadable: a.py changed while it was read: index again"),
        )


def test_who_stops_reading_leaves_no_process_behind() -> None:
    started: list[ParserProcess] = []

    def start() -> ParserProcess:
        started.append(bad_process())
        return started[-1]

    results = parse_apart([Source(f"{n}.py", "b", b"x") for n in range(50)], count=50, processes=2, start=start)
    next(results)
    results.close()  # type: ignore[attr-defined]

    assert [process._process for process in started] == [None, None]
