#!/usr/bin/env bash
# Four cities trade, from registration to discharge, on real input; the attacks are refused with their codes.
# Exits 0 only if every step held, and leaves no process behind.
#
#   deploy/demo.sh              plays the story in a temporary folder, about a minute
#   deploy/demo.sh --engine raft  the same over Raft, where the members trust each other not to lie
#   deploy/demo.sh --dir ./net  keeps the data there
#   deploy/demo.sh --keep       leaves the network up and says where to look
set -euo pipefail
. "$(dirname "$0")/env.sh"
city_env
exec "$city_root/.venv/bin/python" -m deploy.demo "$@"
