"""The error catalogue: every error a user can meet, as data, and the one exception that carries it.

`CITY-nnnn NAME` is ours, `E_…` is a contract author's (inside CITY-4001), `CTnnn` is the linter's. One source
for the command line, gRPC, REST, the SDK and `city explain`. Each area keeps its entries in a module here.
"""

from node.errors.catalogue import CATALOGUE, CityError, find
from node.errors.entry import Entry

__all__ = ["CATALOGUE", "CityError", "Entry", "find"]
