# The environment is .venv, made once; `make PYTHON=python run` uses an existing one instead.
# Python compiles what it imports, if it may write that down: pip would take twice as long for all.
PYTHON ?= .venv/bin/python
ifeq "$(PYTHON)" ".venv/bin/python"
installed = .venv/.installed-$(1)
endif

# pip cannot ask for the oldest packages. `make UV=uv test-lowest` uses a uv that is there already.
UV ?= .venv-uv/bin/uv

# One thread unless OMP_NUM_THREADS says otherwise: more would wait for one another on two cores.
PROCESSES ?= 2
IN_PROCESSES = -n $(PROCESSES) --dist loadfile
ONE_THREAD := OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1}
UNITS := tests --ignore=tests/browser
NOTEBOOKS ?= notebooks

# The slides load their scripts from the network, or from npm's folder of packages: see TEACHING.md.
LOCAL_SCRIPTS = $(if $(NPM),--SlidesExporter.reveal_url_prefix=$(NPM)/reveal.js \
	--SlidesExporter.require_js_url=$(NPM)/requirejs/require.js \
	--SlidesExporter.mathjax_url="$(NPM)/mathjax/MathJax.js?config=TeX-AMS_CHTML-full")

.NOTPARALLEL:  # some targets read what others write, and trainings take every core
.PHONY: notebooks  # the only target with the name of a folder

run: $(call installed,core)  ## train, test, evaluate and report, on Dataset/ or on synthetic images
	$(PYTHON) main_ASLP.py

test:  ## unit tests and notebooks, both even if the first fail
	$(MAKE) --keep-going test-units test-notebooks

test-units: $(call installed,test)  ## unit tests, without the book's and the browser's
	$(PYTHON) -m pytest $(UNITS) $(IN_PROCESSES)

test-notebooks: $(call installed,test)  ## every notebook against its committed output
	$(PYTHON) -m pytest --nbval $(NOTEBOOKS) --timeout=360 $(IN_PROCESSES)

test-book: BROWSER_TESTS = tests/browser/test_book_in_browser.py
stills: BROWSER_TESTS = tests/browser/stills.py
test-book test-browser stills: $(call installed,book)  ## in Chromium, if installed: test the book, or all; photograph the explorers
	$(PYTHON) -m pytest $(or $(BROWSER_TESTS),tests/browser) -rs --timeout=600 -n $(PROCESSES) --dist loadgroup

test-lowest: VERSIONS = --python=3.11 --resolution=lowest-direct
test-newest: VERSIONS = --python=3.13 --resolution=highest
test-lowest test-newest: $(UV)  ## unit tests and notebooks with the oldest, or newest, packages that pyproject allows
	$(UV) venv --quiet --allow-existing $(firstword $(VERSIONS)) .venv-$@
	$(UV) pip install --quiet --python .venv-$@ --exact --upgrade $(lastword $(VERSIONS)) --editable '.[course,test]'
	$(MAKE) PYTHON=.venv-$@/bin/python test

quick: $(call installed,test)  ## unit tests that are not marked slow; under a minute
	$(PYTHON) -m pytest $(UNITS) -n $(PROCESSES) --dist worksteal -m "not slow"

coverage: $(call installed,test)  ## what the unit tests run of the library, the least covered files first
	$(PYTHON) -m coverage run -m pytest $(UNITS) $(IN_PROCESSES)
	$(PYTHON) -m coverage combine --quiet
	$(PYTHON) -m coverage report

portable:  ## make test as other processors compute
	for settings in ATEN_CPU_CAPABILITY=default OMP_NUM_THREADS=1 "OMP_NUM_THREADS=2 PROCESSES=1" \
		"ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2"; do \
		env $$settings $(MAKE) test || exit; \
	done

lint: $(call installed,lint)  ## rules, format, import contracts, types; half a minute the first time
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -c "from importlinter.cli import lint_imports_command as lint; lint()"
	$(PYTHON) -m mypy

