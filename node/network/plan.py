"""What a network is to be: read from a TOML plan, before any key exists."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.bundles import SUITE
from node.errors import CityError
from node.governance.policies import ADMIN_ROLE

SYSTEM = ("foreign_channel", "settlement_hub", "directory")  # what cities of a consortium share
DEFAULT_PLAN = Path(__file__).with_name("plan.toml")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ChannelPlan(_Strict):
    name: str = Field(default="main", pattern=r"^[a-z][a-z0-9-]{0,31}$")
    suite: Literal["sm", "intl"] = "sm"
    clock: Literal["real", "development"] = "development"
    consensus: Literal["pbft", "raft"] = "pbft"
    window: int = Field(default=1, ge=1, le=4)
    zone: Literal["", "mainland", "international"] = ""  # "": it is shared between the zones
    jurisdiction: str = Field(default="", pattern=r"^([A-Z]{2})?$")
    contracts: list[str] = [*SUITE]  # of contracts/suite, in the order in which they are deployed
    extra_contracts: list[str] = []  # beside these


class Placed(_Strict):
    """Where something is, for rules about who may hold what. jurisdiction: ISO 3166."""

    region: str = ""
    zone: Literal["mainland", "international"] = "mainland"
    jurisdiction: str = Field(default="CN", pattern=r"^[A-Z]{2}$")


class City(Placed):
    """A city node. Its operator is a member of the same name."""

    name: str = Field(pattern=r"^[A-Z][A-Za-z ]{1,31}$")
    zh: str = ""

    @property
    def slug(self) -> str:
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")


class MemberPlan(Placed):
    id: str = Field(pattern=r"^[A-Za-z0-9-]{1,32}$")
    name: str
    city: str
    users: dict[str, list[str]] = {}


class Plan(_Strict):
    channel: ChannelPlan = ChannelPlan()
    cities: list[City]
    members: list[MemberPlan] = []

    def with_consensus(self, kind: str | None) -> Plan:
        """The same plan ordered by `kind`; None: as it says itself."""
        if kind is None:
            return self
        channel = ChannelPlan.model_validate(self.channel.model_dump() | {"consensus": str(kind)})
        return self.model_copy(update={"channel": channel})

    def with_contracts(self, *names: str) -> Plan:
        """The same plan with these in the place of the whole suite: nodes that load less start sooner."""
        channel = self.channel.model_copy(update={"contracts": list(names)})
        return self.model_copy(update={"channel": channel})

    def as_system(self) -> Plan:
        """A consortium: its own channel holds the directory that all cities share, and applications get
        channels of their own. Every organisation has an admin, who enters it."""
        channel = self.channel.model_copy(
            update={"name": "system", "contracts": [*SYSTEM], "extra_contracts": []}
        )
        members = [
            m
            if any(ADMIN_ROLE in roles for roles in m.users.values())
            else m.model_copy(update={"users": m.users | {f"admin@{m.id}": [ADMIN_ROLE]}})
            for m in self.members
        ]
        return self.model_copy(update={"channel": channel, "members": members})

    def with_nodes(self, count: int) -> Plan:
        """The same plan with the first `count` cities."""
        if not 1 <= count <= len(self.cities):
            raise CityError("CITY-8021", count=count, most=len(self.cities))
        return self.model_copy(update={"cities": self.cities[:count]})


def load_plan(path: Path = DEFAULT_PLAN) -> Plan:
    """Raises CityError where the file is missing, is no TOML, or holds what a plan has no place for."""
    try:
        return Plan.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise CityError("CITY-8022", path=path, reason=error.strerror) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise CityError("CITY-8022", path=path, reason=f"{place}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:  # no TOML, no UTF-8, a number without end
        raise CityError("CITY-8022", path=path, reason=error) from error
