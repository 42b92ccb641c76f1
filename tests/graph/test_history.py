"""
Past requirements: which commits count, what they are called, which modules they name.
"""

from __future__ import annotations

import logging
import subprocess
from pathlib import Path

import pytest

from graph.history import commit_before_newest, read_history, with_recent
from graph.index import index_snapshot
from graph.messages import is_bot, requirement_of
from graph.snapshot import open_snapshot
from graph.values import Catalog, PastRequirement, RepositoryError
from tests.graph.repositories import GitRepository, python_file


def catalog_of(repository: GitRepository) -> Catalog:
    with open_snapshot(repository.folder) as snapshot:
        return index_snapshot(snapshot).catalog


def history_of(repository: GitRepository, **options: int) -> tuple[PastRequirement, ...]:
    return read_history(
        repository.folder,
        commit=repository.commits[-1],
        catalog=catalog_of(repository),
        limit=options.get("limit"),
    )


def touch(name: str, *, lines: int) -> str:
    return python_file(name, lines=lines)


def test_a_clock_that_ran_ahead_makes_nobody_else_old(shop: GitRepository) -> None:
    shop.write({"shop/tax/vat.py": touch("vat", lines=55)})
    shop.git("add", "-A")
    own = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    shop.git(*own, "commit", "-qm", "Round the tax of a whole cart", "--date=2099-01-01T00:00:00+00:00")
    shop.commits.append(shop.git("rev-parse", "HEAD").strip())
    committed = shop.git("show", "-s", "--format=%cs", "HEAD").strip()

    assert history_of(shop)[-1].date[:4] == committed[:4]


def test_a_commit_becomes_a_requirement_with_its_modules_most_touched_first(shop: GitRepository) -> None:
    files = {
        "shop/tax/vat.py": touch("vat", lines=41),
        "shop/tax/rates.py": touch("rates", lines=41),
        "shop/cart/items.py": touch("items", lines=41),
        "tests/test_vat.py": "def test_more():\n    pass\n",
    }
    commit = shop.commit(
        "fix(tax): Round each line of a cart (#12)\n\nSigned-off-by: A <a@b>", files, author="Bo Diddley"
    )

    assert history_of(shop)[-1] == PastRequirement(
        id=commit,
        date="2024-01-02T12:00:00+00:00",
        text="Round each line of a cart",
        modules=("tax", "cart"),
        files=("shop/cart/items.py", "shop/tax/rates.py", "shop/tax/vat.py"),
        author="Bo Diddley",
    )


def test_what_was_asked_of_a_file_deleted_since_counts_for_its_folder(shop: GitRepository) -> None:
    shop.commit("Round half cents of a cart up", {"shop/tax/cents.py": touch("cents", lines=41)})
    shop.git("rm", "-q", "shop/tax/cents.py")
    shop.commit("Leave half cents to the bank again")

    asked, taken_back = history_of(shop)[-2:]

    assert (asked.modules, asked.files) == (("tax",), ())
    assert taken_back.modules == ("tax",)


def test_the_same_thing_in_another_language_counts_for_its_file(tmp_path: Path) -> None:
    repository = GitRepository.create(tmp_path / "kotlin")
    java = "class %s {\n" + "    int a = 1;\n" * 60 + "}\n"
    repository.commit(
        "Open the shop for everyone in town",
        {f"{place}/{name}.java": java % name for place in ("tax", "cart") for name in ("A", "B", "C", "D")},
    )
    repository.commit("Round half cents of a cart up", {"tax/A.java": java % "A" + "// up\n"})
    repository.git("rm", "-q", "tax/A.java")
    repository.commit("Say it all in Kotlin from now on", {"tax/A.kt": "class A(val only: Int)\n" * 30})

    assert [row.modules for row in history_of(repository) if row.text.startswith("Round")] == [("tax",)]


def test_a_commit_that_only_moves_files_asks_for_nothing(shop: GitRepository) -> None:
    shop.git("mv", "shop/tax/vat.py", "shop/cart/vat.py")
    commit = shop.commit("Tax of a cart belongs to the cart")

    assert commit not in {row.id for row in history_of(shop)}


def test_a_merged_branch_is_told_by_its_title(shop: GitRepository) -> None:
    shop.git("switch", "-q", "-c", "side")
    shop.commit("Count the half cents first", {"shop/tax/vat.py": touch("vat", lines=42)})
    shop.commit("Then give them to the bank", {"shop/cart/items.py": touch("items", lines=42)})
    shop.git("switch", "-q", "main")
    names = ("-c", "user.name=Ada Lovelace", "-c", "user.email=ada@example.org")
    message = "Merge pull request #7 from x/side\n\nRound every cart up"
    shop.git(*names, "merge", "-q", "--no-ff", "-m", message, "side")
    shop.commits.append(shop.git("rev-parse", "HEAD").strip())

    rows = {row.text: set(row.modules) for row in history_of(shop)}

    assert rows["Round every cart up"] == {"cart", "tax"}
    assert rows["Count the half cents first"] == {"tax"}


