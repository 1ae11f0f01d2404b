"""Proofs and evidence: facts about a channel that anyone can check without asking it.

A *proof* shows one fact: that a transaction was ordered and what it did (TransactionProof), an event of it
(EventFact), what stands or does not stand under a key (StateFact), or who took part (MemberFact). An
*evidence bundle* carries the life of one object: its transactions, its states and the payment proofs that
moved it. All rest on headers sealed by a quorum of validators, and on the genesis configuration, whose hash
is the channel's id. The canonical bytes are the proof; JSON is a view.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from consensus import merkle
from consensus.api import SignatureItem, Verifier
from consensus.certificate import CommitCert, InvalidCertificate
from consensus.encoding import EncodingError, Hash, Sig, decode
from consensus.header import Header, block_hash, receipt_leaf, tx_id, tx_leaf, tx_sign_digest
from consensus.light_client import Electorate, HeaderRefused, sealed_items
from consensus.state_proof import StateProof, verify_state_proof
from consensus.tags import Tag, preimage
from consensus.validators import ValidatorSet, validators_hash

PROOF_VERSION, EPOCHS_VERSION, KINDS_VERSION = 1, 2, 3
EVENT, MEMBERSHIP = "event", "membership"
MEMBER, VALIDATOR, IDENTITY = "member", "validator", "identity"
SET_CHANGES_MAX = 10_000


T = TypeVar("T")


class ProofError(ValueError):
    """A proof that does not show what it claims; the text says which step failed."""


@dataclass(frozen=True, slots=True)
class CertifiedHeader:
    header: Header
    certificate: CommitCert


@dataclass(frozen=True, slots=True)
class TransactionProof:
    """`ordered` is the header of the block that holds the transaction, `settled` the header W higher, which
    carries the receipts root of that block. Paths run from the leaf up (RFC 9162)."""

    version: int
    ordered: CertifiedHeader
    index: int
    body: bytes
    public_key: bytes
    signature: Sig
    tx_path: tuple[Hash, ...]
    settled: CertifiedHeader
    receipt: bytes
    receipt_path: tuple[Hash, ...]


@dataclass(frozen=True, slots=True)
class StateFact:
    """The value under `key` after block `settled.height - W`; no value: proven absent."""

    version: int
    settled: CertifiedHeader
    key: bytes
    value: bytes | None
    proof: StateProof


@dataclass(frozen=True, slots=True)
class ProofFile:
    """What `city proof verify` reads: one fact with the canonical genesis configuration it rests on."""

    version: int
    config: bytes
    transaction: TransactionProof | None
    state: StateFact | None


@dataclass(frozen=True, slots=True)
class EvidenceBundle:
    """The life of one object. `payments` are canonical payment proofs quoted by the transactions."""

    version: int
    subject: str
    config: bytes
    transactions: tuple[TransactionProof, ...]
    states: tuple[StateFact, ...]
    payments: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class SetChange:
    """The end of an epoch: its last header, sealed by its validators, and the set that the header names as
    the next one."""

    last: CertifiedHeader
    validators: ValidatorSet


@dataclass(frozen=True, slots=True)
class ProofFileV2:
    """A proof whose headers lie above the first epoch: with every change of the validators from genesis on."""

    version: int
    config: bytes
    changes: tuple[SetChange, ...]
    transaction: TransactionProof | None
    state: StateFact | None


@dataclass(frozen=True, slots=True)
class EvidenceBundleV2:
    version: int
    subject: str
    config: bytes
    changes: tuple[SetChange, ...]
    transactions: tuple[TransactionProof, ...]
    states: tuple[StateFact, ...]
    payments: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class EventFact:
    """Event number `event`, from 0, of those in the receipt that `transaction` shows."""

    version: int
    transaction: TransactionProof
    event: int


@dataclass(frozen=True, slots=True)
class MemberFact:
    """Who takes part: `config` is the configuration in force, under which the header `shown` was made.

    With `before`, the header right below, that is so at every moment from before's time on until shown's,
    hence at `time_ms`; without it `time_ms` is 0. who: member, validator or identity."""

    version: int
    shown: CertifiedHeader
    before: CertifiedHeader | None
    time_ms: int
    config: bytes
    who: str
    name: str


@dataclass(frozen=True, slots=True)
class ProofFileV3:
    """A proof whose fact is named by its kind. fact: canonical EventFact or MemberFact."""

    version: int
    config: bytes
    changes: tuple[SetChange, ...]
    kind: str
    fact: bytes


@dataclass(frozen=True, slots=True)
class Epoch:
    """Whose seals count for the headers above `above`, up to `last` (None: no end is known)."""

    validators: ValidatorSet
    above: int
    last: int | None


@dataclass(frozen=True, slots=True)
class Trust:
    """What a verifier believes beforehand, taken from the genesis configuration it was given, and the later
    epochs that it followed from there (`follow`). reconfigured_at: the block that first changed the
    configuration without changing the validators; None where none is known."""

    channel_id: Hash
    suite_id: int
    window: int
    config_hash: Hash
    validators: ValidatorSet
    certificate_kind: str
    first_ends: int | None = None
    reconfigured_at: int | None = None
    later: tuple[Epoch, ...] = ()

    def epoch(self, number: int) -> Epoch | None:
        if number == self.validators.epoch:
            return Epoch(self.validators, 0, self.first_ends)
        at = number - self.validators.epoch - 1
        return self.later[at] if 0 <= at < len(self.later) else None


def follow(verifier: Verifier, trust: Trust, changes: Sequence[SetChange]) -> Trust:
    """The trust of genesis carried through every change of the validators, in their order. Each epoch is
    ended by its own validators, who name the next ones; a block of the first epoch that names the same ones
    changed something else. Raises ProofError."""
    if len(changes) > SET_CHANGES_MAX:
        raise ProofError("too many changes of the validators")
    for change in changes:
        header = change.last.header
        check_certified(verifier, trust, change.last)
        newest = trust.later[-1].validators if trust.later else trust.validators
        if not trust.later and change.validators == trust.validators:
            trust = _reconfigured(verifier, trust, header)
            continue
        if header.epoch != newest.epoch or change.validators.epoch != newest.epoch + 1:
            raise ProofError(f"header {header.height} does not end the last epoch that is known")
        named = validators_hash(verifier.hash, trust.suite_id, change.validators)
        if header.next_validators_hash != named:
            raise ProofError(f"header {header.height} names other validators as the next ones")
        following = Epoch(change.validators, header.height, None)
        if trust.later:
            ended = replace(trust.later[-1], last=header.height)
            trust = replace(trust, later=(*trust.later[:-1], ended, following))
        else:
            trust = replace(trust, first_ends=header.height, later=(following,))
    return trust


def _reconfigured(verifier: Verifier, trust: Trust, header: Header) -> Trust:
    """What lies above this certified block of the first epoch may be of another configuration."""
    named = validators_hash(verifier.hash, trust.suite_id, trust.validators)
    if trust.reconfigured_at is not None or header.tx_count != 1:
        raise ProofError(f"header {header.height} does not change the configuration first")
    if header.next_validators_hash != named:
        raise ProofError(f"header {header.height} names other validators as the next ones")
    return replace(trust, reconfigured_at=header.height)


def read_proof_file(data: bytes) -> ProofFileV2:
    """A proof file of version 1 or 2. Raises ProofError."""
    if version_of(data) == EPOCHS_VERSION:
        return _decode(ProofFileV2, data)
    file = _decode(ProofFile, data)
    _require_first(file.version)
    return ProofFileV2(file.version, file.config, (), file.transaction, file.state)


def read_evidence_bundle(data: bytes) -> EvidenceBundleV2:
    """An evidence bundle of either version. Raises ProofError."""
    if version_of(data) == EPOCHS_VERSION:
        return _decode(EvidenceBundleV2, data)
    file = _decode(EvidenceBundle, data)
    _require_first(file.version)
    facts = (file.transactions, file.states, file.payments)
    return EvidenceBundleV2(file.version, file.subject, file.config, (), *facts)


def read_fact(data: bytes) -> tuple[ProofFileV3, EventFact | MemberFact]:
    """A proof file of version 3 and its fact. Raises ProofError."""
    file = _decode(ProofFileV3, data)
    if file.kind == EVENT:
        return file, _decode(EventFact, file.fact)
    if file.kind == MEMBERSHIP:
        return file, _decode(MemberFact, file.fact)
    raise ProofError(f"unknown kind of fact {file.kind!r}")


def version_of(data: bytes) -> int:
    """The first field of a proof file or bundle, whatever follows."""
    return int.from_bytes(data[4:12], "big")


def _require_first(version: int) -> None:
    if version != PROOF_VERSION:
        raise ProofError(f"unknown version {version}")


def _decode(kind: type[T], data: bytes) -> T:
    try:
        return decode(kind, data)
    except EncodingError as error:
        raise ProofError(f"these are not the bytes of a proof or bundle: {error}") from error


def check_config(verifier: Verifier, suite_id: int, config: bytes, channel_id: Hash) -> None:
    """Raises ProofError unless `config` is the configuration that the channel's id names."""
    if verifier.hash(preimage(Tag.GENESIS, suite_id, config)) != channel_id:
        raise ProofError("the configuration is not the one that the channel id names")


