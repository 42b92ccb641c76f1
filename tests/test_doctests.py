"""
The examples in docstrings hold.
"""

import doctest
import importlib
import pkgutil

import pytest

PACKAGES = ("bot", "worker", "training", "inference", "graph")
LEFT_OUT = ("worker.migrations", "worker.__main__", "worker.valkey_keeper", "graph.languages.child")

MODULES = sorted(
    found.name
    for package in PACKAGES
    for found in pkgutil.walk_packages([package], prefix=f"{package}.")
    if not found.name.startswith(LEFT_OUT)
)


def test_there_are_modules_to_look_at() -> None:
    assert len(MODULES) > 60


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_hold(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