def test_renames_are_followed_to_the_module_a_file_is_in_now(shop: GitRepository) -> None:
    old = shop.commit("Let vouchers lower the price", {"shop/cart/voucher.py": touch("voucher", lines=60)})
    shop.git("mv", "shop/cart/voucher.py", "shop/cart/coupon.py")
    shop.commit("Call vouchers coupons from now on")
    shop.git("mv", "shop/cart/coupon.py", "shop/mail/coupon.py")
    shop.commit("Coupons are a matter of mail")

    row = next(row for row in history_of(shop) if row.id == old)

    assert (row.modules, row.files) == (("mail",), ("shop/mail/coupon.py",))


def test_history_is_oldest_first_and_ends_at_the_indexed_commit(shop: GitRepository) -> None:
    shop.commit("Send mail only once per day", {"shop/mail/sender.py": touch("sender", lines=42)})
    shop.commit("Show what a cart will cost", {"shop/cart/items.py": touch("items", lines=43)})

    rows = read_history(shop.folder, commit=shop.commits[1], catalog=catalog_of(shop))

    assert [row.id for row in rows] == [shop.commits[1]]


def test_the_limit_takes_the_newest_commits(shop: GitRepository) -> None:
    shop.commit("Send mail only once per day", {"shop/mail/sender.py": touch("sender", lines=42)})
    shop.commit("Show what a cart will cost", {"shop/cart/items.py": touch("items", lines=43)})

    assert [row.id for row in history_of(shop, limit=1)] == [shop.commits[2]]


def test_commits_that_teach_nothing_are_left_out(shop: GitRepository) -> None:
    everywhere = {f"shop/{package}/more.py": touch("more", lines=9) for package in ("tax", "cart", "mail")}
    shop.commit("Only tests are touched by this one", {"tests/test_vat.py": "x = 1\n"})
    shop.commit("Only documents are touched by this", {"docs/guide.md": "# More\n"})
    shop.commit("Revert the rounding of carts again", {"shop/tax/vat.py": touch("vat", lines=44)})
    shop.commit(
        "Update everything we depend upon",
        {"shop/tax/vat.py": touch("vat", lines=45)},
        author="renovate[bot]",
    )
    shop.commit("Too short", {"shop/tax/vat.py": touch("vat", lines=46)})
    shop.commit("Move all files of one module around", {f"shop/tax/n{n}.py": touch("n", lines=n) for n in range(61)})
    shop.commit("Touch too many modules in one go", {**everywhere, "tool/a.py": touch("a", lines=300)})

    assert history_of(shop) == ()


def test_the_same_words_for_the_same_modules_count_once(shop: GitRepository) -> None:
    for lines in (41, 42, 43):
        shop.commit("Improve the tax of a cart", {"shop/tax/vat.py": touch("vat", lines=lines)})

    assert [row.text for row in history_of(shop)] == ["Improve the tax of a cart"]


def test_a_folder_without_git_has_no_history(tmp_path: Path, shop: GitRepository) -> None:
    assert read_history(tmp_path, commit="HEAD", catalog=catalog_of(shop)) == ()


def test_an_unknown_commit_is_refused(shop: GitRepository) -> None:
    with pytest.raises(RepositoryError, match="there is no commit"):
        read_history(shop.folder, commit="0" * 40, catalog=catalog_of(shop))


