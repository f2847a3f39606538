"""A recorded comparison (`evaluation.study`), as notebook 07 reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aslp_lib.evaluation.study import Record, by_label


def chosen(
    found: Sequence[Record],
    ways: Mapping[str, Mapping[str, object]],
    recalibrations: Sequence[str | None] = (None,),
) -> list[Record]:
    """Records of these ways to train with these recalibrations, of all sets and seeds.

    Args:
        ways: method -> hyperparameters that a record must have, in the order wanted; methods that
            the records lack are left out.
        recalibrations: names, or None for as it was trained.
    """
    return [
        record
        for method, options in ways.items()
        for kind in recalibrations
        for record in found
        if (record["method"], record["recalibration"]) == (method, kind)
        and all(record["options"][name] == value for name, value in options.items())
    ]


def of(
    found: Sequence[Record], name: str, method: str, recalibration: str | None, **options: object
) -> list[Record]:
    """A set's records of one way to train and recalibrate, a record a seed.

    Raises:
        ValueError: there are none, or some seed has several; names the options to choose from.
    """
    own = [r for r in chosen(found, {method: options}, [recalibration]) if r["set"] == name]
    if not own or len({record["seed"] for record in own}) < len(own):
        there = {str(record["options"]) for record in found if record["method"] == method}
        raise ValueError(
            f"there must be one record a seed of {method!r} with {recalibration!r} on {name!r}, "
            f"but there are {len(own)}: options are {', '.join(sorted(there)) or 'none'}"
        )
    return own


def over_seeds(found: Sequence[Record], name: str, score: str = "ece") -> dict[str, list[float]]:
    """What tables call a way to train and recalibrate -> its score on a set, seed by seed."""
    return {
        label: [record[score] for record in own] for label, own in by_label(found, name).items()
    }
