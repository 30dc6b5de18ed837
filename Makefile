# Each target sets up by itself what it needs, in .venv. Only python3 (3.11 or newer) with pip is assumed; uv is used when it is there.
#
#   make demo         a real ERP, one function of it moved to a new service, narrated; ends with build/demo/report.html
#   make demo-keep    the same, and everything is left running to look around
#   make test         the tests, in four processes: they often wait for servers
#   make nightly      all of them, those too that take a minute or more, with 20,000 new expressions
#   make agreement    20,000 new expressions, on which Python and the databases must agree; EXAMPLES=1000 shortens it
#   make check        formatting, lint, types, and who may import whom
#   make chaos        kill -9 at random moments under write load; KILLS=20 shortens it, WAY=mysql or debezium takes another way in
#   make faults       1,000 faults of twelve kinds in 5,000,000 rows, all found and named; PAIR=mariadb-postgres or postgres-sqlite
#   make moving       reconciliations for ten minutes while 2,000 rows a second are written; MINUTES=1 shortens it
#   make soak         a facade under load for thirty minutes while its upstreams do everything wrong; MINUTES=3 shortens it
#   make owners       who is written to while the owner changes and the control store fails, for ten minutes; MINUTES=2 shortens it
#   make tryton-whole random edits in a real ERP whose parties, products and sales are migrated whole; EDITS=1000 KILLS=3 shortens it
#   make kafka        Kafka, and Kafka Connect with Debezium, until Ctrl-C; needs Java 17 and Maven
#   make compiled     a wheel whose facade is compiled, in dist, and installed in .venv-compiled; needs a C compiler
#   make test-compiled the tests that ask a facade over sockets, of a compiled one
#   make bench        every benchmark; make bench-NAME runs one. Those of the facade run compiled; make bench-plain-NAME doesn't
#   make clean        remove what was built and installed here

PYTHON ?= python3
KILLS ?= 100
WAY ?= postgres
PAIR ?= postgres-postgres
MINUTES ?= 10
EXAMPLES ?= 20000
EDITS ?= 10000
WORKERS ?= 4
VENV := .venv
COMPILED := .venv-compiled
RUN := $(VENV)/bin/python
UV := $(shell command -v uv 2>/dev/null)
PIP := $(RUN) -m pip --quiet --disable-pip-version-check
INSTALL = $(if $(UV),$(UV) pip install --quiet --python $(1),$(PIP) --python $(1) install)
OVER_SOCKETS := $(patsubst %,tests/facade/%,malformed test_compiled.py test_conformance.py test_escapes.py test_streams.py test_websocket.py)
SHIPPED = $(shell find strangler connectors adapters migrations -name '*.py')
BENCHMARKS = $(patsubst benchmarks/%.py,%,$(shell grep -l '^if __name__' benchmarks/*.py 2>/dev/null))

.PHONY: help demo demo-keep test nightly agreement check chaos faults moving soak owners tryton-whole kafka compiled test-compiled bench clean
.SILENT:
.DELETE_ON_ERROR:

help:
	sed -n 's/^#   //p' Makefile

demo: $(VENV)/.with-demo
	$(RUN) -m examples.tryton.demo

demo-keep: $(VENV)/.with-demo
	$(RUN) -m examples.tryton.demo --keep

test: $(VENV)/.with-dev
	$(RUN) -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder -m "not nightly" $(ARGS)

nightly: $(VENV)/.with-dev
	STRANGLER_AGREEMENT=$(EXAMPLES) $(RUN) -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder $(ARGS)

agreement: $(VENV)/.with-dev
	STRANGLER_AGREEMENT=$(EXAMPLES) $(RUN) -m pytest tests/mapping/test_agreement.py $(ARGS)

check: $(VENV)/.with-dev
	failed=; for each in "ruff check ." "ruff format --check ." mypy "lint-imports --no-logo"; do \
	  echo "== $$each"; $(VENV)/bin/$$each || failed="$$failed, $$each"; done; \
	[ -z "$$failed" ] || { echo "failed: $${failed#, }" >&2; exit 1; }

chaos: $(VENV)/.with-dev
	$(RUN) -m tests.chaos --way $(WAY) --kills $(KILLS)

faults: $(VENV)/.with-dev
	$(RUN) -m tests.faults --pair $(PAIR)

moving: $(VENV)/.with-dev
	$(RUN) -m tests.moving --minutes $(MINUTES)

soak: MINUTES = 30
soak: $(VENV)/.with-dev
	$(RUN) -m tests.soak --minutes $(MINUTES)

owners: $(VENV)/.with-dev
	$(RUN) -m tests.owners --minutes $(MINUTES)

tryton-whole: KILLS = 20
tryton-whole: $(VENV)/.with-dev
	$(RUN) -m tests.tryton --edits $(EDITS) --kills $(KILLS)

kafka: | $(RUN)
	$(RUN) deploy/kafka/run --directory build/kafka --kafka-port 9092 --connect-port 8083

compiled: $(COMPILED)/.built

# The tests are the checkout's and run as Python; compiled is the facade that they start.
test-compiled: $(COMPILED)/.built
	STRANGLER_COMPILED=1 $(COMPILED)/bin/python -m pytest -n 2 --dist loadscope $(OVER_SOCKETS) $(ARGS)

bench: $(VENV)/.with-bench
	set -e; for each in $(BENCHMARKS); do echo "== $$each"; $(MAKE) --no-print-directory bench-$$each; done

# The benchmark is the checkout's; the facade that it starts is the one installed beside the Python that runs it.
bench-facade bench-switch: bench-%: $(VENV)/.with-bench $(COMPILED)/.built
	$(COMPILED)/bin/python -m benchmarks.$*

bench-%: $(VENV)/.with-bench
	$(RUN) -m benchmarks.$*

bench-plain-%: $(VENV)/.with-bench
	$(RUN) -m benchmarks.$*

clean:
	rm -rf $(VENV) $(COMPILED) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info

# A stamp says that the extra is installed as pyproject.toml asks for it; so the second time is quick.
$(VENV)/.with-%: pyproject.toml | $(RUN)
	echo "setting up $(VENV) for $* (once)"
	$(call INSTALL,$(RUN)) --editable '.[$*]'
	touch $@

# The compiled wheel, and the libraries of $(VENV): a .pth file adds its folder, but not the editable install that stands there.
$(COMPILED)/.built: $(SHIPPED) pyproject.toml hatch_build.py $(VENV)/.with-dev
	echo "compiling, which takes two minutes"
	rm -rf $(COMPILED) dist/strangler-*-cp*.whl
	told=$$(HATCH_BUILD_HOOK_ENABLE_CUSTOM=true $(RUN) -m hatchling build -t wheel -d dist) || { echo "$$told"; exit 1; }
	$(RUN) -m venv --without-pip $(COMPILED)
	$(call INSTALL,$(COMPILED)/bin/python) --no-deps dist/strangler-*-cp*.whl
	$(RUN) -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > $$(echo $(COMPILED)/lib/python*/site-packages)/libraries.pth
	touch $@

# Where Python comes without ensurepip (Debian packages it apart), its pip moves itself in.
$(RUN):
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Strangler needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1 || echo not there)." >&2; \
	  echo "Name another one:  make $(or $(MAKECMDGOALS),test) PYTHON=python3.12" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV) 2>/dev/null || { \
	  rm -rf $(VENV) && $(PYTHON) -m venv --without-pip $(VENV) && \
	  $(PYTHON) -m pip --quiet --python $(RUN) install pip; }
