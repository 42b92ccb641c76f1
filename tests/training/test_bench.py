import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli import app
from graph.values import RepositoryError
from inference.embedding import TextEncoder, VectorCache
from inference.labelled import LabelledText
from inference.release import ReleaseError
from inference.shortlist import FEATURES, MEASURED, Shortlist
from tests.codebase import AREAS
from tests.fakes_encoder import LetterModel, LetterTokenizer
from tests.training.bench_rows import row, write_rows
from training.bench import index_given_modules, run_bench
from training.bench_rankers import in_order, shuffled_labels, trained_weekly
from training.bench_report import render_report
from training.bench_set import BenchError, read_bench_set


def test_a_folder_and_a_bare_repository_are_enough(bench_folder: Path, bench_repository: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_bench(bench_folder, repository=bench_repository, out=out, cache=tmp_path / "cache")
    results = json.loads((out / "results.json").read_text())

    assert set(results) == {"test"}
    assert {"system", "shortlist", "bm25", "majority"} <= set(results["test"])
    assert results["test"]["system"]["all"]["n"] == 40
    assert results["test"]["system"]["no_name"]["n"] == 20
    assert results["test"]["system"]["all"]["hit@1"] > 0.9 > results["test"]["majority"]["all"]["hit@1"]
    assert results["test"]["shuffled labels"]["all"]["hit@1"] < 0.5
    assert results["test"]["trained weekly"]["all"]["n"] == 40
    assert "<p>Trained weekly: calibration error" in (out / "report.html").read_text()


def test_a_requirement_is_learned_after_its_week_and_not_before(
    bench_folder: Path, bench_repository: Path, tmp_path: Path
) -> None:
    bench = read_bench_set(bench_folder)
    catalog = index_given_modules(bench, bench_repository, cache=tmp_path / "cache")
    shortlist = Shortlist.fit(catalog, bench.texts("train"))
    dates = ("2026-03-05", "2026-03-11", "2026-03-12", "2026-03-30")
    rows = [
        replace(made, labelled=replace(made.labelled, text="invoice is wrong", modules=("messages",), date=date))
        for made, date in zip(bench.splits["test"], dates, strict=False)
    ]
    at, column = catalog.module_ids.index("messages"), FEATURES.index("past")
    said = [float(features[at, column]) for features in trained_weekly(shortlist, [], rows)]

    assert said[0] == said[1] < said[2] < said[3]
    assert trained_weekly(shortlist, rows[:2], rows[2:])[0][at, column] == said[2]
    assert in_order(rows)
    assert not in_order(rows[::-1])
    assert not in_order([replace(rows[0], labelled=replace(rows[0].labelled, date=""))])


def test_the_same_run_gives_the_same_figures(bench_folder: Path, bench_repository: Path, tmp_path: Path) -> None:
    first, second = (
        run_bench(bench_folder, repository=bench_repository, out=None, cache=tmp_path / "cache") for _ in range(2)
    )

    assert first["results"] == second["results"]


def test_the_report_is_one_file_and_quotes_what_it_shows(
    bench_folder: Path, bench_repository: Path, tmp_path: Path
) -> None:
    rows = [row(number) | {"text": f"<script>alert({number})</script>"} for number in range(160, 200)]
    write_rows(bench_folder / "test.jsonl.gz", rows)
    run_bench(bench_folder, repository=bench_repository, out=tmp_path, cache=tmp_path / "cache")
    page = (tmp_path / "report.html").read_text()

    assert "<script" not in page
    assert "shop &lt;b&gt;" in page
    assert "&lt;script&gt;alert(1" in page
    assert page.count("<svg") == 2
    assert not re.search(r"https?://|src=", page)


def test_rows_that_nobody_can_get_right_are_counted(bench_folder: Path, bench_repository: Path, tmp_path: Path) -> None:
    rows = [row(number) | ({"modules": ["no/such"]} if number < 163 else {}) for number in range(160, 200)]
    write_rows(bench_folder / "test.jsonl.gz", rows)
    done = run_bench(bench_folder, repository=bench_repository, out=tmp_path, cache=tmp_path / "cache", quick=True)
    found = done["details"]["sets"]["test"]

    assert found["unknown"] == 3
    assert [miss["place"] for miss in found["misses"][:3]] == [None] * 3
    assert "misses of every ranker: 3." in (tmp_path / "report.html").read_text()
    assert {"bm25", "past", "classifier", "majority"} <= set(found["paired"])


def test_every_feature_has_a_row_that_goes_without_it(
    bench_folder: Path, bench_repository: Path, tmp_path: Path
) -> None:
    said_only_in_the_past = {area: f"zork{letter}mid" for area, letter in zip(AREAS, "qvxkjwyz", strict=True)}
    for name, numbers in {"train": range(120), "dev": range(120, 160), "test": range(160, 200)}.items():
        plain = [row(number) for number in numbers]
        write_rows(
            bench_folder / f"{name}.jsonl.gz",
            [made | {"text": f"{said_only_in_the_past[made['modules'][0]]} is wrong"} for made in plain],
        )
    done = run_bench(bench_folder, repository=bench_repository, out=tmp_path, cache=tmp_path / "cache")
    rows = done["details"]["sets"]["test"]["ablations"]

    assert set(rows) == {"nothing", *MEASURED, "the encoder", "history", "the network"}
    assert rows["nothing"]["hit@1"] == done["results"]["test"]["shortlist"]["all"]["hit@1"]
    assert rows["history"]["hit@1"] < rows["nothing"]["hit@1"]
    assert "without title_file" in (tmp_path / "report.html").read_text()


def test_snippets_and_the_untuned_network_are_measured_beside_it(
    bench_folder: Path, bench_repository: Path, tmp_path: Path
) -> None:
    vectors = VectorCache(tmp_path / "vectors.sqlite", TextEncoder(LetterModel(), LetterTokenizer(), name="letters"))
    done = run_bench(bench_folder, repository=bench_repository, out=None, cache=tmp_path / "cache", vectors=vectors)

    assert {"code-rag", "untuned"} <= set(done["results"]["test"])
    assert "code-rag" in done["details"]["sets"]["test"]["paired"]


def test_a_set_of_issues_is_reported_when_there_is_one(
    bench_folder: Path, bench_repository: Path, tmp_path: Path
) -> None:
    write_rows(bench_folder / "issues.jsonl.gz", [row(number) for number in range(200, 210)])
    done = run_bench(bench_folder, repository=bench_repository, out=None, cache=tmp_path / "cache")

    assert done["results"]["issues"]["system"]["all"]["n"] == 10


@pytest.mark.parametrize("name", ["meta.json", "modules.jsonl.gz", "train.jsonl.gz", "dev.jsonl.gz", "test.jsonl.gz"])
def test_a_missing_file_is_named(bench_folder: Path, name: str) -> None:
    (bench_folder / name).unlink()

    with pytest.raises(BenchError, match=re.escape(name)):
        read_bench_set(bench_folder)


def test_without_test_rows_there_is_nothing_to_report(bench_folder: Path) -> None:
    write_rows(bench_folder / "test.jsonl.gz", [])

    with pytest.raises(BenchError, match=r"test\.jsonl\.gz has no rows"):
        read_bench_set(bench_folder)


@pytest.mark.parametrize("empty", [("dev",), ("train",), ("train", "dev")])
def test_without_train_or_dev_rows_it_runs_with_what_ships(
    bench_folder: Path, bench_repository: Path, tmp_path: Path, empty: tuple[str, ...]
) -> None:
    for split in empty:
        write_rows(bench_folder / f"{split}.jsonl.gz", [])
    done = run_bench(bench_folder, repository=bench_repository, out=tmp_path, cache=tmp_path / "cache")

    assert done["details"]["fusion"]["rows"] == (0 if "dev" in empty else 40)
    assert done["results"]["test"]["system"]["all"]["hit@1"] > 0.5


def test_one_module_is_always_right(bench_folder: Path, bench_repository: Path, tmp_path: Path) -> None:
    files = [f"shop/billing/{thing}.py" for thing in AREAS["billing"]]
    write_rows(bench_folder / "modules.jsonl.gz", [{"module": "billing", "files": files}])
    for split in ("train", "dev", "test"):
        write_rows(bench_folder / f"{split}.jsonl.gz", [row(number) | {"modules": ["billing"]} for number in range(9)])
    done = run_bench(bench_folder, repository=bench_repository, out=tmp_path, cache=tmp_path / "cache")

    assert done["results"]["test"]["system"]["all"]["hit@1"] == 1.0
    assert done["details"]["sets"]["test"]["ece"] == 0.0
    assert done["details"]["sets"]["test"]["ece_by_chance"] == 0.0


def test_a_file_cut_short_is_named(bench_folder: Path) -> None:
    path = bench_folder / "train.jsonl.gz"
    path.write_bytes(path.read_bytes()[:200])

    with pytest.raises(BenchError, match=r"train\.jsonl\.gz is damaged"):
        read_bench_set(bench_folder)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"date": 1637580000}, "no ISO date: 1637580000"),
        ({"date": "Mon Nov 22 2021"}, "no ISO date"),
        ({"files": 3}, "no list of paths"),
        ({"files": "shop/a.py"}, "no list of paths"),
        ({"modules": "billing"}, 'wrong "text" or "modules"'),
    ],
)
def test_a_row_that_cannot_be_read_is_named(bench_folder: Path, wrong: dict[str, object], said: str) -> None:
    write_rows(bench_folder / "dev.jsonl.gz", [row(1), row(2) | wrong])

    with pytest.raises(BenchError, match=rf"row 2 of .*dev\.jsonl\.gz.*{re.escape(said)}"):
        read_bench_set(bench_folder)


