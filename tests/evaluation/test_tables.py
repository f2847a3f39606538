"""Tables for a terminal and for a paper, and which scores are in bold."""

import re
import shutil
import subprocess

import mistune
import numpy as np
import pytest

from aslp_lib.evaluation.scores import Evaluation, flat
from aslp_lib.evaluation.tables import COLUMNS, PaperOptions, PaperTable, as_table, paper_table
from aslp_lib.experiments import tables
from aslp_lib.metrics import SCORES
from aslp_lib.metrics.counts import Counts

LONG = "trained for ninety epochs on DUTS-TR with everything turned on"


def table(names, **values):
    """A set's scores by method: all 0.5 but those given, a value a method."""
    rows = [{score: values.get(score, [0.5] * len(names))[i] for score in SCORES}
            for i in range(len(names))]  # fmt: skip
    return {"SOD": dict(zip(names, rows, strict=True))}


def test_a_line_has_at_most_115_characters_and_names_end_in_the_middle():
    lines = as_table(table([LONG, "x" * 200])).splitlines()
    assert max(map(len, lines)) == 115
    assert lines[1].split()[:2] == ["SOD", "trained"] and "…" in lines[1] and "…" in lines[2]
    numbers = [line.split()[-5:] for line in as_table(table(["m"])).splitlines()[1:]]
    assert lines[1].split()[-5:] == numbers[0]


def test_a_method_stands_beside_its_difference_from_the_first():
    values = {"ece": [0.1, 0.12], "ece_floor": [0.01, 0.011], "nll": [0.5, 0.45]}
    lines = as_table(table(["A", "B"], **values)).splitlines()
    assert lines[0].split()[:5] == ["set", "method", "ECE", "%", "difference"]
    assert lines[1].split() == ["SOD", "A", "10.00", "1.00", "50.00", "0.500", "50.00"]
    assert lines[2].split() == [
        "SOD", "B", "12.00", "+2.00", "1.10", "50.00", "0.450", "-0.050", "50.00"
    ]  # fmt: skip
    assert "difference" not in as_table(table(["A"]))


def test_a_table_of_chosen_scores_is_as_wide_as_they_need():
    columns = PaperOptions(scores=("dice", "nll"), digits=1).columns(COLUMNS)
    lines = as_table(table(["A", "B"], dice=[0.25, 0.5]), columns).splitlines()
    assert [line.split() for line in lines] == [
        ["set", "method", "Dice", "NLL", "nats", "difference"],
        ["SOD", "A", "0.2", "0.5"],
        ["SOD", "B", "0.5", "0.5", "0.0"],
    ]
    every = as_table(table([LONG, "x" * 200]), list(SCORES.values())).splitlines()
    assert "…" in every[1] and every[1].count("0.500") > 10


def sets(**accuracies):
    """An evaluation whose methods have these accuracies on images of four foreground pixels, at
    confidence 1."""
    methods = {
        label: Counts.from_maps(
            [np.uint8([[255 if i < 4 * share else 0 for i in range(4)]]) for share in shares],
            [np.ones((1, 4), np.uint8)] * len(shares),
        )
        for label, shares in accuracies.items()
    }
    return Evaluation.of({"SOD": methods})


ALIKE, WORSE = (0.75, 0.5, 1.0, 0.25), (0.5, 0.25, 0.75, 0.0)


@pytest.mark.parametrize(
    ("methods", "best"),
    [
        ({"a": WORSE, "b": ALIKE}, "b"),  # on every image, so on every resample
        ({"a": ALIKE, "b": ALIKE}, None),
        ({"a": ALIKE, "b": (1.0, 0.5, 0.5, 0.75)}, None),  # better on average, but not on all
        ({"a": WORSE, "b": ALIKE, "c": ALIKE}, None),  # better than one of the two
        ({"a": ALIKE}, None),
    ],
)
def test_the_best_is_resolved_to_be_better_than_every_other_one(methods, best):
    """In accuracy; in NLL and ECE, too, because every confidence is 1."""
    evaluation = sets(**methods)
    for name in ("accuracy", "ece"):
        assert evaluation.best("SOD", SCORES[name]) == best
    assert evaluation.best("SOD", SCORES["ece_floor"]) is None  # it says nothing about a method


def test_nearer_to_zero_is_better():
    """Confidence minus accuracy of -0.2 is better than 0.3, and of -0.2 not worse than 0.2."""
    masks = [np.uint8([[1] * 10])] * 3
    images = {
        "under": [np.uint8([[204] * 10])] * 3,  # 0.8 - 1
        "over": [np.uint8([[255] * 7 + [0] * 3])] * 3,  # 1 - 0.7
        "mirrored": [np.uint8([[255] * 8 + [0] * 2])] * 3,  # 1 - 0.8
    }
    counts = {label: Counts.from_maps(maps, masks) for label, maps in images.items()}
    gap, two = SCORES["gap"], ("under", "over")
    assert Evaluation.of({"SOD": {k: counts[k] for k in two}}).best("SOD", gap) == "under"
    assert Evaluation.of({"SOD": counts}).best("SOD", gap) is None


def test_maps_of_different_images_are_not_paired():
    evaluation = sets(a=WORSE, b=ALIKE)
    named = {
        label: counts.with_columns(names=[f"{label}{i}" for i in range(4)])
        for label, counts in evaluation.counts["SOD"].items()
    }
    assert Evaluation.of({"SOD": named}).best("SOD", SCORES["accuracy"]) is None
    counts = evaluation.counts["SOD"]
    fewer = Evaluation.of({"SOD": {"a": counts["a"], "b": counts["b"][:3]}})
    assert fewer.best("SOD", SCORES["accuracy"]) is None
    change = Evaluation.of({"SOD": named}).difference("SOD", "b", "a", SCORES["accuracy"])
    assert change.value == pytest.approx(0.25) and np.isnan(change.low)


