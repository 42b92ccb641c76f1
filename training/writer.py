"""
Requirement texts by a language model: what the rules said, said again as an engineer would ask it.

Off by default. An admin names an OpenAI-compatible endpoint (a local server for an instruct model, or a service); every
text goes through the checks of `acceptable`, answers are kept on disk under the hash of what was asked, so that the
same code gives the same dataset again; when the endpoint fails, the training goes on with the rules and says so once.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from http.client import HTTPException
from pathlib import Path
from typing import Any

from graph.values import Progress, write_atomically
from training.example import Example, names_module
from training.near_copies import text_words

log = logging.getLogger("signpost.training")

ASK = (
    "You are an engineer who asks a colleague where in a code base something belongs. Say the requirement again in "
    "other words, in one or two sentences, as a person would who does not know the code. Name no file, class or "
    "module. Answer with the text alone."
)
LARGEST_ANSWER = 100_000
MIN_WORDS, MAX_WORDS = 3, 60


class WriterError(Exception):
    """
    The endpoint gave nothing usable; the message says why, without any secret.
    """


@dataclass(frozen=True, slots=True)
class Writer:
    """
    An OpenAI-compatible endpoint.

    Args:
        url: Its address, as in "http://127.0.0.1:11434/v1".
        model: What the endpoint calls the model.
        cache: Folder for answers.
        key: Sent as a bearer token; None sends none.
        most: Texts asked for in one dataset, at most.
        timeout: Seconds one answer may take.
        seconds: Seconds all answers of one dataset may take; what is missing then is asked for the next time.
    """

    url: str
    model: str
    cache: Path
    key: str | None = field(default=None, repr=False)
    most: int = 300
    timeout: float = 30.0
    seconds: float = 600.0

    def rewrite(self, text: str) -> str:
        """
        Say *text* in other words; an answer that was given before is read from disk.

        Raises:
            WriterError: there is no answer.
        """
        asked = {
            "model": self.model,
            "messages": [{"role": "system", "content": ASK}, {"role": "user", "content": text}],
            "temperature": 0,
            "max_tokens": 120,
        }
        body = json.dumps(asked, sort_keys=True).encode()
        kept = self.cache / f"{hashlib.sha256(body).hexdigest()[:32]}.json"
        if kept.is_file():
            return str(json.loads(kept.read_text(encoding="utf-8"))["answer"])
        answer = self._ask(body)
        write_atomically(kept, json.dumps({"asked": text, "answer": answer}, ensure_ascii=False).encode())
        return answer

    def _ask(self, body: bytes) -> str:
        headers = {"Content-Type": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        # Settings let http and https through, nothing else.
        address = f"{self.url.rstrip('/')}/chat/completions"
        request = urllib.request.Request(address, data=body, headers=headers)  # noqa: S310
        try:
            with _OPENER.open(request, timeout=self.timeout) as response:
                answer: Any = json.loads(response.read(LARGEST_ANSWER))["choices"][0]["message"]["content"]
        except urllib.error.HTTPError as error:
            raise WriterError(f"the endpoint answered with HTTP {error.code}") from error
        except (OSError, HTTPException, ValueError, KeyError, IndexError, TypeError) as error:
            raise WriterError(f"the endpoint gave no answer ({type(error).__name__})") from error
        if not isinstance(answer, str):
            raise WriterError("the endpoint's answer is no text")
        return answer


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Following one would hand the key to whoever is named."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


def written_examples(
    rows: Sequence[Example], writer: Writer, *, progress: Progress = lambda done, total, label: None
) -> list[Example]:
    """
    Let *writer* say train texts from the graph again, first phrasings in the order given, each as one row more.
    """
    asked = [row for row in rows if row.origin == "graph" and row.split == "train" and "~" not in row.id][: writer.most]
    return list(_written(asked, writer, progress))


def _written(asked: Sequence[Example], writer: Writer, progress: Progress) -> Iterator[Example]:
    began = time.monotonic()
    for done, row in enumerate(asked, start=1):
        try:
            if time.monotonic() - began > writer.seconds:
                raise WriterError(f"its {writer.seconds:.0f} seconds are over")
            text = " ".join(writer.rewrite(row.requirement).split()).strip("\"'“” ")
        except WriterError as error:
            log.warning("%s wrote %d of %d texts, the rules go on alone: %s", writer.model, done - 1, len(asked), error)
            return
        if acceptable(text, row):
            yield replace(row, id=f"{row.id}~w", requirement=text, names_module=names_module(text, row.modules, ()))
        progress(done, len(asked), "texts by the language model")


def acceptable(text: str, row: Example) -> bool:
    """
    Whether *text* may stand for *row*: of a usable length, about the same thing, and no nearer to the module's name.

    >>> row = Example("a.py::f", "graph", "train", "avoid toll roads", ("core/routing",), "c0ffee")
    >>> [acceptable(t, row) for t in ("Trucks must keep off toll roads", "toll roads in routing", "Sure!", "a b c")]
    [True, False, False, False]
    """
    if not MIN_WORDS <= len(text.split()) <= MAX_WORDS or not text.isprintable():
        return False
    if names_module(text, row.modules, ()) and not names_module(row.requirement, row.modules, ()):
        return False
    return not text_words(text).isdisjoint(text_words(row.requirement))
