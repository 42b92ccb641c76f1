"""
How to reach the people who know a part of the code: e-mail addresses, as its history and CODEOWNERS have them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from graph.git import git_directory, run_git
from graph.messages import is_bot
from graph.owners import can_be_reached, owners_of, parse_code_owners
from graph.values import RepositoryError

COMMITS = 200
PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")


@dataclass(frozen=True, slots=True)
class Contact:
    """
    A person (or a team) with an address; the name may be empty.
    """

    name: str
    mail: str


def contacts(location: Path, path: str, *, commit: str = "HEAD", limit: int = 5) -> tuple[Contact, ...]:
    """
    Who can be asked about the file or folder *path*, best first: CODEOWNERS, then its recent authors.

    The newest commits count most. Owners that are named by a handle (`@ana`) have no address here,
    and addresses that hosts make up to hide the real one lead nowhere.

    Returns:
        Empty for a plain folder, and where git can tell nothing.
    """
    directory = git_directory(location)
    if directory is None or commit.startswith("-"):
        return ()
    try:
        if run_git(directory, ["cat-file", "-e", f"{commit}^{{commit}}"], check=False) is None:
            commit = "HEAD"  # it was indexed elsewhere, or history was rewritten since
        found = [*_from_code_owners(directory, path, commit), *_from_history(directory, path, commit)]
    except RepositoryError:
        return ()
    unique = {contact.mail.casefold(): contact for contact in reversed(found)}
    return tuple(dict.fromkeys(unique[contact.mail.casefold()] for contact in found))[:limit]


def _from_code_owners(directory: Path, path: str, commit: str) -> Iterable[Contact]:
    for place in PLACES:
        told = run_git(directory, ["show", f"{commit}:{place}"], check=False)
        if told is not None:
            rules = parse_code_owners(told.decode("utf-8", "replace"))
            # What holds inside the path: a rule for a folder does not match the folder itself.
            named = owners_of(f"{path}/-", rules)
            return [Contact("", word) for word in named if can_be_reached(word)]
    return ()


def _from_history(directory: Path, path: str, commit: str) -> Iterable[Contact]:
    arguments = ["log", f"-{COMMITS}", "--no-merges", "--format=%aN%x00%aE", commit, "--", f":(literal){path}"]
    told = run_git(directory, arguments, check=False) or b""
    weights: Counter[str] = Counter()
    names: dict[str, str] = {}
    for age, line in enumerate(told.decode("utf-8", "replace").splitlines()):
        name, _, mail = line.partition("\0")
        if can_be_reached(mail) and not is_bot(name, mail):
            weights[mail.casefold()] += round(1000 * 0.97**age)
            names.setdefault(mail.casefold(), name)
    best = sorted(weights, key=lambda mail: (-weights[mail], mail))
    return [Contact(names[mail], mail) for mail in best]
