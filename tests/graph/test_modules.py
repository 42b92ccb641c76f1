"""
The module rule, on shapes of repositories that it must divide well.
"""

from __future__ import annotations

import random

import pytest

from graph.languages.registry import language_of
from graph.modules import ModuleFiles, SizedFile, assign_modules, wanted_modules
from graph.selection import reason_apart


def modules_of(sizes: dict[str, int], package: str = "") -> dict[str, tuple[str, ...]]:
    files = [SizedFile(path, size, language_of(path) or "") for path, size in sizes.items()]
    return {module.id: module.files for module in assign_modules(files, package=package)}


def folders(names: str, *, prefix: str = "", suffix: str = ".py", size: int = 6000, files: int = 4) -> dict[str, int]:
    return {f"{prefix}{folder}/f{number}{suffix}": size for folder in names.split() for number in range(files)}


def test_source_folders_and_company_prefixes_are_not_in_ids() -> None:
    java = {**folders("routing routing/weighting storage", prefix="core/src/main/java/com/shop/", suffix=".java")}
    java |= folders("http http/resources client", prefix="web/src/main/java/com/shop/", suffix=".java")

    assert sorted(modules_of(java)) == [
        "core/routing",
        "core/routing/weighting",
        "core/storage",
        "web/client",
        "web/http",
        "web/http/resources",
    ]


def test_one_folder_that_holds_everything_is_not_in_ids() -> None:
    assert sorted(modules_of({**folders("tax cart mail", prefix="src/shop/"), "setup.py": 200})) == [
        "cart",
        "mail",
        "shop",
        "tax",
    ]


def test_two_halves_of_a_repository_keep_their_names() -> None:
    files = {
        **folders("tax cart", prefix="server/"),
        **folders("views state", prefix="client/src/", suffix=".ts"),
    }

    assert sorted(modules_of(files)) == ["client/state", "client/views", "server/cart", "server/tax"]


def test_sources_in_two_languages_of_one_package_are_one_module() -> None:
    files = folders("tax cart", prefix="app/src/main/java/com/shop/", suffix=".java", files=2)
    files |= folders("tax cart", prefix="app/src/main/kotlin/com/shop/", suffix=".kt", files=2)

    assert {id: len(paths) for id, paths in modules_of(files).items()} == {"app/cart": 4, "app/tax": 4} or {
        id: len(paths) for id, paths in modules_of(files).items()
    } == {"cart": 4, "tax": 4}


def test_tiny_folders_join_their_parents() -> None:
    files = {**folders("tax cart mail news"), "tax/extra/one.py": 300, "cart/extra/deep/two.py": 200}

    divided = modules_of(files)

    assert sorted(divided) == ["cart", "mail", "news", "tax"]
    assert "tax/extra/one.py" in divided["tax"]
    assert "cart/extra/deep/two.py" in divided["cart"]


def test_large_files_of_a_giant_folder_stand_alone() -> None:
    files = folders(" ".join(f"p{number}" for number in range(12)))
    files |= {f"classes/{name}.py": 55_000 for name in ("graph", "digraph", "views")} | {
        "classes/__init__.py": 500,
        "classes/small.py": 900,
    }

    divided = modules_of(files)

    assert divided["classes/graph"] == ("classes/graph.py",)
    assert divided["classes"] == ("classes/__init__.py", "classes/small.py")


def test_header_and_source_of_one_name_stay_together() -> None:
    files = folders(" ".join(f"p{number}" for number in range(12)), suffix=".cc")
    files |= {f"engine/{name}{suffix}": 30_000 for name in ("graph", "solver", "cache") for suffix in (".h", ".cc")}

    assert modules_of(files)["engine/graph"] == ("engine/graph.cc", "engine/graph.h")


def test_files_at_the_top_of_a_package_are_named_by_it() -> None:
    files = {**folders("tax cart mail"), "__init__.py": 3000, "convert.py": 9000, "errors.py": 9000}

    assert "shop" in modules_of(files, package="shop")
    assert "(root)" in modules_of(files)


def test_every_file_is_in_exactly_one_module_whatever_the_order() -> None:
    shuffle = random.Random(7)
    for round_ in range(25):
        paths = {
            "/".join(shuffle.choice("abcdef") for _ in range(shuffle.randint(0, 4))).strip("/")
            + f"/f{number}.py": shuffle.randint(0, 90_000)
            for number in range(shuffle.randint(1, 300))
        }
        files = [SizedFile(path.lstrip("/"), size, "python") for path, size in paths.items()]
        divided = assign_modules(files)
        shuffle.shuffle(files)

        assert sorted(path for module in divided for path in module.files) == sorted(file.path for file in files)
        assert len({module.id for module in divided}) == len(divided), round_
        assert assign_modules(files) == divided


