"""A compiled bundle is set up once before it is accepted, so that a broken declaration is found then."""

from __future__ import annotations

from contracts.runtime import machine
from contracts.runtime.api import ContractRefused
from contracts.runtime.language.bundle import Compiled
from contracts.runtime.language.linter import diagnostics
from contracts.runtime.meter import Verdict


def check_set_up(name: str, version: int, compiled: Compiled) -> None:
    """Raises ContractRefused when the bundle's modules fail while they are set up."""
    known = dict(machine.CONTRACTS)
    try:
        machine.load(name, version, compiled, False)
    except (Exception, Verdict):
        raise ContractRefused(diagnostics("main", [(1, 1, "CT614", "")])) from None
    finally:
        machine.CONTRACTS.clear()
        machine.CONTRACTS.update(known)
