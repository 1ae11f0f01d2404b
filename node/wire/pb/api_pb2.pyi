from node.wire.pb import ledger_pb2 as _ledger_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Level(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LEVEL_UNSPECIFIED: _ClassVar[Level]
    ORDERED: _ClassVar[Level]
    COMMITTED: _ClassVar[Level]
LEVEL_UNSPECIFIED: Level
ORDERED: Level
COMMITTED: Level

class PrepareChannelRequest(_message.Message):
    __slots__ = ("channel", "suite")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    SUITE_FIELD_NUMBER: _ClassVar[int]
    channel: str
    suite: str
    def __init__(self, channel: _Optional[str] = ..., suite: _Optional[str] = ...) -> None: ...

class NodeCardReply(_message.Message):
    __slots__ = ("card",)
    CARD_FIELD_NUMBER: _ClassVar[int]
    card: bytes
    def __init__(self, card: _Optional[bytes] = ...) -> None: ...

class JoinChannelRequest(_message.Message):
    __slots__ = ("genesis", "addresses", "grant", "from_snapshot")
    class AddressesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    GENESIS_FIELD_NUMBER: _ClassVar[int]
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    GRANT_FIELD_NUMBER: _ClassVar[int]
    FROM_SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    genesis: bytes
    addresses: _containers.ScalarMap[str, str]
    grant: bytes
    from_snapshot: bool
    def __init__(self, genesis: _Optional[bytes] = ..., addresses: _Optional[_Mapping[str, str]] = ..., grant: _Optional[bytes] = ..., from_snapshot: _Optional[bool] = ...) -> None: ...

class LeaveChannelRequest(_message.Message):
    __slots__ = ("channel", "force")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    channel: str
    force: bool
    def __init__(self, channel: _Optional[str] = ..., force: _Optional[bool] = ...) -> None: ...

class HostedRequest(_message.Message):
    __slots__ = ("channel",)
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    channel: str
    def __init__(self, channel: _Optional[str] = ...) -> None: ...

class ListHostedRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HostedReply(_message.Message):
    __slots__ = ("channel", "state", "facts_json")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    FACTS_JSON_FIELD_NUMBER: _ClassVar[int]
    channel: str
    state: str
    facts_json: str
    def __init__(self, channel: _Optional[str] = ..., state: _Optional[str] = ..., facts_json: _Optional[str] = ...) -> None: ...

class ListHostedReply(_message.Message):
    __slots__ = ("channels",)
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    channels: _containers.RepeatedCompositeFieldContainer[HostedReply]
    def __init__(self, channels: _Optional[_Iterable[_Union[HostedReply, _Mapping]]] = ...) -> None: ...

class GenesisReply(_message.Message):
    __slots__ = ("genesis",)
    GENESIS_FIELD_NUMBER: _ClassVar[int]
    genesis: bytes
    def __init__(self, genesis: _Optional[bytes] = ...) -> None: ...

class SubmitRequest(_message.Message):
    __slots__ = ("channel", "envelope")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    channel: str
    envelope: _ledger_pb2.Envelope
    def __init__(self, channel: _Optional[str] = ..., envelope: _Optional[_Union[_ledger_pb2.Envelope, _Mapping]] = ...) -> None: ...

class SubmitReply(_message.Message):
    __slots__ = ("tx_id",)
    TX_ID_FIELD_NUMBER: _ClassVar[int]
    tx_id: bytes
    def __init__(self, tx_id: _Optional[bytes] = ...) -> None: ...

class SubmitBatchRequest(_message.Message):
    __slots__ = ("channel", "envelopes")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    ENVELOPES_FIELD_NUMBER: _ClassVar[int]
    channel: str
    envelopes: _containers.RepeatedCompositeFieldContainer[_ledger_pb2.Envelope]
    def __init__(self, channel: _Optional[str] = ..., envelopes: _Optional[_Iterable[_Union[_ledger_pb2.Envelope, _Mapping]]] = ...) -> None: ...

class SubmitBatchReply(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[SubmitResult]
    def __init__(self, results: _Optional[_Iterable[_Union[SubmitResult, _Mapping]]] = ...) -> None: ...

class SubmitResult(_message.Message):
    __slots__ = ("tx_id", "code", "message")
    TX_ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    tx_id: bytes
    code: str
    message: str
    def __init__(self, tx_id: _Optional[bytes] = ..., code: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class WaitRequest(_message.Message):
    __slots__ = ("channel", "tx_id", "level")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    TX_ID_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    channel: str
    tx_id: bytes
    level: Level
    def __init__(self, channel: _Optional[str] = ..., tx_id: _Optional[bytes] = ..., level: _Optional[_Union[Level, str]] = ...) -> None: ...

class TransactionStatus(_message.Message):
    __slots__ = ("tx_id", "level", "height", "receipt")
    TX_ID_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    tx_id: bytes
    level: Level
    height: int
    receipt: _ledger_pb2.Receipt
    def __init__(self, tx_id: _Optional[bytes] = ..., level: _Optional[_Union[Level, str]] = ..., height: _Optional[int] = ..., receipt: _Optional[_Union[_ledger_pb2.Receipt, _Mapping]] = ...) -> None: ...

class GetTransactionRequest(_message.Message):
    __slots__ = ("channel", "tx_id")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    TX_ID_FIELD_NUMBER: _ClassVar[int]
    channel: str
    tx_id: bytes
    def __init__(self, channel: _Optional[str] = ..., tx_id: _Optional[bytes] = ...) -> None: ...

class TransactionView(_message.Message):
    __slots__ = ("envelope", "height", "index", "receipt")
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    envelope: _ledger_pb2.Envelope
    height: int
    index: int
    receipt: _ledger_pb2.Receipt
    def __init__(self, envelope: _Optional[_Union[_ledger_pb2.Envelope, _Mapping]] = ..., height: _Optional[int] = ..., index: _Optional[int] = ..., receipt: _Optional[_Union[_ledger_pb2.Receipt, _Mapping]] = ...) -> None: ...

class QueryRequest(_message.Message):
    __slots__ = ("channel", "contract", "version", "method", "args", "min_height", "gas_limit", "height")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    ARGS_FIELD_NUMBER: _ClassVar[int]
    MIN_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    GAS_LIMIT_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    channel: str
    contract: str
    version: int
    method: str
    args: str
    min_height: int
    gas_limit: int
    height: int
    def __init__(self, channel: _Optional[str] = ..., contract: _Optional[str] = ..., version: _Optional[int] = ..., method: _Optional[str] = ..., args: _Optional[str] = ..., min_height: _Optional[int] = ..., gas_limit: _Optional[int] = ..., height: _Optional[int] = ...) -> None: ...

class QueryReply(_message.Message):
    __slots__ = ("height", "outcome", "code", "message", "result_json", "result", "gas_used", "events_json")
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RESULT_JSON_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    GAS_USED_FIELD_NUMBER: _ClassVar[int]
    EVENTS_JSON_FIELD_NUMBER: _ClassVar[int]
    height: int
    outcome: str
    code: str
    message: str
    result_json: str
    result: bytes
    gas_used: int
    events_json: str
    def __init__(self, height: _Optional[int] = ..., outcome: _Optional[str] = ..., code: _Optional[str] = ..., message: _Optional[str] = ..., result_json: _Optional[str] = ..., result: _Optional[bytes] = ..., gas_used: _Optional[int] = ..., events_json: _Optional[str] = ...) -> None: ...

class SimulateReply(_message.Message):
    __slots__ = ("result", "version", "writes")
    RESULT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    WRITES_FIELD_NUMBER: _ClassVar[int]
    result: QueryReply
    version: int
    writes: _containers.RepeatedCompositeFieldContainer[StateWrite]
    def __init__(self, result: _Optional[_Union[QueryReply, _Mapping]] = ..., version: _Optional[int] = ..., writes: _Optional[_Iterable[_Union[StateWrite, _Mapping]]] = ...) -> None: ...

class StateWrite(_message.Message):
    __slots__ = ("key", "present", "value")
    KEY_FIELD_NUMBER: _ClassVar[int]
    PRESENT_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    key: bytes
    present: bool
    value: bytes
    def __init__(self, key: _Optional[bytes] = ..., present: _Optional[bool] = ..., value: _Optional[bytes] = ...) -> None: ...

class GetStateRequest(_message.Message):
    __slots__ = ("channel", "key", "min_height")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    MIN_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    channel: str
    key: bytes
    min_height: int
    def __init__(self, channel: _Optional[str] = ..., key: _Optional[bytes] = ..., min_height: _Optional[int] = ...) -> None: ...

class StateReply(_message.Message):
    __slots__ = ("height", "present", "value", "value_json")
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    PRESENT_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    VALUE_JSON_FIELD_NUMBER: _ClassVar[int]
    height: int
    present: bool
    value: bytes
    value_json: str
    def __init__(self, height: _Optional[int] = ..., present: _Optional[bool] = ..., value: _Optional[bytes] = ..., value_json: _Optional[str] = ...) -> None: ...

class GetBlockRequest(_message.Message):
    __slots__ = ("channel", "height")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    channel: str
    height: int
    def __init__(self, channel: _Optional[str] = ..., height: _Optional[int] = ...) -> None: ...

class BlockView(_message.Message):
    __slots__ = ("height", "block_hash", "block", "header_json")
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    BLOCK_HASH_FIELD_NUMBER: _ClassVar[int]
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    HEADER_JSON_FIELD_NUMBER: _ClassVar[int]
    height: int
    block_hash: bytes
    block: _ledger_pb2.Block
    header_json: str
    def __init__(self, height: _Optional[int] = ..., block_hash: _Optional[bytes] = ..., block: _Optional[_Union[_ledger_pb2.Block, _Mapping]] = ..., header_json: _Optional[str] = ...) -> None: ...

class BlocksRequest(_message.Message):
    __slots__ = ("channel", "from_height")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    FROM_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    channel: str
    from_height: int
    def __init__(self, channel: _Optional[str] = ..., from_height: _Optional[int] = ...) -> None: ...

class ReceiptsRequest(_message.Message):
    __slots__ = ("channel", "height", "first")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    channel: str
    height: int
    first: int
    def __init__(self, channel: _Optional[str] = ..., height: _Optional[int] = ..., first: _Optional[int] = ...) -> None: ...

class ReceiptsReply(_message.Message):
    __slots__ = ("receipts", "count")
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    receipts: _containers.RepeatedScalarFieldContainer[bytes]
    count: int
    def __init__(self, receipts: _Optional[_Iterable[bytes]] = ..., count: _Optional[int] = ...) -> None: ...

class UsageRequest(_message.Message):
    __slots__ = ("channel", "first_day", "last_day", "member", "application", "by_day", "min_height")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    FIRST_DAY_FIELD_NUMBER: _ClassVar[int]
    LAST_DAY_FIELD_NUMBER: _ClassVar[int]
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    BY_DAY_FIELD_NUMBER: _ClassVar[int]
    MIN_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    channel: str
    first_day: int
    last_day: int
    member: str
    application: str
    by_day: bool
    min_height: int
    def __init__(self, channel: _Optional[str] = ..., first_day: _Optional[int] = ..., last_day: _Optional[int] = ..., member: _Optional[str] = ..., application: _Optional[str] = ..., by_day: _Optional[bool] = ..., min_height: _Optional[int] = ...) -> None: ...

class StatementsRequest(_message.Message):
    __slots__ = ("channel", "first")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    channel: str
    first: int
    def __init__(self, channel: _Optional[str] = ..., first: _Optional[int] = ...) -> None: ...

class StatementsReply(_message.Message):
    __slots__ = ("statements",)
    STATEMENTS_FIELD_NUMBER: _ClassVar[int]
    statements: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, statements: _Optional[_Iterable[bytes]] = ...) -> None: ...

class UsageReply(_message.Message):
    __slots__ = ("first_height", "last_height", "rows")
    FIRST_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    LAST_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    first_height: int
    last_height: int
    rows: _containers.RepeatedCompositeFieldContainer[Usage]
    def __init__(self, first_height: _Optional[int] = ..., last_height: _Optional[int] = ..., rows: _Optional[_Iterable[_Union[Usage, _Mapping]]] = ...) -> None: ...

class Usage(_message.Message):
    __slots__ = ("day", "member", "application", "accepted", "refused", "bytes", "gas", "events")
    DAY_FIELD_NUMBER: _ClassVar[int]
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    GAS_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    day: int
    member: str
    application: str
    accepted: int
    refused: int
    bytes: int
    gas: int
    events: int
    def __init__(self, day: _Optional[int] = ..., member: _Optional[str] = ..., application: _Optional[str] = ..., accepted: _Optional[int] = ..., refused: _Optional[int] = ..., bytes: _Optional[int] = ..., gas: _Optional[int] = ..., events: _Optional[int] = ...) -> None: ...

class EventsRequest(_message.Message):
    __slots__ = ("channel", "from_height", "after_id", "contract", "name")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    FROM_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    AFTER_ID_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    channel: str
    from_height: int
    after_id: str
    contract: str
    name: str
    def __init__(self, channel: _Optional[str] = ..., from_height: _Optional[int] = ..., after_id: _Optional[str] = ..., contract: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class EventsReply(_message.Message):
    __slots__ = ("events", "height")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[_ledger_pb2.Event]
    height: int
    def __init__(self, events: _Optional[_Iterable[_Union[_ledger_pb2.Event, _Mapping]]] = ..., height: _Optional[int] = ...) -> None: ...

class MembershipProofRequest(_message.Message):
    __slots__ = ("channel", "who", "name", "height", "time_ms")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    WHO_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    TIME_MS_FIELD_NUMBER: _ClassVar[int]
    channel: str
    who: str
    name: str
    height: int
    time_ms: int
    def __init__(self, channel: _Optional[str] = ..., who: _Optional[str] = ..., name: _Optional[str] = ..., height: _Optional[int] = ..., time_ms: _Optional[int] = ...) -> None: ...

class ProofReply(_message.Message):
    __slots__ = ("proof",)
    PROOF_FIELD_NUMBER: _ClassVar[int]
    proof: bytes
    def __init__(self, proof: _Optional[bytes] = ...) -> None: ...

class NodeStatusRequest(_message.Message):
    __slots__ = ("channel",)
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    channel: str
    def __init__(self, channel: _Optional[str] = ...) -> None: ...

class NodeStatusReply(_message.Message):
    __slots__ = ("status_json", "height", "state_root", "block_hash")
    STATUS_JSON_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    STATE_ROOT_FIELD_NUMBER: _ClassVar[int]
    BLOCK_HASH_FIELD_NUMBER: _ClassVar[int]
    status_json: str
    height: int
    state_root: bytes
    block_hash: bytes
    def __init__(self, status_json: _Optional[str] = ..., height: _Optional[int] = ..., state_root: _Optional[bytes] = ..., block_hash: _Optional[bytes] = ...) -> None: ...

class ChannelInfoRequest(_message.Message):
    __slots__ = ("channel",)
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    channel: str
    def __init__(self, channel: _Optional[str] = ...) -> None: ...

class ChannelInfoReply(_message.Message):
    __slots__ = ("channel", "channel_id", "genesis", "height", "suite", "node", "node_identity")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    GENESIS_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    SUITE_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    NODE_IDENTITY_FIELD_NUMBER: _ClassVar[int]
    channel: str
    channel_id: bytes
    genesis: bytes
    height: int
    suite: int
    node: str
    node_identity: bytes
    def __init__(self, channel: _Optional[str] = ..., channel_id: _Optional[bytes] = ..., genesis: _Optional[bytes] = ..., height: _Optional[int] = ..., suite: _Optional[int] = ..., node: _Optional[str] = ..., node_identity: _Optional[bytes] = ...) -> None: ...

class ListContractsRequest(_message.Message):
    __slots__ = ("channel",)
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    channel: str
    def __init__(self, channel: _Optional[str] = ...) -> None: ...

class ListContractsReply(_message.Message):
    __slots__ = ("contracts",)
    CONTRACTS_FIELD_NUMBER: _ClassVar[int]
    contracts: _containers.RepeatedCompositeFieldContainer[ContractVersion]
    def __init__(self, contracts: _Optional[_Iterable[_Union[ContractVersion, _Mapping]]] = ...) -> None: ...

class ContractVersion(_message.Message):
    __slots__ = ("name", "version", "digest", "status", "facts_json")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    FACTS_JSON_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    digest: bytes
    status: str
    facts_json: str
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., digest: _Optional[bytes] = ..., status: _Optional[str] = ..., facts_json: _Optional[str] = ...) -> None: ...

class GetContractRequest(_message.Message):
    __slots__ = ("channel", "name", "version")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    channel: str
    name: str
    version: int
    def __init__(self, channel: _Optional[str] = ..., name: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class SchemaReply(_message.Message):
    __slots__ = ("contract", "schema", "schema_json")
    CONTRACT_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_JSON_FIELD_NUMBER: _ClassVar[int]
    contract: ContractVersion
    schema: bytes
    schema_json: str
    def __init__(self, contract: _Optional[_Union[ContractVersion, _Mapping]] = ..., schema: _Optional[bytes] = ..., schema_json: _Optional[str] = ...) -> None: ...

class SourceReply(_message.Message):
    __slots__ = ("contract", "bundle")
    CONTRACT_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    contract: ContractVersion
    bundle: bytes
    def __init__(self, contract: _Optional[_Union[ContractVersion, _Mapping]] = ..., bundle: _Optional[bytes] = ...) -> None: ...
