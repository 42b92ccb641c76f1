"""
The text of one import statement → the names it imports, one small reader per family of languages.

A reader gives names as the language writes them; finding the file behind a name is `graph.resolve`'s work.
"""

from __future__ import annotations

import re


def literal(text: str) -> tuple[str, ...]:
    """
    Read an import that is just a path or a module name, perhaps quoted.

    >>> literal('"../money/tax.h"')
    ('../money/tax.h',)
    """
    name = text.strip().strip("\"'`<>").strip()
    return (name,) if name else ()


def include(text: str) -> tuple[str, ...]:
    """
    Read an include; one in angle brackets keeps them, for it usually means something outside.

    >>> include('"tax.h"'), include("<vector>")
    (('tax.h',), ('<vector>',))
    """
    name = text.strip().strip('"').strip()
    return (name,) if name.strip("<> ") else ()


def python(text: str) -> tuple[str, ...]:
    """
    Read an import statement; names of a from-import are joined to their module, dots in front are kept.

    >>> python("from ..tax import vat, rates as r"), python("import a.b as c, d"), python("from . import *")
    (('..tax.vat', '..tax.rates'), ('a.b', 'd'), ('.',))
    """
    flat = re.sub(r"\s+", " ", re.sub(r"#[^\n]*|[()\\]", " ", text)).strip()
    if match := re.match(r"from (\.*) ?([\w.]*) import (.+)", flat):
        module = match[1] + match[2]
        names = [part.strip().split(" ")[0] for part in match[3].split(",")]
        glue = "" if module.endswith(".") else "."
        return tuple(module if name == "*" else f"{module}{glue}{name}" for name in names if name)
    match = re.match(r"import (.+)", flat)
    return tuple(part.strip().split(" ")[0] for part in match[1].split(",") if part.strip()) if match else ()


def jvm(text: str) -> tuple[str, ...]:
    """
    Read an import of Java or Kotlin.

    >>> jvm("import static com.shop.Tax.*;"), jvm("import com.shop.Tax as T")
    (('com.shop.Tax.*',), ('com.shop.Tax',))
    """
    match = re.match(r"\s*import\s+(?:static\s+)?([\w.`*]+)", text)
    return (match[1].replace("`", "").rstrip("."),) if match else ()


def scala(text: str) -> tuple[str, ...]:
    """
    Read an import of Scala with its braces opened.

    >>> scala("import shop.tax.{Vat, Rate => R}, shop.money._")
    ('shop.tax.Vat', 'shop.tax.Rate', 'shop.money.*')
    """
    found: list[str] = []
    body = re.sub(r"\s+", " ", text.strip()).removeprefix("import ")
    for part in re.findall(r"[^,{]+(?:\{[^}]*\})?", body):
        head, _, braces = part.strip().partition("{")
        names = (
            [re.split(r" ?=> ?| as ", name.strip())[0] for name in braces.rstrip("} ").split(",")] if braces else [""]
        )
        found += [re.sub(r"\.(_|\*|given)$", ".*", (head.strip() + name).rstrip(".")) for name in names]
    return tuple(name for name in found if name)


def rust(text: str) -> tuple[str, ...]:
    """
    Read a use path with its braces opened, or a ``mod name;``.

    >>> rust("crate::tax::{vat, rates::{self, Rate}}"), rust("pub mod money;")
    (('crate::tax::vat', 'crate::tax::rates', 'crate::tax::rates::Rate'), ('mod money',))
    """
    flat = re.sub(r"\s+", " ", text.strip())
    if match := re.search(r"\bmod (\w+) ?;", flat):
        return (f"mod {match[1]}",)
    return tuple(_opened(re.sub(r" as \w+", "", flat).replace(" ", "")))


def csharp(text: str) -> tuple[str, ...]:
    """
    Read a using directive.

    >>> csharp("using static Shop.Tax;"), csharp("using T = Shop.Tax;")
    (('Shop.Tax',), ('Shop.Tax',))
    """
    match = re.match(r"\s*(?:global )?using (?:static )?(?:\w+ ?= ?)?([\w.]+)", text)
    return (match[1],) if match else ()


def ruby(text: str) -> tuple[str, ...]:
    """
    Read a require; a relative one is marked by its leading ``./``.

    >>> ruby("require_relative '../tax'"), ruby('require "shop/tax"')
    (('./../tax',), ('shop/tax',))
    """
    match = re.match(r"\s*(require_relative|require)\b[ (]*[\"']([^\"']+)[\"']", text)
    if not match:
        return ()
    return (f"./{match[2]}" if match[1] == "require_relative" else match[2],)


def php(text: str) -> tuple[str, ...]:
    """
    Read a use declaration with its braces opened, or the path of an include, marked by a leading ``./``.

    >>> php(r"use \\Shop\\{Tax, Money\\Rate as R};"), php("require_once __DIR__ . '/lib/tax.php'")
    (('Shop.Tax', 'Shop.Money.Rate'), ('./lib/tax.php',))
    """
    if not (match := re.match(r"\s*use\s+(?:(?:function|const)\s+)?([^;]+)", text)):
        path = re.search(r"[\"']/?([\w./-]+\.(?:php|inc))[\"']\s*\)?$", text)
        return (f"./{path[1]}",) if path else ()
    head, brace, rest = match[1].partition("{")
    names = rest.rpartition("}")[0] if brace else head
    found = [re.sub(r"\s+as\s+\w+\s*$|^\s*(?:function|const)\s+", "", part) for part in names.split(",")]
    whole = ((head if brace else "") + name.strip() for name in found if name.strip())
    return tuple(re.sub(r"\s+", "", name).strip("\\").replace("\\", ".") for name in whole)


def _opened(path: str) -> list[str]:
    """
    Open the braces of a use path.
    """
    head, brace, rest = path.partition("{")
    if not brace:
        return [head.removesuffix("::self").removesuffix("::*")] if head else []
    found: list[str] = []
    depth, start = 0, 0
    inner = rest[: rest.rfind("}")]
    for place, sign in enumerate(inner + ","):
        depth += (sign == "{") - (sign == "}")
        if sign == "," and depth == 0:
            part = inner[start:place]
            start = place + 1
            if part:
                found += _opened(head + part) if part != "self" else [head.removesuffix("::")]
    return found