def test_a_module_that_is_listed_twice_has_the_files_of_both(bench_folder: Path) -> None:
    rows = [{"module": "billing", "files": files} for files in (["a.py", "b.py"], ["b.py", "c.py"])]
    write_rows(bench_folder / "modules.jsonl.gz", rows)

    assert read_bench_set(bench_folder).modules == {"billing": ("a.py", "b.py", "c.py")}


def test_requirements_are_asked_as_they_are_served(bench_folder: Path) -> None:
    write_rows(bench_folder / "dev.jsonl.gz", [row(1) | {"text": "Ａ ﬁne\u00a0 postage \ud83d"}])

    assert read_bench_set(bench_folder).splits["dev"][0].labelled.text == "A fine postage"


@pytest.mark.parametrize("wrong", ["out", "repo"])
def test_a_wrong_place_is_said_before_anything_is_measured(
    bench_folder: Path, bench_repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setenv("SIGNPOST_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("training.bench.run_bench", pytest.fail)
    (tmp_path / "file").write_text("")
    out, repo = (tmp_path / "file", bench_repository) if wrong == "out" else (tmp_path / "out", tmp_path / "none")
    result = CliRunner().invoke(app, ["bench", str(bench_folder), "--repo", str(repo), "--out", str(out)])

    assert isinstance(result.exception, BenchError if wrong == "out" else RepositoryError)


def test_an_unknown_snapshot_is_one_sentence(bench_folder: Path, bench_repository: Path, tmp_path: Path) -> None:
    (bench_folder / "meta.json").write_text(json.dumps({"snapshot": "0" * 40}))

    with pytest.raises(RepositoryError, match="there is no commit"):
        run_bench(bench_folder, repository=bench_repository, out=None, cache=tmp_path / "cache")


def test_modules_of_another_repository_are_refused(bench_folder: Path, bench_repository: Path, tmp_path: Path) -> None:
    write_rows(bench_folder / "modules.jsonl.gz", [{"module": "x", "files": ["not/there.py"]}])

    with pytest.raises(RepositoryError, match="none of the 1 files"):
        run_bench(bench_folder, repository=bench_repository, out=None, cache=tmp_path / "cache")


def test_the_command_prints_a_table(
    bench_folder: Path, bench_repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNPOST_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "80")
    asked = ["bench", str(bench_folder), "--repo", str(bench_repository), "--no-encoder", "--quick"]
    result = CliRunner().invoke(app, asked)

    assert result.exit_code == 0
    assert "system" in result.output
    assert "McNemar" in result.output
    assert not [line for line in result.output.splitlines() if line.startswith("system ") and "…" in line]


def test_an_unknown_release_is_one_sentence(
    bench_folder: Path, bench_repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNPOST_HOME", str(tmp_path / "home"))
    asked = ["bench", str(bench_folder), "--repo", str(bench_repository), "--no-encoder", "--release", "shop-9"]
    result = CliRunner().invoke(app, asked)

    assert isinstance(result.exception, ReleaseError)
    assert str(tmp_path / "home" / "releases" / "shop-9") in str(result.exception)


def test_shuffled_labels_keep_texts_and_how_common_modules_are() -> None:
    rows = tuple(LabelledText(str(i), f"text {i}", (f"m{i % 3}",), "history") for i in range(30))
    shuffled = shuffled_labels(rows)

    assert [row.text for row in shuffled] == [row.text for row in rows]
    assert sorted(row.modules for row in shuffled) == sorted(row.modules for row in rows)
    assert shuffled != rows


def test_a_report_without_sets_is_still_a_page() -> None:
    about = {"name": "x", "modules": 0, "snapshot": "", "rows": {"train": 0}, "encoder": False, "seconds": {"all": 0}}

    assert render_report({}, about | {"sets": {}, "quick": False}).endswith("</html>\n")
