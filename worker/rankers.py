"""
Releases in memory.
"""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from sqlalchemy.orm import Session

from inference.values import Ranking, Reasoning
from worker import store


class LoadedRanker(Protocol):
    """What a loaded release can do; `inference.ranker.Ranker` is the one that serves."""

    def rank(self, requirement: str, *, k: int = 10) -> Ranking: ...

    def explain(
        self, requirement: str, ranking: Ranking, *, generate: bool = True, seconds: float | None = None
    ) -> Reasoning: ...


LoadRanker = Callable[[Path], LoadedRanker]


class NoActiveReleaseError(Exception):
    """A repository has no release that could answer; the message says what to do."""


def load_release(folder: Path) -> LoadedRanker:
    """
    Load the release in *folder*. PyTorch is imported here, on the first call, and nowhere before.

    The sentence encoder it was made with is fetched again when it is the one we know where to get.

    Raises:
        ReleaseError: it is damaged or of another version.
        BaseModelError: its sentence encoder is gone and cannot be fetched.
    """
    from inference.ranker import Ranker
    from inference.release import MissingEncoderError

    try:
        return Ranker.load(folder)
    except MissingEncoderError as missing:
        from training.encoder import encoder_name, ensure_encoder

        if missing.name != encoder_name():
            raise
        ensure_encoder(folder.parent.parent / "models")
        return Ranker.load(folder)


class RankerCache:
    """
    Keeps the releases used last in memory, so that a question does not wait for one to load.

    The active release is read from SQL for every question. A promotion or a rollback is
    therefore in force with the next question, without a word to the worker.

    Args:
        load: Makes a ranker out of a release folder.
        keep: How many releases stay in memory; with 2, a rollback is instant.
    """

    def __init__(self, load: LoadRanker, *, keep: int = 2) -> None:
        self._load = load
        self._keep = keep
        self._loaded: OrderedDict[str, LoadedRanker] = OrderedDict()

    def for_repository(self, session: Session, repository_id: str) -> tuple[str, LoadedRanker]:
        """
        The id of the active release of a repository, and its ranker.

        Raises:
            NoActiveReleaseError: nothing was trained yet, or nothing was good enough.
        """
        active = store.active_release(session, repository_id)
        if active is None:
            name = store.repository(session, repository_id).name
            raise NoActiveReleaseError(
                f"No model has been trained for {name} yet: run `signpost train`, or ask an admin to retrain."
            )
        return active.id, self._get(active.id, Path(active.folder))

    def for_release(self, session: Session, release_id: str) -> LoadedRanker:
        """
        The ranker of one release, active or not.

        Raises:
            UnknownRowError: no such release is registered.
        """
        return self._get(release_id, Path(store.release(session, release_id).folder))

    def _get(self, release_id: str, folder: Path) -> LoadedRanker:
        if release_id not in self._loaded:
            # First make room: two large models and a third one being loaded may be too much.
            while len(self._loaded) >= self._keep:
                self._loaded.popitem(last=False)
            self._loaded[release_id] = self._load(folder)
        self._loaded.move_to_end(release_id)
        return self._loaded[release_id]
