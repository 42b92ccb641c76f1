"""
The place where a release is built: it takes its own when it is complete, or leaves nothing.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class DiskFullError(Exception):
    """
    There is no room for a release. Nothing of it is left behind.
    """


@contextmanager
def building(root: Path, release_id: str) -> Iterator[Path]:
    """
    Give a folder to build in; it takes its place when everything is written, and vanishes when anything fails.

    Raises:
        DiskFullError: something in it could not be written for want of room.
    """
    for left in root.glob(".building-*"):  # what a killed run left behind
        if not _alive(int(left.name.rsplit("-", 1)[-1])):
            shutil.rmtree(left, ignore_errors=True)
    folder = root / f".building-{release_id}-{os.getpid()}"
    try:
        folder.mkdir(parents=True)
        yield folder
        folder.rename(root / release_id)
    except (OSError, SafetensorError) as error:
        if not _is_full(error):
            raise
        raise DiskFullError(
            f"The disk of {root} is full: nothing was released. Free some space (a release takes half as much as its "
            "base model, and as much again while it is made), then train again."
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_full(error: OSError | SafetensorError) -> bool:
    """
    Tell a full disk from other trouble; safetensors has an error of its own and names the system's in it.

    >>> _is_full(OSError(errno.ENOSPC, "No space left on device")), _is_full(OSError(errno.EACCES, "Permission denied"))
    (True, False)
    >>> _is_full(SafetensorError('IoError(Os { code: 28, kind: StorageFull, message: "No space left on device" })'))
    True
    """
    if isinstance(error, OSError):
        return error.errno in _FULL
    return any(f"code: {number}," in str(error) or f"os error {number})" in str(error) for number in _FULL)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process != os.getpid()
