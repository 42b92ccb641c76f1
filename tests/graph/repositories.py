"""
Real git repositories for tests: small, built in a temporary folder, every commit with a date of its own.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

_START = datetime(2024, 1, 1, 12, tzinfo=UTC)


@dataclass
class GitRepository:
    """
    A repository that commits are added to, a day apart.
    """

    folder: Path
    commits: list[str] = field(default_factory=list)

    @classmethod
    def create(cls, folder: Path) -> GitRepository:
        """
        Start an empty repository.
        """
        folder.mkdir(parents=True, exist_ok=True)
        repository = cls(folder)
        repository.git("init", "-q", "-b", "main")
        return repository

    def write(self, files: Mapping[str, str | bytes]) -> None:
        """
        Put files into the work tree.
        """
        for path, content in files.items():
            place = self.folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(
        self,
        message: str,
        files: Mapping[str, str | bytes] | None = None,
        *,
        author: str = "Ada Lovelace",
        mail: str = "",
    ) -> str:
        """
        Commit everything there is and give the commit's id.
        """
        self.write(files or {})
        self.git("add", "-A")
        date = (_START + timedelta(days=len(self.commits))).isoformat()
        mail = mail or f"{author.split()[0].lower()}@example.org"
        self.git(
            *("-c", f"user.name={author}", "-c", f"user.email={mail}"),
            *("commit", "-q", "--allow-empty", "--allow-empty-message", "-m", message, f"--date={date}"),
        )
        self.commits.append(self.git("rev-parse", "HEAD").strip())
        return self.commits[-1]

    def git(self, *arguments: str) -> str:
        """
        Run one git command in the repository.
        """
        done = subprocess.run(
            ["git", "-c", "commit.gpgsign=false", "-C", str(self.folder), *arguments],
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout


def python_file(name: str, *, lines: int = 40, doc: str = "") -> str:
    """
    Make a Python file with one documented function and some weight.
    """
    body = "\n".join(f"    {name}_{number} = {number}" for number in range(lines))
    head = f'"""{doc or f"All about {name}."}"""\n\n\ndef {name}(cart):\n'
    return f'{head}    """Computes the {name} of a cart."""\n{body}\n'


def shop_files() -> dict[str, str]:
    """
    Give a small shop: three packages of a few files each, with tests and documents beside them.
    """
    files = {
        f"shop/{package}/{name}.py": python_file(name)
        for package, names in {
            "tax": ("vat", "rates", "rounding"),
            "cart": ("items", "discount", "checkout"),
            "mail": ("sender", "templates", "bounces"),
        }.items()
        for name in names
    }
    files |= {
        f"shop/{package}/__init__.py": f'"""Everything about {package} in the shop."""\n'
        for package in ("tax", "cart", "mail")
    }
    files["shop/__init__.py"] = '"""A shop."""\n'
    files["shop/cart/checkout.py"] += "\nfrom ..tax.vat import vat\nfrom shop.mail import sender\n\ntotal = vat(1)\n"
    files["tests/test_vat.py"] = "def test_vat():\n    assert True\n"
    files["docs/guide.md"] = "# Guide\n"
    return files
