#!/usr/bin/env bash
# Three uses of the currency abroad, each on a registration center of its own; exits 0 only if every step held.
#
#   deploy/rmb.sh                               all three, a few seconds
#   deploy/rmb.sh trade|investment|reserve      one of them
set -euo pipefail
. "$(dirname "$0")/env.sh"
city_env
exec "$city_root/.venv/bin/python" -m deploy.rmb "$@"
