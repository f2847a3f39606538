"""Tables for a terminal and for a paper, and which scores are in bold."""

import re
import shutil
import subprocess
from types import SimpleNamespace

import mistune
import numpy as np
import pytest

from aslp_lib.evaluation import tables
from aslp_lib.evaluation.scores import Evaluation
from aslp_lib.evaluation.tables import FORMATS, MAIN, PaperOptions, as_table
from aslp_lib.experiments.tables import SeedScores
from aslp_lib.files import write
from aslp_lib.metrics import SCORES, Visibility
from aslp_lib.metrics.counts import Counts

LONG = "trained for ninety epochs on DUTS-TR with everything turned on"


def of_maps(**methods):
    """An evaluation whose methods have these rows of grey levels as maps, all of it foreground."""
    counts = {
        label: Counts.from_maps(np.uint8(rows)[:, None], np.ones((len(rows), 1, len(rows[0])), int))
        for label, rows in methods.items()
    }
    return Evaluation({"SOD": counts})


def sets(**accuracies):
    """An evaluation whose methods have these accuracies on images of four pixels."""
    rows = {share: [255 * (4 * share > i) for i in range(4)] for share in (0, 0.25, 0.5, 0.75, 1)}
    return of_maps(**{k: [rows[share] for share in shares] for k, shares in accuracies.items()})


def lines_of(names, columns=MAIN, **values):
    """The words of the lines of a table: all scores are 0.5 but those given, a value a method."""
    evaluation = sets(**dict.fromkeys(names, (1.0,)))
    for i, row in enumerate(evaluation.scores["SOD"].values()):
        row |= {score: values[score][i] if score in values else 0.5 for score in SCORES}
    return [line.split() for line in as_table(evaluation, columns).splitlines()]


def test_a_line_has_at_most_115_characters_and_names_end_in_the_middle():
    lines = as_table(sets(**{LONG: (1.0,), "x" * 200: (1.0,)})).splitlines()
    assert max(map(len, lines)) == 115
    assert lines[1].split()[:2] == ["SOD", "trained"] and "…" in lines[1] and "…" in lines[2]
    every = lines_of([LONG, "x" * 200], list(SCORES.values()))
    assert any("…" in word for word in every[1]) and every[1].count("0.500") > 10


def test_a_method_stands_beside_its_difference_from_the_first():
    values = {"ece": [0.1, 0.12], "ece_floor": [0.01, 0.011], "nll": [0.5, 0.45]}
    lines = lines_of("AB", **values)
    assert lines[0][:5] == ["set", "method", "ECE", "%", "difference"]
    assert lines[1] == ["SOD", "A", "10.00", "1.00", "50.00", "0.500", "50.00"]
    assert lines[2][2:] == ["12.00", "+2.00", "1.10", "50.00", "0.450", "-0.050", "50.00"]
    assert "difference" not in lines_of("A")[0]
    chosen = PaperOptions(scores=("dice", "nll"), digits=1).columns(MAIN)
    assert lines_of("AB", chosen, dice=[0.25, 0.5]) == [
        ["set", "method", "Dice", "NLL", "nats", "difference"],
        ["SOD", "A", "0.2", "0.5"],
        ["SOD", "B", "0.5", "0.5", "0.0"],
    ]


ALIKE, WORSE = (0.75, 0.5, 1.0, 0.25), (0.5, 0.25, 0.75, 0.0)


# Three equal images, of which confidence minus accuracy is 0.8 - 1, 1 - 0.7 and 1 - 0.8.
UNDER, OVER, MIRRORED = 3 * [[204] * 10], 3 * [[255] * 7 + [0] * 3], 3 * [[255] * 8 + [0] * 2]


@pytest.mark.parametrize(
    ("evaluation", "names", "best"),
    [
        (sets(a=WORSE, b=ALIKE), ("accuracy", "ece"), "b"),  # on every image and every resample
        (sets(a=ALIKE, b=ALIKE), ("accuracy", "ece"), None),
        (sets(a=ALIKE, b=(1.0, 0.5, 0.5, 0.75)), ("accuracy",), None),  # better on average
        (sets(a=WORSE, b=ALIKE, c=ALIKE), ("accuracy",), None),  # better than one of the two
        (sets(a=ALIKE), ("accuracy",), None),
        (sets(a=WORSE, b=ALIKE[:3]), ("accuracy", "ece"), None),  # other images: not paired
        (sets(a=WORSE, b=ALIKE), ("ece_floor",), None),  # it says nothing about a method
        (of_maps(under=UNDER, over=OVER), ("gap",), "under"),  # nearer to zero
        (of_maps(under=UNDER, over=OVER, mirrored=MIRRORED), ("gap",), None),
    ],
)
def test_the_best_is_resolved_to_be_better_than_every_other_one(evaluation, names, best):
    assert [evaluation.best("SOD", SCORES[name]) for name in names] == [best] * len(names)


def test_a_difference_of_other_images_has_no_interval():
    named = {
        label: counts.with_columns(names=[f"{label}{i}" for i in range(4)])
        for label, counts in sets(a=WORSE, b=ALIKE).counts["SOD"].items()
    }
    change = Evaluation({"SOD": named}).difference("SOD", "b", "a", SCORES["accuracy"])
    assert change.value == pytest.approx(0.25) and np.isnan(change.low)


def files_of(results, folder, **options):
    """The texts of tables by suffix."""
    paths = tuple(folder / f"table{suffix}" for suffix in FORMATS)
    PaperOptions(table=paths, **options).publish(results, lambda: None)
    return {path.suffix: path.read_text(encoding="utf-8") for path in paths}


