# make demo    the main job on real data, in ./axonc-demo
# make test    the whole test suite
# make test-peers  graphs by snnTorch, sinabs, spikingjelly and norse against their own spikes, and
#              event data through tonic
# make lint    ruff, mypy, import-linter
# make bench   speed against peers, as ratios
# make bench-peers  training speed and memory against spikingjelly and snnTorch
# make mutation  changes the code in thousands of places, one at a time, and lists the changes that no
#              test notices (hours; a second run goes on, and tries again what none noticed)
# make clean   remove the environment and all caches of this folder

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# One BLAS thread a process: the tests already run on every core.
TEST_JOBS ?= 2

# Debian keeps what makes environments apart from python3; root on a bare machine gets it here.
GET_VENV = [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
  echo "installing Debian's python3-venv, without which $(PYTHON) makes no environments" && \
  apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y python3-venv >/dev/null

.PHONY: demo test test-peers lint bench bench-peers mutation clean

demo: $(VENV)/.ready
	$(BIN)/axonc demo --out axonc-demo

test: $(VENV)/.ready
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(TEST_JOBS) --dist loadfile

test-peers: $(VENV)-peers/.ready
	AXONC_REQUIRE_PEERS=1 OMP_NUM_THREADS=1 $(VENV)-peers/bin/python -m pytest -q tests/interop

lint: $(VENV)/.ready .typeroot/axonc
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.ready
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/benchmarks --benchmarks -s

bench-peers: $(VENV)-peers/.ready
	OMP_NUM_THREADS=1 $(VENV)-peers/bin/python -m pytest tests/benchmarks/test_training_speed.py --benchmarks -s

MUTATION := build/mutation
mutation: $(VENV)-mutation/.ready
	rm -rf $(MUTATION)/src $(MUTATION)/tests $(MUTATION)/mutants/tests
	mkdir -p $(MUTATION)/src/axonc
	$(VENV)-mutation/bin/python tests/mutation/score.py $(MUTATION) --forget
	cp -rp toolchain targets models $(MUTATION)/src/axonc/
	cp -rp tests docs README.md pyproject.toml $(MUTATION)/
	cd $(MUTATION) && OMP_NUM_THREADS=1 $(abspath $(VENV))-mutation/bin/mutmut run --max-children $(TEST_JOBS)
	$(VENV)-mutation/bin/python tests/mutation/score.py $(MUTATION)

# mypy finds the namespace package `axonc` through this link.
.typeroot/axonc:
	mkdir -p .typeroot
	ln -sfn .. .typeroot/axonc

$(VENV)/.ready: EXTRAS := train,dev
$(VENV)-peers/.ready: EXTRAS := train,dev,peers
$(VENV)-mutation/.ready: EXTRAS := mutation
$(VENV)/.ready $(VENV)-peers/.ready $(VENV)-mutation/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(not (3, 11) <= v < (3, 14))' || \
	  { echo "axonc needs Python 3.11 to 3.13, $(PYTHON) is $$($(PYTHON) -V 2>&1). Remedy: make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -m venv $(@D) >/dev/null 2>&1 || { $(GET_VENV) && $(PYTHON) -m venv $(@D); } || \
	  { echo "$(PYTHON) cannot make environments. Remedy: apt-get install python3-venv"; exit 1; }
	$(@D)/bin/python -m pip install --quiet --upgrade pip
	$(@D)/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[$(EXTRAS)]'
	@touch $@

clean:
	rm -rf $(VENV) $(VENV)-peers $(VENV)-mutation .typeroot build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
