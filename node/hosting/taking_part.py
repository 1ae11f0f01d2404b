"""A genesis that a node was sent: whether it has a part in that channel, and how it then lies on the disk."""

from __future__ import annotations

from collections.abc import Mapping

from consensus.encoding import EncodingError, Hash
from node.config import NodeConfig, Place, split_address
from node.contracts.in_force import ContractsInForce
from node.errors import CityError
from node.genesis import Genesis, channel_id, decode_genesis, encode_genesis
from node.governance.state import genesis_state
from node.hosting.hosted import open_suite
from node.hosting.notes import Note, write_durably, write_note
from node.keys.keyring import GRANT_FILE, open_identities, open_keyring
from node.keys.own import OwnTransports
from node.opening import GENESIS_FILE
from node.peers.network import real_now_ms
from node.peers.statement import check_grant, named_certificate
from node.residency import check_genesis

GENESIS_BYTES_MAX = 4 * 1024 * 1024


def sent_genesis(data: bytes) -> Genesis:
    """Raises CITY-8006."""
    try:
        if len(data) > GENESIS_BYTES_MAX:
            raise ValueError(f"it has more than {GENESIS_BYTES_MAX} bytes")
        genesis = decode_genesis(data)
        check_genesis(genesis)
        return genesis
    except (EncodingError, ValueError) as error:
        raise CityError("CITY-8006", path="the genesis that was sent", reason=error) from None


def checked_addresses(addresses: Mapping[str, str]) -> dict[str, str]:
    """Raises CITY-1002."""
    for address in addresses.values():
        try:
            split_address(address)
        except ValueError:
            raise CityError("CITY-1002", field="addresses", rule="host:port by name") from None
    return dict(addresses)


def check_part(
    config: NodeConfig, transports: OwnTransports, genesis: Genesis, place: Place, grant: bytes
) -> None:
    """Blocks. That this node has a part in the channel, with the keys that it holds.

    Raises CITY-8008 for keys of another node, CITY-8061 where nobody introduces it, CITY-2207 for a grant that
    does not."""
    channel = genesis.config
    suite, state = open_suite(config, channel), genesis_state(channel)
    if state.named(config.name) is not None:
        open_keyring(config, state, suite, place, transports)
        return
    if not grant:
        raise CityError("CITY-8061", channel=channel.name, node=config.name)
    prints = [Hash(t.fingerprint) for t in transports.held]
    fingerprint = next((f for f in prints if named_certificate(grant) == f), prints[0])
    id_ = channel_id(suite.hash, channel)
    said = check_grant(suite, channel, id_, grant, fingerprint, real_now_ms())
    keys = [identity.public_key for identity in open_identities(config, suite)]
    if said.node_name != config.name or said.identity_key not in keys:
        raise CityError("CITY-2207", reason="it is for another node")


def refuse_indebted(contracts: ContractsInForce, genesis: Genesis) -> None:
    """contracts: of the node's own channel. No channel is made for members that let an invoice there go unpaid.

    Raises CITY-8079."""
    owners = sorted({node.member_id for node in genesis.config.nodes})
    indebted = [member for member in owners if contracts.is_in_arrears(member)]
    if indebted:
        name = genesis.config.name
        raise CityError("CITY-8079", channel=name, members=", ".join(indebted))


def write_part(place: Place, genesis: Genesis, note: Note, grant: bytes) -> None:
    """Blocks. The genesis last: its presence says that the channel is here."""
    place.keys.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_note(place.folder, note)
    if grant:
        write_durably(place.keys / GRANT_FILE, grant)
    write_durably(place.folder / GENESIS_FILE, encode_genesis(genesis))
