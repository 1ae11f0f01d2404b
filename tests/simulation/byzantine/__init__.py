"""The Byzantine library: wrappers over an honest core that hold its keys and change what it sends.

A behaviour may send anything that it can sign or has seen; over the ghost registry nobody can forge.
One file a theme: `leading` (what a leader proposes), `voting`, `views` (view changes), `noise` (the wire).
"""

from tests.simulation.byzantine.leading import (
    Censor,
    Equivocator,
    Lazy,
    Repeater,
    Skewed,
    WrongRoots,
)
from tests.simulation.byzantine.liar import Liar
from tests.simulation.byzantine.noise import (
    FakeHeight,
    Garbage,
    Hoarder,
    Replayer,
    Silent,
    Slow,
)
from tests.simulation.byzantine.views import (
    BadNewView,
    Hider,
    Spammer,
    StaleNewView,
    TwoFaced,
)
from tests.simulation.byzantine.voting import Amnesiac, Promiscuous, Selective

LIARS: dict[str, type[Liar]] = {
    "equivocator": Equivocator,
    "wrong_roots": WrongRoots,
    "censor": Censor,
    "repeater": Repeater,
    "skewed": Skewed,
    "lazy": Lazy,
    "promiscuous": Promiscuous,
    "selective": Selective,
    "amnesiac": Amnesiac,
    "hider": Hider,
    "spammer": Spammer,
    "stale_newview": StaleNewView,
    "bad_newview": BadNewView,
    "two_faced": TwoFaced,
    "silent": Silent,
    "slow": Slow,
    "fake_height": FakeHeight,
    "garbage": Garbage,
    "replayer": Replayer,
    "hoarder": Hoarder,
}

__all__ = ["LIARS", "Liar"]
