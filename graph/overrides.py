"""
`signpost.toml`: what the people of a repository say about its modules themselves.

It lies at the top of the repository and is read at the indexed commit. ``docs/modules.md`` shows one.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from graph.modules import ModuleFiles
from graph.snapshot import Snapshot
from graph.values import RepositoryError

log = logging.getLogger("signpost.graph")

FILE = "signpost.toml"
_WORDS = ("exclude", "split", "merge", "rename", "describe")


@dataclass(frozen=True, slots=True)
class Overrides:
    """
    What `signpost.toml` says; empty without one.

    Attributes:
        exclude: Patterns of paths that get no module. Without wildcards it is a file, or a folder with all in it.
        split: Module id → patterns; the files of each become a module below it, named by the pattern's last part.
        merge: Module id → ids of modules that go into it; a new id makes a new module.
        rename: Module id → the id it is to have.
        describe: Module id, as it is called in the end, → its purpose.
    """

    exclude: tuple[str, ...] = ()
    split: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    merge: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rename: Mapping[str, str] = field(default_factory=dict)
    describe: Mapping[str, str] = field(default_factory=dict)

    @property
    def given_ids(self) -> frozenset[str]:
        """
        Ids that people chose: nothing else may change them.
        """
        return frozenset(self.rename.values()) | frozenset(self.merge)

    def excludes(self, path: str) -> bool:
        """
        Whether a file gets no module.
        """
        return any(_matches(path, pattern) for pattern in self.exclude)


def read_overrides(snapshot: Snapshot) -> Overrides:
    """
    Read the `signpost.toml` of a snapshot.

    Raises:
        RepositoryError: It is no TOML, or says something that is not understood.
    """
    if not any(entry.path == FILE for entry in snapshot.files):
        return Overrides()
    return parse_overrides(snapshot.read(FILE))


def parse_overrides(data: bytes) -> Overrides:
    """
    Read the bytes of a `signpost.toml`: see `read_overrides`.

    >>> parse_overrides(b'[modules.rename]\\n"core/util" = "core/tools"').rename
    {'core/util': 'core/tools'}
    """
    import tomllib

    try:
        value = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RepositoryError(f"{FILE} is not valid TOML ({error}): correct it or remove it") from error
    for key in value:
        if key != "modules":
            raise RepositoryError(f"{FILE} has an unknown part {key!r}: everything belongs below [modules]")
    modules = value.get("modules", {})
    if not isinstance(modules, dict):
        raise RepositoryError(f"{FILE}: modules must be a table, got {_kind(modules)}")
    for key in modules:
        if key not in _WORDS:
            raise RepositoryError(f"{FILE}: modules.{key} is unknown, expected one of {', '.join(_WORDS)}")
    return Overrides(
        exclude=_texts("exclude", modules.get("exclude", [])),
        split={id: _texts(f"split.{id}", found) for id, found in _table(modules, "split").items()},
        merge={_id("merge", id): _texts(f"merge.{id}", found) for id, found in _table(modules, "merge").items()},
        rename={id: _id(f"rename.{id}", found) for id, found in _table(modules, "rename").items()},
        describe={id: _text(f"describe.{id}", found) for id, found in _table(modules, "describe").items()},
    )


def _table(modules: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = modules.get(key, {})
    if not isinstance(found, dict):
        raise RepositoryError(f"{FILE}: modules.{key} must be a table of module ids, got {_kind(found)}")
    return found


def _texts(where: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise RepositoryError(f"{FILE}: modules.{where} must be a list of texts, got {_kind(value)}")
    return tuple(_text(where, item) for item in value)


def _text(where: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise RepositoryError(f"{FILE}: modules.{where} must be a text that is not empty, got {_kind(value)}")
    return value.strip()


def _id(where: str, value: object) -> str:
    id = _text(where, value)
    if not re.fullmatch(r"[^\s/][^\n\t/]*(?:/[^\s/][^\n\t/]*)*", id):
        raise RepositoryError(f"{FILE}: modules.{where} must give an id like core/routing, got {id!r}")
    return id


def _kind(value: object) -> str:
    names = {dict: "a table", list: "a list", str: "a text", bool: "true or false"}
    return next((name for kind, name in names.items() if isinstance(value, kind)), repr(value))


def apply_overrides(
    modules: Sequence[ModuleFiles], overrides: Overrides
) -> tuple[tuple[ModuleFiles, ...], dict[str, tuple[str, ...]]]:
    """
    Split, merge and rename modules, in this order. What names a module or file that is not there is a warning: code
    moves on, and an old line must not stop the index.

    Returns:
        Modules sorted by id, and the ids by which some were known before.

    Raises:
        RepositoryError: Two modules would have one id.
    """
    found = {module.id: module for module in modules}
    aliases: dict[str, tuple[str, ...]] = {}
    for id, patterns in overrides.split.items():
        if _is_there(id, found, "split"):
            _split(found, id, patterns)
    for id, others in overrides.merge.items():
        gone = [found.pop(other) for other in others if other != id and _is_there(other, found, f"merge.{id}")]
        if gone:
            whole = found.get(id) or replace(gone[0], id=id)
            files = {path for module in (whole, *gone) for path in module.files}
            found[id] = replace(whole, files=tuple(sorted(files)))
            aliases[id] = tuple(module.id for module in gone)
    renamed: dict[str, ModuleFiles] = {}
    names = {old: new for old, new in overrides.rename.items() if _is_there(old, found, "rename")}
    for id, module in found.items():
        new = names.get(id, id)
        if new in renamed:
            raise RepositoryError(f"{FILE}: two modules would be called {new!r}: merge them, or choose another name")
        renamed[new] = replace(module, id=new)
        if new != id:
            aliases[new] = (id, *aliases.pop(id, ()))
    for id in overrides.describe:
        _is_there(id, renamed, "describe")
    return tuple(renamed[id] for id in sorted(renamed)), aliases


def _is_there(id: str, found: Iterable[str], where: str) -> bool:
    if id in set(found):
        return True
    log.warning(
        "%s: modules.%s names %r, but there is no such module; `signpost graph show` lists them", FILE, where, id
    )
    return False


def _split(found: dict[str, ModuleFiles], id: str, patterns: Sequence[str]) -> None:
    for pattern in patterns:
        module = found[id]
        taken = tuple(path for path in module.files if _matches(path, pattern))
        if not taken or len(taken) == len(module.files):
            log.warning("%s: modules.split.%s: %r takes %s of its files", FILE, id, pattern, "all" if taken else "none")
            continue
        name = f"{id}/{_name_of(pattern)}"
        if name in found:
            raise RepositoryError(f"{FILE}: modules.split.{id} makes a second module {name!r}: choose another pattern")
        home = pattern.rstrip("/") if len(taken) > 1 and not re.search(r"[*?\[]", pattern) else taken[0]
        found[name] = ModuleFiles(name, home, taken)
        found[id] = replace(module, files=tuple(path for path in module.files if path not in taken))


def _name_of(pattern: str) -> str:
    """
    Name a module after the last word of a pattern.

    >>> _name_of("wagtail/admin/*_hooks.py"), _name_of("admin/forms/**"), _name_of("*")
    ('hooks', 'forms', 'part')
    """
    for part in reversed(pattern.split("/")):
        words = [word.strip("_") for word in re.findall(r"\w[\w-]*", re.sub(r"(?<=.)\.\w+$", "", part))]
        if found := next((word for word in words if word), ""):
            return found
    return "part"


def _matches(path: str, pattern: str) -> bool:
    pattern = pattern.strip("/")
    if not re.search(r"[*?\[]", pattern):
        return path == pattern or path.startswith(pattern + "/")
    from fnmatch import translate

    return re.match(translate(pattern), path) is not None
