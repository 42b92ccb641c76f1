"""
Links to the code host, and addresses of those who know the code.
"""

import subprocess

import pytest

from graph.code_host import CodeHost, code_host_from, code_host_of, remote_of
from graph.contacts import contacts

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("remote", "link"),
    [
        ("git@github.com:acme/roads.git", "https://github.com/acme/roads/blob/{c}/a.py#L7"),
        ("https://github.com/acme/roads", "https://github.com/acme/roads/blob/{c}/a.py#L7"),
        ("https://x-access-token:secret@github.com/acme/roads.git", "https://github.com/acme/roads/blob/{c}/a.py#L7"),
        ("ssh://git@gitlab.acme.example:2222/maps/eu/roads.git", "https://gitlab.acme.example/maps/eu/roads/-/blob/{c}/a.py#L7"),
        ("http://gitlab.local.example:8080/maps/roads.git", "http://gitlab.local.example:8080/maps/roads/-/blob/{c}/a.py#L7"),
        ("git@bitbucket.org:acme/roads.git", "https://bitbucket.org/acme/roads/src/{c}/a.py#lines-7"),
        ("https://codeberg.org/acme/roads.git", "https://codeberg.org/acme/roads/src/commit/{c}/a.py#L7"),
        ("https://gitee.com/acme/roads.git", "https://gitee.com/acme/roads/blob/{c}/a.py#L7"),
    ],
)  # fmt: skip
def test_known_hosts_are_linked_at_the_indexed_commit(remote, link):
    assert code_host_of(remote).file_link(COMMIT, "a.py", 7) == link.replace("{c}", COMMIT)


@pytest.mark.parametrize(
    "remote",
    [
        "",
        "/srv/mirrors/roads.git",
        "file:///srv/roads.git",
        "https://code.acme.example/roads.git",
        "https://evilgithub.com/acme/roads",
        "https://github.com",
        "https://github.com/acme",
        "https://github.com/acme/../x",
        "https://github.com/acme/ro|ads",
        "https://github.com/acme/<!channel>",
        "https://github.com\\@evil.example/acme/roads",
        "javascript:github.com/acme/roads",
        "git@github.com:/acme/roads",
        "https://github.com:99999999/acme/roads",
    ],
)
def test_an_address_that_is_not_understood_gives_no_links(remote):
    assert code_host_of(remote) is None


def test_a_name_and_a_password_before_the_host_do_not_count():
    assert code_host_of("https://github.com@evil.example/acme/roads") is None
    assert code_host_of("https://evil.example@github.com/acme/roads").commit.startswith("https://github.com/")


@pytest.mark.parametrize(
    ("commit", "path"),
    [
        ("HEAD", "a.py"),
        ("<!channel>", "a.py"),
        ("", "a.py"),
        (COMMIT, ""),
        (COMMIT, "/etc/passwd"),
        (COMMIT, "a/../../b"),
    ],
)
def test_what_is_no_commit_or_no_path_inside_gets_no_link(commit, path):
    host = code_host_of("git@github.com:acme/roads.git")

    assert (host.file_link(commit, path), host.folder_link(commit, path)) == ("", "")


def test_a_link_holds_no_mark_of_slack_and_is_not_endless():
    host = code_host_of("git@github.com:acme/roads.git")

    assert not set('<>|"` ') & set(host.file_link(COMMIT, 'a|b/<c>`"d e.py'))
    assert host.file_link(COMMIT, "x" * 900) == ""


def test_a_template_of_ones_own_is_filled_in():
    host = code_host_from("https://code.example/{repository}/at/{commit}?f={path}", repository="my roads")

    assert host.file_link(COMMIT, "a/b.py", 3) == f"https://code.example/my%20roads/at/{COMMIT}?f=a/b.py"
    assert (host.commit_link(COMMIT), host.folder_link(COMMIT, "a")) == ("", "")
    assert CodeHost("").file_link(COMMIT, "a.py") == ""


@pytest.fixture
def checkout(tmp_path):
    """
    A repository in which Ana wrote `tolls` long ago, and Ben writes it now.
    """
    folder = tmp_path / "roads"

    def git(*arguments, author="Ana <ana@acme.example>"):
        name, _, mail = author.partition(" <")
        identity = {"GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": mail.strip(">")}
        identity |= {"GIT_COMMITTER_NAME": "x", "GIT_COMMITTER_EMAIL": "x@acme.example", "HOME": str(tmp_path)}
        subprocess.run(
            ["git", *arguments], cwd=folder, check=True, capture_output=True, env={"PATH": "/usr/bin:/bin", **identity}
        )

    folder.mkdir()
    git("init", "-q")
    authors = [
        "Ana <ana@acme.example>",
        *["Ben <Ben@acme.example>"] * 2,
        "robot[bot] <1+robot[bot]@users.noreply.github.com>",
    ]
    for number, author in enumerate(authors):
        (folder / "tolls").mkdir(exist_ok=True)
        (folder / "tolls" / "cost.py").write_text(f"x = {number}\n")
        git("add", ".")
        git("commit", "-q", "-m", f"change {number}", author=author)
    (folder / "CODEOWNERS").write_text("* @everyone\n/tolls/ @tolls-team cleo@acme.example\n")
    git("remote", "add", "origin", "git@github.com:acme/roads.git")
    return folder, git


def test_who_changed_it_lately_is_asked_first_and_programs_never(checkout):
    folder, _ = checkout

    assert [(one.name, one.mail) for one in contacts(folder, "tolls")] == [
        ("Ben", "ben@acme.example"),
        ("Ana", "ana@acme.example"),
    ]
    assert [one.name for one in contacts(folder, "tolls/cost.py")] == ["Ben", "Ana"]


def test_code_owners_with_an_address_come_first(checkout):
    folder, git = checkout
    git("add", ".")
    git("commit", "-q", "-m", "owners")

    assert [one.mail for one in contacts(folder, "tolls")][:2] == ["cleo@acme.example", "ben@acme.example"]


@pytest.mark.parametrize(("path", "commit"), [("nothing", "HEAD"), ("tolls", "--output=x"), (":(top)tolls", "HEAD")])
def test_where_git_knows_nobody_nobody_is_asked(checkout, path, commit):
    assert contacts(checkout[0], path, commit=commit) == ()


def test_where_the_indexed_commit_is_gone_the_newest_one_tells(checkout):
    assert [one.name for one in contacts(checkout[0], "tolls", commit="f" * 40)] == ["Ben", "Ana"]


def test_a_plain_folder_has_no_contacts_and_no_remote(tmp_path):
    assert contacts(tmp_path, "a") == ()
    assert remote_of(tmp_path) == ""


def test_the_remote_of_a_checkout_is_read(checkout):
    assert remote_of(checkout[0]) == "git@github.com:acme/roads.git"
