"""
A small sentence encoder: texts in, unit vectors out. Optional: without one the shortlist goes by words alone.

Plain transformers with mean pooling, which is what all-MiniLM-L6-v2 was made for. Vectors are kept by the hash of their
text, so that a second index of almost the same code encodes almost nothing.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graph.values import Catalog, FileCard, ModuleCard, Progress
from inference.text import distinct
from inference.vectors import Vectors

Floats = npt.NDArray[np.float32]
LONGEST_TEXT = 128
"""Tokens of one text that are read: cards say what they are in their first lines."""
_BATCH = 32
_PARTS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[^\W\d_]+")


class TextEncoder:
    """
    An encoder in memory.

    Args:
        model, tokenizer: As transformers loads them.
        name: What it is called in caches; another encoder's vectors are never mixed with its own.
    """

    def __init__(self, model: Any, tokenizer: Any, *, name: str) -> None:
        self._model, self._tokenizer, self.name = model, tokenizer, name

    @classmethod
    def load(cls, folder: Path) -> TextEncoder:
        """
        Load a safetensors folder; nothing is fetched.
        """
        import torch
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()  # we draw our own
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True, dtype=torch.float32)
        return cls(model.eval(), tokenizer, name=folder.name)

    @property
    def size(self) -> int:
        """
        Numbers in one vector.
        """
        return int(self._model.config.hidden_size)

    def encode(self, texts: Sequence[str], *, progress: Progress = lambda done, total, label: None) -> Floats:
        """
        Encode texts, similar lengths together, so that little is padded.  # (texts, size), unit length
        """
        import torch

        vectors = np.zeros((len(texts), self.size), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda i: (len(texts[i]), i))
        for start in range(0, len(order), _BATCH):
            picked = order[start : start + _BATCH]
            batch = self._tokenizer(
                [texts[i] for i in picked], padding=True, truncation=True, max_length=LONGEST_TEXT, return_tensors="pt"
            )
            with torch.inference_mode():
                states = self._model(**batch).last_hidden_state  # (batch, time, size)
            mask = batch["attention_mask"].unsqueeze(-1).float()
            pooled = (states * mask).sum(1) / mask.sum(1).clamp(min=1.0)
            vectors[picked] = torch.nn.functional.normalize(pooled, dim=1).numpy()
            progress(min(start + _BATCH, len(order)), len(order), "texts")
        return vectors


class VectorCache:
    """
    Vectors on disk by the hash of their text, 16 bit.

    Args:
        path: The file; it is made where needed.
        encoder: Whose vectors these are.
    """

    def __init__(self, path: Path, encoder: TextEncoder) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._encoder = encoder
        self._connection = sqlite3.connect(path, timeout=30)
        self._connection.execute("CREATE TABLE IF NOT EXISTS vectors (key TEXT PRIMARY KEY, value BLOB NOT NULL)")

    def encode(self, texts: Sequence[str], *, progress: Progress = lambda done, total, label: None) -> Floats:
        """
        Give the vectors of *texts*, encoding those that are new.  # (texts, size), unit length
        """
        keys = [self._key(text) for text in texts]
        known = self._load(keys)
        fresh = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if fresh:
            vectors = self._encoder.encode(list(fresh.values()), progress=progress).astype(np.float16)
            rows = [(key, vector.tobytes()) for key, vector in zip(fresh, vectors, strict=True)]
            with self._connection:
                self._connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)
            known |= dict(rows)
        if not texts:
            return np.zeros((0, self._encoder.size), dtype=np.float32)
        return np.stack([np.frombuffer(known[key], dtype=np.float16) for key in keys]).astype(np.float32)

    def encode_new(self, text: str) -> Floats:
        """
        Give the vector of a text that is not worth keeping; the same as `encode` gives.  # (size,)
        """
        known = self._load([self._key(text)])
        vector = (
            np.frombuffer(next(iter(known.values())), dtype=np.float16) if known else self._encoder.encode([text])[0]
        )
        return vector.astype(np.float16).astype(np.float32)

    def close(self) -> None:
        """
        Let go of the file.
        """
        self._connection.close()

    def _key(self, text: str) -> str:
        return hashlib.sha256(f"{self._encoder.name}\0{LONGEST_TEXT}\0{text}".encode("utf-8", "replace")).hexdigest()

    def _load(self, keys: Sequence[str]) -> dict[str, bytes]:
        known: dict[str, bytes] = {}
        wanted = list(dict.fromkeys(keys))
        for start in range(0, len(wanted), 500):
            part = wanted[start : start + 500]
            query = f"SELECT key, value FROM vectors WHERE key IN ({','.join('?' * len(part))})"  # noqa: S608
            known |= dict(self._connection.execute(query, part))
        return known


def module_view(card: ModuleCard) -> str:
    """
    Say in plain words what a module is, for the encoder.
    """
    symbols = ", ".join(distinct(spell(name.rpartition(".")[2]) for name in card.symbols))
    return f"{spell(card.id)}. {card.purpose} {symbols}"


def file_view(card: FileCard) -> str:
    """
    Say in plain words what a file is, for the encoder: its path, its documentation, its names.
    """
    folder, _, name = card.path.rpartition("/")
    outer = [symbol for symbol in card.symbols if "." not in symbol.qualified]
    inner = [symbol for symbol in card.symbols if "." in symbol.qualified]
    docs = " ".join(symbol.doc.split(". ")[0][:100] for symbol in outer[:3] if symbol.doc)
    names = distinct(spell(symbol.name) for symbol in (*outer, *inner)) or distinct(map(spell, card.identifiers))
    where = " ".join(folder.split("/")[-2:])
    return f"{spell(name.split('.', 1)[0])} in {spell(where)}. {card.doc[:200]} {docs} {', '.join(names[:40])}"


def spell(identifier: str) -> str:
    """
    Write an identifier as words.

    >>> spell("core/getUserName"), spell("HTTPServer_v2")
    ('core get user name', 'http server v 2')
    """
    return " ".join(part.lower() for part in _PARTS.findall(identifier))


class CardVectors:
    """
    The views of all modules: one of the module itself, one of each of its files.

    Args:
        modules: # (modules, size)
        files: # (files, size), in the catalog's order
        owners: Position of each file's module.  # (files,)
    """

    def __init__(self, modules: Floats, files: Floats, owners: npt.NDArray[np.int64]) -> None:
        self.modules, self.files, self.owners = modules, files, owners

    @classmethod
    def encode(
        cls, catalog: Catalog, vectors: Vectors, *, progress: Progress = lambda done, total, label: None
    ) -> CardVectors:
        """
        Encode what is new in *catalog*.
        """
        place = {module: i for i, module in enumerate(catalog.module_ids)}
        texts = [module_view(card) for card in catalog.modules] + [file_view(card) for card in catalog.files]
        encoded = vectors.encode(texts, progress=progress)
        owners = np.array([place[card.module] for card in catalog.files], dtype=np.int64)
        return cls(encoded[: len(place)], encoded[len(place) :], owners)
