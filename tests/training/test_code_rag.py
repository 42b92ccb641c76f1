from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graph.index import index_snapshot
from graph.snapshot import open_snapshot
from graph.values import Catalog
from inference.embedding import TextEncoder
from tests.codebase import write_shop
from tests.fakes_encoder import LetterModel, LetterTokenizer
from training.code_rag import WINDOW, CodeRag, cut, read_sources


@pytest.fixture
def shop(tmp_path: Path) -> tuple[Path, Catalog]:
    folder = write_shop(tmp_path / "shop")
    with open_snapshot(folder, name="shop") as snapshot:
        return folder, index_snapshot(snapshot).catalog


def _encoder() -> TextEncoder:
    return TextEncoder(LetterModel(), LetterTokenizer(), name="letters")


def test_every_line_of_every_file_is_in_one_snippet(shop: tuple[Path, Catalog]) -> None:
    folder, catalog = shop
    sources = read_sources(folder, catalog)
    snippets = cut(catalog, sources)

    assert len(snippets) == sum(-(-len(text.splitlines()) // WINDOW) for text in sources.values())
    assert {snippet.owner for snippet in snippets} == set(range(len(catalog.modules)))


def test_a_file_that_cannot_be_read_there_has_no_snippets(shop: tuple[Path, Catalog]) -> None:
    folder, catalog = shop
    link = replace(catalog.files[0], path="shop/elsewhere.py")
    sources = read_sources(folder, replace(catalog, files=(link, *catalog.files)))

    assert sources.pop("shop/elsewhere.py") == ""
    assert all(sources.values())


def test_snippets_are_embedded_with_their_owners(shop: tuple[Path, Catalog]) -> None:
    folder, catalog = shop
    scores = CodeRag.fit(catalog, read_sources(folder, catalog), _encoder()).scores("compute the postage")

    assert scores.shape == (len(catalog.modules),)
    assert np.isfinite(scores).all()
    assert len(set(scores.tolist())) > 1


def test_near_snippets_vote_for_their_module_and_the_rest_stand_in_order_of_their_best() -> None:
    encoder = _encoder()
    texts = ["pqqq", "ppqq", "ppqq", "zzzq", "zzzz"]
    rag = CodeRag(encoder.encode(texts), np.array([0, 1, 1, 2, 3]), modules=5, encoder=encoder)

    assert np.argsort(-rag.scores("pqqq"), kind="stable").tolist() == [1, 0, 2, 3, 4]


def test_without_a_snippet_no_module_stands_out() -> None:
    encoder = _encoder()
    rag = CodeRag(encoder.encode([]), np.zeros(0, dtype=np.int64), modules=2, encoder=encoder)

    assert rag.scores("anything").tolist() == [-1.0, -1.0]
