"""
Whether the preference step could be taken here; no torch, since a command asks before it submits a training.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from typing import Any

from training.config import PreferenceConfig

NEEDS_TRITON = (1, 15)  # TRL from here on has losses for Triton only, and does not say so


class PreferenceError(Exception):
    """
    The preference step cannot be taken on this machine or with this model; the message says what to do.
    """


def check_preference(config: PreferenceConfig) -> None:
    """
    Find out before hours of fine-tuning whether the step could be taken after them.

    Raises:
        PreferenceError: TRL is not installed, or one that needs Triton is, and Triton is not.
    """
    if config.method == "none":
        return
    missing = [name for name in ("trl", "datasets") if importlib.util.find_spec(name) is None]
    if missing:
        raise PreferenceError(
            f"The preference step ({config.method}) needs {' and '.join(missing)}: install Signpost with its extra "
            '"preference", or train without the step.'
        )
    trl = importlib.metadata.version("trl")
    if tuple(map(int, trl.split(".")[:2])) >= NEEDS_TRITON and importlib.util.find_spec("triton") is None:
        raise PreferenceError(
            f"TRL {trl} needs Triton, which is not installed here: install trl 1.14.2 for the preference step "
            f"({config.method}), or train without it."
        )


def check_prompts(config: PreferenceConfig, tokenizer: Any, prompt: str) -> None:
    """
    Find out whether TRL, which tokenizes text as a tokenizer does by itself, would give *prompt* a second beginning.

    Raises:
        PreferenceError: it would.
    """
    if config.method == "none":
        return
    if tokenizer(prompt)["input_ids"] != tokenizer(prompt, add_special_tokens=False)["input_ids"]:
        raise PreferenceError(
            "This base model's tokenizer adds tokens of its own to a rendered prompt, so that the preference step "
            "would train on other prompts than serving asks: train without the step."
        )
