"""Notebooks as lessons: predictions, exercises, and cells that only check the results."""

import ast
import re

import pytest
from notebook_files import NOTEBOOKS, ROOT, cells

from aslp_lib.course.exercises import further, of_lesson
from aslp_lib.course.lessons import LESSONS
from aslp_lib.course.publishing.copies import CI_CHECK


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_each_prediction_is_compared_with_its_own_answer_which_a_fold_explains(path):
    """Questions, answers and folds alternate, but for a few answers that need no explanation."""
    order, asked, compared = "", [], []
    for cell in cells(path):
        if cell.cell_type == "markdown":
            for part in re.split(r"^(?=#|<details>)", cell.source, flags=re.MULTILINE):
                order += "|" * part.startswith("#") + "E" * part.startswith("<details>")
                if part.startswith("<details>"):  # Markdown within HTML needs empty lines around it
                    assert re.match(r"<details>\n<summary>[^<\n]+</summary>\n\n", part)
                    assert "\n\n</details>" in part
        elif answers := re.findall(r"(\w+)\.against\(", cell.source):
            order, compared = order + "A", compared + answers
        elif questions := re.findall(r"^(\w+) = ask\(", cell.source, re.MULTILINE):
            order, asked = order + "Q", asked + questions
    assert compared == asked and len(set(asked)) == len(asked)
    assert len(re.findall("QA", order)) == len(asked) <= len(re.findall("QAE", order)) + 3


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_cells_that_assert_are_hidden_and_nothing_depends_on_them(path):
    """Learners' copies leave them out; see `publishing.copies`."""
    assigned, used = set(), set()
    for cell in cells(path, "code"):
        nodes = ast.walk(ast.parse(cell.source))
        names = [node for node in nodes if isinstance(node, ast.Name)]
        written = {node.id for node in names if isinstance(node.ctx, ast.Store)}
        tests = re.search(r"^\s*assert |\btesting\.assert_", cell.source, re.M)
        if CI_CHECK in cell.tags:
            assert tests and not cell.outputs, cell.source
            assert cell.metadata["jupyter"]["source_hidden"]
            assigned |= written
        else:
            assert not tests, cell.source
            used |= {node.id for node in names if isinstance(node.ctx, ast.Load)} - written
    assert not assigned & used


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_figure_is_the_last_expression_of_its_cell_or_it_would_not_be_shown(path):
    for cell in cells(path, "code"):
        for statement in ast.parse(cell.source).body[:-1]:
            assert not re.match(r"figures\.|exercises\.", ast.unparse(statement)), cell.source


def test_table_folders_and_notebooks_agree():
    folders = (ROOT / "aslp_lib/course/lessons").glob("*/__init__.py")
    assert {path.parent.name for path in folders} == LESSONS.keys()
    for path, lesson in zip(NOTEBOOKS, LESSONS.values(), strict=True):
        assert path.stem == lesson.notebook
        assert re.match(rf"# {lesson.title}[:\n]", cells(path)[0].source)


@pytest.mark.parametrize("lesson", [lesson for lesson in LESSONS if of_lesson(lesson)])
def test_the_first_exercise_stands_in_its_notebook_and_the_others_can_be_shown(lesson):
    first, *others = of_lesson(lesson)
    notebook = ROOT / "notebooks" / f"{LESSONS[lesson].notebook}.ipynb"
    sources = [cell.source for cell in cells(notebook)]
    assert first.arguments and sources[sources.index(first.markdown) + 1] == first.cell
    shown = further(lesson).data
    assert all(exercise.cell in shown for exercise in others) and first.cell not in shown
    assert not others or any(f'further("{lesson}")' in source for source in sources)