def check_certified(verifier: Verifier, trust: Trust, certified: CertifiedHeader) -> None:
    """Raises ProofError unless a quorum of the trusted validators sealed exactly this header."""
    header, cert = certified.header, certified.certificate
    epoch = trust.epoch(header.epoch)
    if epoch is None:
        raise ProofError(
            f"header {header.height} is of an epoch that no change of validators leads to"
        )
    if not epoch.above < header.height or (epoch.last is not None and header.height > epoch.last):
        raise ProofError(f"header {header.height} lies outside its epoch")
    since = trust.reconfigured_at
    is_of_genesis = header.epoch == trust.validators.epoch and (
        since is None or header.height <= since
    )
    if is_of_genesis and header.config_hash != trust.config_hash:
        raise ProofError(f"header {header.height} is of another configuration")
    electorate = Electorate(
        trust.channel_id, trust.suite_id, trust.certificate_kind, epoch.validators
    )
    try:
        items = sealed_items(verifier.hash, header, cert, electorate)
    except (HeaderRefused, InvalidCertificate) as error:
        raise ProofError(f"header {header.height}: {error}") from error
    if not all(verifier.verify(item) for item in items):
        raise ProofError(f"a seal of height {header.height} does not verify")


def check_transaction(verifier: Verifier, trust: Trust, proof: TransactionProof) -> Hash:
    """The id of the transaction that `proof` shows, ordered and executed. Raises ProofError."""
    if proof.version != PROOF_VERSION:
        raise ProofError(f"unknown proof version {proof.version}")
    check_certified(verifier, trust, proof.ordered)
    check_certified(verifier, trust, proof.settled)
    ordered, settled = proof.ordered.header, proof.settled.header
    if settled.height != ordered.height + trust.window:
        raise ProofError("the receipt's header is not the one that settles the block")
    digest = tx_sign_digest(verifier.hash, trust.suite_id, trust.channel_id, proof.body)
    if not _signed(verifier, proof, digest):
        raise ProofError("the sender's signature does not verify")
    id_ = tx_id(verifier.hash, trust.suite_id, proof.body)
    leaf = tx_leaf(verifier.hash, trust.suite_id, id_, proof.signature)
    size = ordered.tx_count
    if not merkle.verify_inclusion(
        verifier.hash, leaf, proof.index, size, proof.tx_path, ordered.tx_root
    ):
        raise ProofError("the transaction does not stand in its block")
    leaf = receipt_leaf(verifier.hash, trust.suite_id, proof.receipt)
    if not merkle.verify_inclusion(
        verifier.hash, leaf, proof.index, size, proof.receipt_path, settled.receipts_root
    ):
        raise ProofError("the receipt does not stand under the settled header")
    return id_


