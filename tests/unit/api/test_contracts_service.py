"""The Contracts service: every version, what it offers, its source; only for the channel's identities."""

import json

import grpc
import pytest

from contracts.runtime.api import Bundle
from contracts.schema import Schema
from node.contracts.catalogue import bundle_digest
from node.errors import CityError
from node.identity.signers import MemorySigner
from node.identity.suite import get_suite
from node.wire import stubs
from node.wire.status import from_rpc_error
from tests.unit.api.chain import SUITE, VERSIONS
from tests.unit.api.served import Served, served


@pytest.fixture
async def node():
    async with served() as found:
        yield found


def asked(node: Served):
    return stubs.ContractsStub(node.channel)


async def refused(call) -> CityError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    error = from_rpc_error(caught.value)
    assert error is not None
    return error


async def test_every_version_is_listed_with_its_digest_and_what_is_known_of_it(
    node: Served,
) -> None:
    reply = await asked(node).ListContracts(stubs.ListContractsRequest(), metadata=node.read())
    rows = [(c.name, c.version, c.status) for c in reply.contracts]
    assert rows == [
        ("counter", 1, "archived"),
        ("counter", 2, "active"),
        ("counter", 3, "proposed"),
    ]
    for found in reply.contracts:
        bundle = VERSIONS.bundle("counter", found.version)
        assert bundle is not None and found.digest == bundle_digest(SUITE, bundle.encode())
        assert json.loads(found.facts_json) == {"notes": f"the {found.version}. version"}


@pytest.mark.parametrize(("version", "expected"), [(0, 2), (1, 1), (3, 3)])
async def test_a_schema_is_of_the_version_asked_for_or_the_active_one(
    node: Served, version: int, expected: int
) -> None:
    request = stubs.GetContractRequest(name="counter", version=version)
    reply = await asked(node).GetSchema(request, metadata=node.read())
    assert reply.contract.version == expected
    schema = Schema.decode(reply.schema)
    assert schema.doc == f"Version {expected}."
    facts = json.loads(reply.contract.facts_json)
    assert facts["schema_digest"] == get_suite("sm").hash(reply.schema).hex()
    assert [m.declaration for m in schema.methods] == [
        "add(name: str, by: int = 1) -> int",
        "read(name: str) -> int",
    ]
    assert json.loads(reply.schema_json)["errors"] == [
        {"code": "E_NOT_POSITIVE", "message": "only upwards"}
    ]


async def test_a_schema_is_derived_once(node: Served) -> None:
    for _ in range(3):
        request = stubs.GetContractRequest(name="counter")
        await asked(node).GetSchema(request, metadata=node.read())
    assert node.chain.catalogue._engine.derived == 1


async def test_the_source_is_the_bundle_whose_digest_is_listed(node: Served) -> None:
    request = stubs.GetContractRequest(name="counter", version=1)
    reply = await asked(node).GetSource(request, metadata=node.read())
    assert bundle_digest(SUITE, reply.bundle) == reply.contract.digest
    assert Bundle.decode("counter", 1, reply.bundle) == VERSIONS.bundle("counter", 1)


@pytest.mark.parametrize(
    ("name", "version", "code"),
    [("", 0, "CITY-1002"), ("x" * 65, 0, "CITY-1002"), ("cunter", 0, "CITY-3008"),
     ("counter", 9, "CITY-4060")],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GetSchema", "GetSource"])
async def test_what_is_not_there_is_said(node: Served, method, name, version, code) -> None:
    request = stubs.GetContractRequest(name=name, version=version)
    error = await refused(getattr(asked(node), method)(request, metadata=node.read()))
    assert error.code == code


async def test_a_stranger_reads_no_contract(node: Served) -> None:
    stranger = node.read(MemorySigner(SUITE.generate_key()))
    request = stubs.GetContractRequest(name="counter")
    for call in (
        asked(node).ListContracts(stubs.ListContractsRequest(), metadata=stranger),
        asked(node).GetSchema(request, metadata=stranger),
        asked(node).GetSource(request, metadata=stranger),
    ):
        assert (await refused(call)).code == "CITY-2212"
    assert (await refused(asked(node).GetSource(request))).code == "CITY-2210"
