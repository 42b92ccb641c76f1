from html.parser import HTMLParser

from training.metrics import score
from training.scorecard_page import scorecard_page

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


def test_the_page_shows_the_figures_and_escapes_every_text() -> None:
    measured = score([["a", "b"], ["b", "a"]], [{"a"}, {"a"}]).to_json()
    nothing = score([], []).to_json()
    card = {
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
    page = _Cells(scorecard_page("shop-1", card, about={"base model": EVIL}))

    assert "script" not in page.tags
    assert page.texts.count(EVIL) == 2
    assert {"Release shop-1", "0.500", "1.000", "0.750", "0.125", f"first {EVIL}"} <= set(page.texts)