def test_intervals_are_those_of_the_resamples_in_every_format():
    """Means over two images: both ends are the images' own accuracies. There is no noise floor."""
    evaluation = sets(a=(0.5, 0.75))
    options = PaperOptions(scores=("accuracy", "ece_floor"), digits=1, intervals=True)
    shown = paper_table(evaluation, options)
    assert "| SOD | a | 62.5 [50.0, 75.0] | - |" in shown.markdown()
    assert "SOD & a & 62.5 {[}50.0, 75.0{]} & -- \\\\\n" in shown.latex()
    header, rows = flat(evaluation.records(), ["accuracy", "ece_floor"])
    assert header[3:] == ["accuracy", "accuracy_low", "accuracy_high", "ece_floor"]
    assert rows[0][2:6] == [2, 0.625, 0.5, 0.75]


def test_a_set_of_a_single_image_has_no_intervals():
    evaluation = sets(a=(0.5,))
    header, rows = flat(evaluation.records(), ["accuracy"])
    assert (header, rows) == (["set", "method", "images", "accuracy"], [["SOD", "a", 1, 0.5]])
    options = PaperOptions(scores=("accuracy",), intervals=True)
    shown = paper_table(evaluation, options).markdown()
    assert "| 50.00 |" in shown and "brackets" not in shown and "single image" in shown
    seeds = tables.paper_table(tables.of_evaluations([evaluation] * 2), options).markdown()
    assert "| 50.00 ± 0.00 |" in seeds and "brackets" not in seeds
    pairs = tables.of_evaluations([sets(a=(0.5, 0.75))] * 2)
    assert "in brackets" in tables.paper_table(pairs, options).markdown()
    two = sets(a=(0.5, 0.75)).records()
    header, rows = flat({"one": evaluation.records()["SOD"], "two": two["SOD"]}, ["accuracy"])
    assert header[3:] == ["accuracy", "accuracy_low", "accuracy_high"]
    assert [row[3:] for row in rows] == [[0.5, None, None], [0.625, 0.5, 0.75]]


ODD = r"$\frac{1}$ | b~^\{}%&_#<b>*x*[y](z)`"
PAPER = PaperTable(
    {ODD: ["[a]", "*b"], "SOD": ["a", "b"]},
    [SCORES[name] for name in ("ece", "gap", "iou")],
    lambda name, method, score: f"-1.0 ± {len(method)}" if name == ODD else "-",
    lambda name, score: "*b" if score.name == "gap" else None,
    "50 % [≤ 2] ± 1.",
)


def test_latex_is_balanced_and_each_row_has_every_column():
    """The grammar of tabular: nothing special but what is escaped, in braces or in dollars."""
    lines = PAPER.latex().splitlines()
    begun = [re.sub(r"\\(begin|end)\{(\w+)\}.*", r"\1 \2", line) for line in lines]
    assert [x for x in begun if x.startswith(("begin", "end"))] == [
        "begin table", "begin tabular", "end tabular", "end table"
    ]  # fmt: skip
    assert r"\begin{tabular}{llrrr}" in lines
    rules = [line for line in lines if line.endswith("rule")]
    assert rules == [r"\toprule", r"\midrule", r"\midrule", r"\bottomrule"]
    rows = [line.removesuffix(r" \\") for line in lines if line.endswith(r"\\")]
    assert len(rows) == 5 and PAPER.latex().isascii()
    for row in rows:
        assert len(re.findall(r"(?<!\\)&", row)) == 4 and r"\\" not in row
        bare = re.sub(r"\\text[a-z]+|\$[^$]*\$|\\[%&_#${}]", "", row)
        assert bare.count("{") == bare.count("}") and not re.search(r"[\\$%_#~^<>|]", bare)
        assert not re.match(r"[\[*]", row)
    assert rows[0].endswith(r"ECE \% $\downarrow$ & conf - acc \% $\to$ & IoU $\uparrow$")
    assert rows[2].endswith(r"$-$1.0 $\pm$ 2 & \textbf{$-$1.0 $\pm$ 2} & $-$1.0 $\pm$ 2")
    assert rows[3].endswith("-- & -- & --")


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
def test_latex_compiles(tmp_path):
    head = r"\documentclass{article}\usepackage{booktabs}\begin{document}"
    text = "\n".join([head, PAPER.latex(), r"\end{document}"])
    (tmp_path / "paper.tex").write_text(text, encoding="utf-8")
    command = ["pdflatex", "-draftmode", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout
    assert "Missing character" not in (tmp_path / "paper.log").read_text(errors="replace")


def test_markdown_has_arrows_and_its_caption():
    shown = mistune.create_markdown(plugins=["table"])(PAPER.markdown())
    heads = re.findall(r"<th[^>]*>(.*?)</th>", shown)
    assert heads == ["set", "method", "ECE % ↓", "conf - acc % →", "IoU ↑"]
    assert shown.count("<strong>") == 1 and shown.count("<tr>") == 5
    said = "<p>↓ lower, → nearer to zero, ↑ higher is better. 50 % [≤ 2] ± 1.</p>"
    assert said in shown


@pytest.mark.fault
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scores": ("ece", "F1")}, "a name in scores is 'F1'; expected one of ece, ece_floor"),
        ({"digits": -1}, "digits is -1; expected an integer from 0 to 9"),
    ],
)
def test_scores_and_digits_that_do_not_exist(options, message):
    with pytest.raises(ValueError, match=message):
        PaperOptions(**options)
