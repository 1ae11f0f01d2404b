"""How transcripts speak of Raft's messages and records.

`1a@2` is block 1a in an entry of term 2, `-@2` the empty entry that a leader of term 2 began with."""

from __future__ import annotations

from typing import Any

from consensus.raft.ordering import messages as raft
from consensus.raft.ordering import records
from consensus.raft.ordering.messages import Append, AppendReply, Decided, Hello
from tests.scenarios.words import Words


class RaftWords(Words):
    view_name = "term"

    def author(self, message: Any) -> int:
        if isinstance(message, Decided):
            return -1  # nobody signs it: its seals are of many
        return self._node(message.head.epoch, message.head.sender)

    def message(self, message: Any, speaker: int) -> str:
        if isinstance(message, Decided):
            return f"Decided {self.names.of(message.cert.block_hash)}"
        pre = "Pre" if getattr(message, "is_pre", False) else ""
        text = f"{pre}{type(message).__name__} t{message.head.term}"
        return " ".join([text, *self._details(message)])

    def _details(self, message: Any) -> list[str]:
        names = self.names
        match message:
            case Append(previous=previous, entries=entries, commit=commit):
                shown = "".join(f" {self.entry(e.term, e.data)}" for e in entries) or " nothing"
                return [f"after {previous.term}:{previous.index}:{shown}, commit {commit}"]
            case AppendReply(index=index, hint=hint, seals=seals):
                if hint is not None:
                    return [f"not after {index}, mine ends at {hint.term}:{hint.index}"]
                sealed = " ".join(names.of(each.block_hash) for each in seals)
                return [f"up to {index}" + (f", seals {sealed}" if sealed else "")]
            case raft.VoteRequest(last=last):
                return [f"log ends at {last.term}:{last.index}"]
            case raft.VoteReply(is_granted=is_granted):
                return ["yes" if is_granted else "no"]
            case raft.Heartbeat(commit=commit):
                return [f"commit {commit}"]
            case raft.InstallSnapshot(last=last, pointer=pointer):
                where = names.of(pointer.block_hash) if pointer.height else "0"
                return [f"the log begins behind {last.term}:{last.index}, at block {where}"]
            case Hello(is_reply=is_reply, is_blank=is_blank, is_voting=is_voting, last=last):
                held = ("no block" if is_blank else "blocks") + ("" if is_voting else ", no vote")
                return [f"{'answer: ' * is_reply}{held}, log ends at {last.term}:{last.index}"]
        return []

    def entry(self, term: int, data: bytes) -> str:
        found = raft.decode_block(data) if data else None
        if found is None:
            return f"{'?' if data else '-'}@{term}"
        return f"{self.names.note(found.header, found.tx_ids)}@{term}"

    def record(self, data: bytes) -> tuple[str, bool]:
        match records.decode_record(data):
            case records.Hard(term=term, vote=vote, commit=commit, epoch=epoch):
                voted = f"vote {self._node(epoch, vote - 1)}" if vote else "no vote"
                return f"Hard t{term}, {voted}, commit {commit}", False
            case records.Appended(term=term, index=index, data=entry):
                return f"Appended {index}: {self.entry(term, entry)}", False
            case records.Compacted(index=index, pointer=pointer):
                where = self.names.of(pointer.block_hash) if pointer.height else "0"
                return f"Compacted to {index}, at block {where}", True
            case records.Floor(term=term, index=index):
                return f"Floor {term}:{index}", True
        return "Born", False
