"""
What all commands share: the settings, the terminal, the options.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from worker.settings import Settings

RepoName = Annotated[str | None, typer.Option("--repo", help="Name of the repository; by default the default one.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Location = Annotated[Path, typer.Argument(help="A git checkout, a bare repository or a folder.")]

PreferenceStep = Annotated[
    str | None,
    typer.Option("--preference", help="Step after fine-tuning: none, kto, dpo or grpo; by default the setting's."),
]

Preset = Annotated[
    str, typer.Option(help="full, minutes or quick; auto: full with a CUDA GPU, else minutes on the processor.")
]


def settings() -> Settings:
    """
    Read the settings from the environment.
    """
    from worker.settings import Settings

    return Settings.from_environment()


def console() -> Console:
    """
    The terminal, or whatever standard output is.
    """
    from rich.console import Console

    return Console()
