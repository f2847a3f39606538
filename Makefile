# The environment is .venv, made once; `make PYTHON=python run` uses an existing one instead.
PYTHON ?= .venv/bin/python
OWN := $(filter .venv/bin/python,$(PYTHON))
STAMP := $(if $(OWN),.venv/.installed)

# Where the ranges in pyproject end. uv installs them, and the Python if it is missing: pip cannot ask
# for the oldest packages. `make UV=uv test-lowest` uses a uv that is there already.
UV ?= .venv-uv/bin/uv
LOWEST_PYTHON ?= 3.11
NEWEST_PYTHON ?= 3.13

# Two test processes with two threads each would wait for one another on two cores.
ONE_THREAD := OMP_NUM_THREADS=1

.PHONY: run test quick coverage portable comparison test-lowest test-newest kills fuzz mutants check lab lab-full \
	book slides student solutions grade lint style types weights

run: $(STAMP)  ## train, test, evaluate and report, on Dataset/ or on the embedded set
	$(PYTHON) main_ASLP.py

test: $(STAMP)  ## unit tests, then every notebook against its committed output
	$(ONE_THREAD) $(PYTHON) -m pytest tests -n 2 --dist loadfile
	$(ONE_THREAD) $(PYTHON) -m pytest --nbval notebooks -n 2 --dist loadfile

book: $(if $(OWN),.venv/.installed-book)  ## README, notebooks and the library's documentation as web pages
	$(ONE_THREAD) $(PYTHON) -m sphinx -W --keep-going -q -E -c docs . build/book
	@echo "open build/book/index.html"

quick: $(STAMP)  ## unit tests that are not marked slow; under a minute
	$(ONE_THREAD) $(PYTHON) -m pytest tests -n 2 --dist worksteal -m "not slow"

coverage: $(STAMP)  ## what the unit tests run of the library, the least covered files first
	$(ONE_THREAD) $(PYTHON) -m coverage run -m pytest tests -n 2 --dist loadfile
	$(PYTHON) -m coverage combine --quiet
	$(PYTHON) -m coverage report

portable: $(STAMP)  ## notebooks, explorers and numeric tests on every processor that can be emulated here
	$(PYTHON) tests/portable

comparison: $(STAMP)  ## cheaper cures beside ASLP, five seeds on the embedded data; goes on where it was stopped
	$(PYTHON) benchmarks/comparison.py

kills: $(STAMP)  ## 50 runs killed at random moments and gone on with, against an undisturbed one
	$(ONE_THREAD) $(PYTHON) tests/attacks/kills.py --kills 50 --seed 0

# Without types: what the oldest packages say of theirs is partly wrong (safetensors' stubs lack the
# error that it raises).
test-lowest: $(filter .venv-uv/%,$(UV))  ## style and tests with the oldest packages that pyproject allows
	$(call test_in,.venv-lowest-$(LOWEST_PYTHON),$(LOWEST_PYTHON),lowest-direct,style test)

test-newest: $(filter .venv-uv/%,$(UV))  ## lint and tests with the newest, whatever pip is told to hold back
	$(call test_in,.venv-newest-$(NEWEST_PYTHON),$(NEWEST_PYTHON),highest,lint test)

lab: $(STAMP)  ## the course, in copies of your own without answers: my-notebooks
	$(PYTHON) -m aslp_lib.course.copies
	$(PYTHON) -m jupyterlab my-notebooks/00_start_here.ipynb

lab-full: $(STAMP)  ## the course as it was run, answers and pictures included
	$(PYTHON) -m jupyterlab notebooks/00_start_here.ipynb

slides: $(STAMP)  ## a deck a session and the cheat sheet, from the committed notebooks: build/slides
	$(PYTHON) -m aslp_lib.course.teaching

student: $(STAMP)  ## what a class is given, without solutions: build/aslp-student.zip, build/assignments
	$(PYTHON) -m aslp_lib.course.student

solutions: $(STAMP)  ## notebooks/solutions again, from the exercises' records
	$(PYTHON) -m aslp_lib.course.solutions

grade: $(STAMP)  ## a class's hand-ins: FOLDER=hand-ins, and NOTEBOOKS="03 04" where these alone count
	@$(PYTHON) -m aslp_lib.course.grade "$${FOLDER:?is missing: make grade FOLDER=hand-ins}" $(NOTEBOOKS)

lint: style types

style: $(STAMP)  ## rules, format, import contracts
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -c "from importlinter.cli import lint_imports_command as lint; lint()"

types: $(STAMP)  ## half a minute the first time, then seconds: .mypy_cache
	$(PYTHON) -m mypy

mutants: $(STAMP)  ## would the tests notice a wrong line? a sample of changed lines: tests/attacks
	$(PYTHON) tests/attacks/mutants.py

fuzz: $(STAMP)  ## everything that reads a file meets spoiled ones, ten minutes a reader: tests/attacks
	$(ONE_THREAD) $(PYTHON) tests/attacks/fuzz.py

weights: $(STAMP)  ## make the shipped weights, the explorers' records, the model card and the README's picture again
	$(PYTHON) -m aslp_lib.shipped
	$(PYTHON) -m aslp_lib.shipped.levels
	$(PYTHON) -m aslp_lib.shipped.epochs
	$(PYTHON) -m aslp_lib.shipped.card
	$(PYTHON) benchmarks/readme_picture.py

check: $(STAMP)  ## is this machine ready? and what to do where it is not
	$(PYTHON) -m aslp_lib.course.environment

.venv/.installed: pyproject.toml
	python3 -m venv .venv
	.venv/bin/python -m pip install --quiet --upgrade pip
	.venv/bin/python -m pip install --quiet --editable '.[course,test]'
	touch $@

.venv/.installed-book: .venv/.installed
	.venv/bin/python -m pip install --quiet --editable '.[course,test,book]'
	touch $@

.venv-uv/bin/uv:
	python3 -m venv .venv-uv
	.venv-uv/bin/python -m pip install --quiet uv

# Environment, Python, which end, what to make. Resolved anew each time: pyproject may have changed, and
# the newest packages are those of today.
define test_in
$(UV) venv --quiet --allow-existing --python $(2) $(1)
$(UV) pip install --quiet --python $(1) --exact --upgrade --resolution $(3) --editable '.[course,test]'
$(MAKE) PYTHON=$(1)/bin/python $(4)
endef
