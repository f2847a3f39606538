"""The model card of what is shipped, made from the files themselves.

`python -m aslp_lib.course.recorded.card` (or `make weights`) writes it. A card says what a model is
for and what it is not for: Mitchell et al., *Model Cards for Model Reporting*, FAT* 2019.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from aslp_lib.config import Settings
from aslp_lib.course.recorded import FOLDER, METHODS, SETTINGS, epochs, levels, load, load_log
from aslp_lib.files import write
from aslp_lib.methods import METHOD_LABELS
from aslp_lib.metrics import SCORES

CARD = FOLDER / "MODEL_CARD.md"
HOW = FOLDER / "how.json"
TEXT = """\
# Model card: the course's networks

Made by `python -m aslp_lib.course.recorded.card` from the files beside it; a test compares.

## What they are

One small U-Net (`aslp_lib.networks.small.TinyUNet`, {parameters:,} parameters, random weights at
the start), trained three times, alike in all but the method; and records of what it says at fixed
levels, and while it is trained. `aslp_lib.course.recorded.load("bce")` gives
the first. Nothing in the files can be executed.

| file | what | SHA-256 |
|---|---|---|
{files}

A file of weights holds its settings too, as version 0.1 called them. `levels.npz` holds counts of
pixels and a few maps of trainings at alpha * beta from {strengths[0]:g} to {strengths[1]:g} on
{targets} targets, for notebook 10.
`epochs.npz` holds levels, scores and a few maps of {methods}
at every other epoch, for notebook 05. `levels.json` and `epochs.json` say how they were made.

## Data

The embedded set, made by `aslp_lib/data/shapes.py` from seed {settings.data_seed}: shapes on
textures, {settings.size} x {settings.size} pixels, {images[train]} images to train on and
{images[validation]} to validate. An imagined annotator marks a shape with a probability that
grows with its contrast, so the true probability of every pixel is known. No photograph, no person
and no other data set went into it.

## Training

Preset `demo`: {settings.epochs} epochs in batches of {settings.batch_size}, Adam at
{settings.learning_rate}, schedule "{settings.schedule}", seed {settings.seed}, no augmentation.
ASLP perturbs by technique {aslp.technique}, with a step of {aslp.alpha_step_size}, a weight of
{aslp.constraint_weight:g}, a bound gain of {aslp.bound_gain}, dynamics "{aslp.dynamics}"; levels
wait for {aslp.alpha_warm_up} epochs. The mean level ended at {ended}. Made with torch
{how[torch]} ({how[machine]}) by `{how[command]}`; `make weights` makes them again.

## Scores

In percent, 10 equal bins, pixels pooled, one training each. Test: {images[test]} images as in
training. Shifted: {images[shifted]} images whose annotators agree less. Textures:
{images[textures]} images that show no shape.

{scores}

Another seed moves them by more than some of these differ: `benchmarks/README.md` has several.

## What they are for

Teaching: the notebooks, and trying a metric or a recalibration where the truth is known.

## What they are not for

- Photographs, or any image of another kind: the networks have seen nothing but these shapes.
- Decisions about anything.
- A claim about the paper's networks, which are of another size and trained on photographs.
- BCE is over-confident on purpose: it is trained until it has memorised its labels. ASLP (MC) is
  too modest. Neither tells ambiguous shapes from clear ones much better than guessing (notebook
  00).

## Licence

MIT, as the code, which makes the data too (`LICENSE`). Please cite the paper (`CITATION.cff`).
"""


def card() -> str:
    """The card's text, of the files as they are."""
    how = json.loads(HOW.read_text(encoding="utf-8"))
    settings, data = Settings.from_json(json.dumps(how["settings"])), SETTINGS.load_data()
    sets = {"train": data.train, "validation": data.validation, **data.tests}
    what = {f"{method}.safetensors": METHOD_LABELS[method] for method in METHODS}
    what |= {levels.FILE.name: "recorded levels", epochs.FILE.name: "recorded epochs"}
    ended = {m: load_log(m)[-1]["alpha_mean"] for m in METHODS if m != "bce"}
    return TEXT.format(
        parameters=sum(each.numel() for each in load("bce").parameters()),
        files="\n".join(
            f"| `{name}` | {words} | `{_hash(name)}` |" for name, words in what.items()
        ),
        strengths=(min(levels.LEVELS), max(levels.LEVELS)),
        targets=" and ".join(f"{kind} ({of.name})" for kind, of in levels.TARGETS.items()),
        methods=", ".join(METHOD_LABELS[method] for method in epochs.METHODS),
        settings=settings,
        aslp=settings.hyperparameters.aslp,
        images={name: len(part) for name, part in sets.items()},
        ended=" and ".join(f"{level:.3f} ({METHOD_LABELS[m]})" for m, level in ended.items()),
        how=how,
        scores=_scores(how["scores"]),
    )


def _hash(name: str) -> str:
    with (FOLDER / name).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _scores(made: dict[str, Any]) -> str:
    names = ("ece", "oe", "accuracy", "confidence")
    sets = next(iter(made.values()))
    lines = [
        f"| {' | '.join(['set', 'method', *(SCORES[name].title for name in names)])} |",
        f"|---|---{'|---:' * len(names)}|",
    ]
    for part in sets:
        for method, own in made.items():
            cells = [f"{100 * own[part][name]:.1f}" for name in names]
            lines.append(f"| {part} | {METHOD_LABELS[method]} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    write(CARD, card())
