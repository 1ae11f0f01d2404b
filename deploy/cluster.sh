#!/usr/bin/env bash
# A cluster of city nodes as processes on this machine.
#
#   deploy/cluster.sh up     --nodes 4 --engine pbft --dir ./net    make it if there is none, start it, wait until ready
#                     (--engine raft: where the members trust each other not to lie)
#   deploy/cluster.sh status --dir ./net                            processes, heights, state roots
#   deploy/cluster.sh stop   --dir ./net                            stop the processes; the data stays for the next up
#   deploy/cluster.sh add    --dir ./net [--city Shanghai]          add an observer node and start it
#   deploy/cluster.sh down   --dir ./net                            stop and delete the folder
set -euo pipefail
. "$(dirname "$0")/env.sh"
city_env
exec "$city_root/.venv/bin/python" -m deploy.cluster "$@"
