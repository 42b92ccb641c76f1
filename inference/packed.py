"""
Many rows in one forward pass without padding, and what they share computed once.

All prompts of one kind begin alike: the template's control tokens, the instruction, the repository's name. That
beginning is laid down once, the rows' own tokens follow one row after another, and an attention mask lets each token
see its row's beginning and its own row up to itself. What the lower layers say about a row can be kept
(`LowerStates`): while only upper layers are trained it never changes, whatever the epoch.

Layers are called one by one, as the decoders of Llama, Qwen, Mistral and their kin call them; whether a model is one
of those is measured (`packs_exactly`), not assumed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

log = logging.getLogger("signpost.inference")

MOST_TOKENS = 512
"""Of one pack: the mask costs its square, and on two cores larger products are hardly faster."""
KIND_TOKENS = 8
"""Rows that agree in so many first tokens are prompts of one kind."""
MOST_BYTES = 1_500_000_000
TOLERANCE = 1e-3
"""Of packed against plain states, as a share of the largest one."""

Ids = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class States:
    """
    The last hidden states of several rows.

    Args:
        values: # (places, hidden size)
        offsets: Token t of row i is at place offsets[i] + t; of what a row shares with others only the last has one.
    """

    values: torch.Tensor
    offsets: tuple[int, ...]


@dataclass(slots=True)
class LowerStates:
    """
    What the first *layers* layers said about rows, in main memory: some 20 kB a requirement of the small model.

    Args:
        layers: How many; 0 keeps nothing.
        most_bytes: What is kept at most; rows beyond it are computed again each time.
        precision: In which it is kept; a row that is too large for it keeps its own.
        starts: How the prompts of each kind begin.
    """

    layers: int = 0
    most_bytes: int = MOST_BYTES
    precision: torch.dtype = torch.float16
    starts: dict[Ids, Ids] = field(default_factory=dict)
    _kept: dict[Ids, torch.Tensor] = field(default_factory=dict)
    _bytes: int = 0

    def learn_starts(self, prompts: Iterable[Sequence[int]]) -> None:
        """
        Find how the prompts of each kind begin; kinds that are known stay as they are.
        """
        found: dict[Ids, Ids] = {}
        for prompt in prompts:
            kind = tuple(prompt[:KIND_TOKENS])
            if kind not in self.starts:
                found[kind] = _common(found.get(kind, tuple(prompt)), prompt)
        self.starts |= found

    def start_of(self, ids: Ids) -> Ids:
        """
        The beginning that a row shares with others; () when it has none.
        """
        start = self.starts.get(ids[:KIND_TOKENS], ())
        return start if len(ids) > len(start) and ids[: len(start)] == start else ()

    def get(self, ids: Ids) -> torch.Tensor | None:
        return self._kept.get(ids)

    def __getitem__(self, ids: Ids) -> torch.Tensor:
        return self._kept[ids]

    def keep(self, ids: Ids, states: torch.Tensor, *, shared: bool) -> torch.Tensor:
        """
        Keep the states of a row's own tokens, and give them back as they will be found: rounded.  # (own, hidden size)

        Args:
            shared: Whether it is the beginning of many rows; such are kept in any case.
        """
        rounded = states.to(self.precision)
        kept = (rounded if bool(rounded.isfinite().all()) else states).to("cpu", copy=True)
        size = kept.numel() * kept.element_size()
        if shared or self._bytes + size <= self.most_bytes:
            self._bytes += size
            self._kept[ids] = kept
        return kept


@dataclass(frozen=True, slots=True)
class _Segment:
    """
    A stretch of tokens that is laid down once: a shared beginning, or what a row has of its own.

    Args:
        ids: The row up to its end, its beginning included.
        own: How many of them are laid down here.
        after: Place in the pack of the segment with its beginning; -1 for none.
    """

    ids: Ids
    own: int
    after: int = -1


class PackedForward:
    """
    The decoder of one model, over packs of rows.

    Args:
        model: A transformers causal LM, or the same wrapped by PEFT.
        lower: Where the states of its lower layers are kept; by default they are not.
    """

    def __init__(self, model: Any, *, lower: LowerStates | None = None) -> None:
        self._decoder = decoder_of(model)
        self.lower = lower if lower is not None else LowerStates()

    def __call__(self, rows: Sequence[Ids]) -> States:
        """
        Run the token ids of *rows*.
        """
        segments = self._segments(rows)
        hidden = self._lower(segments, rows) if self.lower.layers else self._embed(segments)
        hidden = self._run(hidden, segments, self._decoder.layers[self.lower.layers :])
        places: list[int] = []
        before = 0
        for segment in segments:
            places.append(before + segment.own - len(segment.ids))
            before += segment.own
        return States(self._decoder.norm(hidden)[0], tuple(places[len(segments) - len(rows) :]))

    def _segments(self, rows: Sequence[Ids]) -> list[_Segment]:
        starts = list(dict.fromkeys(start for start in map(self.lower.start_of, rows) if start))
        segments = [_Segment(start, len(start)) for start in starts]
        for row in rows:
            start = self.lower.start_of(row)
            segments.append(_Segment(row, len(row) - len(start), starts.index(start) if start else -1))
        return segments

    def fill(self, rows: Iterable[Ids]) -> None:
        """
        Compute the lower states of *rows* that are missing, in larger packs than one step needs.
        """
        missing = sorted(
            {row for row in rows if self.lower.get(row) is None}, key=lambda row: (row[:KIND_TOKENS], len(row))
        )
        if self.lower.layers:
            own = [row[len(self.lower.start_of(row)) :] for row in missing]
            for pack in packs_of(own):
                self._compute([missing[place] for place in pack])

    def _lower(self, segments: Sequence[_Segment], rows: Sequence[Ids]) -> torch.Tensor:
        """
        Gather the lower states of a pack, after computing those that are missing.  # (1, places, hidden size)
        """
        missing = [row for row in dict.fromkeys(rows) if self.lower.get(row) is None]
        fresh = self._compute(missing) if missing else {}
        gathered = [fresh[s.ids] if s.ids in fresh else self.lower[s.ids] for s in segments]
        return torch.cat(gathered)[None].to(self._device, self._decoder.norm.weight.dtype)

    @torch.no_grad()
    def _compute(self, rows: Sequence[Ids]) -> dict[Ids, torch.Tensor]:
        segments = self._segments(rows)
        states = self._run(self._embed(segments), segments, self._decoder.layers[: self.lower.layers])[0]
        parts = torch.split(states, [segment.own for segment in segments])
        shared = len(segments) - len(rows)
        return {
            segment.ids: self.lower.keep(segment.ids, own, shared=place < shared)
            for place, (segment, own) in enumerate(zip(segments, parts, strict=True))
        }

    def _embed(self, segments: Sequence[_Segment]) -> torch.Tensor:
        tokens = [token for segment in segments for token in segment.ids[len(segment.ids) - segment.own :]]
        hidden: torch.Tensor = self._decoder.embed_tokens(torch.tensor([tokens], device=self._device))
        return hidden  # (1, places, hidden size)

    def _run(self, hidden: torch.Tensor, segments: Sequence[_Segment], layers: Iterable[Any]) -> torch.Tensor:
        """
        Run some layers over a pack.  # (1, places, hidden size), the same
        """
        positions = torch.cat([torch.arange(len(s.ids) - s.own, len(s.ids)) for s in segments])[None]
        positions = positions.to(hidden.device)
        around = self._decoder.rotary_emb(hidden, position_ids=positions)
        allowed = _visible(segments)
        mask = torch.where(allowed, 0.0, torch.finfo(hidden.dtype).min).to(hidden.device, hidden.dtype)[None, None]
        for layer in layers:
            hidden = layer(
                hidden, attention_mask=mask, position_ids=positions, position_embeddings=around, use_cache=False
            )
        return hidden

    @property
    def _device(self) -> torch.device:
        return self._decoder.norm.weight.device  # type: ignore[no-any-return]


class PaddedForward:
    """
    The decoder of one model, over padded batches: for a model whose layers cannot be called one by one.

    Args:
        model: As for `PackedForward`.
        pad: Token to fill shorter rows with; nothing looks at it.
    """

    def __init__(self, model: Any, *, pad: int) -> None:
        self._decoder = decoder_of(model)
        self._pad = pad
        self.lower = LowerStates()

    def __call__(self, rows: Sequence[Ids]) -> States:
        """
        Run the token ids of *rows*.
        """
        width = max(map(len, rows))
        device = self._decoder.norm.weight.device
        ids = torch.tensor([[*row, *[self._pad] * (width - len(row))] for row in rows], device=device)
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=device)
        states = self._decoder(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
        return States(states.flatten(0, 1), tuple(place * width for place in range(len(rows))))

    def fill(self, rows: Iterable[Ids]) -> None:
        """
        Nothing is kept.
        """


Forward = PackedForward | PaddedForward


def open_forward(model: Any, *, pad: int, lower: LowerStates | None = None) -> Forward:
    """
    The fastest forward pass that gives what the model's own gives.

    Args:
        pad: For the padded one.
        lower: Where the states of layers that do not change are kept; by default they are not.
    """
    return PackedForward(model, lower=lower) if packs_exactly(model, lower=lower) else PaddedForward(model, pad=pad)


def decoder_of(model: Any) -> Any:
    """
    The layers of a causal LM without its vocabulary head, under whatever PEFT wrapped around it.
    """
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    return base.model


@torch.no_grad()
def packs_exactly(model: Any, *, lower: LowerStates | None = None) -> bool:
    """
    Whether a pack gives the states that this model's own forward pass gives: measured on two rows of a few tokens.

    Never for a model in 16 bit, on a GPU or under unsloth that is: there, two ways to the same state differ by more
    than a mistake might, and nobody has measured what packing saves.

    Args:
        lower: Where the layers are to be cut; its starts and states are not touched.
    """
    decoder = decoder_of(model)
    if next(decoder.parameters()).dtype != torch.float32:
        return False
    rows = [(*range(5, 16), 21, 22, 23), (*range(5, 16), 31, 32)]
    cut = LowerStates(lower.layers if lower is not None else 0)
    cut.learn_starts(rows)
    try:
        states = PackedForward(model, lower=cut)(rows)
        plain = [
            decoder(input_ids=torch.tensor([row], device=states.values.device), use_cache=False).last_hidden_state[0]
            for row in rows
        ]
    except (AttributeError, TypeError) as error:  # another kind of decoder
        log.info("rows are not packed: %s", error)
        return False
    packed = [states.values[offset + len(row) - 1] for row, offset in zip(rows, states.offsets, strict=True)]
    truth = torch.stack([own[-1] for own in plain])
    return bool((torch.stack(packed) - truth).abs().max() <= TOLERANCE * truth.abs().max())


def packs_of(rows: Sequence[Ids], *, most_rows: int = 1_000, most_tokens: int = MOST_TOKENS) -> Iterator[list[int]]:
    """
    Cut rows, in their order, into packs: places of the rows of each.

    >>> list(packs_of([(1, 2), (3, 4), (5, 6, 7)], most_rows=8, most_tokens=4))
    [[0, 1], [2]]
    """
    pack: list[int] = []
    tokens = 0
    for place, row in enumerate(rows):
        if pack and (len(pack) == most_rows or tokens + len(row) > most_tokens):
            yield pack
            pack, tokens = [], 0
        pack.append(place)
        tokens += len(row)
    if pack:
        yield pack


def _visible(segments: Sequence[_Segment]) -> torch.Tensor:
    """
    What each place may see: its segment up to itself, and the segment that this one comes after.  # (places, places)
    """
    numbers = torch.repeat_interleave(torch.arange(len(segments)), torch.tensor([s.own for s in segments]))
    after = torch.tensor([s.after for s in segments])[numbers]
    seen = (numbers[:, None] == numbers[None]) | (after[:, None] == numbers[None])
    return seen.tril()


def _common(start: Ids, prompt: Sequence[int]) -> Ids:
    """
    The tokens with which both begin, leaving the prompt one of its own at least.
    """
    most = min(len(start), len(prompt) - 1)
    same = next((i for i in range(most) if start[i] != prompt[i]), most)
    return start[:same]
