"""
Opening repositories and folders, good and bad.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from graph.snapshot import open_snapshot
from graph.values import RepositoryError
from tests.graph.repositories import GitRepository


def test_a_checkout_is_read_at_its_commit_and_not_from_the_work_tree(shop: GitRepository) -> None:
    shop.write({"shop/tax/vat.py": "changed but not committed"})

    with open_snapshot(shop.folder) as snapshot:
        assert snapshot.commit == shop.commits[0]
        assert snapshot.is_git
        assert snapshot.repository == "shop-repository"
        assert b"Computes the vat of a cart." in snapshot.read("shop/tax/vat.py")


def test_an_older_commit_is_read_as_it_was(shop: GitRepository) -> None:
    shop.commit("Say something else about tax", {"shop/tax/vat.py": "new = 1\n"})

    with open_snapshot(shop.folder, commit=shop.commits[0][:10]) as snapshot:
        assert snapshot.commit == shop.commits[0]
        assert b"Computes the vat" in snapshot.read("shop/tax/vat.py")


def test_tags_and_branches_name_commits_too(shop: GitRepository) -> None:
    shop.git("tag", "v1")
    shop.commit("Go on with the shop", {"later.py": "x = 1\n"})

    with open_snapshot(shop.folder, commit="v1") as snapshot:
        assert snapshot.commit == shop.commits[0]


def test_a_bare_repository_gives_the_same_files(shop: GitRepository, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(shop.folder), str(bare)], check=True)

    with open_snapshot(bare) as ours, open_snapshot(shop.folder) as theirs:
        assert ours.files == theirs.files
        assert ours.repository == "bare"
        assert ours.read("shop/tax/vat.py") == theirs.read("shop/tax/vat.py")


def test_a_plain_folder_gets_the_blob_ids_that_git_would_give(shop: GitRepository, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    shutil.copytree(shop.folder, plain, ignore=shutil.ignore_patterns(".git"))

    with open_snapshot(plain) as ours, open_snapshot(shop.folder) as theirs:
        assert ours.files == theirs.files
        assert not ours.is_git
        assert ours.commit.startswith("tree-")


def test_the_commit_of_a_plain_folder_follows_its_contents(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("x = 1\n")
    with open_snapshot(tmp_path) as before:
        file.write_text("x = 2\n")
        with open_snapshot(tmp_path) as after:
            file.write_text("x = 1\n")
            with open_snapshot(tmp_path) as again:
                assert before.commit != after.commit
                assert before.commit == again.commit


def test_a_folder_inside_a_checkout_is_a_plain_folder(shop: GitRepository) -> None:
    with open_snapshot(shop.folder / "shop") as snapshot:
        assert not snapshot.is_git
        assert "tax/vat.py" in {entry.path for entry in snapshot.files}


def test_file_names_with_spaces_and_other_scripts_are_read(tmp_path: Path) -> None:
    repository = GitRepository.create(tmp_path / "r")
    names = ["mit leer zeichen.py", "größe/süß.py", "路线/规划.py", 'quo"te.py']
    repository.commit("Names of all kinds for files", {name: f"# {name}\n" for name in names})

    with open_snapshot(repository.folder) as snapshot:
        assert sorted(names) == [entry.path for entry in snapshot.files]
        assert all(snapshot.read(name).decode() == f"# {name}\n" for name in names)


@pytest.mark.parametrize("in_git", [True, False])
def test_names_that_are_not_utf8_stay_apart(in_git: bool, tmp_path: Path) -> None:
    folder = tmp_path / "r"
    repository = GitRepository.create(folder)
    for name in (b"a\xfe.py", b"a\xff.py"):
        (Path(os.fsdecode(os.fsencode(folder) + b"/" + name))).write_bytes(name)
    if in_git:
        repository.commit("Names of another time")
    else:
        shutil.rmtree(folder / ".git")

    with open_snapshot(folder) as snapshot:
        assert [(entry.path, snapshot.read(entry.path)) for entry in snapshot.files] == [
            ("a\\xfe.py", b"a\xfe.py"),
            ("a\\xff.py", b"a\xff.py"),
        ]


def test_links_are_never_followed(tmp_path: Path) -> None:
    repository = GitRepository.create(tmp_path / "r")
    repository.write({"a/b.py": "x = 1\n"})
    os.symlink("..", repository.folder / "a" / "loop")
    os.symlink("/etc/passwd", repository.folder / "a" / "secret.py")
    repository.commit("A loop of links inside")
    plain = tmp_path / "plain"
    shutil.copytree(repository.folder, plain, symlinks=True, ignore=shutil.ignore_patterns(".git"))

    for place in (repository.folder, plain):
        with open_snapshot(place) as snapshot:
            assert [entry.path for entry in snapshot.files] == ["a/b.py"]


def test_submodules_are_left_out(shop: GitRepository, tmp_path: Path) -> None:
    other = GitRepository.create(tmp_path / "other")
    other.commit("Something of its own", {"x.py": "x = 1\n"})
    shop.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other.folder), "libs/other")
    shop.commit("Take in the other one")

    with open_snapshot(shop.folder) as snapshot:
        assert not [entry.path for entry in snapshot.files if entry.path.startswith("libs/")]


def test_a_work_tree_of_another_repository_is_read(shop: GitRepository, tmp_path: Path) -> None:
    shop.git("worktree", "add", "-q", str(tmp_path / "tree"), "-b", "side")

    with open_snapshot(tmp_path / "tree") as snapshot:
        assert snapshot.commit == shop.commits[0]


def test_a_commit_of_a_folder_without_git_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")

    with pytest.raises(RepositoryError, match="no git history"):
        open_snapshot(tmp_path, commit="main")


def _missing(folder: Path) -> Path:
    return folder / "nowhere"


def _a_file(folder: Path) -> Path:
    (folder / "file").write_text("x")
    return folder / "file"


def _empty(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def _no_commits(folder: Path) -> Path:
    GitRepository.create(folder / "fresh").write({"a.py": "x = 1\n"})
    return folder / "fresh"


def _empty_commit(folder: Path) -> Path:
    GitRepository.create(folder / "hollow").commit("Nothing in it at all")
    return folder / "hollow"


def _broken_git(folder: Path) -> Path:
    repository = GitRepository.create(folder / "broken")
    repository.commit("Something to lose here", {"a.py": "x = 1\n"})
    (repository.folder / ".git" / "HEAD").write_text("garbage")
    return repository.folder


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (_missing, "does not exist"),
        (_a_file, "is not a folder"),
        (_empty, "is empty"),
        (_no_commits, "has no commits yet"),
        (_empty_commit, "holds no files"),
        (_broken_git, "is not a git repository that can be read"),
    ],
)
def test_a_bad_place_is_refused_in_one_clear_sentence(make: object, says: str, tmp_path: Path) -> None:
    place = make(tmp_path)  # type: ignore[operator]

    with pytest.raises(RepositoryError, match=says) as caught:
        open_snapshot(place)

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("commit", ["0" * 40, "no-such-branch", "--all", "HEAD:shop"])
def test_an_unknown_commit_is_refused(shop: GitRepository, commit: str) -> None:
    with pytest.raises(RepositoryError, match="there is no commit"):
        open_snapshot(shop.folder, commit=commit)


def test_an_object_that_is_missing_is_named(shop: GitRepository) -> None:
    with open_snapshot(shop.folder) as snapshot:
        blob = next(entry.blob for entry in snapshot.files if entry.path == "shop/tax/vat.py")
        (shop.folder / ".git" / "objects" / blob[:2] / blob[2:]).unlink()

        with pytest.raises(RepositoryError, match=f"object {blob} is missing"):
            snapshot.read("shop/tax/vat.py")
