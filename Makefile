# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: help azurite demo check test checks pages certify test-clients emulator replay bench chaos clean

help:
	@echo "make demo                          back everything up on a loopback Azure, twice"
	@echo "make check                         what a change in hand needs: style, types and the tests of one core, three minutes"
	@echo "make test                          everything that a change must pass, at most 25 minutes"
	@echo "make certify                       what is slow and seldom changes: sanity tests on every ansible-core and Python, pages in a browser, events in ansible-rulebook, a controller"
	@echo "make test-clients                  other people's clients: the Azure CLI and Microsoft's JavaScript SDKs"
	@echo "make emulator [ARGS='--port 0']    serve the loopback Azure; then: . .emulator/env"
	@echo "make replay CASES=DIR RECORDINGS=DIR   replay recorded traffic"
	@echo "make bench [ARGS='--runs 9']       what a task costs, beside a bare script"
	@echo "make chaos [ARGS='--runs 100']     modules and playbooks while Azure fails at random and processes are killed"
	@echo "make azurite                       the blob store of the loopback Azure's Managed HSM, which is installed by itself otherwise"
	@echo "make clean                         remove what these made"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "On Debian: apt-get install python3-venv"; rm -rf $(VENV); exit 1; }

$(VENV)/.demo: $(BIN)/python tests/requirements/demo.txt tests/requirements/emulator.txt requirements.txt
	@echo "Installing ansible-core, the Azure SDKs and the emulator's libraries (tests/requirements/demo.txt) into $(VENV)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -r tests/requirements/demo.txt
	@touch $@

$(VENV)/.nox: $(BIN)/python
	@$(BIN)/python -m pip install -qq --disable-pip-version-check 'nox>=2025.5.1'
	@touch $@

$(VENV)/.azurite: $(VENV)/.nox
	@echo "Installing Azurite from the npm registry into .cache/azurite, and node into $(VENV) where the machine has none"
	@$(BIN)/nox -s azurite >/dev/null 2>&1 || echo "Azurite cannot be installed; Managed HSMs have no blob store to back up into"
	@touch $@

demo: $(VENV)/.demo $(VENV)/.azurite
	@PYTHONPATH=tests PATH=$(CURDIR)/$(BIN):$$PATH $(BIN)/python tests/demo.py

azurite: $(VENV)/.azurite

emulator: $(VENV)/.demo $(VENV)/.azurite
	@PYTHONPATH=tests PATH=$(CURDIR)/$(BIN):$$PATH exec $(BIN)/python -m emulator $(ARGS)

check: $(VENV)/.nox
	@$(BIN)/nox -s lint unit

certify: $(VENV)/.nox
	@$(BIN)/nox -s certify browser rulebook controller

# What leaves a core idle goes side by side; where make can, what each says stays together.
SIDE_BY_SIDE = $(MAKE) --no-print-directory -j 2 $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

test: $(VENV)/.nox
	@$(SIDE_BY_SIDE) checks pages
	@$(BIN)/nox -s tests smoke

checks: $(VENV)/.nox
	@$(BIN)/nox -s lint sanity

pages: $(VENV)/.nox
	@$(BIN)/nox -s ansible_lint docs site build

test-clients: $(VENV)/.nox
	@$(BIN)/nox -s clients

replay: $(VENV)/.nox
	@CASES='$(abspath $(CASES))' RECORDINGS='$(abspath $(RECORDINGS))' $(BIN)/nox -s replay

bench: $(VENV)/.demo
	@PYTHONPATH=tests $(BIN)/python -m bench $(ARGS)

chaos: $(VENV)/.nox
	@$(BIN)/nox -s chaos -- $(ARGS)

clean:
	rm -rf $(VENV) .nox .cache .demo .emulator
