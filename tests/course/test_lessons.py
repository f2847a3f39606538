"""Notebooks as lessons: what is asked has a control; 02 and 03 are unfolded, checked and linked."""

import ast
import json
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"
DERIVATION = "03_sc_bce"
ALL = sorted(FOLDER.glob("*.ipynb"))
CONTROL = r"= (?:predictions\.)?(?:Number|Choice)\("
PATHS = [FOLDER / f"{name}.ipynb" for name in ("02_label_perturbation", DERIVATION)]


def cells(path: Path) -> list[tuple[str, str]]:
    """(type, source) of each."""
    return [(c["cell_type"], "".join(c["source"])) for c in json.loads(path.read_text())["cells"]]


def bound(node: ast.AST) -> set[str]:
    """Names that code binds in the notebook itself, not within a function or comprehension."""
    if isinstance(node, ast.FunctionDef | ast.Lambda | ast.ListComp | ast.DictComp | ast.SetComp):
        return set()
    if isinstance(node, ast.Name):
        return {node.id} if isinstance(node.ctx, ast.Store) else set()
    return set().union(*map(bound, ast.iter_child_nodes(node)))


def used(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


DERIVED = cells(FOLDER / f"{DERIVATION}.ipynb")
FOLDED = [i for i, (_, source) in enumerate(DERIVED) if "<details>" in source]


@pytest.mark.parametrize("path", ALL, ids=lambda p: p.stem)
class TestPredictions:
    def test_each_predict_has_a_control_before_its_answer(self, path):
        here = cells(path)
        for i, (kind, source) in enumerate(here):
            asked = kind == "markdown" and "**Predict" in source
            control = i + 1 < len(here) and re.search(CONTROL, here[i + 1][1])
            assert not asked or control, source

    def test_each_prediction_has_a_name_of_its_own_and_is_compared_with_an_answer(self, path):
        """So that a learner who goes back compares what was asked there."""
        code = [source for kind, source in cells(path) if kind == "code"]
        made, compared = [], []
        for source in code:
            compared += re.findall(r"(\w+)\.against\(", source)
            assert set(compared) <= set(made)
            for name in re.findall(rf"^(\w+) {CONTROL}", source, re.M):
                assert source.splitlines()[-1] == name  # shown
                made.append(name)
        assert sorted(compared) == sorted(set(made)) == sorted(made)


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
class TestLesson:
    def test_links_lead_to_files_and_name_the_next_notebook(self, path):
        text = "\n".join(source for kind, source in cells(path) if kind == "markdown")
        links = re.findall(r"\]\(([^)]+)\)", text)
        for link in links:
            assert link.startswith("https://") or (FOLDER / link).is_file(), link
        names = sorted(p.name for p in FOLDER.glob("*.ipynb"))
        assert names[names.index(path.name) + 1] in links
        assert any("ICCV" in link for link in links)
        assert any(link.startswith("../aslp_lib") for link in links)


class TestDerivation:
    def test_each_step_is_asked_then_unfolded_then_checked(self):
        for i in FOLDED:
            assert re.search(CONTROL, DERIVED[i - 1][1])
            assert re.search(r"^assert sp\.", DERIVED[i + 1][1], re.M)

    def test_no_step_is_without_its_derivation(self):
        steps, step = [], 0
        for i, (_, source) in enumerate(DERIVED):
            step = int([step, *re.findall(r"^## Step (\d):", source, re.M)][-1])
            if i in FOLDED:
                (of,) = re.findall(r"<summary>Unfold the derivation of step (\d)", source)
                assert int(of) == step
                steps.append(step)
        assert sorted(set(steps)) == [1, 2, 3, 4, 5, 6, 7, 8]

    def test_formulas_stand_between_blank_lines_or_they_stay_text(self):
        for i in FOLDED:
            source = DERIVED[i][1]
            assert re.fullmatch(
                r"<details>\n<summary>.+</summary>\n\n.+\n\n</details>", source, re.S
            )
            assert source.count("$$") % 2 == 0 and "$$" in source

    def test_what_is_a_symbol_stays_one(self):
        """A name of the derivation is bound once: no later cell makes a tensor of it."""
        trees = [ast.parse(s) for k, s in DERIVED if k == "code" and "exercises.check(" not in s]
        symbolic = {"sp"}
        for statement in (s for tree in trees for s in tree.body if isinstance(s, ast.Assign)):
            if used(statement.value) & symbolic:
                symbolic |= bound(statement)
        assert {"f", "t", "y", "Z", "z", "alpha", "beta", "pi", "loss", "bce", "best"} <= symbolic
        statements = [bound(statement) for tree in trees for statement in tree.body]
        for name in symbolic - {"sp"}:
            assert sum(name in names for names in statements) == 1, name