@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_few_files_still_make_modules(count: int) -> None:
    divided = modules_of({f"f{number}.py": 1000 for number in range(count)})

    assert sum(len(paths) for paths in divided.values()) == count


@pytest.mark.parametrize("count", [200, 600, 1500, 5000])
def test_a_usual_repository_gets_a_useful_number_of_modules(count: int) -> None:
    shuffle = random.Random(count)
    sizes: dict[str, int] = {}
    while len(sizes) < count:
        top, middle, leaf = shuffle.randint(0, 8), shuffle.randint(0, 12), shuffle.randint(0, 5)
        folder = f"p{top}" + (f"/m{middle}" if middle else "") + (f"/l{leaf}" if leaf > 3 else "")
        sizes[f"src/{folder}/f{len(sizes)}.py"] = int(shuffle.lognormvariate(8.3, 1.0))
    divided = modules_of(sizes)
    largest = max(sum(sizes[path] for path in paths) for paths in divided.values())

    assert 30 <= len(divided) <= 250
    assert 0.5 * wanted_modules(count) <= len(divided) <= 1.7 * wanted_modules(count)
    assert largest <= 0.12 * sum(sizes.values())


@pytest.mark.parametrize("prefix", ["plugins/", "packages/gatsby-plugin-", ""])
def test_hundreds_of_tiny_sibling_folders_make_a_useful_number_of_modules(prefix: str) -> None:
    shuffle = random.Random(3)
    names = sorted({"".join(shuffle.choice("abcdefghij") for _ in range(8)) for _ in range(450)})
    sizes = {f"{prefix}{name}/{file}.js": 1500 for name in names for file in ("index", "util")}
    divided = modules_of(sizes)

    assert 0.4 * wanted_modules(len(sizes)) <= len(divided) <= 1.7 * wanted_modules(len(sizes))
    assert max(len(paths) for paths in divided.values()) <= 0.12 * len(sizes)
    assert all(len({path.rsplit("/", 1)[0] for path in paths}) * 2 == len(paths) for paths in divided.values())


def test_ten_thousand_files_in_one_folder_are_divided_by_name() -> None:
    shuffle = random.Random(4)
    names = {"".join(shuffle.choice("abcdefghij") for _ in range(8)) for _ in range(10_000)}
    divided = modules_of({f"all/{name}.c": 2000 for name in names})

    assert 100 <= len(divided) <= 500
    assert max(map(len, divided.values())) <= 0.02 * len(names)


def test_one_more_sibling_changes_only_the_module_it_joins() -> None:
    sizes = {f"plugins/{a}{b}{c}/f{n}.js": 1500 for a in "abcdefgh" for b in "klmno" for c in "xyz" for n in (1, 2)}
    before = set(modules_of(sizes).values())
    after = set(modules_of({**sizes, "plugins/ckw/f1.js": 1500}).values())

    assert len(before - after) <= 1


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("core/src/test/java/com/shop/Tax.java", "test"),
        ("shop/tests/helper.py", "test"),
        ("web/src/Cart.test.tsx", "test"),
        ("tax/vat_test.go", "test"),
        ("spec/tax_spec.rb", "test"),
        ("ShopKit/ShopKitTests/Helpers/Cart.swift", "test"),
        ("src/IntegrationTests/Cart.cs", "test"),
        ("gems/shop/spec/support/cart.rb", "test"),
        ("docs/conf.py", "documentation"),
        ("examples/first.py", "example"),
        ("shop/locale/de/formats.py", "translation"),
        ("third_party/json/json.cc", "vendored"),
        ("web/node_modules/left/pad.js", "vendored"),
        ("web/app.min.js", "generated"),
        ("api/v1/shop.pb.go", "generated"),
        ("shop/migrations/0001_initial.py", "generated"),
        (".github/scripts/run.py", "hidden"),
        ("logo.png", "not source text"),
        ("shop/contest.py", None),
        ("shop/testing/tools.py", None),
        ("shop/documents/views.py", None),
        ("src/build/plan.ts", None),
        ("shop/latest.py", None),
        ("shop/contests/cart.py", None),
        ("web/src/openapi/spec/reader.ts", None),
    ],
)
def test_files_that_are_not_the_repositorys_own_source_are_kept_apart(path: str, reason: str | None) -> None:
    assert reason_apart(path) == reason


def test_a_module_stands_for_its_folder_or_its_only_file() -> None:
    modules = assign_modules([SizedFile(path, size, "python") for path, size in folders("tax cart").items()])

    assert modules[0] == ModuleFiles("cart", "cart", tuple(f"cart/f{number}.py" for number in range(4)))
