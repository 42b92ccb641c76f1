"""
The vectors of one release: what the sentence encoder said of its cards and past requirements, kept beside them.

Training records them while it fits; serving reads them and encodes nothing but the requirement.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from graph.values import Progress

Floats = npt.NDArray[np.float32]


class Encoder(Protocol):
    """What makes vectors of texts: an encoder, or one with a cache before it."""

    def encode(self, texts: Sequence[str], *, progress: Progress = ...) -> Floats: ...


class Vectors(Protocol):
    """What the shortlist asks of an encoder: texts that are worth keeping, and one that is not."""

    def encode(self, texts: Sequence[str], *, progress: Progress = ...) -> Floats: ...

    def encode_new(self, text: str) -> Floats: ...


class KeptVectors:
    """
    Vectors by the hash of their text, 16 bit; what is missing is encoded and kept.

    Args:
        encoder: Encodes what is missing, and every requirement.
        kept: Vectors that are there already.
    """

    def __init__(self, encoder: Encoder, kept: dict[bytes, npt.NDArray[np.float16]] | None = None) -> None:
        self._encoder = encoder
        self._kept = kept if kept is not None else {}

    @classmethod
    def load(cls, path: Path, encoder: Encoder) -> Self:
        """
        Read what `save` wrote.
        """
        arrays = load_file(path)
        return cls(encoder, {key.tobytes(): row for key, row in zip(arrays["keys"], arrays["vectors"], strict=True)})

    def save(self, path: Path) -> None:
        """
        Write all kept vectors, in the order of their keys.
        """
        ordered = sorted(self._kept)
        keys = np.frombuffer(b"".join(ordered), dtype=np.uint8).reshape(len(ordered), -1 if ordered else 32)
        vectors = np.stack([self._kept[key] for key in ordered]) if ordered else np.zeros((0, 1), dtype=np.float16)
        save_file({"keys": np.ascontiguousarray(keys), "vectors": np.ascontiguousarray(vectors)}, path)

    def encode(self, texts: Sequence[str], *, progress: Progress = lambda done, total, label: None) -> Floats:
        """
        Give the vectors of *texts*, encoding and keeping those that are new.  # (texts, size), unit length
        """
        keys = [_key(text) for text in texts]
        fresh = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._kept}
        if fresh or not texts:
            found = self._encoder.encode(list(fresh.values()), progress=progress).astype(np.float16)
            self._kept |= dict(zip(fresh, found, strict=True))
            if not texts:
                return found.astype(np.float32)
        return np.stack([self._kept[key] for key in keys]).astype(np.float32)

    def encode_new(self, text: str) -> Floats:
        """
        Give the vector of a text that is not worth keeping.  # (size,)
        """
        known = self._kept.get(_key(text))
        vector = known if known is not None else self._encoder.encode([text])[0].astype(np.float16)
        return vector.astype(np.float32)


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()
