"""Every engine by its name on the command line."""

from __future__ import annotations

from tests.simulation.engine import Engine
from tests.simulation.engine_pbft import PBFT
from tests.simulation.engine_raft import RAFT

ENGINES: dict[str, Engine] = {"pbft": PBFT, "raft": RAFT}
