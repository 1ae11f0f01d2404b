"""The channel a file speaks of, and its certified headers: proto/README.md sections 2, 3 and 7."""

from types import SimpleNamespace

from tests.oracle.hashes import SUITE_NAMES, P, tagged, tagged_structure
from tests.oracle.sm2 import verify
from tests.oracle.structures import decode, encode, require


def quorum(n: int) -> int:
    """q = ⌈(n + f + 1) / 2⌉ with f = ⌊(n − 1) / 3⌋."""
    return -(-(n + (n - 1) // 3 + 1) // 2)


def seals_needed(kind: str, n: int) -> int:
    """A quorum on a `pbft` channel; on a `raft` channel a majority, whose members are trusted not to lie."""
    return quorum(n) if kind == "pbft" else n // 2 + 1


class Channel:
    """What the genesis configuration fixes, and the certified headers met so far, by height."""

    def __init__(self, data: bytes):
        config = self.config = decode("ChannelConfig", data)
        suite = self.suite = config.suite
        require(config.version == 3, f"configuration version {config.version} is unknown")
        require(suite in SUITE_NAMES, f"suite {suite} is unknown")
        self.kind = config.consensus.kind
        require(self.kind in ("pbft", "raft"), f"consensus {self.kind!r} is unknown")
        require(config.consensus.window >= 1, "the configuration's window is empty")
        require(len(config.nodes) > 0, "the configuration names no validators")
        keys = {node.vote_key for node in config.nodes}
        require(len(keys) == len(config.nodes), "two validators share a vote key")
        self.window = config.consensus.window
        self.channel_id = tagged("genesis", suite, data)
        self.config_hash = tagged("config", suite, data)
        self.validators = [SimpleNamespace(name=n.name, vote_key=n.vote_key) for n in config.nodes]
        validators = SimpleNamespace(epoch=0, validators=self.validators)
        self.epochs = [self._epoch(validators, 0)]
        self.reconfigured_at: int | None = None
        self.headers: dict[int, SimpleNamespace] = {}

    def _epoch(self, validators: SimpleNamespace, above: int) -> SimpleNamespace:
        named = tagged_structure("validators", self.suite, "ValidatorSet", validators)
        return SimpleNamespace(
            validators=validators.validators, hash=named, above=above, last=2**64 - 1
        )

    def follow(self, changes: list[SimpleNamespace]) -> None:
        """Each epoch is ended by a header that its own validators sealed and that names the next ones. A header
        of the first epoch that names the same ones changed something else: those above it are no longer
        genesis's configuration."""
        for change in changes:
            header = self.check(change.last, "set change")
            number = len(self.epochs)
            if number == 1 and change.validators.epoch == 0:
                is_first = self.reconfigured_at is None and header.tx_count == 1
                require(is_first, "set change: not the first one of the configuration")
                same = self._epoch(change.validators, 0).hash == self.epochs[0].hash
                named = header.next_validators_hash == self.epochs[0].hash
                require(same and named, "set change: others are named")
                self.reconfigured_at = header.height
                continue
            require(header.epoch == number - 1, "set change: it does not end the last epoch known")
            require(change.validators.epoch == number, "set change: the next epoch does not follow")
            keys = {v.vote_key for v in change.validators.validators}
            require(0 < len(keys) == len(change.validators.validators), "set change: vote keys")
            following = self._epoch(change.validators, header.height)
            require(header.next_validators_hash == following.hash, "set change: others are named")
            self.epochs[-1].last = header.height
            self.epochs.append(following)

    def check(self, certified: SimpleNamespace, what: str) -> SimpleNamespace:
        """The header, once it belongs to this channel and a quorum sealed it."""
        header: SimpleNamespace = certified.header
        self._check_header(header, what)
        block_hash = tagged_structure("header", self.suite, "Header", header)
        self._check_certificate(certified.certificate, header, block_hash, what)
        self._check_neighbours(header, block_hash)
        return header

    def _check_header(self, header: SimpleNamespace, what: str) -> None:
        require(header.version == 1, f"{what}: header version {header.version} is unknown")
        require(header.suite == self.suite, f"{what}: the header is of another suite")
        require(header.channel_id == self.channel_id, f"{what}: the header is of another channel")
        require(header.height >= 1, f"{what}: the genesis block has no certificate")
        known = ", ".join(str(number) for number in range(len(self.epochs)))
        require(
            header.epoch < len(self.epochs),
            f"{what}: epoch {header.epoch} is not the configuration's ({known})",
        )
        epoch = self.epochs[header.epoch]
        require(epoch.above < header.height <= epoch.last, f"{what}: it lies outside its epoch")
        require(header.validators_hash == epoch.hash, f"{what}: other validators")
        since = self.reconfigured_at
        if header.epoch == 0 and (since is None or header.height <= since):
            require(header.config_hash == self.config_hash, f"{what}: another configuration")

    def _check_certificate(
        self, cert: SimpleNamespace, header: SimpleNamespace, block_hash: bytes, what: str
    ) -> None:
        require(
            cert.kind == self.kind,
            f"{what}: certificate of kind {cert.kind!r} on a {self.kind!r} channel",
        )
        require(cert.block_hash == block_hash, f"{what}: the certificate is for another block")
        require(cert.height == header.height, f"{what}: the certificate is for another height")
        require(cert.epoch == header.epoch, f"{what}: the certificate is of another epoch")
        validators = self.epochs[header.epoch].validators
        signers = self._signers(cert.signers, validators, what)
        needed = seals_needed(self.kind, len(validators))
        require(len(signers) == len(cert.seals), f"{what}: signers and seals differ in number")
        require(len(signers) >= needed, f"{what}: {len(signers)} seals, {needed} are needed")
        seal = SimpleNamespace(
            channel_id=self.channel_id,
            epoch=cert.epoch,
            height=cert.height,
            view=cert.view,
            block_hash=block_hash,
        )
        message = P("commit-seal", self.suite, encode("Seal", seal))
        for signer, signature in zip(signers, cert.seals, strict=True):
            sealed = verify(self.suite, signer.vote_key, message, signature)
            require(sealed, f"{what}: the seal of {signer.name} does not verify")

    def _signers(
        self, bitmap: bytes, validators: list[SimpleNamespace], what: str
    ) -> list[SimpleNamespace]:
        n = len(validators)
        require(len(bitmap) == (n + 7) // 8, f"{what}: the signers' bitmap has a wrong length")
        bits = int.from_bytes(bitmap, "little")
        require(bits >> n == 0, f"{what}: a signer beyond the last validator")
        return [validator for i, validator in enumerate(validators) if bits >> i & 1]

    def _check_neighbours(self, header: SimpleNamespace, block_hash: bytes) -> None:
        """Certified headers of one file must be one chain: another header here would be a fork."""
        known = self.headers.setdefault(header.height, header)
        require(known == header, f"two certified headers at height {header.height}: a fork")
        after = self.headers.get(header.height + 1)
        before = self.headers.get(header.height - 1)
        if after is not None:
            require(after.parent_hash == block_hash, f"block {after.height} has another parent")
        if before is not None:
            parent = tagged_structure("header", self.suite, "Header", before)
            require(header.parent_hash == parent, f"block {header.height} has another parent")
