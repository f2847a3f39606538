# The environment is .venv, made once; `make PYTHON=python run` uses an existing one instead.
PYTHON ?= .venv/bin/python
STAMP := $(if $(filter .venv/bin/python,$(PYTHON)),.venv/.installed)

# Two test processes with two threads each would wait for one another on two cores.
ONE_THREAD := OMP_NUM_THREADS=1

.PHONY: run test lab lint weights

run: $(STAMP)  ## train, test, evaluate and report, on Dataset/ or on the embedded set
	$(PYTHON) main_ASLP.py

test: $(STAMP)  ## unit tests, then every notebook against its committed output
	$(ONE_THREAD) $(PYTHON) -m pytest tests -n 2 --dist loadfile
	$(ONE_THREAD) $(PYTHON) -m pytest --nbval notebooks -n 2 --dist loadfile

lab: $(STAMP)  ## the course
	$(PYTHON) -m jupyterlab notebooks/00_start_here.ipynb

lint: $(STAMP)
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -c "from importlinter.cli import lint_imports_command as lint; lint()"

weights: $(STAMP)  ## make the shipped weights and the README's picture again
	$(PYTHON) -m aslp_lib.shipped
	$(PYTHON) benchmarks/readme_picture.py

.venv/.installed: pyproject.toml
	python3 -m venv .venv
	.venv/bin/python -m pip install --quiet --upgrade pip
	.venv/bin/python -m pip install --quiet --editable '.[course,test]'
	touch $@
