"""The contracts of a channel for whoever asks: which versions there are, their source, what they offer.

Where versions come from is behind `Bundles` (node/contracts/in_force.py): genesis names the first ones, the
lifecycle adds others.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Protocol

from consensus.encoding import Hash
from consensus.tags import Tag, preimage
from contracts.runtime.api import Bundle, ContractRefused
from node.errors import CityError
from node.facade import Deployed
from node.identity.suite import Suite

SCHEMAS_KEPT = 256
RAN_LAST = ("active", "paused", "retired")  # the version that readers mean when they name none


class Bundles(Protocol):
    """Every version of every contract that the channel knows, archived ones too."""

    def deployed(self) -> list[Deployed]:
        """Ordered by name and version."""
        ...

    def bundle(self, name: str, version: int) -> Bundle | None: ...


class SchemaEngine(Protocol):
    """The contract engine as the catalogue needs it."""

    async def schema(self, bundle: Bundle) -> bytes: ...


class Catalogue:
    """Answers about contracts. `engine` None: a node that executes none derives no schema."""

    def __init__(self, bundles: Bundles, engine: SchemaEngine | None) -> None:
        self._bundles, self._engine = bundles, engine
        self._schemas: OrderedDict[Hash, bytes] = OrderedDict()

    def contracts(self) -> list[Deployed]:
        return self._bundles.deployed()

    def find(self, name: str, version: int) -> Deployed:
        """version 0: the one that runs or ran last, or else the newest. Raises CITY-3008, CITY-4060."""
        known = self._bundles.deployed()
        own = [one for one in known if one.name == name]
        if not own:
            names = ", ".join(sorted({one.name for one in known})) or "none"
            raise CityError("CITY-3008", contract=name[:64], known=names)
        for one in own:
            if version == one.version or (version == 0 and one.status in RAN_LAST):
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
