import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from inference.release import ReleaseInfo
from training.metrics import reliability, risk_coverage, score
from training.scorecard_page import scorecard_page, write_scorecard

EVIL = "<script>alert(1)</script>"


class _Cells(HTMLParser):
    """Collects tags and texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def _card() -> dict[str, Any]:
    measured = score([["a", "b"], ["b", "a"]], [{"a"}, {"a"}]).to_json()
    nothing = score([], []).to_json()
    return {
        "rankers": {EVIL: {"all": measured, "no_name": nothing}, "closed": {"all": nothing, "no_name": nothing}},
        "rows": {"train": 8, "dev": 2, "test": 2},
        "held_out": "history",
        "ece": 0.125,
        "coverage": 0.5,
        "precision_when_sure": None,
        "mcnemar_system_vs_shortlist": 1.0,
        "merge": {"top1_agreement": 1.0, "prompts": 4},
        "verdict": {"reason": f"first {EVIL}"},
    }


def _later_parts() -> dict[str, Any]:
    measured = score([["a"]], [{"a"}]).to_json()
    said, seen = [0.2, 0.9, 0.7], [0.0, 1.0, 1.0]
    part = {"n": 60, "p50": 81.4, "p95": 120.2}
    return {
        "dev": {"all": measured, "no_name": measured},
        "symbols": {EVIL: {"all": measured, "no_name": measured}, "system": {"all": measured, "no_name": measured}},
        "reliability": reliability(said, seen),
        "risk_coverage": risk_coverage(said, seen),
        "stability": {"requirements": 30, "rankings": 3, "identical": 1.0},
        "latency_ms": {"answer": part, "shortlist": part, "model": {"n": 0}},
        "memory_mb": {"peak": 1234.4, "disk": 290.1},
        "loaded_in_s": 2.5,
        "loaded_as": EVIL,
        "paraphrases": {
            "requirements": 100,
            "rules": {EVIL: {"top1": 0.91, "jaccard3": 0.82}},
            "top1": 0.93,
            "jaccard3": 0.84,
        },
    }


def test_the_page_shows_the_figures_and_escapes_every_text() -> None:
    page = _Cells(scorecard_page("shop-1", _card(), about={"base model": EVIL}))

    assert not {"script", "svg"} & page.tags
    assert page.texts.count(EVIL) == 2
    assert {"Release shop-1", "0.500", "1.000", "0.750", "0.125", f"first {EVIL}"} <= set(page.texts)


def test_the_page_shows_calibration_stability_latency_and_memory() -> None:
    page = _Cells(scorecard_page("shop-1", _card() | _later_parts(), about={}))

    assert "script" not in page.tags
    assert "svg" in page.tags
    assert {"81 ms, 95 of 100 within 120 ms", "not measured", "1,234 MB at most", "290 MB"} <= set(page.texts)
    assert {"system, on its tuning rows", "0.910", "0.820", "0.930", EVIL} <= set(page.texts)
    assert "Texts from symbols that were taken out of the code" in page.texts
    assert page.texts.count("system") == 1
    assert any(text.startswith("100.0% of 30 requirements got one and the same ranking") for text in page.texts)


def test_the_scorecard_is_written_as_json_and_as_a_page(tmp_path: Path) -> None:
    names = ("location", "evaluated_commit", "catalog_fingerprint", "dataset_hash", "prompt_hash", "created_at")
    texts = dict.fromkeys((*names, "repository", "graph_commit", "id"), "x")
    card = _card() | _later_parts()
    write_scorecard(tmp_path, ReleaseInfo(base_model={"name": "tiny"}, versions={}, training={}, **texts), card)

    assert json.loads((tmp_path / "scorecard.json").read_text()) == card
    assert "tiny" in _Cells((tmp_path / "scorecard.html").read_text()).texts
