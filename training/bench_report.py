"""
The benchmark's report: one HTML file that needs nothing else, its charts drawn in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from training.charts import reliability_chart, risk_chart

_STYLE = """
:root { color-scheme: light dark; --ink: #1b2330; --paper: #fff; --soft: #8894a6; --line: #d8dee8; --mark: #1769aa }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e3e8f0; --paper: #12161d; --soft: #8590a2; --line: #303947; --mark: #6db3ea } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 1000px; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; font-size: 14px }
th, td { text-align: right; padding: .25rem .5rem; border-bottom: 1px solid var(--line); vertical-align: top }
th:first-child, td:first-child, td.text, th.text { text-align: left }
td.text { white-space: pre-wrap; overflow-wrap: anywhere } td.text + td.text { min-width: 13rem }
tr.system td { font-weight: 600 }
figure { display: inline-block; width: 320px; vertical-align: top; margin: .5rem 1rem .5rem 0 }
figcaption, .faint { color: var(--soft) }
svg { max-width: 100% } svg text { font: 11px system-ui, sans-serif; fill: var(--soft) }
"""


RANKERS = {
    "system": "Signpost's default: the shortlist, tuned on dev rows",
    "shortlist": "the same: the default ranks without a language model",
    "bm25": "BM25 over what each module's code says",
    "past": "vote of the nearest past requirements",
    "classifier": "linear classifier on past requirements",
    "untuned": "the shipped network over all features, before anything was tuned on dev rows",
    "code-rag": "snippets of code by their embeddings; the nearest vote for their module",
    "majority": "how often a module was the answer",
    "shuffled labels": "the control: a classifier taught with labels in random order",
    "zero-shot": "the shipped network with nothing of the repository but its code",
    "trained weekly": "the system when what was asked is learned at the end of each week, the dev rows first: what a "
    "team gets that trains every week. It knows more than the others, and is no rival of theirs",
    "with model": "the language model's rows fused in",
    "model alone": "the language model by its best way of scoring",
}


def render_report(results: Mapping[str, Any], details: Mapping[str, Any]) -> str:
    """
    Render the report of `training.bench.run_bench`; every text from outside is escaped.
    """
    about = (
        f"{details['modules']} modules at {details['snapshot'][:12]}, {details['rows']['train']} past requirements, "
        f"{'with' if details['encoder'] else 'without'} a sentence encoder, {details['seconds']['all']:.0f} seconds"
        + (", quick run" if details["quick"] else "")
    )
    parts = [f"<h1>Benchmark: {escape(str(details['name']))}</h1>", f'<p class="faint">{escape(about)}</p>']
    parts += _model_parts(details.get("model"))
    for name, rankers in results.items():
        parts += _set_parts(name, rankers, details["sets"][name])
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Benchmark: {escape(str(details['name']))}</title><style>{_STYLE}</style></head>\n<body>"
        + "\n".join(parts)
        + "</body></html>\n"
    )


def _set_parts(name: str, rankers: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    sure, latency = found["sure"], found["latency_ms"]
    precise = f"right in {_percent(sure['precision'])} of those" if sure["precision"] is not None else "never sure"
    return [
        f"<h2>{escape(name)}</h2>",
        _ranker_table(rankers),
        _table(("ranker", "what it is"), [(name, RANKERS[name]) for name in rankers if name in RANKERS], texts=2),
        *_unknown_parts(found["unknown"]),
        f"<p>A true module is within the first 20 in {_percent(found['recall@20'])}. Features of one requirement: "
        f"{latency['p50']:.0f} ms (p50), {latency['p95']:.0f} ms (p95).</p>",
        "<h3>System against the others, in pairs (McNemar, exact)</h3>",
        _table(
            ("ranker", "n", "p, hit@1", "p, hit@3"),
            [(other, v["n"], _chance(v["hit@1"]), _chance(v["hit@3"])) for other, v in found["paired"].items()],
        ),
        f"<p>Calibration error {found['ece']:.3f}; exactly right confidences would show {found['ece_by_chance']:.3f} "
        f"with so few rows. Sure of {_percent(sure['coverage'])} of the rows, {precise}. "
        f"Accuracy {_percent(sure['accuracy'])}; on the most confident 80 % of the rows "
        f"{_percent(sure['accuracy_at_80_coverage'])}.</p>",
        *_weekly_parts(found.get("trained_weekly")),
        reliability_chart(found["reliability"]),
        risk_chart(found["risk_coverage"]["points"]),
        *_scorer_parts(found.get("scorers")),
        "<h3>By number of true modules</h3>",
        _table(
            ("true modules", "n", "hit@1", "hit@3", "strict@3"),
            [
                (k, v["n"], _percent(v["hit@1"]), _percent(v["hit@3"]), _percent(v["strict@3"]))
                for k, v in found["by_modules"].items()
            ],
        ),
        "<h3>Commonest confusions</h3>",
        _table(("true module", "put first", "rows"), found["confusions"], texts=2),
        f"<h3>{len(found['misses'])} worst misses</h3>",
        _table(
            ("requirement", "true", "ranked first", "place", "confidence"),
            [
                (
                    m["text"],
                    "\n".join(m["true"]),
                    "\n".join(m["ranked"]),
                    m["place"] or "none",
                    f"{m['confidence']:.2f}",
                )
                for m in found["misses"]
            ],
            texts=3,
        ),
        *_ablation_parts(found.get("ablations", {})),
    ]


def _unknown_parts(count: int) -> list[str]:
    """
    Rows that nobody could get right.
    """
    if not count:
        return []
    return [f"<p>Rows that name no module of the benchmark, and so are misses of every ranker: {count}.</p>"]


def _weekly_parts(found: Mapping[str, Any] | None) -> list[str]:
    """
    How honest the same confidences are when the release is trained every week.
    """
    if found is None:
        return []
    sure = found["sure"]
    precise = f"right in {_percent(sure['precision'])} of those" if sure["precision"] is not None else "never sure"
    return [
        f"<p>Trained weekly: calibration error {found['ece']:.3f} ({found['ece_by_chance']:.3f} by chance), sure of "
        f"{_percent(sure['coverage'])} of the rows, {precise}; accuracy {_percent(sure['accuracy'])}, on the most "
        f"confident 80 % of the rows {_percent(sure['accuracy_at_80_coverage'])}; within the first 20 in "
        f"{_percent(found['recall@20'])}.</p>"
    ]


def _model_parts(about: Mapping[str, Any] | None) -> list[str]:
    """
    What the language model is and what dev rows said of it.
    """
    if about is None:
        return ["<p>No language model was measured.</p>"]
    facts = "; ".join(
        f"{escape(name)}: {escape(str(value))}" for name, value in about.items() if not isinstance(value, dict)
    )
    flips, fusion = about["flips"], about["fusion on dev"]
    parts = ["<h2>Language model</h2>", f"<p>{facts}.</p>"]
    if "left out" in about:
        seen = ", ".join(f"{count} of {escape(name)}" for name, count in about["left out"].items())
        parts.append(f"<p>Rows that it was trained on are left out: {seen}.</p>")
    if fusion["n"]:
        parts.append(
            f"<p>On {fusion['n']} dev rows, each fifth judged by weights fitted on the others, the fusion puts a true "
            f"module first in {_percent(fusion['shortlist']['hit@1'])} without the model and in "
            f"{_percent(fusion['with model']['hit@1'])} with it, within three places in "
            f"{_percent(fusion['shortlist']['hit@3'])} and {_percent(fusion['with model']['hit@3'])} "
            f"(p {_chance(fusion['p'])} for the first place).</p>"
        )
    parts.append(
        f"<p>Another order of the same candidates changes the first one in {_percent(flips['rate'])} of "
        f"{flips['requirements'] * flips['orders']} prompts.</p>"
    )
    return [*parts, *_scorer_parts(about["dev"], where="dev rows")]


def _scorer_parts(ways: Mapping[str, Any] | None, *, where: str = "rows") -> list[str]:
    if not ways:
        return []
    rows = [
        (
            name,
            _percent(found["hit@1"]),
            _percent(found["hit@3"]),
            *((_chance(found["p"]), f"{found['ece']:.3f}", f"{found['p50_ms']:.0f}") if "p" in found else ("", "", "")),
        )
        for name, found in ways["rankers"].items()
    ]
    return [
        f"<h3>The model's ways of scoring, on the same {ways['n']} {where}</h3>",
        _table(("ranker", "hit@1", "hit@3", "p against the shortlist", "calibration error", "ms (p50)"), rows),
    ]


def _ablation_parts(ablations: Mapping[str, Mapping[str, float]]) -> list[str]:
    if not ablations:
        return []
    rows = [
        (f"without {name}" if name != "nothing" else "all features", *(_percent(value) for value in hits.values()))
        for name, hits in ablations.items()
    ]
    return ["<h3>Ablations</h3>", _table(("shortlist", "hit@1", "hit@3", "no-name hit@1"), rows)]


def _ranker_table(rankers: Mapping[str, Any]) -> str:
    head = ("ranker", "n", "hit@1", "95 %", "hit@3", "95 %", "hit@5", "MRR", "strict@3", "no-name n", "@1", "@3")
    rows = []
    for name, parts in rankers.items():
        whole, bare = parts["all"], parts["no_name"]
        rows.append(
            (
                name,
                whole["n"],
                _percent(whole["hit@1"]),
                _interval(whole["hit@1_95"]),
                _percent(whole["hit@3"]),
                _interval(whole["hit@3_95"]),
                *(_percent(whole[key]) for key in ("hit@5", "mrr", "strict@3")),
                bare["n"],
                _percent(bare["hit@1"]),
                _percent(bare["hit@3"]),
            )
        )
    return _table(head, rows, strong="system")


def _table(head: Sequence[str], rows: Sequence[Sequence[object]], *, texts: int = 1, strong: str = "") -> str:
    if not rows:
        return "<p>None.</p>"
    lines = ["<table><tr>"]
    lines += [f"<th{_text_class(i, texts)}>{escape(title)}</th>" for i, title in enumerate(head)]
    lines.append("</tr>")
    for row in rows:
        lines.append('<tr class="system">' if strong and row[0] == strong else "<tr>")
        lines += [f"<td{_text_class(i, texts)}>{escape(str(cell))}</td>" for i, cell in enumerate(row)]
        lines.append("</tr>")
    return "".join((*lines, "</table>"))


def _text_class(column: int, texts: int) -> str:
    return ' class="text"' if column < texts else ""


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _chance(p: float) -> str:
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"


def _interval(ends: Sequence[float]) -> str:
    return f"{100 * ends[0]:.0f}-{100 * ends[1]:.0f}"
