"""
Links to the code host: where a file, a folder or a commit of a repository is shown in a browser.

They are derived from the address that git fetches from, for hosts whose pages are known, or
from a template. Nothing is asked of the host.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from graph.git import git_directory, run_git
from graph.values import RepositoryError

LONGEST_LINK = 800

_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_SCP = re.compile(r"(?:[\w.-]+@)?(?P<host>[\w.-]+):(?!/)(?P<path>.+)")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?")
_PATH = re.compile(r"[\w~-][\w.~-]*(?:/[\w~-][\w.~-]*)+", re.ASCII)

_GITHUB = ("blob/{commit}/{path}", "tree/{commit}/{path}", "commit/{commit}", "#L{line}")
_GITLAB = ("-/blob/{commit}/{path}", "-/tree/{commit}/{path}", "-/commit/{commit}", "#L{line}")
_BITBUCKET = ("src/{commit}/{path}", "src/{commit}/{path}", "commits/{commit}", "#lines-{line}")
_GITEA = ("src/commit/{commit}/{path}", "src/commit/{commit}/{path}", "commit/{commit}", "#L{line}")
_KNOWN = {
    "github": _GITHUB,
    "gitee": _GITHUB,
    "gitlab": _GITLAB,
    "bitbucket": _BITBUCKET,
    "codeberg": _GITEA,
    "gitea": _GITEA,
    "forgejo": _GITEA,
}


@dataclass(frozen=True, slots=True)
class CodeHost:
    """
    Where one repository is shown, as templates with {commit}, {path} and {line}; empty where nothing is known.
    """

    file: str
    folder: str = ""
    commit: str = ""
    line: str = ""

    def file_link(self, commit: str, path: str, line: int | None = None) -> str:
        """
        The address of a file at a commit, empty when there is none that could be trusted.

        >>> host = code_host_of("git@github.com:acme/roads.git")
        >>> host.file_link("0123abc", "src/a b|<c>.py", 7)
        'https://github.com/acme/roads/blob/0123abc/src/a%20b%7C%3Cc%3E.py#L7'
        """
        link = _fill(self.file, commit, path)
        return link + self.line.replace("{line}", str(line)) if link and line else link

    def folder_link(self, commit: str, path: str) -> str:
        """
        The address of a folder at a commit, empty when there is none.
        """
        return _fill(self.folder, commit, path)

    def commit_link(self, commit: str) -> str:
        """
        The address of a commit, empty when there is none.
        """
        return _fill(self.commit, commit, "-")


def code_host_of(remote: str) -> CodeHost | None:
    """
    The code host behind the address of a git remote; None for a host whose pages are not known.

    Names and passwords in the address are left out.

    >>> code_host_of("https://oauth2:secret@gitlab.acme.example:8443/maps/roads.git").file
    'https://gitlab.acme.example:8443/maps/roads/-/blob/{commit}/{path}'
    >>> code_host_of("/srv/mirrors/roads.git") is None
    True
    """
    place = _place(remote.strip())
    if place is None:
        return None
    scheme, host, path = place
    path = path.strip("/").removesuffix(".git")
    kind = next((word for word in host.partition(":")[0].split(".") if word in _KNOWN), None)
    if kind is None or not _HOST.fullmatch(host) or not _PATH.fullmatch(path):
        return None
    return CodeHost(*(part if part.startswith("#") else f"{scheme}://{host}/{path}/{part}" for part in _KNOWN[kind]))


def code_host_from(template: str, *, repository: str) -> CodeHost:
    """
    The code host that a template names, such as `https://code.acme.example/{repository}/{commit}/{path}`.

    A template that ends like the pages of a known host says how that one shows folders, commits and lines, too.

    >>> code_host_from("https://git.acme.example/maps/{repository}/blob/{commit}/{path}", repository="roads").commit
    'https://git.acme.example/maps/roads/commit/{commit}'
    >>> code_host_from("https://code.acme.example/{repository}?at={commit}&file={path}", repository="roads").commit
    ''
    """
    file = template.replace("{repository}", quote(repository, safe=""))
    # GitLab's end holds GitHub's within it: the longest one that fits is meant.
    for end, *others in sorted(_KNOWN.values(), key=lambda kind: -len(kind[0])):
        if file.endswith(f"/{end}"):
            base = file.removesuffix(end)
            return CodeHost(file, *(part if part.startswith("#") else base + part for part in others))
    return CodeHost(file=file)


def remote_of(location: Path) -> str:
    """
    The address that the checkout at *location* fetches from; empty when it has none.
    """
    directory = git_directory(location)
    if directory is None:
        return ""
    try:
        told = run_git(directory, ["config", "--get", "remote.origin.url"], check=False)
    except RepositoryError:
        return ""
    return (told or b"").decode("utf-8", "replace").strip()


def _place(remote: str) -> tuple[str, str, str] | None:
    """Scheme, host with port, and path; over SSH the pages are where HTTPS is."""
    if "://" in remote:
        try:
            parts = urlsplit(remote)
            port = parts.port
        except ValueError:
            return None
        host = (parts.hostname or "").casefold()
        if parts.scheme in ("http", "https"):
            return parts.scheme, f"{host}:{port}" if port else host, parts.path
        return ("https", host, parts.path) if parts.scheme in ("ssh", "git+ssh") else None
    scp = _SCP.fullmatch(remote)
    return ("https", scp["host"].casefold(), scp["path"]) if scp else None


def _fill(template: str, commit: str, path: str) -> str:
    known = template and path and _COMMIT.fullmatch(commit) and not path.startswith("/") and ".." not in path.split("/")
    if not known:
        return ""
    link = template.replace("{commit}", commit).replace("{path}", quote(path, safe="/"))
    return link if len(link) <= LONGEST_LINK else ""
