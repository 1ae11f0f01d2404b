"""A city node with its own keys and an honest program around a core that lies: the `city` command, started as
`python -m deploy.story.lying_node node run --config …`.

What it says of a block it says of a second one too, to everybody, over the same links as any other node.
"""

from __future__ import annotations

from dataclasses import replace

from consensus.api import Action, Broadcast, Input
from consensus.encoding import Hash
from consensus.header import block_hash
from consensus.pbft import PbftCore
from consensus.pbft.messages import Prepare, Proposal, decode_message, encode_message
from consensus.tags import Tag
from node.cli.main import main
from node.ordering import core


class Equivocator(PbftCore):
    """Proposes and prepares two blocks at a height. It seals one, so that the chain goes on meanwhile."""

    def step(self, event: Input) -> list[Action]:
        said: list[Action] = []
        for action in super().step(event):
            said.append(action)
            if isinstance(action, Broadcast):
                twin = self._twin(decode_message(action.message))
                said += [] if twin is None else [Broadcast(encode_message(twin))]
        return said

    def _twin(self, message: object) -> Proposal | Prepare | None:
        state = self._started
        match message:
            case Proposal(view=view, header=header, sender=state.own_index):
                other = replace(header, timestamp_ms=header.timestamp_ms + 1)
                vote = state.vote(header.height, view, block_hash(state.hash_, other))
                signature = state.sign_vote(Tag.PROPOSAL, vote)
                return replace(message, header=other, signature=signature)
            case Prepare(view=view, height=height, sender=state.own_index):
                digest = Hash(state.hash_(b"another block"))
                signature = state.sign_vote(Tag.PREPARE, state.vote(height, view, digest))
                return replace(message, block_hash=digest, signature=signature)
        return None


def lie() -> None:
    """The `city` command with this core in the place of the honest one, for this process only."""
    setattr(core, "PbftCore", Equivocator)  # noqa: B010
    main()


if __name__ == "__main__":
    lie()
