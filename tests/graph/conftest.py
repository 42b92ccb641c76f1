"""
Fixtures of the graph's tests.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.graph.repositories import GitRepository, shop_files


@pytest.fixture
def shop(tmp_path: Path) -> GitRepository:
    """
    A repository with one commit: the shop.
    """
    repository = GitRepository.create(tmp_path / "shop-repository")
    repository.commit("Open the shop for everyone in town", shop_files())
    return repository