book: $(call installed,book)  ## README, notebooks and the library's documentation as web pages
	$(ONE_THREAD) $(PYTHON) -m sphinx -W --keep-going -q -E -c docs -d build/doctrees . build/book
	@echo "open build/book/index.html"

comparison: $(call installed,test)  ## cheaper remedies beside ASLP, five seeds on the synthetic data; resumes
	$(PYTHON) benchmarks/comparison.py

kills: $(call installed,test)  ## 50 runs, killed at random moments and continued, compared with an undisturbed one
	$(ONE_THREAD) $(PYTHON) tests/attacks/kills.py --kills 50 --seed 0
fuzz: $(call installed,test)  ## everything that reads a file, on 5,000 spoiled files each: tests/attacks
	FUZZ_CASES=$${FUZZ_CASES:-5000} $(PYTHON) -m pytest tests/attacks/test_fuzz.py -rP --timeout=0
mutants: $(call installed,mutants)  ## do the tests notice a wrong expression? 300 of them, in hours: tests/attacks
	PYTHON=$(PYTHON) sh tests/attacks/mutants.sh
check assignments: $(call installed,test)  ## is this machine ready? nbgrader's source of the assignments: grading/source
	$(PYTHON) -m aslp_lib $@

lab: $(call installed,test)  ## the course, in copies of your own without answers: my-course
	$(PYTHON) -m aslp_lib course
lab-full: $(call installed,test)  ## the course as it was run, answers and pictures included
	$(PYTHON) -m jupyterlab notebooks/00_the_bill.ipynb

slides: $(call installed,test)  ## a deck of slides for each notebook: build/slides
	$(PYTHON) -m nbconvert --to slides --no-input --template-file docs/slides.html.j2 \
		--SlidesExporter.reveal_theme=white $(LOCAL_SCRIPTS) --output-dir build/slides notebooks/*.ipynb
student: $(call installed,test)  ## for a class, without solutions: build/aslp-student.zip
	$(PYTHON) -m aslp_lib student build/aslp-student.zip
solutions: $(call installed,test)  ## the notebook of solutions again, from the exercises and the notebooks
	$(ONE_THREAD) $(PYTHON) -m aslp_lib.course.publishing.solutions

weights: $(call installed,test)  ## the shipped weights, the explorers' records and the README's picture
	for module in recorded recorded.perturbations recorded.epochs; do \
		$(ONE_THREAD) $(PYTHON) -m aslp_lib.course.$$module || exit; \
	done
	$(PYTHON) benchmarks/readme_picture.py

notebooks: $(call installed,test)  ## the committed notebooks, run again in place
	$(ONE_THREAD) $(PYTHON) -m aslp_lib.course.publishing.execute notebooks/*.ipynb

tables: $(call installed,test)  ## every table and page that is made from records, notebooks and tests
	$(PYTHON) benchmarks/tables.py
	PYTHONPATH=benchmarks $(PYTHON) tests/claims.py

refresh: weights  ## all that is made from code in minutes, after a default, a seed or a name has changed
	$(ONE_THREAD) $(PYTHON) benchmarks/image_wise.py
	@echo "Takes long: make comparison, benchmarks/comparison.py --record and --preset small --record; then make tables"
	$(MAKE) --keep-going solutions notebooks tables

.venv/.installed-core: pyproject.toml
	python3 -m venv .venv
	.venv/bin/python -m pip install --quiet $(if $(PYTHONDONTWRITEBYTECODE),,--no-compile) --editable .
	touch $@
.venv/.installed-%: .venv/.installed-core
	.venv/bin/python -m pip install --quiet $(if $(PYTHONDONTWRITEBYTECODE),,--no-compile) --editable '.[course,test,$*]'
	touch $@
.venv-uv/bin/uv:
	python3 -m venv .venv-uv
	.venv-uv/bin/python -m pip install --quiet uv
