#!/usr/bin/env bash
# Runs every check and test. Options go to pytest:  tests/run.sh -k wal
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/env.sh
city_env requirements-test.lock
bin=.venv/bin

step() { echo "== $*"; }

# What a distribution has and pip has not: a token in software. Tests that need it say so where it is missing.
if ! command -v softhsm2-util >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get install -y -qq --no-install-recommends softhsm2 >/dev/null 2>&1 ||
        echo "! softhsm2 could not be installed: the tests of hardware tokens will be skipped" >&2
fi

if [ $# -gt 0 ]; then
    exec "$bin/python" -m pytest "$@"
fi

step "lint and format";      "$bin/ruff" check . && "$bin/ruff" format --check -q .
step "types";                "$bin/mypy"
step "who may import whom";  "$bin/lint-imports" --no-cache
step "engine artifact";      "$bin/city" engine build
step "unit and simulation";  "$bin/python" -m pytest -n 2 -m "not cluster" --junitxml=.venv/unit.xml tests
# A file's tests stay together: they share clusters. Each of the two draws its ports from a range of its own.
step "real processes"
"$bin/python" -m pytest -n 2 --dist loadfile -m cluster --junitxml=.venv/cluster.xml tests
step "seeds shown by what ran"
"$bin/city" seeds --results .venv/unit.xml --results .venv/cluster.xml
echo "all green"
