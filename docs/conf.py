"""Sphinx configuration of the book: README, notebooks, pages of docs/ and the library's API.

    make book

The root of the project is Sphinx's source folder. All sources stay where they are, and links
between files become links between pages.
"""

import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE))  # the extensions
sys.path.insert(0, str(ROOT))

import aslp_lib  # noqa: E402

project = "Adaptive Stochastic Label Perturbation"
version = release = aslp_lib.__version__
author = copyright = "the aslp_lib authors"
root_doc = "README"

CONTENTS = {
    "The course": [
        "docs/where_are_we.md",
        "notebooks/*.ipynb",
        "docs/glossary.md",
        "docs/cheat_sheet.md",
        "docs/where_to_run.md",
        "TEACHING.md",
    ],
    "Guides": [
        "docs/overconfident.md",
        "docs/own_folders.md",
        "docs/own_loop.md",
        "docs/recalibration.md",
        "docs/any_network.md",
        "docs/classes.md",
        "docs/score.md",
        "docs/compared.md",
        "docs/compare.md",
        "docs/figures.md",
        "docs/corruptions.md",
        "docs/paper.md",
        "docs/settings.md",
        "docs/several_gpus.md",
        "docs/authors_checkpoints.md",
        "Dataset/README.md",
        "docs/nuclei.md",
    ],
    "Findings": [
        "docs/results.md",
        "CLAIMS.md",
        "benchmarks/README.md",
        "docs/trial.md",
        "docs/second_trial.md",
        "docs/first_trial.md",
        "docs/reproducibility.md",
        "aslp_lib/course/recorded/*.md",
    ],
    "The library": ["docs/api/aslp_lib.md"],
    "The project": [
        "CONTRIBUTING.md",
        "docs/layout.md",
        "CHANGELOG.md",
        "tests/README.md",
        "tests/attacks/README.md",
        "docs/*.md",
        "*.md",
    ],
    "Solutions": ["notebooks/solutions/*.ipynb"],
}
"""Title of a chapter -> patterns of its files. A file belongs to the first pattern that matches."""

include_patterns = ["README.md", *(pattern for chapter in CONTENTS.values() for pattern in chapter)]
include_patterns.append("docs/api/*.rst")  # which autosummary makes, a page for each folder
for page in Path(__file__).parent.glob("api/*.rst"):
    page.unlink()  # of an earlier build; it may name modules that have left
exclude_patterns = [".*", "build", "runs", "my-course"]

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx-mathjax-offline",
    "breaks",
    "docstrings",
    "figure_types",
    "source_links",
    "static_notebooks",
]

myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"
nb_merge_streams = True  # what a cell prints is one block
nb_render_markdown_format = "myst"  # Markdown outputs may have tables and formulas

default_role = "code"  # docstrings have single backticks
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_mock_imports = ["lightning"]  # an extra
autodoc_default_options = {"members": True}
autodoc_inherit_docstrings = False
autodoc_preserve_defaults = True
add_module_names = False
napoleon_numpy_docstring = False
viewcode_follow_imported_members = False
autosummary_context = {"pages": ["aslp_lib.evaluation.figures"]}  # a folder in a folder
templates_path = [str(HERE / "templates")]

html_theme = "sphinx_book_theme"
html_title = project
html_favicon = "static/favicon.svg"
html_static_path = ["static"]
html_css_files = ["book.css"]
html_context = {"default_mode": "auto"}  # light or dark, as the browser is
html_theme_options = {
    "home_page_in_toc": True,
    "navbar_persistent": [],
    "max_navbar_depth": 1,  # a nested entry would have a control without a name
}


def contents() -> str:
    """Return the chapters as toctrees. Files that do not exist are left out."""
    listed = {root_doc}
    chapters = []
    for title, patterns in CONTENTS.items():
        files = [f for p in patterns for f in sorted(ROOT.glob(p))]
        names = [f.relative_to(ROOT).with_suffix("").as_posix() for f in files]
        names = [name for name in dict.fromkeys(names) if name not in listed]
        listed |= set(names)
        lines = "\n".join(f"/{name}" for name in names)
        chapters.append(f"```{{toctree}}\n:hidden:\n:caption: {title}\n{lines}\n```")
    return "\n\n".join(chapters)


def add_contents(app: object, docname: str, source: list[str]) -> None:
    """Add the table of contents to the root page."""
    if docname == root_doc:
        source[0] += "\n\n" + contents()


def add_index(app: object, error: Exception | None) -> None:
    """Copy the root page to index.html, which web servers show for the folder."""
    if error is None:
        shutil.copyfile(app.outdir / "README.html", app.outdir / "index.html")


def remove_bundles(app: object, error: Exception | None) -> None:
    """Remove the bundles of MathJax that no page loads, a fifth of the book."""
    for path in (app.outdir / "_static" / "mathjax").glob("*-*.js"):
        if path.name != "tex-chtml.js":
            path.unlink()


def setup(app: object) -> None:
    """Register the functions that change the pages."""
    app.connect("source-read", add_contents)
    app.connect("build-finished", add_index)
    app.connect("build-finished", remove_bundles)
