from node.wire.pb import consensus_pb2 as _consensus_pb2
from node.wire.pb import ledger_pb2 as _ledger_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SnapshotRequest(_message.Message):
    __slots__ = ("channel_id", "grant")
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    GRANT_FIELD_NUMBER: _ClassVar[int]
    channel_id: bytes
    grant: bytes
    def __init__(self, channel_id: _Optional[bytes] = ..., grant: _Optional[bytes] = ...) -> None: ...

class SnapshotOffer(_message.Message):
    __slots__ = ("index", "changes")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    index: bytes
    changes: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, index: _Optional[bytes] = ..., changes: _Optional[_Iterable[bytes]] = ...) -> None: ...

class SnapshotPartRequest(_message.Message):
    __slots__ = ("channel_id", "grant", "height", "part")
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    GRANT_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    channel_id: bytes
    grant: bytes
    height: int
    part: int
    def __init__(self, channel_id: _Optional[bytes] = ..., grant: _Optional[bytes] = ..., height: _Optional[int] = ..., part: _Optional[int] = ...) -> None: ...

class SnapshotPartReply(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...

class ChainRequest(_message.Message):
    __slots__ = ("channel_id", "grant", "first", "last", "with_bodies")
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    GRANT_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    WITH_BODIES_FIELD_NUMBER: _ClassVar[int]
    channel_id: bytes
    grant: bytes
    first: int
    last: int
    with_bodies: bool
    def __init__(self, channel_id: _Optional[bytes] = ..., grant: _Optional[bytes] = ..., first: _Optional[int] = ..., last: _Optional[int] = ..., with_bodies: _Optional[bool] = ...) -> None: ...

class ChainReply(_message.Message):
    __slots__ = ("headers", "blocks")
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    headers: _containers.RepeatedCompositeFieldContainer[SealedHeader]
    blocks: _containers.RepeatedCompositeFieldContainer[_ledger_pb2.Block]
    def __init__(self, headers: _Optional[_Iterable[_Union[SealedHeader, _Mapping]]] = ..., blocks: _Optional[_Iterable[_Union[_ledger_pb2.Block, _Mapping]]] = ...) -> None: ...

class SealedHeader(_message.Message):
    __slots__ = ("header", "certificate")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    header: bytes
    certificate: bytes
    def __init__(self, header: _Optional[bytes] = ..., certificate: _Optional[bytes] = ...) -> None: ...

class EngineRequest(_message.Message):
    __slots__ = ("channel_id", "digest", "offset")
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    channel_id: bytes
    digest: bytes
    offset: int
    def __init__(self, channel_id: _Optional[bytes] = ..., digest: _Optional[bytes] = ..., offset: _Optional[int] = ...) -> None: ...

class EnginePart(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...

class PeerFrame(_message.Message):
    __slots__ = ("challenge", "hello", "batch")
    CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    HELLO_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    challenge: Challenge
    hello: Hello
    batch: Batch
    def __init__(self, challenge: _Optional[_Union[Challenge, _Mapping]] = ..., hello: _Optional[_Union[Hello, _Mapping]] = ..., batch: _Optional[_Union[Batch, _Mapping]] = ...) -> None: ...

class Challenge(_message.Message):
    __slots__ = ("nonce",)
    NONCE_FIELD_NUMBER: _ClassVar[int]
    nonce: bytes
    def __init__(self, nonce: _Optional[bytes] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("statement", "signature", "grant")
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    GRANT_FIELD_NUMBER: _ClassVar[int]
    statement: bytes
    signature: bytes
    grant: bytes
    def __init__(self, statement: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., grant: _Optional[bytes] = ...) -> None: ...

class Batch(_message.Message):
    __slots__ = ("consensus", "transactions", "want_transactions", "want_blocks", "blocks", "tip_height", "blocks_from", "flags")
    CONSENSUS_FIELD_NUMBER: _ClassVar[int]
    TRANSACTIONS_FIELD_NUMBER: _ClassVar[int]
    WANT_TRANSACTIONS_FIELD_NUMBER: _ClassVar[int]
    WANT_BLOCKS_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    TIP_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FROM_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    consensus: _containers.RepeatedCompositeFieldContainer[_consensus_pb2.ConsensusMessage]
    transactions: _containers.RepeatedCompositeFieldContainer[_ledger_pb2.Envelope]
    want_transactions: _containers.RepeatedScalarFieldContainer[bytes]
    want_blocks: BlockRange
    blocks: _containers.RepeatedCompositeFieldContainer[_ledger_pb2.Block]
    tip_height: int
    blocks_from: int
    flags: KnownFlags
    def __init__(self, consensus: _Optional[_Iterable[_Union[_consensus_pb2.ConsensusMessage, _Mapping]]] = ..., transactions: _Optional[_Iterable[_Union[_ledger_pb2.Envelope, _Mapping]]] = ..., want_transactions: _Optional[_Iterable[bytes]] = ..., want_blocks: _Optional[_Union[BlockRange, _Mapping]] = ..., blocks: _Optional[_Iterable[_Union[_ledger_pb2.Block, _Mapping]]] = ..., tip_height: _Optional[int] = ..., blocks_from: _Optional[int] = ..., flags: _Optional[_Union[KnownFlags, _Mapping]] = ...) -> None: ...

class KnownFlags(_message.Message):
    __slots__ = ("names",)
    NAMES_FIELD_NUMBER: _ClassVar[int]
    names: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, names: _Optional[_Iterable[str]] = ...) -> None: ...

class BlockRange(_message.Message):
    __slots__ = ("first", "last")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    first: int
    last: int
    def __init__(self, first: _Optional[int] = ..., last: _Optional[int] = ...) -> None: ...
