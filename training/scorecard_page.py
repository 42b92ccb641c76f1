"""
The scorecard as one HTML page inside the release: no script, nothing fetched, every text escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

MEASURES = ("hit@1", "hit@3", "hit@5", "mrr")
STYLE = (
    "body{font:16px system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse}td,th{padding:.3rem .8rem;text-align:right;border-bottom:1px solid #ccc}"
    "td:first-child,th:first-child{text-align:left}"
)


def scorecard_page(release_id: str, card: Mapping[str, Any], *, about: Mapping[str, str]) -> str:
    """
    Render the figures of `training.evaluate.scorecard` for a browser.

    Args:
        about: What the release is made of, by name.
    """
    title = f"Release {release_id}"
    heads = ("ranker", "n", "hit@1", "95 %", "hit@3", "hit@5", "MRR", "no name: n", "hit@1", "hit@3")
    rows = [_ranker(name, slices) for name, slices in card["rankers"].items()]
    sure = card["precision_when_sure"]
    facts = {
        **about,
        "rows": ", ".join(f"{count} {split}" for split, count in card["rows"].items()),
        "held out": card["held_out"],
        "calibration error": f"{card['ece']:.3f}",
        "sure of": f"{card['coverage']:.1%} of the answers" + (f", right in {sure:.1%}" if sure is not None else ""),
        "system against shortlist": f"p = {card['mcnemar_system_vs_shortlist']:.3f} (McNemar, hit@1)",
        "merged = adapter": f"top-1 {card['merge']['top1_agreement']:.1%} of {card['merge']['prompts']} prompts",
        "verdict": card["verdict"]["reason"],
    }
    listed = "".join(_row((name, value)) for name, value in facts.items())
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
        f"<h1>{escape(title)}</h1><table>{_row(heads, cell='th')}{''.join(map(_row, rows))}</table>"
        f"<h2>About it</h2><table>{listed}</table></html>\n"
    )


def _ranker(name: str, slices: Mapping[str, Any]) -> list[str]:
    score, bare = slices["all"], slices["no_name"]
    if not score["n"]:
        return [name, "0", *[""] * 8]
    low, high = score["hit@1_95"]
    first, *others = (f"{score[measure]:.3f}" for measure in MEASURES)
    unnamed = [f"{bare[measure]:.3f}" if bare["n"] else "" for measure in MEASURES[:2]]
    return [name, str(score["n"]), first, f"{low:.3f}-{high:.3f}", *others, str(bare["n"]), *unnamed]


def _row(cells: Sequence[str], cell: str = "td") -> str:
    return "<tr>" + "".join(f"<{cell}>{escape(str(text))}</{cell}>" for text in cells) + "</tr>"
