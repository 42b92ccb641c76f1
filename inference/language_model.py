"""
The language model as Signpost uses it: hidden states, exact scores of ids, greedy text. Nothing is sampled.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from graph.values import Progress
from inference.packed import LowerStates, decoder_of, open_forward, packs_of
from inference.prompt import end_token_id
from inference.trie import PackedTrie

Floats = npt.NDArray[np.float32]
_PLACES_AT_ONCE = 512


class LanguageModel:
    """
    A causal language model and its tokenizer on one device.

    Args:
        model: A transformers causal LM (or the same wrapped by PEFT), in evaluation mode.
        tokenizer: Its tokenizer, with a chat template.
    """

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.end_token_id = end_token_id(tokenizer)

    @classmethod
    def load(cls, folder: Path, *, device: str | None = None) -> Self:
        """
        Load a safetensors folder: fp32 on a CPU (bf16 is slower there), bf16 on CUDA and Metal.
        """
        transformers_logging.disable_progress_bar()  # we draw our own
        device = device or best_device()
        dtype = torch.float32 if device == "cpu" else torch.bfloat16
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, trust_remote_code=False, local_files_only=True
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        return cls(model.to(device).eval(), tokenizer)

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device  # type: ignore[no-any-return]

    @torch.inference_mode()
    def hidden(self, prompts: Sequence[str]) -> Floats:
        """
        Return the last hidden state of the last token of each prompt.  # (prompts, hidden size)

        Each prompt runs alone: a batch would pad, and a padded row differs from a lone one in its last bits, which is
        enough to make the same question answer differently in another company.
        """
        rows = [self._backbone(self._ids(prompt))[0, -1].float().cpu().numpy() for prompt in prompts]
        return np.stack(rows) if rows else np.zeros((0, self.model.config.hidden_size), dtype=np.float32)

    @torch.inference_mode()
    def hidden_in_batches(
        self,
        prompts: Sequence[str],
        *,
        batch: int = 64,
        lower: LowerStates | None = None,
        progress: Progress = lambda done, total, label: None,
    ) -> Floats:
        """
        Return what `hidden` returns, several times faster: prompts of similar length share a forward pass.

        For fitting only, never for an answer: values may differ from `hidden` in their last bits.

        Args:
            batch: Prompts in one pass, at most.
            lower: What the lower layers of this model said before, see `inference.packed`; what they say is added.
        """
        encoded = [tuple(self.tokenizer(prompt, add_special_tokens=False)["input_ids"]) for prompt in prompts]
        lower = lower if lower is not None else LowerStates()
        lower.learn_starts(encoded)
        forward = open_forward(self.model, pad=self.end_token_id, lower=lower)
        order = sorted(range(len(prompts)), key=lambda i: len(encoded[i]))
        states = np.zeros((len(prompts), self.model.config.hidden_size), dtype=np.float32)
        done = 0
        for pack in packs_of([encoded[i] for i in order], most_rows=batch):
            group = [order[place] for place in pack]
            output = forward([encoded[i] for i in group])
            ends = [offset + len(encoded[i]) - 1 for i, offset in zip(group, output.offsets, strict=True)]
            states[group] = output.values[ends].float().cpu().numpy()
            done += len(group)
            progress(done, len(prompts), "encoded")
        return states

    @torch.inference_mode()
    def next_logits(self, states: torch.Tensor) -> torch.Tensor:
        """
        Return the next token's logits after each of *states*, on the CPU.  # (places, vocabulary)
        """
        logits: torch.Tensor = self.model.get_output_embeddings()(states).float().cpu()
        return logits

    @torch.inference_mode()
    def score_ids(self, prompt: str, trie: PackedTrie) -> Floats:
        """
        Return the exact log-probability of each packed sequence after *prompt*, from one forward pass.  # (sequences,)

        Source:
            Tree attention as in speculative decoding; equal to one forward per id to 1e-3 in fp32 (tested).
        """
        prompt_ids = self._ids(prompt)  # (1, prompt)
        length, nodes = prompt_ids.shape[1], len(trie.tokens)
        ids = torch.cat([prompt_ids, torch.from_numpy(trie.tokens).to(self.device)[None]], dim=1)
        positions = torch.cat([torch.arange(length), torch.from_numpy(trie.depths) + length - 1]).to(self.device)
        allowed = torch.zeros(length + nodes, length + nodes, dtype=torch.bool)
        allowed[:length, :length] = torch.ones(length, length, dtype=torch.bool).tril()
        allowed[length:, :length] = True
        allowed[length:, length:] = torch.from_numpy(trie.visible)
        dtype = self.model.dtype
        mask = torch.where(allowed, 0.0, torch.finfo(dtype).min).to(self.device, dtype)[None, None]
        states = decoder_of(self.model)(
            input_ids=ids, attention_mask=mask, position_ids=positions[None], use_cache=False
        ).last_hidden_state[0, length - 1 :]  # (1 + nodes, size): row 0 is the prompt's end
        wanted: dict[int, list[int]] = defaultdict(list)
        for parents, tokens in zip(trie.edge_parents, trie.edge_tokens, strict=True):
            for parent, token in zip(parents, tokens, strict=True):
                wanted[int(parent) + 1].append(int(token))
        said: dict[tuple[int, int], float] = {}
        places = sorted(wanted)
        head = self.model.get_output_embeddings()
        for start in range(0, len(places), _PLACES_AT_ONCE):  # thousands of them times a vocabulary fill a memory
            some = places[start : start + _PLACES_AT_ONCE]
            log_probs = torch.log_softmax(head(states[some]).float(), dim=-1).cpu()
            said |= {
                (place, token): float(log_probs[i, token]) for i, place in enumerate(some) for token in wanted[place]
            }
        scores = [
            sum(said[int(parent) + 1, int(token)] for parent, token in zip(parents, tokens, strict=True))
            for parents, tokens in zip(trie.edge_parents, trie.edge_tokens, strict=True)
        ]
        return np.array(scores, dtype=np.float32)

    @torch.inference_mode()
    def score_next(self, prompt: str, tokens: Sequence[int]) -> Floats:
        """
        Return the log-probability of each of *tokens* as the next one, from one forward pass.  # (tokens,)
        """
        logits = self.model(input_ids=self._ids(prompt), use_cache=False, logits_to_keep=1).logits[0, -1].float()
        picked: Floats = torch.log_softmax(logits, dim=-1)[torch.tensor(tokens, device=logits.device)].cpu().numpy()
        return picked

    @torch.inference_mode()
    def generate(
        self, prompt: str, *, max_new_tokens: int = 96, stop: str | None = None, max_seconds: float | None = None
    ) -> str:
        """
        Return the greedy continuation of *prompt*, without special tokens.

        Args:
            max_new_tokens: Where it is cut off.
            stop: Nothing is generated after this text; the text itself may be there.
            max_seconds: Nothing is begun after this time; what is there by then is returned.
        """
        ids = self._ids(prompt)
        output = self.model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=max_new_tokens,
            do_sample=False,
            eos_token_id=self.end_token_id,
            pad_token_id=self.end_token_id,
            max_time=max_seconds,
            stop_strings=[stop] if stop else None,
            tokenizer=self.tokenizer if stop else None,
        )
        text: str = self.tokenizer.decode(
            output[0, ids.shape[1] :], skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text.strip()

    def id_tokens(self, module_ids: Sequence[str]) -> list[list[int]]:
        """
        Tokenize module ids as the assistant would say them, each with the end token.
        """
        return [
            [*self.tokenizer(module_id, add_special_tokens=False)["input_ids"], self.end_token_id]
            for module_id in module_ids
        ]

    def _ids(self, prompt: str) -> torch.Tensor:
        ids = self.tokenizer(prompt, add_special_tokens=False, return_tensors="pt")["input_ids"]
        return ids.to(self.device)  # type: ignore[no-any-return]

    def _backbone(self, ids: torch.Tensor) -> torch.Tensor:
        """
        Run the layers without the vocabulary head.  # (batch, time) -> (batch, time, hidden size)
        """
        states: torch.Tensor = decoder_of(self.model)(input_ids=ids, use_cache=False).last_hidden_state
        return states


def best_device() -> str:
    """
    Name the fastest device this machine has: "cuda", "mps" or "cpu".
    """
    if torch.cuda.is_available():
        return "cuda"
    if torch.backends.mps.is_available():
        return "mps"
    return "cpu"
