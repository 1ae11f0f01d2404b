"""Follows a channel with headers and certificates only, from its genesis.

Give it the genesis header and the validators that genesis names; then, in order, each header with its
certificate. It accepts exactly the chain that a quorum of every epoch sealed, and returns the roots that
each certified header shows: header h proves the state after block h - W.

Sequential on purpose: skipping clients are fooled by sets that changed (tendermint#3244). A header names
the next set by its hash, so handing over to it needs the set itself, nothing else: whoever gives headers
gives that set along with the first header of its epoch (`needs_validators` says when). The block that
changes the set, or anything else in the configuration, holds one transaction, and the configuration's hash
moves only above such a block. W and the kind of certificate stay as they are for a channel's life.

`sealed_items` is the one place that says what a certificate proves of a header: light clients, proofs, catch-up
and the cores ask it.
"""

from __future__ import annotations

from dataclasses import dataclass

from consensus.api import SignatureItem, Verifier
from consensus.certificate import CommitCert, certificate_items
from consensus.encoding import Hash
from consensus.header import HEADER_VERSION, Header, block_hash
from consensus.merkle import HashFunction
from consensus.validators import ValidatorSet, validators_hash


class HeaderRefused(ValueError):
    """A header or certificate that does not continue the chain; the text says why."""


@dataclass(frozen=True, slots=True)
class Electorate:
    """Who may seal a channel's headers in one epoch, and by which kind of certificate."""

    channel_id: Hash
    suite_id: int
    kind: str
    validators: ValidatorSet


def sealed_items(
    hash_: HashFunction, header: Header, cert: CommitCert, electorate: Electorate
) -> list[SignatureItem]:
    """The signatures which, if they hold, show that the electorate sealed exactly this header.

    Raises HeaderRefused or InvalidCertificate where no signature could show that."""
    if (header.channel_id, header.suite) != (electorate.channel_id, electorate.suite_id):
        raise HeaderRefused("another channel or suite")
    if (cert.height, cert.block_hash) != (header.height, block_hash(hash_, header)):
        raise HeaderRefused("the certificate is of another block")
    validators = electorate.validators
    if header.validators_hash != validators_hash(hash_, electorate.suite_id, validators):
        raise HeaderRefused("it names other validators")
    return certificate_items(
        cert, electorate.kind, electorate.suite_id, electorate.channel_id, validators
    )


@dataclass(frozen=True, slots=True)
class ShownRoots:
    """Certified roots after block `height`."""

    height: int
    state_root: Hash
    receipts_root: Hash


class LightClient:
    """`window` is the channel's W, `kind` its kind of certificate; both stand in its configuration.

    Raises HeaderRefused or InvalidCertificate and then has not moved."""

    def __init__(
        self,
        genesis: Header,
        validators: ValidatorSet,
        verifier: Verifier,
        window: int,
        kind: str,
    ) -> None:
        self._verifier = verifier
        self._kind = kind
        self._window = window
        self._validators = validators
        self._next_validators_hash = genesis.next_validators_hash
        if self._hash_of(validators) != genesis.validators_hash:
            raise HeaderRefused("these are not the validators that genesis names")
        if genesis.height != 0 or genesis.suite != verifier.suite_id:
            raise HeaderRefused("not a genesis header of this suite")
        self._tip = genesis
        self._tip_hash = block_hash(verifier.hash, genesis)

    def resume(self, tip: Header, validators: ValidatorSet) -> None:
        """Go on behind a header that was accepted in an earlier life and kept where nobody else writes.
        validators: those that sealed it."""
        genesis = self._tip
        if (tip.channel_id, tip.suite) != (genesis.channel_id, genesis.suite) or genesis.height:
            raise HeaderRefused("another channel or suite")
        if self._hash_of(validators) != tip.validators_hash or validators.epoch != tip.epoch:
            raise HeaderRefused("it names other validators")
        self._validators, self._next_validators_hash = validators, tip.next_validators_hash
        self._tip, self._tip_hash = tip, block_hash(self._verifier.hash, tip)

    @property
    def height(self) -> int:
        return self._tip.height

    @property
    def tip(self) -> Header:
        return self._tip

    @property
    def tip_hash(self) -> Hash:
        return self._tip_hash

    @property
    def needs_validators(self) -> Hash | None:
        """The hash of the set that `advance` must be given next, None where the set stays."""
        is_same = self._next_validators_hash == self._hash_of(self._validators)
        return None if is_same else self._next_validators_hash

    def advance(
        self, header: Header, cert: CommitCert, next_validators: ValidatorSet | None = None
    ) -> ShownRoots:
        """Accept the next header. next_validators: the set it belongs to where the last one changed it."""
        validators = self._set_for(header, next_validators)
        self._check_header(header, validators)
        tip = self._tip
        electorate = Electorate(tip.channel_id, tip.suite, self._kind, validators)
        items = sealed_items(self._verifier.hash, header, cert, electorate)
        if not all(self._verifier.verify(item) for item in items):
            raise HeaderRefused("the certificate has a wrong seal")
        self._validators = validators
        self._tip, self._tip_hash = header, cert.block_hash
        self._next_validators_hash = header.next_validators_hash
        shown_height = max(0, header.height - self._window)
        return ShownRoots(shown_height, header.state_root, header.receipts_root)

    def _hash_of(self, validators: ValidatorSet) -> Hash:
        return validators_hash(self._verifier.hash, self._verifier.suite_id, validators)

    def _set_for(self, header: Header, next_validators: ValidatorSet | None) -> ValidatorSet:
        validators = self._validators if next_validators is None else next_validators
        expected_epoch = self._validators.epoch + (next_validators is not None)
        if self._hash_of(validators) != self._next_validators_hash:
            raise HeaderRefused("not the validators that the last header names")
        if (validators.epoch, header.epoch) != (expected_epoch, expected_epoch):
            raise HeaderRefused("the epoch does not follow")
        return validators

    def _check_header(self, header: Header, validators: ValidatorSet) -> None:
        tip = self._tip
        if header.version != HEADER_VERSION:
            raise HeaderRefused("another version")
        if header.height != tip.height + 1 or header.parent_hash != self._tip_hash:
            raise HeaderRefused("it does not follow the last header")
        if header.timestamp_ms <= tip.timestamp_ms:
            raise HeaderRefused("its time is not after its parent's")
        is_set_kept = header.next_validators_hash == header.validators_hash
        if not is_set_kept and header.tx_count != 1:
            raise HeaderRefused("a change of validators is alone in its block")
        if header.config_hash != tip.config_hash and tip.tx_count != 1:
            raise HeaderRefused("the configuration changed without a block that could change it")
        if validators.epoch != self._validators.epoch and header.config_hash == tip.config_hash:
            raise HeaderRefused("other validators under the same configuration")