def _signed(verifier: Verifier, proof: TransactionProof, digest: Hash) -> bool:
    return verifier.verify(SignatureItem(proof.public_key, digest, proof.signature))


def check_state(verifier: Verifier, trust: Trust, fact: StateFact) -> int:
    """The height after which `fact` held. Raises ProofError."""
    if fact.version != PROOF_VERSION:
        raise ProofError(f"unknown proof version {fact.version}")
    check_certified(verifier, trust, fact.settled)
    root = fact.settled.header.state_root
    if not verify_state_proof(
        verifier.hash, trust.suite_id, root, fact.key, fact.value, fact.proof
    ):
        raise ProofError("the value does not stand under the settled state root")
    return max(0, fact.settled.header.height - trust.window)


def check_membership(verifier: Verifier, trust: Trust, fact: MemberFact) -> None:
    """Raises ProofError unless `fact.config` was in force where and when the fact says."""
    if fact.version != PROOF_VERSION:
        raise ProofError(f"unknown proof version {fact.version}")
    if fact.who not in (MEMBER, VALIDATOR, IDENTITY):
        raise ProofError(f"nobody takes part as {fact.who!r}")
    shown = fact.shown.header
    check_certified(verifier, trust, fact.shown)
    if verifier.hash(preimage(Tag.CONFIG, trust.suite_id, fact.config)) != shown.config_hash:
        raise ProofError(f"header {shown.height} was made under another configuration")
    if fact.before is None:
        if fact.time_ms:
            raise ProofError("it names a time and no header before it")
        return
    check_certified(verifier, trust, fact.before)
    before = fact.before.header
    if shown.parent_hash != block_hash(verifier.hash, before):
        raise ProofError(f"header {shown.height} does not follow header {before.height}")
    if not before.timestamp_ms <= fact.time_ms < shown.timestamp_ms:
        raise ProofError(
            f"the time does not lie between headers {before.height} and {shown.height}"
        )
