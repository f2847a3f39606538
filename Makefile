# A value of the command line or of the environment as one word of the shell, whatever it contains.
quoted = '$(subst ','\'',$(1))'

# The environment is .venv, made once; `make PYTHON=python run` uses an existing one instead.
PYTHON ?= .venv/bin/python
ifeq "$(PYTHON)" ".venv/bin/python"
CORE_STAMP := .venv/.installed-core
STAMP := .venv/.installed
LINT_STAMP := .venv/.installed-lint
BOOK_STAMP := .venv/.installed-book
endif
python = $(call quoted,$(PYTHON))

# Where the ranges in pyproject end. uv installs them, and the Python if it is missing: pip cannot ask
# for the oldest packages. `make UV=uv test-lowest` uses a uv that is there already. On Linux each of
# the two environments takes 6 GB, because PyPI's torch brings CUDA's libraries.
UV ?= .venv-uv/bin/uv
ifeq "$(UV)" ".venv-uv/bin/uv"
UV_STAMP := $(UV)
endif
LOWEST_PYTHON ?= 3.11
NEWEST_PYTHON ?= 3.13

# Two test processes, and one thread in each unless OMP_NUM_THREADS says otherwise (conftest.py does
# the same for the tests): more threads would wait for one another on two cores.
PROCESSES ?= 2
processes = $(call quoted,$(PROCESSES))
IN_PROCESSES = -n $(processes) --dist loadfile
BROWSER_OPTIONS = -rs --timeout=600 -n $(processes) --dist loadgroup  # the book is built once
ONE_THREAD := OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1}

UNITS := tests --ignore=tests/browser
NOTEBOOKS ?= notebooks
# Paths and patterns such as notebooks/0*.ipynb, separated by spaces.
notebooks = $(foreach path,$(foreach word,$(NOTEBOOKS),$(or $(wildcard $(word)),$(word))),$(call quoted,$(path)))
BOOK_TESTS := tests/browser/test_book_in_browser.py

# The slides load their scripts from the network, or from npm's folder of packages: see TEACHING.md.
ifdef NPM
LOCAL_SCRIPTS := --SlidesExporter.reveal_url_prefix=$(call quoted,$(NPM)/reveal.js) \
	--SlidesExporter.require_js_url=$(call quoted,$(NPM)/requirejs/require.js) \
	--SlidesExporter.mathjax_url=$(call quoted,$(NPM)/mathjax/MathJax.js?config=TeX-AMS_CHTML-full)
endif

.NOTPARALLEL:  # some targets read what others write, and trainings take every core
.PHONY: run test test-units test-notebooks test-book test-browser test-lowest test-newest quick coverage portable \
	portable-plain portable-avx2 portable-1-thread portable-2-threads \
	lint book comparison kills fuzz mutants check lab lab-full slides student assignments solutions weights notebooks \
	tables refresh

run: $(CORE_STAMP)  ## train, test, evaluate and report, on Dataset/ or on synthetic images
	$(python) main_ASLP.py

test: $(STAMP)  ## unit tests and notebooks, both even if the first fail
	@failed=; \
	for stage in units notebooks; do \
		$(MAKE) --no-print-directory test-$$stage || failed="$$failed $$stage"; \
	done; \
	if [ "$$failed" ]; then echo "make test: these failed:$$failed" >&2; exit 1; fi; \
	echo "make test: units and notebooks passed"

test-units: $(STAMP)  ## unit tests, without the book's and the browser's
	$(python) -m pytest $(UNITS) $(IN_PROCESSES)

# A cell has 300 s (pyproject.toml), after which nbval names it and goes on.
test-notebooks: $(STAMP)  ## every notebook against its committed output
	$(python) -m pytest --nbval $(notebooks) --timeout=360 $(IN_PROCESSES)

test-book: $(BOOK_STAMP)  ## the book, built and read; in Chromium where it is installed
	$(python) -m pytest $(BOOK_TESTS) $(BROWSER_OPTIONS)

