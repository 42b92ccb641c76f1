"""
Which file an import means, in each family of languages.
"""

from __future__ import annotations

import pytest

from graph.languages.parser import parse_file
from graph.resolve import ImportResolver

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
    ],
)
def test_imports_are_resolved_to_files(sources: dict[str, str], path: str, targets: tuple[str, ...]) -> None:
    assert resolved(sources, path) == targets


def test_go_packages_are_found_through_the_module_file() -> None:
    assert resolved(GO, "cmd/main.go", go_modules={"": "example.org/shop"}) == ("tax/vat.go",)
    assert resolved(GO, "cmd/main.go") == ()


def test_a_folder_that_is_a_package_is_known_by_its_name() -> None:
    sources = {"__init__.py": "import shop.tax\n", "tax.py": "from shop import cart\nimport shop as s\n", "cart.py": ""}

    assert resolved(sources, "tax.py", package="shop") == ("__init__.py", "cart.py")
