"""What clients that `city codegen python` writes stand on: calls with types, records as dataclasses, an
exception for each code of the contract."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Self, TypeVar

from contracts.runtime.values import Record
from node.client import Committed, ContractError, Event, Net

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """A committed transaction. value: what the method returned; committed: all the rest of it."""

    value: T
    committed: Committed

    @property
    def tx_id(self) -> str:
        return self.committed.tx_id

    @property
    def block(self) -> int:
        return self.committed.block

    @property
    def events(self) -> tuple[Event, ...]:
        return self.committed.events


class ContractRefusal(ContractError):
    """A refusal by a code of the contract: nothing was changed. Each code has a class of its own."""

    contract_code: ClassVar[str] = ""


class ContractClient:
    """A contract over a connected `Net`. Subclasses are generated: a method for each call."""

    contract_name: ClassVar[str]
    contract_version: ClassVar[int]
    records: ClassVar[Mapping[str, type]] = {}
    refusals: ClassVar[Mapping[str, type[ContractRefusal]]] = {}

    def __init__(self, net: Net, **options: Any) -> None:
        """options: of every call (gas_limit, timeout, version)."""
        self._net, self._options = net, options

    def using(self, **options: Any) -> Self:
        """The same client whose next calls have these options: `bank.using(request_id=id).pay(…)`."""
        return type(self)(self._net, **{**self._options, **options})

    def _transact(self, method: str, args: Mapping[str, Any]) -> Done[Any]:
        options = {"version": self.contract_version, **self._options}
        try:
            done = self._net.call(self.contract_name, method, _plain_fields(args), **options)
        except ContractError as error:
            raise self._refusal(error) from error
        return Done(self._typed(done.value), done)

    def _ask(self, method: str, args: Mapping[str, Any]) -> Any:
        known = ("version", "min_height", "height", "gas_limit", "timeout")
        options = {name: self._options[name] for name in known if name in self._options}
        options.setdefault("version", self.contract_version)
        try:
            answer = self._net.query(self.contract_name, method, _plain_fields(args), **options)
        except ContractError as error:
            raise self._refusal(error) from error
        return self._typed(answer.value)

    def _refusal(self, error: ContractError) -> ContractError:
        """The same error in the class of its code; one that the schema does not name stays as it is."""
        kind = self.refusals.get(error.reason)
        return error if kind is None else kind(error.code, error.receipt, **error.variables)

    def _typed(self, value: Any) -> Any:
        """Records as the contract's dataclasses, wherever they stand. One with other fields, as an earlier
        version may have stored it, stays a plain record."""
        if isinstance(value, Record):
            fields = {name: self._typed(part) for name, part in value.fields.items()}
            kind = self.records.get(value.name)
            if kind is None or {f.name for f in dataclasses.fields(kind)} != fields.keys():
                return Record(value.name, fields)
            return kind(**fields)
        if isinstance(value, list):
            return [self._typed(part) for part in value]
        if isinstance(value, tuple):
            return tuple(self._typed(part) for part in value)
        if isinstance(value, dict):
            return {name: self._typed(part) for name, part in value.items()}
        return value


class Unset:
    """The type of UNSET."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Any = Unset()  # what is left to the contract's own default


def _plain_fields(args: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in args.items() if value is not UNSET}


def _plain(value: Any) -> Any:
    """Dataclasses as objects by field name, without what is unset."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        found = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        return {name: _plain(part) for name, part in found.items() if part is not UNSET}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return value
