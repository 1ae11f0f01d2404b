"""PBFT: the core for members that do not trust each other (consensus.md, rules R1 to R12)."""

from consensus.pbft.config import PbftConfig
from consensus.pbft.records import retain
from consensus.pbft.replica import PbftCore

__all__ = ["PbftConfig", "PbftCore", "retain"]
