"""What is wrong with a hardware token, in the order in which a node needs things. Blocking."""

from __future__ import annotations

from collections.abc import Iterator

from node.doctor.check import Check, Mark, failed
from node.errors import CityError
from node.signing.pkcs11 import library, shared_token
from node.signing.token_place import TokenPlace


def examine_token(place: TokenPlace) -> Iterator[Check]:
    """Each check needs those before it, so it ends with the first that is bad."""
    try:
        binding = library()
    except CityError as error:
        yield failed("binding", error)
        return
    errors = binding.exceptions
    try:
        module = binding.lib(str(place.module))
        tokens = {token.label.strip(): token for token in module.get_tokens()}
    except errors.PKCS11Error as error:
        do = "install the maker's module, or correct its path"
        yield Check("module", Mark.bad, str(error) or type(error).__name__, do)
        return
    yield Check("module", Mark.ok, str(place.module))
    token = tokens.get(place.token)
    if token is None:
        there = ", ".join(sorted(filter(None, tokens))) or "none"
        yield Check("token", Mark.bad, f"no token {place.token}; there are: {there}", "plug it in")
        return
    yield from _state(binding, token)
    yield from _mechanisms(binding, token)
    try:
        names = shared_token(place).names()
    except CityError as error:
        yield failed("keys", error)
        return
    rows = ", ".join(f"{name} {key.hex()[:16]}…" for name, key in sorted(names.items()))
    do = "" if names else f"city identity new '{place}&object=NAME' --suite intl"
    yield Check("keys", Mark.ok if names else Mark.warn, rows or "none of P-256", do)


def _state(binding: object, token: object) -> Iterator[Check]:
    flag, flags = binding.TokenFlag, token.flags  # type: ignore[attr-defined]
    label = token.label.strip()  # type: ignore[attr-defined]
    if flags & flag.USER_PIN_LOCKED:
        yield Check(
            "token", Mark.bad, f"{label}: its PIN is locked", "its administrator unlocks it"
        )
    elif flags & flag.USER_PIN_FINAL_TRY:
        yield Check(
            "token", Mark.warn, f"{label}: one more wrong PIN locks it", "be sure of the PIN"
        )
    elif not flags & flag.USER_PIN_INITIALIZED:
        yield Check("token", Mark.bad, f"{label}: it has no PIN yet", "its administrator sets one")
    else:
        yield Check("token", Mark.ok, label)


def _mechanisms(binding: object, token: object) -> Iterator[Check]:
    mechanism = binding.Mechanism  # type: ignore[attr-defined]
    held = set(token.slot.get_mechanisms())  # type: ignore[attr-defined]
    wanted = {"ECDSA": mechanism.ECDSA, "EC_KEY_PAIR_GEN": mechanism.EC_KEY_PAIR_GEN}
    lacking = [name for name, each in wanted.items() if each not in held]
    if lacking:
        do = "another token: this one signs nothing with P-256"
        yield Check("mechanisms", Mark.bad, f"it lacks {', '.join(lacking)}", do)
    else:
        yield Check("mechanisms", Mark.ok, ", ".join(wanted))
