"""Rules of the project that a reader relies on."""

import importlib.metadata
import json
import re
import tomllib

import pytest
import tables
import yaml
from notebook_files import NOTEBOOKS, ROOT, cells
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import aslp_lib

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FOLDERS = ("aslp_lib", "tests", "benchmarks", "examples", "Dataset")
SOURCES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]


def test_environment_yml_names_what_pyproject_names():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    plain = [d for d in environment["dependencies"] if isinstance(d, str)]
    (pip,) = [d["pip"] for d in environment["dependencies"] if isinstance(d, dict)]
    python = next(Requirement(d) for d in plain if d.startswith("python"))
    assert str(python.specifier) == PROJECT["requires-python"]
    extras = re.fullmatch(r"-e \.\[(.+)\]", pip[0])[1].split(",")
    assert set(extras) <= PROJECT["optional-dependencies"].keys()


def test_the_version_and_the_authors_are_the_citation_s_and_the_changelog_knows_the_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == aslp_lib.__version__
    assert [a["name"] for a in citation["authors"]] == [a["name"] for a in PROJECT["authors"]]
    assert citation["preferred-citation"]["url"] == PROJECT["urls"]["Paper"]
    changelog = (ROOT / "CHANGELOG.md").read_text()
    unreleased = Version(aslp_lib.__version__).is_devrelease
    assert f"## [{'Unreleased' if unreleased else aslp_lib.__version__}]" in changelog


def imported(path):
    """Top-level names of what a file imports, wherever in it. Prose may add words."""
    return re.findall(r"^\s*(?:from|import) (\w+)", path.read_text(), re.M)


def test_every_package_that_the_code_imports_is_declared():
    extras = PROJECT["optional-dependencies"].values()
    lines = [*PROJECT["dependencies"], *(line for extra in extras for line in extra)]
    declared = {canonicalize_name(Requirement(line).name) for line in lines}
    # Benchmarks measure the last two where they are installed.
    declared |= {"aslp-lib", "netcal", "opencv-python-headless"}
    packages = importlib.metadata.packages_distributions()
    for path in SOURCES:
        for name in set(imported(path)) & packages.keys():
            assert declared & {canonicalize_name(d) for d in packages[name]}, f"{path}: {name}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
class TestNotebook:
    def test_every_cell_was_run_without_errors(self, path):
        """nbval passes a cell without output: one that was never run must not count as tested."""
        assert "widgets" not in json.loads(path.read_text())["metadata"]  # no state of theirs
        for number, cell in enumerate(cells(path, "code"), start=1):
            assert cell.execution_count == number
            for output in cell.outputs:
                assert output["output_type"] != "error"
                assert output.get("name") != "stderr" or "nbval-ignore-output" in cell.tags

    @pytest.mark.fault
    def test_it_reads_no_path_that_depends_on_the_folder_it_runs_in(self, path):
        relative = r"""(Path|open|read_\w+|load\w*)\(\s*["'](?!/)[^"']*[./]|["']\.\.?/"""
        for cell in cells(path, "code"):
            assert not re.search(relative, cell.source), cell.source


@pytest.mark.slow
def test_the_tables_of_the_benchmarks_are_those_of_the_records():
    for table, name, page in tables.tables():
        assert f"<!-- {name} -->\n{table}\n<!-- end of {name} -->" in page.read_text(), name
