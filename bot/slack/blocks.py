"""
Answers drawn as Slack messages: values in, Block Kit out, nothing is called from here.

Slack refuses a message as a whole when one field is too long, so every field has a
budget and the sum stays far below the limit of about 13,000 characters. What is cut is
the text of a field, never the votes: the worst answers need them most.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.slack.text import code, escape, fit, one_line, without_invisible
from inference.values import RankedModule

VOTE_ACTION = "signpost_vote"
QUESTION_EVENT = "signpost_question"

_SHOWN_MODULES = 3
_SHOWN_FILES = 4
_BAR_CELLS = 5
_WORDS = ((0.75, "very likely"), (0.5, "likely"), (0.25, "possible"), (0.0, "a long shot"))

# Budgets in characters as Slack counts them, entities included.
_TITLE, _FILE, _WHY, _REASONING, _ERROR, _STAMP, _SUMMARY = 200, 160, 600, 2_400, 600, 120, 300

Block = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """What a post or an update carries: the blocks, and the text for notifications and screen readers."""

    text: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class AnswerView:
    """
    All that an answer's message shows.

    Args:
        modules: Best first; empty for an error, and when nothing matched.
        reasoning: None as long as it is being written.
        error: A sentence for the asker instead of a ranking.
    """

    answer_id: str
    question_id: str
    modules: tuple[RankedModule, ...]
    sure: bool
    release: str
    graph_commit: str
    repository: str
    reasoning: str | None = None
    error: str | None = None
    rank_ms: int = 0


def draw_placeholder(question_id: str, *, waiting: int = 0) -> Message:
    """
    The message that stands in the thread until the ranking is there.

    Args:
        waiting: How many questions are before this one; 0 says nothing about it.
    """
    text = "Looking for the right modules…"
    if waiting:
        text += f" {waiting} question{'s' if waiting > 1 else ''} before yours."
    return Message(text, (_section(f":mag: {text}", block_id=question_block(question_id)),))


def draw_answer(view: AnswerView, *, short: bool = False) -> Message:
    """
    An answer in whatever state it is: ranked, explained, unsure, empty or failed.

    Args:
        short: The smallest form that is still an answer, for the case that Slack finds the
            full one too long.
    """
    if view.error is not None:
        return _draw_error(view.error, view.question_id)
    if not view.modules:
        blocks = [_section("*No module matches this.* Other words, or a file or symbol name, may help.")]
        return Message("No module matches this.", (*blocks, _footer(view), _votes(view.answer_id)))
    shown = view.modules[:_SHOWN_MODULES]
    blocks = [_headline(view)]
    for place, module in enumerate(shown, start=1):
        blocks += [_module_line(place, module)] if short else _module_blocks(place, module)
    if not short:
        blocks += _reasoning(view.reasoning)
    blocks += [_footer(view), _votes(view.answer_id)]
    return Message(_summary(view, shown), tuple(blocks))


def draw_help(*, name: str = "Signpost") -> Message:
    """
    What someone gets who mentions us without asking anything.
    """
    text = (
        f"*{escape(name)} tells you where a change belongs.* Describe it in a sentence or two, for example: "
        "_where do I change how avoid-tolls routing is computed?_ "
        "You get the modules, best first, with reasons. Vote with 👍 or 👎: it makes the next model better."
    )
    return Message(
        "Describe a change in a sentence or two, and I name the modules where it belongs.", (_section(text),)
    )


def draw_home() -> dict[str, Any]:
    """
    The view of the app's Home tab.
    """
    return {
        "type": "home",
        "blocks": [*draw_help().blocks, _context("Mention me in a channel, or write to me here.")],
    }


def question_block(question_id: str) -> str:
    """
    The block id by which a message of ours is recognised in a thread.

    The message's metadata says the same. Reading metadata back depends on more than
    reading messages does, so both are written and either one is enough.
    """
    return f"{QUESTION_EVENT}:{question_id}"


def question_metadata(question_id: str) -> dict[str, Any]:
    """
    Metadata for a message about *question_id*.
    """
    return {"event_type": QUESTION_EVENT, "event_payload": {"question_id": question_id}}


def speaks_of(message: Mapping[str, Any], question_id: str) -> bool:
    """
    Whether *message*, as Slack returns it, is ours about *question_id*.
    """
    if message.get("metadata", {}).get("event_payload", {}).get("question_id") == question_id:
        return True
    return any(block.get("block_id") == question_block(question_id) for block in message.get("blocks", ()))


def confidence_words(confidence: float) -> str:
    """
    >>> confidence_words(0.9), confidence_words(0.3)
    ('very likely', 'possible')
    """
    return next((words for least, words in _WORDS if confidence >= least), _WORDS[-1][1])


def confidence_bar(confidence: float) -> str:
    """
    >>> confidence_bar(0.62), confidence_bar(0.01)
    ('▰▰▰▱▱', '▰▱▱▱▱')
    """
    full = max(1, min(_BAR_CELLS, int(confidence * _BAR_CELLS + 0.5)))
    return "▰" * full + "▱" * (_BAR_CELLS - full)


def _headline(view: AnswerView) -> Block:
    if view.sure:
        return _section("*Here is where this belongs:*")
    return _section(
        ":grey_question: *Not sure.* No module stands out. These come closest; please check before you build on them:"
    )


def _module_line(place: int, module: RankedModule) -> Block:
    label = code(module.path or module.id, _TITLE)
    return _section(f"*{place}.* {label}  {confidence_bar(module.confidence)}  {confidence_words(module.confidence)}")


def _module_blocks(place: int, module: RankedModule) -> list[Block]:
    """Each field of strangers has an object of its own: formatting in it ends where it ends."""
    blocks = [_module_line(place, module)]
    why = fit(one_line(module.why), _WHY)
    if why:
        blocks.append(_section(why))
    files = [code(path, _FILE) for path in module.files[:_SHOWN_FILES]]
    if len(module.files) > _SHOWN_FILES:
        files.append(f"and {len(module.files) - _SHOWN_FILES} more")
    if any(files):
        blocks.append(_context(" · ".join(part for part in files if part)))
    return blocks


def _reasoning(text: str | None) -> list[Block]:
    if text is None:
        return [_context(":pencil2: _Writing the reasoning…_")]
    kept = fit(without_invisible(text).strip(), _REASONING)
    if not kept:
        return []
    blocks: list[Block] = [{"type": "divider"}, _section(kept)]
    if kept.endswith("…") and not text.rstrip().endswith("…"):
        blocks.append(_context("The reasoning was cut here: it is longer than a message may be."))
    return blocks


def _footer(view: AnswerView) -> Block:
    stamps = (("", view.repository), ("at ", view.graph_commit[:12]), ("release ", view.release))
    parts = [f"{word}{code(value, _STAMP)}" for word, value in stamps if value]
    if view.rank_ms:
        parts.append(f"ranked in {view.rank_ms / 1000:.1f} s")
    return _context(" · ".join(parts) or "Signpost")


def _votes(answer_id: str) -> Block:
    """An opaque id is all a button carries; rights are checked when it is clicked."""
    return {
        "type": "context_actions",
        "elements": [
            {
                "type": "feedback_buttons",
                "action_id": VOTE_ACTION,
                "positive_button": _button("Right place", "This answer names the right module", f"up:{answer_id}"),
                "negative_button": _button("Wrong place", "This answer names the wrong modules", f"down:{answer_id}"),
            }
        ],
    }


def _button(text: str, label: str, value: str) -> dict[str, Any]:
    return {"text": {"type": "plain_text", "text": text}, "accessibility_label": label, "value": value}


def _draw_error(error: str, question_id: str) -> Message:
    sentence = fit(one_line(error), _ERROR)
    blocks = (
        _section(f":warning: *I could not answer this.* {sentence}"),
        _context(f"Ask again in a new message. For whoever looks after me: question {code(question_id, _STAMP)}"),
    )
    return Message("I could not answer this.", blocks)


def _summary(view: AnswerView, shown: Sequence[RankedModule]) -> str:
    names = ", ".join(one_line(module.path or module.id) for module in shown)
    return fit(f"{'Where this belongs' if view.sure else 'Not sure; closest'}: {names}", _SUMMARY)


def _section(text: str, *, block_id: str | None = None) -> Block:
    block: Block = {"type": "section", "text": _mrkdwn(text)}
    return {**block, "block_id": block_id} if block_id else block


def _context(text: str) -> Block:
    return {"type": "context", "elements": [_mrkdwn(text)]}


def _mrkdwn(text: str) -> dict[str, Any]:
    # verbatim: else Slack looks for addresses, #channels and @names in plain words, too.
    return {"type": "mrkdwn", "text": text, "verbatim": True}
