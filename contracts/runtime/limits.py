"""Every cap of the engine, with its unit. Part of the engine version: a change is a new version."""

from __future__ import annotations

# numbers
INT_BITS_MAX = 256
INT_LIMIT = 1 << INT_BITS_MAX
INT_TEXT_MAX = 80  # characters int() reads
DECIMAL_TEXT_MAX = 120  # characters Decimal() reads
DECIMAL_DIGITS = 60
DECIMAL_EXPONENT_MAX = 400
DECIMAL_POWER_MAX = 10_000
SHIFT_MAX = 256

# shapes
SEQUENCE_MAX = 1 << 20  # elements, characters or bytes
DICT_ENTRIES_MAX = 1 << 16
TUPLE_DEPTH_MAX = 8
STRUCTURE_DEPTH_MAX = 32
STORED_DEPTH_MAX = 16
CALL_DEPTH_MAX = 64
CONTRACT_DEPTH_MAX = 16
FUNCTION_OBJECTS_MAX = 512
ALLOCATION_BYTES_MAX = 64 << 20  # logical: 8 a slot, 1 a character, a transaction

# state and output
VALUE_BYTES_MAX = 256 << 10
KEY_BYTES_MAX = 1 << 10
WRITES_MAX = 4096
EVENTS_MAX = 1024
EVENT_BYTES_MAX = 64 << 10
ARGUMENTS_BYTES_MAX = 256 << 10
ARGUMENTS_DEPTH_MAX = 16
MESSAGE_CHARS_MAX = 256
CODE_CHARS_MAX = 64  # of a receipt: the author's E_ word, or the head of an exception's class name
NAME_CHARS_MAX = 64  # of a state object or an event
SCAN_LIMIT_MAX = 1000
INDEXES_MAX = 8  # a map
INDEX_FIELDS_MAX = 4

# sources
SOURCE_BYTES_MAX = 64 << 10  # of a module
BUNDLE_BYTES_MAX = 96 << 10  # of the modules of a bundle together
BRACKET_DEPTH_MAX = 40
OPERATOR_RUN_MAX = 16
INDENT_COLUMNS_MAX = 80
SYNTAX_DEPTH_MAX = 60
BLOCK_DEPTH_MAX = 16  # loops and try inside each other in one function; the interpreter ends at 20
FINDINGS_MAX = 50

# blocks
GAS_TX_MAX = 20_000_000
GAS_BLOCK_MAX = 200_000_000
TRAPS_BLOCK_MAX = 16
FRAME_BYTES_MAX = 64 << 20


def describe() -> dict[str, int]:
    """Every cap by its name."""
    return {name: value for name, value in sorted(globals().items()) if type(value) is int}