def test_intervals_are_those_of_the_resamples_in_every_format(tmp_path):
    """Means over two images: both ends are the images' own accuracies. There is no noise floor."""
    options = {"scores": ("accuracy", "ece_floor"), "digits": 1, "intervals": True}
    texts = files_of(sets(a=(0.5, 0.75)), tmp_path, **options)
    assert "| SOD | a | 62.5 [50.0, 75.0] | - |" in texts[".md"]
    assert "SOD & a & 62.5 {[}50.0, 75.0{]} & -- \\\\\n" in texts[".tex"]
    header = "set,method,images,accuracy,accuracy_low,accuracy_high,ece_floor"
    assert texts[".csv"].splitlines() == [header, "SOD,a,2,0.625,0.5,0.75,"]


def test_a_set_of_a_single_image_has_no_intervals(tmp_path):
    one, two = sets(a=(0.5,)), sets(a=(0.5, 0.75))
    texts = files_of(one, tmp_path, scores=("accuracy",), intervals=True)
    assert texts[".csv"].splitlines() == ["set,method,images,accuracy", "SOD,a,1,0.5"]
    assert "| 50.00 |" in texts[".md"] and "single image" in texts[".md"]
    for evaluation, cell in ((one, "| 50.00 ± 0.00 |"), (two, "in brackets")):
        seeds = SeedScores.of_evaluations([evaluation] * 2)
        shown = files_of(seeds, tmp_path, scores=("accuracy",), intervals=True)[".md"]
        assert cell in shown and ("brackets" in shown) == (evaluation is two)
    both = Evaluation({"one": one.counts["SOD"], "two": two.counts["SOD"]})
    rows = [[*row.values()][3:] for row in both.rows(["accuracy"])]
    assert rows == [[0.5, None, None], [0.625, 0.5, 0.75]]


def test_a_new_format_is_one_row_of_the_table(tmp_path, monkeypatch):
    """Its row decides the columns."""

    def write_words(path, results, columns, intervals):
        _, rows = tables.paper_table(results, columns, intervals, bold=str)
        write(path, str([[score.name for score in columns], *rows]))

    monkeypatch.setitem(FORMATS, ".words", (Visibility.COMPARED, write_words))
    text = files_of(sets(a=(1.0,)), tmp_path)[".words"]
    assert text == "[['ece', 'nll'], ['SOD', 'a', '0.00', '0.002']]"
    PaperOptions(table=(tmp_path / "t.words",)).check()
    with pytest.raises(ValueError, match=r"expected \.csv or \.md or \.tex or \.words"):
        PaperOptions(table=(tmp_path / "t.word",)).check()


ODD = r"$\frac{1}$ | b~^\{}%&_#<b>*x*[y](z)`"


SHOWN = [SCORES[name] for name in ("ece", "gap", "iou")]
RESULTS = SimpleNamespace(
    methods={ODD: ["[a]", "*b"], "SOD": ["a", "b"]},
    cell=lambda name, method, score, interval: f"-1.0 ± {len(method)}" if name == ODD else "-",
    best=lambda name, score: "*b" if score.name == "gap" else None,
    caption=lambda columns, intervals: "50 % [≤ 2] ± 1.",
)
MARKDOWN, LATEX = tables.markdown(RESULTS, SHOWN, False), tables.latex(RESULTS, SHOWN, False)


def test_latex_has_rules_between_sets_and_marks_the_best():
    """Names are escaped to the letter in `tests/cli/test_score.py`."""
    lines, cell = LATEX.splitlines(), r"$-$1.0 $\pm$ "
    assert LATEX.isascii() and lines[4] == (
        r"\caption{$\downarrow$ lower, $\to$ nearer to zero, $\uparrow$ higher is better. "
        r"50 \% {[}$\leq$ 2{]} $\pm$ 1.}"
    )
    assert lines[5:9] == [
        r"\begin{tabular}{llrrr}",
        r"\toprule",
        r"Set & Method & ECE \% $\downarrow$ & conf - acc \% $\to$ & IoU $\uparrow$ \\",
        r"\midrule",
    ]
    assert lines[10].endswith(rf" & {{*}}b & {cell}2 & \textbf{{{cell}2}} & {cell}2 \\")
    rows = [r"\midrule", r"SOD & a & -- & -- & -- \\", r"SOD & b & -- & -- & -- \\"]
    assert lines[11:] == [*rows, r"\bottomrule", r"\end{tabular}", r"\end{table}"]


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
def test_latex_compiles(tmp_path):
    head = r"\documentclass{article}\usepackage{booktabs}\begin{document}"
    text = "\n".join([head, LATEX, r"\end{document}"])
    (tmp_path / "paper.tex").write_text(text, encoding="utf-8")
    command = ["pdflatex", "-draftmode", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout
    assert "Missing character" not in (tmp_path / "paper.log").read_text(errors="replace")


def test_markdown_has_arrows_and_its_caption():
    shown = mistune.create_markdown(plugins=["table"])(MARKDOWN)
    heads = re.findall(r"<th[^>]*>(.*?)</th>", shown)
    assert heads == ["set", "method", "ECE % ↓", "conf - acc % →", "IoU ↑"]
    assert shown.count("<strong>") == 1 and shown.count("<tr>") == 5
    said = "<p>↓ lower, → nearer to zero, ↑ higher is better. 50 % [≤ 2] ± 1.</p>"
    assert said in shown


@pytest.mark.fault
def test_scores_and_digits_that_do_not_exist():
    message = "a name in scores is 'F1'; expected one of ece, ece_floor"
    with pytest.raises(ValueError, match=message):
        PaperOptions(scores=("ece", "F1"))
    with pytest.raises(ValueError, match="digits is -1; expected an integer from 0 to 9"):
        PaperOptions(digits=-1)
