"""The contracts of a channel for whoever asks: which versions there are, their source, what they offer.

Where versions come from is behind `Bundles`: genesis names the first ones, and whatever adds others answers
the same questions.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Protocol

from consensus.encoding import Hash
from consensus.tags import Tag, preimage
from contracts.runtime.api import Bundle, ContractRefused
from node.errors import CityError
from node.facade import Deployed
from node.genesis import Genesis
from node.identity.suite import Suite

SCHEMAS_KEPT = 256
ACTIVE, ARCHIVED = "active", "archived"


class Bundles(Protocol):
    """Every version of every contract that the channel knows, archived ones too."""

    def deployed(self) -> list[Deployed]:
        """Ordered by name and version."""
        ...

    def bundle(self, name: str, version: int) -> Bundle | None: ...


class SchemaEngine(Protocol):
    """The contract engine as the catalogue needs it."""

    async def schema(self, bundle: Bundle) -> bytes: ...


class GenesisBundles:
    """Contracts as genesis has them. Its bundles have been checked against their digests."""

    def __init__(self, genesis: Genesis, active: Callable[[], Mapping[str, int]]) -> None:
        """active: the active version by name."""
        self._genesis, self._active = genesis, active

    def deployed(self) -> list[Deployed]:
        active = self._active()
        return sorted(
            Deployed(c.name, c.version, c.bundle_digest, _status(c.version, active.get(c.name)))
            for c in self._genesis.config.contracts
        )

    def bundle(self, name: str, version: int) -> Bundle | None:
        for source in self._genesis.bundles:
            if (source.name, source.version) == (name, version):
                return Bundle.decode(name, version, source.bundle)
        return None


def _status(version: int, active: int | None) -> str:
    return ACTIVE if version == active else ARCHIVED


class Catalogue:
    """Answers about contracts. `engine` None: a node that executes none derives no schema."""

    def __init__(self, bundles: Bundles, engine: SchemaEngine | None) -> None:
        self._bundles, self._engine = bundles, engine
        self._schemas: OrderedDict[Hash, bytes] = OrderedDict()

    def contracts(self) -> list[Deployed]:
        return self._bundles.deployed()

    def find(self, name: str, version: int) -> Deployed:
        """version 0: the active one, or else the newest. Raises CITY-3008, CITY-4060."""
        known = self._bundles.deployed()
        own = [one for one in known if one.name == name]
        if not own:
            names = ", ".join(sorted({one.name for one in known})) or "none"
            raise CityError("CITY-3008", contract=name[:64], known=names)
        for one in own:
            if version == one.version or (version == 0 and one.status == ACTIVE):
                return one
        if version == 0:
            return own[-1]
        versions = ", ".join(str(one.version) for one in own)
        raise CityError("CITY-4060", contract=name, version=version, known=versions)

    def bundle(self, name: str, version: int) -> Bundle:
        """The source of a version. Raises as `find`."""
        found = self.find(name, version)
        bundle = self._bundles.bundle(found.name, found.version)
        assert bundle is not None, "a version that is listed has its source"
        return bundle

    async def schema(self, name: str, version: int) -> bytes:
        """What a version offers, value-encoded (contracts/runtime/language/schema.py). Raises as `find`, and
        CITY-8011 where no engine runs."""
        found = self.find(name, version)
        held = self._schemas.get(found.digest)
        if held is not None:
            self._schemas.move_to_end(found.digest)
            return held
        if self._engine is None:
            raise CityError("CITY-8011", backend="gmssl", what="derive a contract's schema")
        try:
            schema = await self._engine.schema(self.bundle(found.name, found.version))
        except ContractRefused as error:
            raise CityError("CITY-4050", reason=str(error)) from error
        self._schemas[found.digest] = schema
        if len(self._schemas) > SCHEMAS_KEPT:
            self._schemas.popitem(last=False)
        return schema


def bundle_digest(suite: Suite, bundle: bytes) -> Hash:
    """The ledger's name of a bundle's canonical bytes."""
    return Hash(suite.hash(preimage(Tag.BUNDLE, suite.id, bundle)))
