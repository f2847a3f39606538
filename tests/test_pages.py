"""What README and the pages of docs/ tell one to type is understood."""

import re
import shlex
from pathlib import Path

import pytest
import torch

from aslp_lib.cli import parse

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXT = {page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8") for page in PAGES}
BLOCKS = [
    (page, block)
    for page, text in TEXT.items()
    for block in re.findall(r"```\w*\n(.*?)```", text, re.S)
]
COMMANDS = [
    (page, line.partition("main_ASLP.py")[2])
    for page, block in BLOCKS
    for line in block.replace("\\\n", " ").splitlines()
    if "main_ASLP.py" in line
]


@pytest.mark.parametrize(("page", "words"), COMMANDS)
def test_every_command_is_understood(page, words, capsys):
    words = shlex.split(words, comments=True)
    if "--help" in words:
        with pytest.raises(SystemExit) as ended:
            parse(words)
        assert ended.value.code == 0
    else:
        parse(words)


def test_the_pages_have_commands():
    assert {page for page, _ in COMMANDS} >= {
        f"docs/{name}.md"
        for name in (
            "authors_checkpoints", "compare", "paper", "recalibration", "score", "several_gpus",
        )
    }  # fmt: skip


def test_the_recalibration_of_the_page_runs():
    (block,) = [b for page, b in BLOCKS if page == "docs/recalibration.md" and "Counts" in b]
    logits = 4 * torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    sure = logits.flatten().abs().argsort(descending=True)
    labels = (logits > 0).to(torch.uint8)
    labels.view(-1)[sure[::5]] ^= 1  # a fifth is wrong, however sure
    names = {"logits": logits, "labels": labels}
    exec(block, names)
    assert names["temperature"].value > 1
    assert (names["maps"] - 0.5).abs().mean() < (logits.sigmoid() - 0.5).abs().mean()


def test_the_readme_is_short():
    assert TEXT["README.md"].count("\n") <= 110
