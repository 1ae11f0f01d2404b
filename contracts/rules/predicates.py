"""Conditions as data: (fact, operator, value), checked when a rule is drawn up, evaluated inside contracts.

No names, no calls, no arithmetic: a condition compares one fact with a constant. A fact that a step does not
have makes its condition false, so that a rule speaks only of steps that have what it asks for.
"""

from rules.regulator_machine import (
    CONDITIONS_MAX,
    FACTS,
    OPERATORS,
    PARTY_FACTS,
    VALUES_MAX,
)


def is_constant(value) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return -9007199254740991 <= value <= 9007199254740991
    return isinstance(value, str) and 0 < len(value) <= 64


def is_fact(name) -> bool:
    if not isinstance(name, str):
        return False
    part, dot, rest = name.partition(".")
    return name in FACTS or (dot == "." and part in ("payer", "payee") and rest in PARTY_FACTS)


def is_condition(one) -> bool:
    """A list or tuple of three: a known fact, an operator, a constant, or for in / not in a list of them."""
    if not isinstance(one, (list, tuple)) or len(one) != 3:
        return False
    fact, operator, value = one
    if not is_fact(fact) or not isinstance(operator, str) or operator not in OPERATORS:
        return False
    if operator in ("in", "not in"):
        listed = isinstance(value, (list, tuple)) and 0 < len(value) <= VALUES_MAX
        return listed and all(is_constant(each) for each in value)
    if operator in ("=", "!="):
        return is_constant(value)
    return is_constant(value) and isinstance(value, int)


def are_conditions(conditions) -> bool:
    return (
        isinstance(conditions, (list, tuple))
        and 0 < len(conditions) <= CONDITIONS_MAX
        and all(is_condition(one) for one in conditions)
    )


def as_stored(conditions) -> tuple:
    return tuple(
        (fact, operator, tuple(value) if isinstance(value, (list, tuple)) else value)
        for fact, operator, value in conditions
    )


def compare(found, operator: str, value) -> bool:
    if operator == "=":
        return found == value
    if operator == "!=":
        return found != value
    if operator == "in":
        return found in value
    if operator == "not in":
        return found not in value
    if not isinstance(found, int):
        return False
    if operator == "<":
        return found < value
    if operator == "<=":
        return found <= value
    return found > value if operator == ">" else found >= value


def applies(conditions: tuple, fact_of) -> bool:
    """Whether all hold. fact_of: name → value, None where the step has no such fact."""
    for fact, operator, value in conditions:
        found = fact_of(fact)
        if found is None or not compare(found, operator, value):
            return False
    return True
