"""Identifiers with check digits or a fixed build: a typing error is refused before it becomes a debt.

Sources: GB 32100-2015 (USCC), ISO 17442 with ISO 7064 MOD 97-10 (LEI), ISO 6346 (containers),
domain/trade-finance.md 2.1 (customs declarations and fully digital e-invoices: build only).
Every function answers True or False and never raises for text.
"""

DIGITS = "0123456789"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def all_in(text: str, alphabet: str) -> bool:
    """Whether every character of the text stands in the alphabet."""
    return all(character in alphabet for character in text)


def is_uscc(text: str) -> bool:
    """Unified social credit code: 18 characters, the last is 31 − Σ c·3^i mod 31."""
    if len(text) != 18 or not all_in(text, USCC_ALPHABET):
        return False
    total = 0
    weight = 1
    for character in text[:17]:
        total += USCC_ALPHABET.find(character) * weight
        weight = weight * 3 % 31
    return USCC_ALPHABET.find(text[17]) == (31 - total % 31) % 31


def is_lei(text: str) -> bool:
    """Legal entity identifier: 20 characters; read as a number (A=10 … Z=35) it is 1 modulo 97."""
    if len(text) != 20 or not all_in(text, ALPHANUMERIC) or not all_in(text[18:], DIGITS):
        return False
    rest = 0
    for character in text:
        number = ALPHANUMERIC.find(character)
        rest = (rest * (10 if number < 10 else 100) + number) % 97
    return rest == 1


def is_customs_declaration(text: str) -> bool:
    """18 digits: 4 customs district, 4 year, 1 import (1) or export (0), 9 serial."""
    return (
        len(text) == 18
        and all_in(text, DIGITS)
        and "2000" <= text[4:8] <= "2099"
        and text[8] in "01"
        and text[9:] != "000000000"
    )


def is_e_invoice(text: str) -> bool:
    """Fully digital e-invoice: 20 digits: 2 year, 2 region, 1 channel, 15 serial."""
    return (
        len(text) == 20
        and all_in(text, DIGITS)
        and "11" <= text[2:4] <= "65"
        and text[5:] != "000000000000000"
    )


def is_container(text: str) -> bool:
    """ISO 6346: 3 letters of the owner, U, J or Z, 6 digits, 1 check digit (11 is skipped in values)."""
    if (
        len(text) != 11
        or not all_in(text[:3], LETTERS)
        or text[3] not in "UJZ"
        or not all_in(text[4:], DIGITS)
    ):
        return False
    total = 0
    for position, character in enumerate(text[:10]):
        number = ALPHANUMERIC.find(character)
        if number >= 10:
            # A=10, B=12 … K=21, L=23 … U=32, V=34: multiples of 11 are left out
            number += (number - 1) // 10
        total += number * 2**position
    return total % 11 % 10 == int(text[10])


def is_imo_number(text: str) -> bool:
    """Ship: 7 digits, the last is the last digit of Σ digit·(7 … 2)."""
    if len(text) != 7 or not all_in(text, DIGITS):
        return False
    total = sum([int(text[i]) * (7 - i) for i in range(6)])
    return total % 10 == int(text[6])
