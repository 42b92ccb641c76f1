"""
All module ids scored exactly in one forward pass: the published, closed-book way.

The ids' tokens form a trie. Its inner nodes are laid out after the prompt in one sequence; an additive attention mask
lets each node see the prompt and its own ancestors only, and position ids put every depth where it would stand in a
forward pass of its own. The log-probability of an edge is read at its parent, so leaves need no node.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class PackedTrie:
    """
    A trie of token sequences as arrays.

    Args:
        tokens: Token of each inner node, parents before children.  # (nodes,)
        depths: Depth of each inner node, from 1.  # (nodes,)
        visible: Which inner nodes each inner node may attend to: its ancestors and itself.  # (nodes, nodes)
        edge_parents: Per edge of each sequence, the inner node it leaves; -1 is the prompt's end.
        edge_tokens: Per edge of each sequence, the token it enters.
        sequences: How many sequences were packed.
    """

    tokens: npt.NDArray[np.int64]
    depths: npt.NDArray[np.int64]
    visible: npt.NDArray[np.bool_]
    edge_parents: tuple[tuple[int, ...], ...]
    edge_tokens: tuple[tuple[int, ...], ...]

    @property
    def sequences(self) -> int:
        return len(self.edge_tokens)


def pack_trie(sequences: Sequence[Sequence[int]]) -> PackedTrie:
    """
    Lay *sequences* (each ending in the end token, so that none is a prefix of another) out as one trie.

    Raises:
        ValueError: one sequence is empty or stands twice.

    >>> trie = pack_trie([[5, 6, 0], [5, 7, 0]])
    >>> trie.tokens.tolist(), trie.depths.tolist(), trie.edge_parents
    ([5, 6, 7], [1, 2, 2], ((-1, 0, 1), (-1, 0, 2)))
    """
    if len({tuple(sequence) for sequence in sequences}) != len(sequences) or not all(sequences):
        raise ValueError("a trie needs distinct, non-empty token sequences")
    nodes: dict[tuple[int, ...], int] = {}
    order: list[tuple[int, ...]] = []
    for sequence in sequences:
        for length in range(1, len(sequence)):
            prefix = tuple(sequence[:length])
            if prefix not in nodes:
                nodes[prefix] = len(order)
                order.append(prefix)
    visible = np.zeros((len(order), len(order)), dtype=np.bool_)
    for prefix, row in nodes.items():
        for length in range(1, len(prefix) + 1):
            visible[row, nodes[prefix[:length]]] = True
    return PackedTrie(
        tokens=np.array([prefix[-1] for prefix in order], dtype=np.int64),
        depths=np.array([len(prefix) for prefix in order], dtype=np.int64),
        visible=visible,
        edge_parents=tuple(
            tuple(nodes[tuple(sequence[:length])] if length else -1 for length in range(len(sequence)))
            for sequence in sequences
        ),
        edge_tokens=tuple(tuple(int(token) for token in sequence) for sequence in sequences),
    )
