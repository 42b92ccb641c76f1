"""
A release on disk: everything an answer needs, in one folder that is complete or does not exist.

    release.json            what it is made of, the SHA-256 of every other file, and a seal over itself
    model/                  merged weights (safetensors, 16 bit), tokenizer, chat template
    adapter/                the LoRA adapter before the merge
    catalog.json            module cards and file cards it ranks
    past.jsonl              past requirements with their modules
    classifier.*            linear classifier
    rows.safetensors        card rows and learned rows of the modules
    vectors.safetensors     what the sentence encoder said of cards and past requirements; absent without one
    fusion.json             weights, temperature, threshold
    belonging.json          how many modules belong to a requirement
    scorecard.json          how it did on held-out requirements
    scorecard.html          the same as a page
    hits.json               the same by requirement, for paired comparisons
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from graph.values import write_atomically

RELEASE_FORMAT = 1


class ReleaseError(Exception):
    """
    A release that must not be served: broken, incomplete or made for something else. The message says which.
    """


class MissingEncoderError(ReleaseError):
    """
    The sentence encoder a release was made with is not on this machine; `name` says which.
    """

    def __init__(self, release: str, name: str, folder: Path) -> None:
        super().__init__(
            f"Release {release} needs the sentence encoder {name}, which is not at {folder}: fetch it with "
            "`signpost base-model`, or train again with SIGNPOST_ENCODER=off."
        )
        self.name = name


@dataclass(frozen=True, slots=True)
class ReleaseInfo:
    """
    What `release.json` says.

    Args:
        id: Name of the release and of its folder.
        repository: Name of the repository.
        location: Where the repository was read from.
        graph_commit: Commit (or content hash) of the catalog it ranks.
        evaluated_commit: Commit of the catalog on which the scorecard was measured.
        catalog_fingerprint: Of `catalog.json`.
        dataset_hash: Of the training rows.
        base_model: Name of the base model and the hash of its weights.
        prompt_hash: Of the prompt renderer with this tokenizer.
        created_at: UTC, ISO 8601.
        versions: Of Signpost, Python and the libraries that matter.
        training: The training configuration and log.
        files: SHA-256 of every other file, by path inside the folder.
        encoder: Name of the sentence encoder and the hash of its weights; empty when it goes without one. The encoder
            itself is shared by all releases and lies beside the base models.
    """

    id: str
    repository: str
    location: str
    graph_commit: str
    evaluated_commit: str
    catalog_fingerprint: str
    dataset_hash: str
    base_model: dict[str, str]
    prompt_hash: str
    created_at: str
    versions: dict[str, str]
    training: dict[str, Any]
    files: dict[str, str] = field(default_factory=dict)
    encoder: dict[str, str] = field(default_factory=dict)


def write_release_info(folder: Path, info: ReleaseInfo) -> None:
    """
    Hash every file under *folder* and write `release.json`, the last file of a release.
    """
    files = {
        path.relative_to(folder).as_posix(): hash_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "release.json"
    }
    value = {"format": RELEASE_FORMAT, **asdict(info), "files": files}
    value["seal"] = _seal(value)
    write_atomically(folder / "release.json", json.dumps(value, indent=2, ensure_ascii=False).encode())


def read_release(folder: Path, *, verify: bool = True) -> ReleaseInfo:
    """
    Read and check a release.

    Args:
        folder: The release's folder.
        verify: Compare every file with its hash: about a second for the small model.

    Raises:
        ReleaseError: no `release.json`, another format, a file missing or altered.
    """
    path = folder / "release.json"
    if not path.is_file():
        raise ReleaseError(f"{folder} is no release: it has no release.json. Train one with `signpost train`.")
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        seal = value.pop("seal", None)  # the first releases have none
        if seal not in (None, _seal(value)):
            raise ValueError("altered")
        if value.pop("format") != RELEASE_FORMAT:
            raise ReleaseError(f"{folder} has another release format than {RELEASE_FORMAT}: train it again.")
        info = ReleaseInfo(**value)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReleaseError(f"{path} is damaged ({error}): roll back or train again.") from error
    for name, digest in info.files.items():
        file = folder / name
        if not file.is_file():
            raise ReleaseError(f"Release {info.id} lacks {name}: roll back or train again.")
        if verify and hash_file(file) != digest:
            raise ReleaseError(f"{name} of release {info.id} is altered or cut short: roll back or train again.")
    return info


def _seal(value: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def encoder_folder(info: ReleaseInfo, models: Path, *, verify: bool = True) -> Path | None:
    """
    Find the sentence encoder of a release; None when it goes without one.

    Args:
        models: Folder that keeps fetched models.
        verify: Compare the weights with their hash.

    Raises:
        MissingEncoderError: it is not there.
        ReleaseError: another one lies in its place.
    """
    if not info.encoder:
        return None
    folder = models / info.encoder["name"]
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise MissingEncoderError(info.id, info.encoder["name"], folder)
    if verify and hash_file(weights) != info.encoder["weights"]:
        raise ReleaseError(
            f"The sentence encoder at {folder} is not the one release {info.id} was made with: remove that folder, "
            "so that it is fetched again, or train again."
        )
    return folder


def hash_file(path: Path) -> str:
    """
    SHA-256 of a file, as hex.
    """
    with path.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()
