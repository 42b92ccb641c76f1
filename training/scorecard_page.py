"""
The scorecard as one HTML page inside the release: no script, nothing fetched, every text escaped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import zip_longest
from pathlib import Path
from typing import Any

from graph.values import write_atomically
from inference.release import ReleaseInfo
from training.charts import reliability_chart, risk_chart

MEASURES = ("hit@1", "hit@3", "hit@5", "mrr")
HEAD = ("ranker", "n", "hit@1", "95 %", "hit@3", "95 %", "hit@5", "MRR", "no name: n", "hit@1", "95 %", "hit@3")
STYLE = (
    ":root{color-scheme:light dark;--line:#8885;--soft:#888;--mark:#0a7ea4}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 1rem}"
    "h2{margin:2.2rem 0 .6rem}.scroll{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}"
    "td,th{padding:.3rem .6rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}"
    "td:first-child,th:first-child{text-align:left}.own td{font-weight:600}"
    ".facts td{text-align:left;vertical-align:top;white-space:normal}"
    ".charts{display:flex;flex-wrap:wrap;gap:2rem;margin-bottom:1.2rem}figure{margin:0}"
    "figcaption,.soft{color:var(--soft);font-size:.9rem}figcaption{max-width:20rem}"
    "svg text{font-size:11px;fill:currentColor}"
)


def write_scorecard(folder: Path, info: ReleaseInfo, card: Mapping[str, Any]) -> None:
    """
    Put a scorecard into a release, as JSON and as a page.
    """
    about = {"repository": info.repository, "code at": info.graph_commit, "base model": info.base_model["name"]}
    write_atomically(folder / "scorecard.json", json.dumps(card, indent=2).encode())
    write_atomically(folder / "scorecard.html", scorecard_page(info.id, card, about=about).encode())


def scorecard_page(release_id: str, card: Mapping[str, Any], *, about: Mapping[str, str]) -> str:
    """
    Render the figures of a training run for a browser; what older scorecards lack is left out.

    Args:
        card: Of `training.evaluate.scorecard`, `training.stability` and `training.deployed`.
        about: What the release is made of, by name.
    """
    title = f"Release {release_id}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="soft">{escape(card["verdict"]["reason"])}</p>',
        "<h2>Held-out requirements</h2>",
        _table(_ranker_rows(card), head=True, own="system"),
        *_symbols(card),
        *_calibration(card),
        *_stability(card),
        "<h2>About it</h2>",
        _table(_facts(card, about).items(), kind="facts"),
    ]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style>{''.join(parts)}</html>\n"
    )


def _ranker_rows(card: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    yield HEAD
    for name, slices in card["rankers"].items():
        yield _ranker(name, slices)
    if "dev" in card:
        yield _ranker("system, on its tuning rows", card["dev"])


def _symbols(card: Mapping[str, Any]) -> Iterator[str]:
    if card.get("symbols"):
        yield "<h2>Texts from symbols that were taken out of the code</h2>"
        yield (
            '<p class="soft">What the documentation or the name of each says it does, asked of code without it. These '
            "texts are in the words of the code; past requirements are not.</p>"
        )
        rows = (_ranker(name, slices) for name, slices in card["symbols"].items())
        yield _table([HEAD, *rows], head=True, own="system")


def _ranker(name: str, slices: Mapping[str, Any]) -> list[str]:
    score, bare = slices["all"], slices["no_name"]
    if not score["n"]:
        return [name, "0", *[""] * 10]
    first, third, fifth, rank = (f"{score[measure]:.3f}" for measure in MEASURES)
    unnamed = [f"{bare['hit@1']:.3f}", _interval(bare, "hit@1"), f"{bare['hit@3']:.3f}"] if bare["n"] else [""] * 3
    own = [first, _interval(score, "hit@1"), third, _interval(score, "hit@3"), fifth, rank]
    return [name, str(score["n"]), *own, str(bare["n"]), *unnamed]


def _interval(score: Mapping[str, Any], measure: str) -> str:
    low, high = score[f"{measure}_95"]
    return f"{low:.2f}–{high:.2f}"


def _calibration(card: Mapping[str, Any]) -> Iterator[str]:
    bins = card.get("reliability")
    if not bins:
        return
    curve = card["risk_coverage"]
    yield "<h2>Is it as right as it says?</h2>"
    yield f'<div class="charts">{reliability_chart(bins)}{risk_chart(curve["points"])}</div>'
    said = [(f"{part['n']}", f"{part['confidence']:.3f}", f"{part['accuracy']:.3f}") for part in bins]
    kept = [
        (f"{point['coverage']:.0%}", f"{point['threshold']:.3f}", f"{point['accuracy']:.3f}")
        for point in curve["points"]
    ]
    head = ("answers", "confidence said", "right", "", "of the surest", "confidence from", "right")
    nothing = ("", "", "")
    yield _table([head, *((*one, "", *other) for one, other in zip_longest(said, kept, fillvalue=nothing))], head=True)


def _stability(card: Mapping[str, Any]) -> Iterator[str]:
    if "stability" in card:
        steady, latency, memory = card["stability"], card["latency_ms"], card["memory_mb"]
        yield "<h2>As deployed</h2>"
        loaded = f"{escape(card['loaded_as'])}, {card['loaded_in_s']:.1f} s"
        yield (
            f'<p class="soft">Measured on this very folder, loaded as for serving ({loaded}) by new processes without '
            "the training packages.</p>"
        )
        facts = {
            "asked again": f"{steady['identical']:.1%} of {steady['requirements']} requirements got one and the same "
            f"ranking in {steady['rankings']} rankings, in three orders, cold and warm, in two processes",
            "until the ranking stands": _percentiles(latency["answer"]),
            "of that, the shortlist": _percentiles(latency["shortlist"]),
            "of that, the model": _percentiles(latency["model"]),
            "memory of the process": f"{memory['peak']:,.0f} MB at most",
            "on the disk": f"{memory['disk']:,.0f} MB",
        }
        yield _table(facts.items(), kind="facts")
    said = card.get("paraphrases", {})
    if said.get("requirements"):
        yield f"<h2>Put otherwise</h2><p class='soft'>{said['requirements']} held-out requirements, by rule.</p>"
        rows = [(rule, f"{found['top1']:.3f}", f"{found['jaccard3']:.3f}") for rule, found in said["rules"].items()]
        every = ("all", f"{said['top1']:.3f}", f"{said['jaccard3']:.3f}")
        yield _table([("rule", "same first module", "overlap of the first three"), *rows, every], head=True, own="all")


def _percentiles(part: Mapping[str, float]) -> str:
    return f"{part['p50']:.0f} ms, 95 of 100 within {part['p95']:.0f} ms" if part["n"] else "not measured"


def _facts(card: Mapping[str, Any], about: Mapping[str, str]) -> dict[str, str]:
    sure, merge = card["precision_when_sure"], card["merge"]
    return {
        **about,
        "rows": ", ".join(f"{count} {split}" for split, count in card["rows"].items()),
        "held out": card["held_out"],
        "calibration error": f"{card['ece']:.3f}",
        "sure of": f"{card['coverage']:.1%} of the answers" + (f", right in {sure:.1%}" if sure is not None else ""),
        "system against shortlist": f"p = {card['mcnemar_system_vs_shortlist']:.3f} (McNemar, hit@1)",
        "merged = adapter": f"the same next token at {merge['top1_agreement']:.1%} of "
        + (f"{merge['places']} places in " if "places" in merge else "")
        + f"{merge['prompts']} prompts",
    }


def _table(rows: Any, *, head: bool = False, kind: str = "", own: str = "") -> str:
    listed = []
    for number, cells in enumerate(rows):
        cell = "th" if head and number == 0 else "td"
        mark = ' class="own"' if own and cells[0] == own else ""
        listed.append(f"<tr{mark}>" + "".join(f"<{cell}>{escape(str(text))}</{cell}>" for text in cells) + "</tr>")
    return f'<div class="scroll"><table class="{kind}">{"".join(listed)}</table></div>'
