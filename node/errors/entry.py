"""One row of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass

# Exit codes of the command line: 0 ok, 2 usage, 3 unavailable, 4 rejected, 5 conflict, 6 not found,
# 7 authentication, 70 bug. HTTP and gRPC status follow from the same kind.
KINDS = {
    #               exit  http  grpc
    "usage": (2, 400, "INVALID_ARGUMENT"),
    "unavailable": (3, 503, "UNAVAILABLE"),
    "rejected": (4, 422, "FAILED_PRECONDITION"),
    "conflict": (5, 409, "ALREADY_EXISTS"),
    "not-found": (6, 404, "NOT_FOUND"),
    "authentication": (7, 401, "UNAUTHENTICATED"),
    "denied": (7, 403, "PERMISSION_DENIED"),
    "exhausted": (3, 429, "RESOURCE_EXHAUSTED"),
    "timeout": (3, 504, "DEADLINE_EXCEEDED"),
    "damaged": (70, 500, "DATA_LOSS"),
    "bug": (70, 500, "INTERNAL"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """Texts are format strings over the error's variables: what happened, why, and the next step."""

    code: str  # CITY-nnnn
    name: str  # UPPER_SNAKE
    kind: str  # a key of KINDS
    message: str
    why: str
    do: str
    message_zh: str
    why_zh: str
    do_zh: str

    @property
    def exit_code(self) -> int:
        return KINDS[self.kind][0]

    @property
    def http_status(self) -> int:
        return KINDS[self.kind][1]

    @property
    def grpc_status(self) -> str:
        return KINDS[self.kind][2]