def test_a_shallow_clone_gives_what_it_has_and_says_so(
    shop: GitRepository, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shop.commit("Send mail only once per day", {"shop/mail/sender.py": touch("sender", lines=42)})
    shop.commit("Show what a cart will cost", {"shop/cart/items.py": touch("items", lines=43)})
    clone = GitRepository(tmp_path / "clone", shop.commits)
    subprocess.run(["git", "clone", "-q", "--depth=2", f"file://{shop.folder}", str(clone.folder)], check=True)

    with caplog.at_level(logging.WARNING, logger="signpost.graph"):
        rows = history_of(clone)

    assert [row.id for row in rows] == [shop.commits[2]]
    assert "shallow clone: only 2 commits" in caplog.text


def test_file_names_with_spaces_and_other_scripts_are_labelled(shop: GitRepository) -> None:
    name = "shop/tax/große abgabe 税.py"
    commit = shop.commit("A tax with a difficult name", {name: touch("difficult", lines=40)})

    row = next(row for row in history_of(shop) if row.id == commit)

    assert row.files == (name,)


def test_progress_reaches_the_number_of_commits(shop: GitRepository) -> None:
    told: list[tuple[int, int]] = []
    read_history(
        shop.folder,
        commit="HEAD",
        catalog=catalog_of(shop),
        progress=lambda done, total, label: told.append((done, total)),
    )

    assert told == [(1, 1)]


def test_a_branch_counts_from_when_it_was_merged(shop: GitRepository) -> None:
    start = shop.commits[0]
    main = shop.git("branch", "--show-current").strip()
    shop.git("checkout", "-q", "-b", "old", start)
    begun_long_ago = shop.commit("Send mail only once per day", {"shop/mail/sender.py": touch("sender", lines=42)})
    shop.git("checkout", "-q", main)
    one = shop.commit("Round the tax of each line", {"shop/tax/vat.py": touch("vat", lines=43)})
    two = shop.commit("Show the tax of a cart", {"shop/tax/vat.py": touch("vat", lines=44)})
    shop.git("-c", "user.name=Bo", "-c", "user.email=bo@example.org", "merge", "-q", "--no-ff", "-m", "Merge", "old")
    asked = {begun_long_ago, one, two}

    def before(count: int) -> str:
        return commit_before_newest(shop.folder, asked, count=count, until="HEAD")

    assert [before(1), before(2), before(3)] == [two, one, start]
    with pytest.raises(RepositoryError, match="its history is short"):
        before(4)


def test_a_folder_without_git_has_nothing_before(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="no git history"):
        commit_before_newest(tmp_path, (), count=1, until="HEAD")


def test_cards_learn_recent_requirements(shop: GitRepository) -> None:
    for number, author in enumerate(["Cy Young", "Bo Diddley", "Bo Diddley"], start=41):
        shop.commit(
            f"Improve the tax of a cart for case {author} {number}",
            {"shop/tax/vat.py": touch("vat", lines=number)},
            author=author,
        )

    card = with_recent(catalog_of(shop), history_of(shop)).card("tax")

    assert card.recent[0] == "Improve the tax of a cart for case Bo Diddley 43"


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("Fixed #123 -- Made carts work with two owners", "Made carts work with two owners"),
        ("[FIX] JIRA-12: Send no mail to the dead (#44)", "Send no mail to the dead"),
        ("Require word boundaries in filters (CVE-2023-39317)", "Require word boundaries in filters"),
        ("Support UTF-8 in file names (TAX-7)", "Support UTF-8 in file names"),
        ("Fix CVE-2024-1 in the header parser", "Fix in the header parser"),
        ("Fixes #123 when two carts are merged", "Fixes when two carts are merged"),
        ("Fix #12: Add tolls to roads", "Add tolls to roads"),
        ("Route type-0 transfers through the network", "Route type-0 transfers through the network"),
        ("gcc-12: Silence three false warnings", "gcc-12: Silence three false warnings"),
        ("Merge pull request #7 from x/y\n\nAllow carts without an owner", "Allow carts without an owner"),
        ("Use the API in Page.copy() again; closes #12, #13", "Use the API in Page.copy() again"),
        (
            "Allow empty carts everywhere\n\nThey were refused.\nFixes: #3\nCo-authored-by: B <b@c>",
            "Allow empty carts everywhere\nThey were refused.",
        ),
        ("修复地图上路线规划的错误", "修复地图上路线规划的错误"),
        ("Version 2 of the API must accept lists", "Version 2 of the API must accept lists"),
        ("Update version check of the plugin loader", "Update version check of the plugin loader"),
        ("Make carts round up as per #12", "Make carts round up"),
        ("lint: warn of carts without owner", "lint: warn of carts without owner"),
        (
            "Round every cart up\n\nRound every cart up\nUpdated tests\nHalf cents stay half cents\nfix lint",
            "Round every cart up\nHalf cents stay half cents",
        ),
    ],
)
def test_messages_are_cleaned_to_what_a_person_would_ask(message: str, text: str) -> None:
    assert requirement_of(message) == text


@pytest.mark.parametrize(
    "message",
    [
        *(
            "",
            "wip",
            "Merge branch 'main' into side",
            'Revert "Send mail only once"',
            "Release 2.4.1",
            "v1.2.3",
        ),
        *(
            "Bump lodash from 4.17.20 to 4.17.21",
            "chore(deps): update all of the things now",
            "[ci] run on new machines today",
        ),
        *("Update version to 3.0.0", "docs: say how to install the shop", "Fix typos in several places here"),
        *(
            "Run black over everything we have",
            "Update CHANGELOG for the next one",
            "Fix failing unit tests",
            "Update translations from the crowd",
        ),
    ],
)
def test_messages_that_ask_for_nothing_are_dropped(message: str) -> None:
    assert requirement_of(message) is None


def test_programs_are_told_from_people() -> None:
    assert is_bot("dependabot[bot]", "x@y")
    assert is_bot("Weblate", "hosted@weblate.org")
    assert not is_bot("Bob Abbot", "bob@abbot.org")


def test_the_same_words_for_module_after_module_are_empty_words(shop: GitRepository) -> None:
    for package, name in (("tax", "vat"), ("cart", "items"), ("mail", "sender")):
        shop.commit("Make it work once more", {f"shop/{package}/{name}.py": touch(name, lines=47)})

    assert history_of(shop) == ()


def test_merging_things_in_the_code_is_not_a_merge() -> None:
    assert requirement_of("Merge neighbouring edges with equal speed") == "Merge neighbouring edges with equal speed"
    assert requirement_of("merging from the other branch again") is None
