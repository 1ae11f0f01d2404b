"""The quotas of a channel as they stand on this node, for admission, execution, status and queries.

What was used changes only when a block is executed, so the judgement that counts is the receipt's, the same on
every node. Admission looks ahead of it: a client's transaction also has to find room behind those that are
ordered and not executed yet and those that wait in this node's pool; a peer's only behind what is executed, as
two nodes need not hold the same ones and none may be blamed for what another admitted.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from node.configuration import InForce
from node.errors import CityError
from node.governance.quotas import named
from node.governance.state import ConfigState, Quota
from node.ordering.admission import Admitted
from node.ordering.txpool import Held
from node.quotas.counting import Excess, Rules, Subject, Use, Used, excess, now, rows
from node.wire.body import TxBody


class QuotasInForce:
    """One a channel. `rules` and `used` may be read from any thread; the executor alone adopts."""

    def __init__(
        self,
        configuration: InForce,
        used: Mapping[Subject, Used],
        is_upkeep: Callable[[TxBody], bool] = lambda body: False,
    ) -> None:
        """is_upkeep: whether a transaction, ordered now, would be what a node owes the channel: it is free."""
        self._configuration, self._is_upkeep = configuration, is_upkeep
        self._found: tuple[tuple[Quota, ...], Rules] = ((), Rules(()))
        self.used = used
        self._ordered: dict[int, list[tuple[Subject, Use]]] = {}
        self._in_flight: dict[Subject, Use] = {}

    @property
    def rules(self) -> Rules:
        quotas, found = self._configuration.state.quotas, self._found
        if found[0] is not quotas:
            # In one piece: another thread must not meet old rules under new quotas.
            self._found = found = (quotas, Rules(quotas))
        return found[1]

    def adopt(self, changed: Mapping[Subject, Used | None], height: int) -> None:
        """Block `height` is executed. changed: None for what is not counted any more."""
        if changed:
            merged = {**self.used, **changed}
            self.used = {subject: used for subject, used in merged.items() if used is not None}
        for executed in [at for at in self._ordered if at <= height]:
            for subject, use in self._ordered.pop(executed):
                left = self._in_flight[subject] - use
                self._in_flight[subject] = left
                if not left.transactions:
                    del self._in_flight[subject]

    def gone(self, state: ConfigState) -> dict[Subject, Used | None]:
        """What is not counted any more under this configuration."""
        members = (member.member_id for member in state.config.members)
        counted = {subject for subject, _ in Rules(state.quotas).subjects(members)}
        return dict.fromkeys(subject for subject in self.used if subject not in counted)

    def ordered(self, height: int, admitted: Iterable[Admitted]) -> None:
        """Block `height` holds these, of those that waited here."""
        if not self.rules:
            return
        found = self._ordered.setdefault(height, [])
        for each in admitted:
            use = use_of(each)
            for subject, _ in self._binding(each):
                found.append((subject, use))
                self._in_flight[subject] = self._in_flight.get(subject, Use()) + use

    def refusal(self, admitted: Admitted, now_ms: int) -> CityError | None:
        """Why it finds no room behind what is executed. now_ms: of the channel's clock."""
        return self._refused(admitted, now_ms, lambda subject: Use())

    def room(self, admitted: Admitted, held: Held, now_ms: int) -> CityError | None:
        """Why it finds no room behind all that this node knows of. held: what waits in its pool."""

        def before(subject: Subject) -> Use:
            return self._in_flight.get(subject, Use()) + held(subject)

        return self._refused(admitted, now_ms, before)

    def _refused(self, admitted: Admitted, now_ms: int, before: Held) -> CityError | None:
        time_ms, more = self._time_ms(now_ms), use_of(admitted)
        for subject, quota in self._binding(admitted):
            used = now(quota, self.used.get(subject), time_ms).use
            over = excess(subject, quota, used + before(subject), more, time_ms)
            if over is not None:
                is_sure = excess(subject, quota, used, more, time_ms) is not None
                return _error(over, more, time_ms, is_sure)
        return None

    def _binding(self, admitted: Admitted) -> tuple[tuple[Subject, Quota], ...]:
        found = self.rules.of(admitted.member_id, admitted.body.contract)
        return () if found and self._is_upkeep(admitted.body) else found

    def _time_ms(self, now_ms: int) -> int:
        """Blocks' time does not go back, a clock may."""
        return max(now_ms, self._configuration.time_ms)

    def rows(self, time_ms: int) -> list[dict[str, Any]]:
        """How every quota stands."""
        members = (member.member_id for member in self._configuration.config.members)
        return rows(self.rules, self.used, members, self._time_ms(time_ms))

    def exhausted(self, now_ms: int) -> list[dict[str, Any]]:
        """Those of which nothing is left, or that refused something in this window."""
        return [
            row
            for row in (self.rows(now_ms) if self.used else ())
            if row["refused"]
            or any(row[limit]["left"] == 0 for limit in ("transactions", "bytes", "gas"))
        ]


def use_of(admitted: Admitted) -> Use:
    """What it reserves: the gas that it may use."""
    return Use(1, admitted.envelope.size_bytes, admitted.body.gas_limit)


def moment(time_ms: int) -> str:
    """In UTC, to the second, for people."""
    found = datetime.datetime.fromtimestamp(time_ms // 1_000, datetime.UTC)
    return found.strftime("%Y-%m-%dT%H:%M:%SZ")


def _error(over: Excess, more: Use, time_ms: int, is_sure: bool) -> CityError:
    """is_sure: it is used up for this window; else some of it may come free as transactions are executed."""
    until_ms = over.free_at_ms - time_ms if is_sure else 1_000
    return CityError(
        "CITY-3040",
        of=named(*over.subject),
        limit=over.limit,
        used=over.used,
        most=over.most,
        needs=getattr(more, over.limit),
        free_at=moment(over.free_at_ms),
        retry_ms=max(1, until_ms),
    )