test-browser: $(BOOK_STAMP)  ## the book as above, and the explorers in Chromium, side by side
	$(python) -m pytest tests/browser $(BROWSER_OPTIONS)

test-lowest: $(UV_STAMP)  ## unit tests and notebooks with the oldest packages that pyproject allows
	$(call test_in,.venv-lowest-$(LOWEST_PYTHON),$(LOWEST_PYTHON),lowest-direct)

test-newest: $(UV_STAMP)  ## and with the newest, whatever pip is told to hold back
	$(call test_in,.venv-newest-$(NEWEST_PYTHON),$(NEWEST_PYTHON),highest)

quick: $(STAMP)  ## unit tests that are not marked slow; under a minute
	$(python) -m pytest $(UNITS) -n $(processes) --dist worksteal -m "not slow"

coverage: $(STAMP)  ## what the unit tests run of the library, the least covered files first
	$(python) -m coverage run -m pytest $(UNITS) $(IN_PROCESSES)
	$(python) -m coverage combine --quiet
	$(python) -m coverage report

portable: portable-plain portable-avx2 portable-1-thread portable-2-threads  ## make test as other processors compute

portable-plain: export ATEN_CPU_CAPABILITY = default
portable-avx2: export ATEN_CPU_CAPABILITY = avx2
portable-avx2: export ONEDNN_MAX_CPU_ISA = AVX2
portable-avx2: export MKL_ENABLE_INSTRUCTIONS = AVX2
portable-1-thread: export OMP_NUM_THREADS = 1
portable-2-threads: export OMP_NUM_THREADS = 2
portable-2-threads: PROCESSES = 1
portable-plain portable-avx2 portable-1-thread portable-2-threads: $(STAMP)
	$(MAKE) PROCESSES=$(processes) test

lint: $(LINT_STAMP)  ## rules, format, import contracts, types; half a minute the first time
	$(python) -m ruff check
	$(python) -m ruff format --check
	$(python) -c "from importlinter.cli import lint_imports_command as lint; lint()"
	$(python) -m mypy

book: $(BOOK_STAMP)  ## README, notebooks and the library's documentation as web pages
	$(ONE_THREAD) $(python) -m sphinx -W --keep-going -q -E -c docs -d build/doctrees . build/book
	@echo "open build/book/index.html"

comparison: $(STAMP)  ## cheaper cures beside ASLP, five seeds on the synthetic data; goes on where it was stopped
	$(python) benchmarks/comparison.py

kills: $(STAMP)  ## 50 runs, killed at random moments and continued, compared with an undisturbed one
	$(ONE_THREAD) $(python) tests/attacks/kills.py --kills 50 --seed 0

fuzz: $(STAMP)  ## everything that reads a file, on 5,000 spoiled files each: tests/attacks
	FUZZ_CASES=$${FUZZ_CASES:-5000} $(python) -m pytest tests/attacks/test_fuzz.py -rP --timeout=0

mutants: $(STAMP)  ## do the tests notice a wrong line? 100 changed lines: tests/attacks
	$(python) tests/attacks/mutants.py --count 100 --seed 0

check: $(STAMP)  ## is this machine ready? and what to do where it is not
	$(python) -m aslp_lib check

lab: $(STAMP)  ## the course, in copies of your own without answers: my-course
	$(python) -m aslp_lib course

lab-full: $(STAMP)  ## the course as it was run, answers and pictures included
	$(python) -m jupyterlab notebooks/00_the_bill.ipynb

