from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TxBody(_message.Message):
    __slots__ = ("suite", "channel_id", "sender", "contract", "version", "method", "args", "nonce", "valid_until_height", "gas_limit", "request_id")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    ARGS_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    VALID_UNTIL_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    GAS_LIMIT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    suite: int
    channel_id: bytes
    sender: bytes
    contract: str
    version: int
    method: str
    args: str
    nonce: bytes
    valid_until_height: int
    gas_limit: int
    request_id: str
    def __init__(self, suite: _Optional[int] = ..., channel_id: _Optional[bytes] = ..., sender: _Optional[bytes] = ..., contract: _Optional[str] = ..., version: _Optional[int] = ..., method: _Optional[str] = ..., args: _Optional[str] = ..., nonce: _Optional[bytes] = ..., valid_until_height: _Optional[int] = ..., gas_limit: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class Envelope(_message.Message):
    __slots__ = ("body", "public_key", "signature")
    BODY_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    body: bytes
    public_key: bytes
    signature: bytes
    def __init__(self, body: _Optional[bytes] = ..., public_key: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class Block(_message.Message):
    __slots__ = ("header", "transactions", "certificate")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    TRANSACTIONS_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    header: bytes
    transactions: _containers.RepeatedCompositeFieldContainer[Envelope]
    certificate: bytes
    def __init__(self, header: _Optional[bytes] = ..., transactions: _Optional[_Iterable[_Union[Envelope, _Mapping]]] = ..., certificate: _Optional[bytes] = ...) -> None: ...

class Receipt(_message.Message):
    __slots__ = ("tx_id", "height", "index", "outcome", "code", "message", "gas_used", "result_json", "canonical")
    TX_ID_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    GAS_USED_FIELD_NUMBER: _ClassVar[int]
    RESULT_JSON_FIELD_NUMBER: _ClassVar[int]
    CANONICAL_FIELD_NUMBER: _ClassVar[int]
    tx_id: bytes
    height: int
    index: int
    outcome: str
    code: str
    message: str
    gas_used: int
    result_json: str
    canonical: bytes
    def __init__(self, tx_id: _Optional[bytes] = ..., height: _Optional[int] = ..., index: _Optional[int] = ..., outcome: _Optional[str] = ..., code: _Optional[str] = ..., message: _Optional[str] = ..., gas_used: _Optional[int] = ..., result_json: _Optional[str] = ..., canonical: _Optional[bytes] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("id", "height", "tx_id", "contract", "name", "fields_json", "fields")
    ID_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    TX_ID_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    FIELDS_JSON_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    id: str
    height: int
    tx_id: bytes
    contract: str
    name: str
    fields_json: str
    fields: bytes
    def __init__(self, id: _Optional[str] = ..., height: _Optional[int] = ..., tx_id: _Optional[bytes] = ..., contract: _Optional[str] = ..., name: _Optional[str] = ..., fields_json: _Optional[str] = ..., fields: _Optional[bytes] = ...) -> None: ...
