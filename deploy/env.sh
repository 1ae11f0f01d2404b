#!/usr/bin/env bash
# Makes the project's environment at .venv from a lock file with hashes, once; later calls only look.
# Sourced by deploy/demo.sh, deploy/cluster.sh and tests/run.sh:  . deploy/env.sh; city_env [requirements-test.lock]

city_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

city_python() {
    # The newest supported interpreter on the PATH, or the one that CITY_PYTHON names.
    local candidate
    for candidate in ${CITY_PYTHON:-} python3.12 python3.11 python3; do
        if command -v "$candidate" >/dev/null 2>&1 && "$candidate" -c \
            'import sys; sys.exit(not ((3, 11) <= sys.version_info[:2] <= (3, 12)))' 2>/dev/null; then
            command -v "$candidate"
            return 0
        fi
    done
    echo "✗ No Python 3.11 or 3.12 was found." >&2
    echo "  Do    install one, or name it:  CITY_PYTHON=/usr/bin/python3.11 $0" >&2
    return 3
}

city_env() {
    local lock=${1:-requirements.lock} python stamp
    python=$(city_python) || return 3
    stamp=$(cd "$city_root" && { "$python" -V; cat "$lock" pyproject.toml; } | sha256sum | cut -d' ' -f1)
    if [ -x "$city_root/.venv/bin/city" ] && grep -qs "$stamp" "$city_root/.venv/city.stamps"; then
        return 0
    fi
    echo "· making .venv from $lock ($("$python" -V))" >&2
    if ! "$python" -m venv "$city_root/.venv" >/dev/null 2>&1; then
        echo "✗ This Python cannot make virtual environments." >&2
        echo "  Do    install its venv package (Debian, Ubuntu: apt install python3-venv) and run this again" >&2
        return 3
    fi
    local pip=("$city_root/.venv/bin/python" -m pip --disable-pip-version-check -q)
    if ! "${pip[@]}" install --require-hashes -r "$city_root/$lock"; then
        echo "✗ The locked packages could not be installed; the lines above say which." >&2
        echo "  Why   if it is plyvel: a wheel exists for Linux x86-64 with CPython 3.11 or 3.12; elsewhere it is" >&2
        echo "        built and needs a C++ compiler and LevelDB's headers (Debian: apt install build-essential libleveldb-dev)" >&2
        echo "  Do    install what is missing, remove .venv and run this again" >&2
        return 3
    fi
    "${pip[@]}" install --no-deps --no-build-isolation -e "$city_root" || return 3
    echo "$stamp" >>"$city_root/.venv/city.stamps"
}
