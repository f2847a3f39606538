"""Digests of files, which show whether they are still those that something was made from."""

import filecmp
import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aslp_lib.files import read


def digest(data: bytes) -> str:
    """Compute the first 16 hex digits of the SHA-256.

    >>> digest(b"")
    'e3b0c44298fc1c14'
    """
    return hashlib.sha256(data).hexdigest()[:16]


def digests(paths: Mapping[str, Path]) -> dict[str, str]:
    """Compute the digest of each file, by its name, in several threads."""
    with ThreadPoolExecutor() as pool:
        contents = pool.map(lambda path: digest(read(path)), paths.values())
        return dict(zip(paths, contents, strict=True))


def same_files(first: Mapping[str, Path], second: Mapping[str, Path]) -> set[str]:
    """Return the stems whose files are the same in both, or copies."""
    return {
        stem
        for stem in first.keys() & second.keys()
        if first[stem].samefile(second[stem])
        or filecmp.cmp(first[stem], second[stem], shallow=False)
    }


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Return the sorted names that were added or removed, or whose digest changed.

    >>> changed({"a": "5f", "b": "07"}, {"a": "3c", "b": "07"})
    ['a']
    """
    return sorted({name for name, _ in before.items() ^ after.items()})


def refuse_changed(
    name: str, before: Mapping[str, str], after: Mapping[str, str], since: str, remedy: str
) -> None:
    """Raise ValueError if images or masks were added, removed or changed.

    Args:
        name: description of the images, such as "the set SOD".
        before, after: fingerprint of each image and its mask, by stem, see
            `ImageSet.fingerprints`.
        since: what was made or begun with the earlier ones.
        remedy: what to do.
    """
    if stems := changed(before, after):
        raise ValueError(
            f"images or masks of {name} were added, removed or changed since {since}: "
            f"{len(stems)}, such as {stems[0]}; expected the same files. Restore them, or {remedy}."
        )
