"""
Replay commits of a real repository: after each, the index with a warm cache must be byte-identical to a cold one.

    python -m tests.bench.replay_commits path/to/repository --commits 200
    python -m tests.bench.replay_commits path/to/repository --commits 10 --every 50       (a quick look)
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from graph.git import git_directory
from tests.graph.replay import replay


def main() -> int:
    """
    Print one line every ten commits; exit status 1 when one differs.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repository", type=Path)
    parser.add_argument("--commits", type=int, default=200, help="how many")
    parser.add_argument("--every", type=int, default=1, help="take every n-th commit")
    parser.add_argument("--until", default="HEAD", help="the newest commit")
    chosen = parser.parse_args()
    command = ["git", f"--git-dir={git_directory(chosen.repository.resolve())}", "rev-list", "--first-parent"]
    newest_first = subprocess.run(
        [*command, f"-n{chosen.commits * chosen.every}", chosen.until], capture_output=True, text=True, check=True
    ).stdout.split()
    commits = newest_first[:: chosen.every][::-1]
    began = time.monotonic()
    different = []
    with TemporaryDirectory() as cache:
        for number, (commit, equal) in enumerate(replay(chosen.repository, commits, Path(cache)), start=1):
            if not equal:
                different.append(commit)
                print(f"{commit} differs")
            if number % 10 == 0:
                print(f"{number} of {len(commits)} commits, {time.monotonic() - began:.0f} s", flush=True)
    print(f"{len(commits)} commits, {len(different)} different, {time.monotonic() - began:.0f} s")
    return bool(different)


if __name__ == "__main__":
    sys.exit(main())
