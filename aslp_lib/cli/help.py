"""Help texts: two examples for each command, and a short help for commands with many flags."""

import argparse
import ast
import inspect
import textwrap
from dataclasses import fields, is_dataclass
from typing import Any

EXAMPLES = {
    "run": (
        "--preset nuclei        the embedded images of cell nuclei",
        "--data DIR --preset small --size 256 --methods bce early_stopping",
    ),
    "train": (
        "--data DIR --preset small --epochs 20 --out runs/mine",
        "--resume runs/mine                goes on where a training run was stopped",
    ),
    "predict": (
        "runs/mine --images photographs --out maps",
        "--official Model_30_Gen.pth --data Dataset --out maps",
    ),
    "evaluate": (
        "runs/mine",
        "runs/mine --no-weighted-f         without the slowest score",
    ),
    "score": (
        "--maps BCE=maps/bce ASLP=maps/aslp --masks SOD/GT --report comparison.html",
        "--maps volumes --masks labels --volumes --logits --out scores.json",
    ),
    "recalibrate": (
        "--fit-maps validation/maps --fit-masks validation/GT --maps test/maps --out new",
        "--kind isotonic --fit-maps val/maps --fit-masks val/GT --save fit.safetensors",
    ),
    "compare": (
        "--methods bce early_stopping calibration --recalibrate temperature_scaling --seeds 5",
        "--preset nuclei --seeds 3 --corruptions noise2 blur2",
    ),
    "textures": ("--dtd dtd", "--dtd dtd --target DIR/Test/DTD_Texture_500"),
    "check-data": ("Dataset", "DIR --ignore-index 255            masks as in PASCAL VOC"),
}
"""Two command lines for each command, without the program and the command."""
SHORT = {
    name: (*own, "preset", "data", "network", "size", "methods", "recalibrate", "epochs", "seed")
    for name, own in {
        "run": ("out", "resume"),
        "train": ("out", "resume"),
        "compare": ("out", "seeds", "processes", "corruptions", "shifts"),
    }.items()
} | {
    "predict": ("run", "images", "out", "method", "recalibration", "floats", "official", "data"),
    "score": (
        *("maps", "masks", "out", "table", "scores", "intervals", "report", "figures"),
        *("valid_masks", "ignore_index", "logits", "volumes"),
    ),
}
"""Flags that `--help` shows of the commands that have too many; `--help-all` shows all."""


def described(name: str, doc: str | None, program: str) -> str:
    """Join the description of a command with its examples.

    >>> print(described("evaluate", "Score a run's maps.", "aslp"))
    Score a run's maps.
    <BLANKLINE>
    Examples:
      aslp evaluate runs/mine
      aslp evaluate runs/mine --no-weighted-f         without the slowest score
    """
    lines = [f"  {program} {name} {words}" for words in EXAMPLES.get(name, ())]
    return "\n".join([inspect.cleandoc(doc or ""), "", *(["Examples:", *lines] if lines else [])])


def short_help(name: str, command: Any, program: str) -> str:
    """Format the help of a command in `SHORT`.

    Args:
        name: name of the command.
        command: the command with its default settings, or its class.
        program: name of the program.
    """
    kind = command if isinstance(command, type) else type(command)
    parser = argparse.ArgumentParser(
        usage=f"{program} {name} {'[RUN] ' if 'run' in SHORT[name] else ''}[flags]",
        description=described(name, kind.__doc__, program),
        epilog=f"All flags: {program} {name} --help-all",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    groups = (getattr(command, field.name, None) for field in fields(kind))
    for holder in (command, *filter(is_dataclass, groups)):
        docs = field_docs(holder if isinstance(holder, type) else type(holder))
        for flag in (field.name for field in fields(holder) if field.name in SHORT[name]):
            value = getattr(holder, flag, "required")
            shown = " ".join(value) or "none" if isinstance(value, tuple) else value
            text = f"{docs[flag].split('. ')[0].rstrip('.')} (default: {shown})"
            if flag in ("network", "methods", "recalibrate"):
                from aslp_lib.config import REGISTRIES  # imports torch

                text += f". Choose from {', '.join(REGISTRIES[flag])}"
            text = text.replace("(default: required)", "(required)").replace("%", "%%")
            if flag == "run":
                parser.add_argument("RUN", help=text)
            else:
                parser.add_argument(f"--{flag.replace('_', '-')}", metavar="", help=text)
    return parser.format_help()


def field_docs(kind: type) -> dict[str, str]:
    """Read the docstrings below the fields of a class and its bases.

    >>> from aslp_lib.config import Settings
    >>> field_docs(Settings)["batch_size"]
    'Number of images in a batch.'
    """
    docs: dict[str, str] = {}
    for base in reversed(kind.__mro__[:-1]):
        body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
        assert isinstance(body, ast.ClassDef)
        for field, below in zip(body.body, body.body[1:], strict=False):
            match field, below:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    docs[name] = " ".join(text.split())
    return docs
