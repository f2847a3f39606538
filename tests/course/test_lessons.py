"""Notebooks as lessons: predictions, exercises, and cells that only check the results."""

import ast
import json
import re
from pathlib import Path

import pytest

from aslp_lib.course.exercises import further, of_lesson
from aslp_lib.course.lessons import LESSONS
from aslp_lib.course.publishing.copies import CI_CHECK

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LESSONS_FOLDER = FOLDER.parent / "aslp_lib" / "course" / "lessons"


def cells(path: Path) -> list[tuple[str, str]]:
    """(type, source) of each."""
    return [(c["cell_type"], "".join(c["source"])) for c in json.loads(path.read_text())["cells"]]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_each_prediction_is_compared_with_its_own_answer_which_a_fold_explains(path):
    """Questions, answers and folds alternate, but for a few answers that need no explanation."""
    order, asked, compared = "", [], []
    for kind, source in cells(path):
        if kind == "markdown":
            for part in re.split(r"^(?=#|<details>)", source, flags=re.MULTILINE):
                order += "|" * part.startswith("#") + "E" * part.startswith("<details>")
                if part.startswith("<details>"):  # Markdown within HTML needs empty lines around it
                    assert re.match(r"<details>\n<summary>[^<\n]+</summary>\n\n", part)
                    assert "\n\n</details>" in part
        elif answers := re.findall(r"(\w+)\.against\(", source):
            order, compared = order + "A", compared + answers
        elif questions := re.findall(r"^(\w+) = ask\(", source, re.MULTILINE):
            order, asked = order + "Q", asked + questions
    assert compared == asked and len(set(asked)) == len(asked)
    assert len(re.findall("QA", order)) == len(asked) <= len(re.findall("QAE", order)) + 3


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_cells_that_assert_are_hidden_and_nothing_depends_on_them(path):
    """Learners' copies leave them out; see `publishing.copies`."""
    assigned, used = set(), set()
    for cell in json.loads(path.read_text())["cells"]:
        if cell["cell_type"] != "code":
            continue
        tree = ast.parse("".join(cell["source"]))
        names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
        written = {node.id for node in names if isinstance(node.ctx, ast.Store)}
        tests = re.search(r"^\s*assert |\btesting\.assert_", "".join(cell["source"]), re.M)
        if CI_CHECK in cell["metadata"].get("tags", []):
            assert tests and not cell["outputs"], cell["source"]
            assert cell["metadata"]["jupyter"]["source_hidden"]
            assigned |= written
        else:
            assert not tests, cell["source"]
            used |= {node.id for node in names if isinstance(node.ctx, ast.Load)} - written
    assert not assigned & used


def test_table_folders_and_notebooks_agree():
    folders = {path.parent.name for path in LESSONS_FOLDER.glob("*/__init__.py")}
    assert folders == LESSONS.keys()
    assert [path.stem for path in NOTEBOOKS] == [lesson.notebook for lesson in LESSONS.values()]
    for lesson in LESSONS.values():
        _, first = cells(FOLDER / f"{lesson.notebook}.ipynb")[0]
        assert re.match(rf"# {lesson.title}[:\n]", first)


@pytest.mark.parametrize("lesson", [lesson for lesson in LESSONS if of_lesson(lesson)])
def test_the_first_exercise_stands_in_its_notebook_and_the_others_can_be_shown(lesson):
    first, *others = of_lesson(lesson)
    sources = [source for _, source in cells(FOLDER / f"{LESSONS[lesson].notebook}.ipynb")]
    assert first.arguments and sources[sources.index(first.markdown) + 1] == first.cell
    shown = further(lesson).data
    assert all(exercise.cell in shown for exercise in others) and first.cell not in shown
    assert not others or any(f'further("{lesson}")' in source for source in sources)
