"""Points of the SM2 curve by libcrypto: the one operation that hidden amounts need many of.

A point is 65 bytes, 04‖x‖y; infinity has no such form and is None. Callers have checked that points lie on the
curve and scalars are below n.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any

from node.identity.curve import SM2, Point
from node.identity.errors import BackendFailure
from node.identity.suite import Suite, get_suite

_NID_SM2, _UNCOMPRESSED, _BN_FLG_CONSTTIME = 1172, 4, 4
POINT_LEN = 65


def on_curve(data: bytes) -> bool:
    """Whether these are 65 bytes of a point of the curve."""
    return (
        len(data) == POINT_LEN
        and data[0] == _UNCOMPRESSED
        and SM2.contains(int.from_bytes(data[1:33]), int.from_bytes(data[33:]))
    )


def as_numbers(data: bytes) -> Point:
    return int.from_bytes(data[1:33]), int.from_bytes(data[33:])


def as_bytes(point: Point) -> bytes:
    return b"\x04" + point[0].to_bytes(32) + point[1].to_bytes(32)


_chosen: list[Any] = []


def serve_with(suite: Suite) -> None:
    """Use this suite's library from now on, instead of the one that `get_suite` finds."""
    _chosen[:] = [suite.backend._lib]  # type: ignore[attr-defined]


def _library() -> Any:
    return _chosen[0] if _chosen else get_suite("sm").backend._lib  # type: ignore[attr-defined]


@lru_cache(4)
def _group(lib: Any) -> int:
    """The curve, made once: it is only read, also by several threads."""
    group: int = lib.EC_GROUP_new_by_curve_name(_NID_SM2)
    if not group:
        raise BackendFailure("the SM2 curve is not built in")
    return group


def combine(of_generator: int, factor: int, point: bytes) -> bytes | None:
    """of_generator·G + factor·point. Numbers are marked for constant time where the library has it."""
    lib = _library()
    group = _group(lib)
    base, found = lib.EC_POINT_new(group), lib.EC_POINT_new(group)
    left = lib.BN_bin2bn(of_generator.to_bytes(32), 32, None)
    right = lib.BN_bin2bn(factor.to_bytes(32), 32, None)
    out = ctypes.create_string_buffer(POINT_LEN)
    try:
        if not base or not found or not left or not right:
            raise BackendFailure("libcrypto has no memory for points")
        for number in (left, right):
            lib.BN_set_flags(number, _BN_FLG_CONSTTIME)
        if (
            lib.EC_POINT_oct2point(group, base, point, POINT_LEN, None) != 1
            or lib.EC_POINT_mul(group, found, left, base, right, None) != 1
        ):
            raise BackendFailure("libcrypto cannot add points")
        size = lib.EC_POINT_point2oct(group, found, _UNCOMPRESSED, out, POINT_LEN, None)
        return out.raw if size == POINT_LEN else None
    finally:
        lib.BN_clear_free(left)
        lib.BN_clear_free(right)
        lib.EC_POINT_free(base)
        lib.EC_POINT_free(found)
        lib.ERR_clear_error()
