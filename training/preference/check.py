"""
Whether the preference step could be taken here; no torch, since a command asks before it submits a training.
"""

from __future__ import annotations

import importlib.util

from training.config import PreferenceConfig


class PreferenceError(Exception):
    """
    The preference step cannot be taken on this machine or with this model; the message says what to do.
    """


def check_preference(config: PreferenceConfig) -> None:
    """
    Find out before hours of fine-tuning whether the step could be taken after them.

    Raises:
        PreferenceError: TRL is not installed.
    """
    missing = [name for name in ("trl", "datasets") if importlib.util.find_spec(name) is None]
    if config.method != "none" and missing:
        raise PreferenceError(
            f"The preference step ({config.method}) needs {' and '.join(missing)}: install Signpost with its extra "
            '"preference", or train without the step.'
        )
