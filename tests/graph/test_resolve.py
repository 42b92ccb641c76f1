"""
Which file an import means, in each family of languages.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from graph.languages.parser import parse_file
from graph.manifests import Manifests, read_manifests
from graph.resolve import ImportResolver
from graph.snapshot import open_snapshot

PYTHON = {
    "src/shop/__init__.py": "",
    "src/shop/tax/__init__.py": "from .vat import vat\n",
    "src/shop/tax/vat.py": "def vat(): pass\n",
    "src/shop/cart.py": "import os, shop.tax.vat\nfrom . import tax\n"
    "from .tax import rates\nfrom shop.tax.vat import vat\n",
    "tools/run.py": "import helper\nimport logging\nfrom shop import cart\n",
    "tools/helper.py": "",
    "src/shop/logging.py": "",
}
JAVA = {
    "a/src/main/java/com/shop/Tax.java": "package com.shop;\nimport com.shop.money.*;\nimport java.util.List;\n"
    "import static com.shop.rates.Rates.LOW;\nclass Tax { Amount of() { return null; } }\n",
    "a/src/main/java/com/shop/money/Amount.java": "package com.shop.money;\npublic class Amount {}\n",
    "a/src/main/java/com/shop/money/Unused.java": "package com.shop.money;\npublic class Unused {}\n",
    "b/src/main/kotlin/com/shop/rates/Rates.kt": "package com.shop.rates\nimport com.shop.Tax\nobject Rates {}\n",
}
CPP = {
    "src/tax/vat.cc": '#include "vat.h"\n#include "shop/money.h"\n#include <vector>\n#include "../util.h"\n',
    "src/tax/vat.h": "",
    "include/shop/money.h": "",
    "other/shop/money.h": "",
    "src/util.h": "",
}
WEB = {
    "web/src/app.tsx": "import './cart.js';\nimport x from '@/tax';\n"
    "import React from 'react';\nexport * from './views';\n",
    "web/src/cart.ts": "const t = require('./tax/index');\n",
    "web/src/tax/index.ts": "",
    "web/src/views/index.tsx": "",
}
GO = {
    "cmd/main.go": 'package main\nimport (\n"fmt"\n"example.org/shop/tax"\n)\n'
    "func main() { tax.Vat(); fmt.Println() }\n",
    "tax/vat.go": "package tax\nfunc Vat() {}\n",
    "tax/other.go": "package tax\nfunc Other() {}\n",
}
RUST = {
    "core/src/lib.rs": "mod tax;\npub mod money;\nuse crate::tax::vat::Vat;\n",
    "core/src/tax/mod.rs": "pub mod vat;\nuse super::money::Amount;\n",
    "core/src/tax/vat.rs": "use super::super::money::{self, Amount};\nuse std::fmt;\n",
    "core/src/money.rs": "",
    "cli/src/main.rs": "use core::tax::vat;\n",
}
RUBY = {
    "lib/shop/tax.rb": 'require "shop/money"\nrequire_relative "rates"\nrequire "json"\n',
    "lib/shop/money.rb": "",
    "lib/shop/rates.rb": "",
}
CSHARP = {
    "Shop/Tax.cs": "using Shop.Money;\nusing System;\n"
    "namespace Shop { class Tax { Amount Of() { return new Amount(); } } }\n",
    "Shop/Money/Amount.cs": "namespace Shop.Money { public class Amount {} }\n",
    "Shop/Money/Unused.cs": "namespace Shop.Money { public class Unused {} }\n",
}


SWIFT = {
    "Sources/Shop/Tax.swift": "import Foundation\nstruct Tax { let rate: Rate }\n",
    "Sources/Shop/Rate.swift": "struct Rate {}\n",
    "Sources/Shop/Other.swift": "struct Other {}\n",
}
AUTOLOADED = {
    "app/models/tax_rate.rb": "class TaxRate\nend\n",
    "app/models/cart.rb": "class Cart\n  def total\n    TaxRate.new\n  end\nend\n",
}
EXTENSIONS = {
    "Shop/Tax.cs": "using Shop.Texts;\nnamespace Shop { class Tax { string Of(string s) { return s.Shout(); } } }\n",
    "Shop/Texts/Loud.cs": "namespace Shop.Texts;\npublic static class Loud\n"
    "{ public static string Shout(this string s) => s; }\n",
}
NAMESPACE = {
    "lib/shop.rb": "module Shop\n  def self.open; end\nend\n",
    "lib/shop/tax.rb": "module Shop\n  class Tax\n    def of(cart) = Shop::Rate.find(cart)\n  end\nend\n",
    "lib/shop/rate.rb": "module Shop\n  class Rate\n  end\nend\n",
}
ONE_PACKAGE = {
    "a/Tax.kt": "package shop\nclass Tax { val rate = Rate() }\n",
    "a/Rate.kt": "package shop\nclass Rate\n",
    "b/Rate.kt": "package shop\nclass Rate\n",
}
KOTLIN = {
    "a/Use.kt": "package shop\nimport shop.texts.shout\n",
    "b/Loud.kt": "package shop.texts\nobject Loud {\n    context(_: Shop)\n    fun set() {}\n}\n"
    "fun String.shout(): String = this\n",
}
HEADERS = {
    "Core/Tax.h": '#import "Rate.h"\n@interface Tax : Rule <Taxing>\n@end\n',
    "Core/Rate.h": "@protocol Taxing\n@end\n",
}
FRAMEWORK = {
    "ShopKit/ShopKit/Core/Tax.m": "#import <ShopKit/Rate.h>\n#import <Foundation/Foundation.h>\n",
    "ShopKit/ShopKit/include/Rate.h": "@protocol Taxing\n@end\n",
    "OtherKit/include/Rate.h": "@protocol Taxing\n@end\n",
}
STANDARD = {"src/a.c": "#include <errno.h>\n#include <uv.h>\n", "include/uv/errno.h": "", "include/uv.h": ""}
INLINE = {
    "core/src/lib.rs": "pub mod tax;\n",
    "core/src/tax/mod.rs": "mod vat;\nmod rates;\npub use vat::deep::Vat;\nuse rates::Rate;\nuse log::info;\n",
    "core/src/tax/vat.rs": "mod tests {\n use super::*;\n mod more { use super::super::super::rates::Rate; }\n}\n",
    "core/src/tax/vat/deep.rs": "",
    "core/src/tax/rates.rs": "#[cfg(test)]\nmod tests {\n    use super::Rate;\n}\n",
    "log/src/lib.rs": "",
}
RELATIVE = {
    "Tax.scala": "package shop.core\nimport money.Amount\nimport rates._\nimport java.util.List\nclass Tax(low: Low)\n",
    "Amount.scala": "package shop.money\nclass Amount\n",
    "Low.scala": "package shop.core.rates\nclass Low\n",
    "Other.scala": "package other.money\nclass Amount\n",
}
FACADE = {
    "a/Use.java": "package com.shop;\nimport com.shop.texts.LoudKt;\nclass Use {}\n",
    "b/loud.kt": "package com.shop.texts\nfun loud(text: String) = text\n",
}
NAMESPACES = {
    "Shop/Money/Amount.cs": "namespace Shop.Money.Rounding;\nclass Amount { TaxRule rule; Other.Cart cart; }\n",
    "Shop/TaxRule.cs": "namespace Shop;\nclass TaxRule {}\n",
    "Other/TaxRule.cs": "namespace Other;\nclass TaxRule {}\n",
}
GROUPED = {
    "src/Cart.php": "<?php\nnamespace Shop;\nuse Shop\\Money\\{Amount, Rates\\Low as L};\n"
    "use function Shop\\Texts\\loud;\nrequire_once __DIR__ . '/../lib/helper.php';\n"
    "require __DIR__ . '/../vendor/autoload.php';\n",
    "src/Money/Amount.php": "<?php\nnamespace Shop\\Money;\nclass Amount {}\n",
    "src/Money/Low.php": "<?php\nnamespace Shop\\Money\\Rates;\nclass Low {}\n",
    "src/texts.php": "<?php\nnamespace Shop\\Texts;\nfunction loud() {}\n",
    "lib/helper.php": "<?php\n",
}
GO_PACKAGE = {
    "shop/tax.go": "package shop\nfunc Tax(c Cart) int { round(1); c.total(); return 0 }\n",
    "shop/cart.go": "package shop\ntype Cart struct{}\nfunc (c Cart) total() int { return 0 }\n",
    "shop/round.go": "package shop\nfunc round(x int) int { return x }\n",
    "shop/total.go": "package shop\nfunc total() int { return 0 }\n",
    "shop/tool.go": "package main\ntype Cart struct{}\n",
    "money/round.go": "package money\nfunc round(x int) int { return x }\n",
}
WORKSPACE = {
    "packages/app/src/main.ts": "import { vat } from '@shop/tax'\nimport x from '@shop/tax/rates'\n"
    "import y from '#money'\nimport z from 'views/cart'\nimport css from './page.css?inline'\n",
    "packages/tax/src/index.ts": "",
    "packages/tax/src/rates.ts": "",
    "packages/app/money/index.ts": "",
    "packages/app/src/views/cart.tsx": "",
    "packages/app/src/page.css": "",
}
WORKSPACE_FILES = {
    "packages/tax/package.json": '{"name": "@shop/tax", "main": "./dist/index.js"}',
    "packages/app/package.json": '{"name": "@shop/app", "imports": {"#money": "./money/index.ts"}}',
    "packages/app/tsconfig.json": '{"compilerOptions": {"baseUrl": "src", /* here */ "strict": true,}}',
}
CARGO = {"crates/tax-core/src/lib.rs": "pub struct Vat;\n", "cli/src/main.rs": "use shop_tax::Vat;\n"}


def resolved(sources: dict[str, str], path: str, **options: object) -> tuple[str, ...]:
    files = {name: parse_file(name, text.encode(), blob="b") for name, text in sources.items()}
    return ImportResolver(list(files.values()), **options).resolve(files[path])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sources", "path", "targets"),
    [
        (PYTHON, "src/shop/cart.py", ("src/shop/tax/__init__.py", "src/shop/tax/vat.py")),
        (PYTHON, "src/shop/tax/__init__.py", ("src/shop/tax/vat.py",)),
        (PYTHON, "tools/run.py", ("src/shop/cart.py", "tools/helper.py")),
        (
            JAVA,
            "a/src/main/java/com/shop/Tax.java",
            ("a/src/main/java/com/shop/money/Amount.java", "b/src/main/kotlin/com/shop/rates/Rates.kt"),
        ),
        (JAVA, "b/src/main/kotlin/com/shop/rates/Rates.kt", ("a/src/main/java/com/shop/Tax.java",)),
        (CPP, "src/tax/vat.cc", ("include/shop/money.h", "src/tax/vat.h", "src/util.h")),
        (WEB, "web/src/app.tsx", ("web/src/cart.ts", "web/src/tax/index.ts", "web/src/views/index.tsx")),
        (WEB, "web/src/cart.ts", ("web/src/tax/index.ts",)),
        (RUST, "core/src/lib.rs", ("core/src/money.rs", "core/src/tax/mod.rs", "core/src/tax/vat.rs")),
        (RUST, "core/src/tax/mod.rs", ("core/src/money.rs", "core/src/tax/vat.rs")),
        (RUST, "core/src/tax/vat.rs", ("core/src/money.rs",)),
        (RUST, "cli/src/main.rs", ("core/src/tax/vat.rs",)),
        (RUBY, "lib/shop/tax.rb", ("lib/shop/money.rb", "lib/shop/rates.rb")),
        (CSHARP, "Shop/Tax.cs", ("Shop/Money/Amount.cs",)),
        (EXTENSIONS, "Shop/Tax.cs", ("Shop/Texts/Loud.cs",)),
        (SWIFT, "Sources/Shop/Tax.swift", ("Sources/Shop/Rate.swift",)),
        (AUTOLOADED, "app/models/cart.rb", ("app/models/tax_rate.rb",)),
        (GO_PACKAGE, "shop/tax.go", ("shop/cart.go", "shop/round.go")),
        (NAMESPACE, "lib/shop/tax.rb", ("lib/shop/rate.rb",)),
        (ONE_PACKAGE, "a/Tax.kt", ("a/Rate.kt",)),
        (KOTLIN, "a/Use.kt", ("b/Loud.kt",)),
        (HEADERS, "Core/Tax.h", ("Core/Rate.h",)),
        (FRAMEWORK, "ShopKit/ShopKit/Core/Tax.m", ("ShopKit/ShopKit/include/Rate.h",)),
        (STANDARD, "src/a.c", ("include/uv.h",)),
        (
            INLINE,
            "core/src/tax/mod.rs",
            ("core/src/tax/rates.rs", "core/src/tax/vat.rs", "core/src/tax/vat/deep.rs", "log/src/lib.rs"),
        ),
        (INLINE, "core/src/tax/vat.rs", ("core/src/tax/rates.rs",)),
        (INLINE, "core/src/tax/rates.rs", ()),
        (RELATIVE, "Tax.scala", ("Amount.scala", "Low.scala")),
        (FACADE, "a/Use.java", ("b/loud.kt",)),
        (NAMESPACES, "Shop/Money/Amount.cs", ("Shop/TaxRule.cs",)),
        (
            GROUPED,
            "src/Cart.php",
            ("lib/helper.php", "src/Money/Amount.php", "src/Money/Low.php", "src/texts.php"),
        ),
    ],
)
def test_imports_are_resolved_to_files(sources: dict[str, str], path: str, targets: tuple[str, ...]) -> None:
    assert resolved(sources, path) == targets


def test_go_packages_are_found_through_the_module_file() -> None:
    assert resolved(GO, "cmd/main.go", manifests=Manifests(go_modules={"": "example.org/shop"})) == ("tax/vat.go",)
    assert resolved(GO, "cmd/main.go") == ()


def test_a_folder_that_is_a_package_is_known_by_its_name() -> None:
    sources = {"__init__.py": "import shop.tax\n", "tax.py": "from shop import cart\nimport shop as s\n", "cart.py": ""}

    assert resolved(sources, "tax.py", package="shop") == ("__init__.py", "cart.py")


def written(folder: Path, files: dict[str, str]) -> Manifests:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    with open_snapshot(folder) as snapshot:
        return read_manifests(snapshot)


def test_workspace_packages_and_aliases_are_found_through_their_manifests(tmp_path: Path) -> None:
    manifests = written(tmp_path, WORKSPACE | WORKSPACE_FILES)

    assert resolved(WORKSPACE, "packages/app/src/main.ts", manifests=manifests) == (
        "packages/app/money/index.ts",
        "packages/app/src/page.css",
        "packages/app/src/views/cart.tsx",
        "packages/tax/src/index.ts",
        "packages/tax/src/rates.ts",
    )


def test_a_crate_is_known_by_the_name_in_its_manifest(tmp_path: Path) -> None:
    toml = '[package]\nname = "shop-tax"\nversion = "1.0.0"\n'
    manifests = written(tmp_path, CARGO | {"crates/tax-core/Cargo.toml": toml})

    assert resolved(CARGO, "cli/src/main.rs", manifests=manifests) == ("crates/tax-core/src/lib.rs",)


def test_a_manifest_that_is_broken_costs_its_names_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = {
        "go.mod": "module example.org/shop\n",
        "web/package.json": "{",
        "Cargo.toml": "[[[",
        "a/package.json": "[]",
    }

    assert written(tmp_path, files).go_modules == {"": "example.org/shop"}
    assert len(caplog.records) == 3


@pytest.mark.parametrize(
    ("sources", "path", "others", "verdicts"),
    [
        (CPP, "src/tax/vat.cc", (), {"inside": 3, "outside": 1}),
        ({"a.c": '#include "gone.h"\n#include "kept.h"\n'}, "a.c", ("deps/kept.h",), {"missing": 1, "apart": 1}),
        (PYTHON, "src/shop/cart.py", (), {"inside": 4, "missing": 0, "outside": 1}),
        ({"shop/a.py": "from . import b, c\n", "shop/__init__.py": ""}, "shop/a.py", (), {"inside": 2}),
        ({"a.ts": "import './b'\nimport './logo.png'\n"}, "a.ts", ("logo.png",), {"missing": 1, "apart": 1}),
        ({"a.rs": "use crate::gone::Gone;\nuse std::fmt;\n"}, "a.rs", (), {"missing": 1, "outside": 1}),
        ({"a.rb": "require_relative 'gone'\nrequire 'json'\n"}, "a.rb", (), {"missing": 1, "outside": 1}),
        (
            {"shop/__init__.py": "", "shop/a.py": "from shop.testing.runner import Run\nfrom shop.gone import Gone\n"},
            "shop/a.py",
            ("shop/testing/runner.py",),
            {"apart": 1, "missing": 1},
        ),
        (
            {"src/a.c": '#include "stdio.h"\n#include "openssl/ssl.h"\n#include "src/made.h"\n'},
            "src/a.c",
            (),
            {"outside": 2, "missing": 1},
        ),
        (
            {"src/lib.rs": "mod tests {\n use super::*;\n mod more { use super::*; }\n}\n"},
            "src/lib.rs",
            (),
            {"inside": 1},
        ),
        (GROUPED, "src/Cart.php", (), {"inside": 4, "outside": 1}),
        (
            {"A.java": "package shop;\nimport shop.lent.Gone;\nimport shop.Gone.LOW;\nimport shop.BuildConfig.ID;\n"},
            "A.java",
            (),
            {"missing": 1, "outside": 2},
        ),
        (
            {"A.java": "package shop;\nimport shop.Gone;\nimport java.util.List;\n"},
            "A.java",
            (),
            {"missing": 1, "outside": 1},
        ),
    ],
)
def test_every_import_is_judged(
    sources: dict[str, str], path: str, others: tuple[str, ...], verdicts: dict[str, int]
) -> None:
    files = {name: parse_file(name, text.encode(), blob="b") for name, text in sources.items()}
    resolver = ImportResolver(list(files.values()), others=others)

    resolver.resolve(files[path])

    assert resolver.verdicts[files[path].language] == Counter(verdicts)
