"""
A whole ranker for tests: a tiny random network, everything else as training fits it.
"""

from collections.abc import Sequence

from graph.values import Catalog
from inference.fusion import Fusion
from inference.labelled import LabelledText
from inference.ranker import ALL_FEATURES, Ranker
from inference.shortlist import Shortlist
from tests.models import small_base_model, tiny_network
from training.fitting import fit_rows


def tiny_ranker(catalog: Catalog, past: Sequence[LabelledText]) -> Ranker:
    """
    Fit a ranker on *past* around two random layers, with default weights.
    """
    model = tiny_network(small_base_model())
    return Ranker(
        release="tiny-1",
        model=model,
        shortlist=Shortlist.fit(catalog, past),
        rows=fit_rows(model, catalog, past, memory={}, report=lambda *_: None),
        fusion=Fusion.default(ALL_FEATURES),
    )
