#!/usr/bin/env bash
# Three uses of the currency abroad, each on a registration center of its own:  deploy/rmb.sh [trade|investment|reserve]
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/env.sh
city_env
exec .venv/bin/python -m deploy.rmb "$@"
