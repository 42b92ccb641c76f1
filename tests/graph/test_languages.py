"""
What the parser finds in a file, language by language, and how it bears broken ones.
"""

from __future__ import annotations

import logging

import pytest

from graph.languages import registry
from graph.languages.parser import ParseTimeoutError, parse_file
from graph.languages.registry import LANGUAGES, Language, language_of, load_grammar
from tests.graph.samples import PYTHON, SAMPLES, Sample


@pytest.fixture(params=SAMPLES, ids=lambda sample: language_of(sample.path))
def sample(request: pytest.FixtureRequest) -> Sample:
    chosen: Sample = request.param
    return chosen


def test_symbols_are_found_with_kind_and_documentation(sample: Sample) -> None:
    parsed = parse_file(sample.path, sample.source.encode(), blob="b")

    assert [(s.kind, s.qualified, s.doc) for s in parsed.symbols] == list(sample.symbols)


def test_imports_calls_and_inheritance_are_found(sample: Sample) -> None:
    parsed = parse_file(sample.path, sample.source.encode(), blob="b")

    assert (parsed.imports, parsed.calls, parsed.bases) == (sample.imports, sample.calls, sample.bases)


def test_package_and_file_documentation_are_found(sample: Sample) -> None:
    parsed = parse_file(sample.path, sample.source.encode(), blob="b")

    assert (parsed.package, parsed.doc) == (sample.package, sample.doc)


def test_windows_line_ends_change_nothing(sample: Sample) -> None:
    unix = parse_file(sample.path, sample.source.encode(), blob="b")
    windows = parse_file(sample.path, sample.source.replace("\n", "\r\n").encode(), blob="b")

    assert windows == unix


def test_a_truncated_file_gives_what_can_be_read(sample: Sample) -> None:
    data = sample.source.encode()

    for size in range(0, len(data), 37):
        parsed = parse_file(sample.path, data[:size], blob="b")
        assert all(symbol.name and symbol.line >= 1 for symbol in parsed.symbols)


def test_every_language_has_a_grammar_here() -> None:
    missing = [language.name for language in LANGUAGES if load_grammar(language) is None]

    assert missing == []


def test_signature_is_the_head_on_one_line() -> None:
    parsed = parse_file(PYTHON.path, PYTHON.source.encode(), blob="b")

    assert parsed.symbols[-1].signature == "async def vat_of(cart, *, rule=None)"


def test_prose_is_not_counted_as_identifiers() -> None:
    source = b'"""mentions spaceship."""\n# and rocket\nvalue = compute(value, "moonbase")\n'

    parsed = parse_file("a.py", source, blob="b")

    assert parsed.identifiers == ("value", "compute")


def test_the_end_of_a_licence_is_no_documentation() -> None:
    source = b"""// Licensed under the MIT license <LICENSE-MIT>, at your
// option. This file may not be copied, modified, or distributed
// except according to those terms.

pub fn vat() {}
"""

    assert parse_file("vat.rs", source, blob="b").doc == ""


def test_what_a_tool_is_told_is_no_documentation() -> None:
    parsed = parse_file("Package.swift", b"// swift-tools-version:5.9\nimport PackageDescription\n", blob="b")

    assert parsed.doc == ""


def test_a_name_that_documentation_of_csharp_refers_to_stays_in_its_sentence() -> None:
    source = b"""/// <summary>
/// Resolves <see cref="Shop.Tax{T}" /> from <paramref name="cart"/>.
/// </summary>
/// <param name="cart">What is paid.</param>
/// <returns>The tax.</returns>
class TaxResolver {}
"""

    parsed = parse_file("TaxResolver.cs", source, blob="b")

    assert [symbol.doc for symbol in parsed.symbols] == ["Resolves Tax from cart."]


def test_bytes_that_are_not_utf8_cost_only_themselves() -> None:
    parsed = parse_file("a.py", b'def caf\xe9():\n    pass\n\ndef after():\n    """Na\xefve."""\n', blob="b")

    assert [symbol.name for symbol in parsed.symbols][-1] == "after"


def test_a_language_without_grammar_still_gives_identifiers_and_lines() -> None:
    parsed = parse_file("a.scss", b".cart { color: $brand_color; }\n", blob="b")

    assert (parsed.language, parsed.lines, parsed.symbols) == ("css", 1, ())
    assert "brand_color" in parsed.identifiers


def test_a_parser_that_takes_too_long_is_stopped() -> None:
    source = b"def f(a, b):\n    return [a, (b, {a: b})]\n" * 5000

    with pytest.raises(ParseTimeoutError, match="stopped after"):
        parse_file("a.py", source, blob="b", seconds=0.0)


def test_the_parser_works_again_after_it_was_stopped() -> None:
    with pytest.raises(ParseTimeoutError):
        parse_file("a.py", b"def f():\n    pass\n" * 20000, blob="b", seconds=0.0)

    parsed = parse_file("a.py", b"def g():\n    pass\n", blob="b")

    assert [symbol.name for symbol in parsed.symbols] == ["g"]


def test_a_missing_grammar_is_said_once_and_loudly(caplog: pytest.LogCaptureFixture) -> None:
    absent = Language("cobol", (".cob",), "tree_sitter_cobol", "cobol", lambda text: ())

    with caplog.at_level(logging.WARNING, logger="signpost.graph"):
        first, second = registry.load_grammar(absent), registry.load_grammar(absent)

    assert (first, second) == (None, None)
    assert [record.getMessage() for record in caplog.records if "tree-sitter-cobol" in record.getMessage()] == [
        "no grammar for cobol (No module named 'tree_sitter_cobol'): its files count, but without symbols; "
        "install the wheel tree-sitter-cobol"
    ]