slides: $(STAMP)  ## a deck of slides for each notebook: build/slides
	$(python) -m nbconvert --to slides --no-input --template-file docs/slides.html.j2 \
		--SlidesExporter.reveal_theme=white $(LOCAL_SCRIPTS) --output-dir build/slides notebooks/*.ipynb

student: $(STAMP)  ## what a class is given, without solutions: build/aslp-student.zip
	$(python) -m aslp_lib student build/aslp-student.zip

assignments: $(STAMP)  ## nbgrader's source of the assignments, from the exercises: grading/source
	$(python) -m aslp_lib assignments

# The same kernels on every processor with AVX-512, and one thread for each run.
trial: $(CORE_STAMP)  ## a step of the trial of docs/trial.md: STEP=tune, power, run or repeat
	ATEN_CPU_CAPABILITY=avx512 ONEDNN_MAX_CPU_ISA=AVX512_CORE MKL_ENABLE_INSTRUCTIONS=AVX512 \
		OMP_NUM_THREADS=1 $(python) benchmarks/trial.py "$${STEP:-run}"

second-trial: $(CORE_STAMP)  ## a step of docs/second_trial.md: STEP=tune, power, run, after or repeat
	ATEN_CPU_CAPABILITY=avx512 ONEDNN_MAX_CPU_ISA=AVX512_CORE MKL_ENABLE_INSTRUCTIONS=AVX512 \
		OMP_NUM_THREADS=1 $(python) benchmarks/second_trial.py "$${STEP:-run}"

weights: $(STAMP)  ## the shipped weights, the explorers' records and the README's picture
	$(ONE_THREAD) $(python) -m aslp_lib.course.recorded
	$(ONE_THREAD) $(python) -m aslp_lib.course.recorded.perturbations
	$(ONE_THREAD) $(python) -m aslp_lib.course.recorded.epochs
	$(ONE_THREAD) $(python) -m aslp_lib.course.live
	$(ONE_THREAD) $(python) -m aslp_lib.course.lessons.own_data
	$(python) benchmarks/readme_picture.py

solutions: $(STAMP)  ## the notebook of solutions again, from the exercises and the notebooks
	$(ONE_THREAD) $(python) -m aslp_lib.course.publishing.solutions

notebooks: $(STAMP)  ## the committed notebooks, run again in place
	$(ONE_THREAD) $(python) -m aslp_lib.course.publishing.execute notebooks/*.ipynb

tables: $(STAMP)  ## every table and page that is made from records, notebooks and tests
	$(python) benchmarks/tables.py
	$(python) tests/claims.py

# A notebook whose claim no longer holds keeps its old output and is named; the rest is still made.
refresh: $(STAMP)  ## all that is made from code in minutes, after a default, a seed or a name has changed
	$(MAKE) weights
	$(ONE_THREAD) $(python) benchmarks/image_wise.py
	@$(MAKE) --keep-going solutions notebooks tables; status=$$?; \
	echo "Not made again, because it takes long; run what the change affects, and then make tables:"; \
	echo "  an hour on 2 cores    make comparison, then benchmarks/comparison.py --record"; \
	echo "  3 hours, photographs  benchmarks/comparison.py --preset small --record"; \
	exit $$status

.venv/.installed-core: pyproject.toml
	python3 -m venv .venv
	.venv/bin/python -m pip install --quiet --upgrade pip
	.venv/bin/python -m pip install --quiet --editable .
	touch $@

.venv/.installed: .venv/.installed-core
	.venv/bin/python -m pip install --quiet --editable '.[course,test]'
	touch $@

.venv/.installed-lint: .venv/.installed
	.venv/bin/python -m pip install --quiet --editable '.[course,test,lint]'
	touch $@

.venv/.installed-book: .venv/.installed
	.venv/bin/python -m pip install --quiet --editable '.[course,test,book]'
	touch $@

.venv-uv/bin/uv:
	python3 -m venv .venv-uv
	.venv-uv/bin/python -m pip install --quiet uv

# Environment, Python, which end. Resolved anew each time: pyproject may have changed, and the newest
# packages are those of today.
define test_in
$(call quoted,$(UV)) venv --quiet --allow-existing --python $(call quoted,$(2)) $(call quoted,$(1))
$(call quoted,$(UV)) pip install --quiet --python $(call quoted,$(1)) --exact --upgrade --resolution $(3) --editable '.[course,test]'
$(MAKE) PYTHON=$(call quoted,$(1)/bin/python) test
endef
