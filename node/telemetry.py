"""What a node tells its operators: JSON log lines and Prometheus metrics.

INFO has a budget of one line a block. Labels are bounded (channel, member, peer, reason), never a transaction
or a user. Secrets do not reach the log: fields whose names speak of them are replaced.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector
from structlog.typing import Processor

from consensus.api import CoreStatus
from consensus.header import Header
from node.execution.executor import Applied
from node.governance.quotas import LIMITED

_SECRET_WORDS = ("password", "secret", "private", "scalar", "token", "seed")
REDACTED = "[redacted]"
_LATENCY_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Key material is never logged, whatever the caller passes."""
    for name in event:
        if any(word in name.lower() for word in _SECRET_WORDS):
            event[name] = REDACTED
    return event


def configure_logging(level: str, is_json: bool, **bound: str) -> None:
    """Lines on standard error: `ts level event` and what is bound (node, channel) on each of them."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        redact,
        structlog.processors.format_exc_info,
    ]
    last: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if is_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(**bound)


class Families:
    """The node's metrics, each with its channels as labels, in a registry of their own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._all: list[Gauge | Counter | Histogram] = []
        self.height = self._gauge("city_block_height", "height of the last durable block")
        self.applied = self._gauge("city_applied_height", "height of the last executed block")
        self.lag = self._gauge("city_finality_lag_seconds", "block time to durable here")
        self.divergence = self._counter(
            "city_divergence_total", "own root differs from a sealed one"
        )
        self.evidence = self._counter(
            "city_consensus_evidence_total", "contradicting signed messages"
        )
        self.txs = self._counter("city_transactions_total", "transactions executed", "outcome")
        self.view = self._gauge("city_consensus_view", "current view")
        self.view_age = self._gauge("city_consensus_view_age_seconds", "time in the current view")
        self.view_changes = self._counter(
            "city_consensus_view_changes_total", "views entered", "reason"
        )
        self.violations = self._counter("city_peer_violations_total", "messages dropped", "peer")
        self.links = self._counter("city_peer_link_events_total", "link events", "event", "label")
        self.peer_up = self._gauge("city_peer_up", "whether the link is up", "node")
        self.pool = self._gauge("city_txpool_transactions", "transactions that wait", "member")
        self.pool_bytes = self._gauge("city_txpool_bytes", "bytes that wait", "member")
        self.quota_used = self._gauge(
            "city_quota_used", "used in the present window", "member", "application", "limit"
        )
        self.quota_limit = self._gauge(
            "city_quota_limit", "what may be used in a window", "member", "application", "limit"
        )
        self.quota_refused = self._gauge(
            "city_quota_refused", "refused in blocks of this window", "member", "application"
        )
        self.rejected = self._counter("city_txpool_rejected_total", "refused", "reason")
        self.disk = self._gauge("city_disk_free_ratio", "free part of the disk")
        self.stage = Histogram(
            "city_tx_stage_seconds",
            "time of a block in a stage",
            ["channel", "stage"],
            registry=self.registry,
            buckets=_LATENCY_SECONDS,
        )
        self._all.append(self.stage)
        self.gas = self._counter("city_contract_cost_units_total", "gas used")
        self.errors = self._counter("city_contract_errors_total", "failed calls", "outcome")
        info = Gauge("city_build_info", "1", ["version"], registry=self.registry)
        info.labels(_version()).set(1)
        if registry is None:
            ProcessCollector(namespace="city", registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        self._all.append(gauge := Gauge(name, text, ["channel", *labels], registry=self.registry))
        return gauge

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        counter = Counter(name, text, ["channel", *labels], registry=self.registry)
        self._all.append(counter)
        return counter

    def forget(self, channel: str) -> None:
        """A channel that this node no longer has."""
        for family in self._all:
            family.remove_by_labels({"channel": channel})

    def text(self) -> bytes:
        """The exposition format, for /metrics."""
        return generate_latest(self.registry)


class Metrics:
    """The metrics of one channel, among those of its node."""

    def __init__(self, channel: str, families: Families | None = None) -> None:
        """families: the node's; None makes some for this channel alone."""
        self._channel = channel
        self._of = families or Families()
        self.divergence = self._of.divergence.labels(channel)
        self.evidence = self._of.evidence.labels(channel)
        self._gas = self._of.gas.labels(channel)
        self._members: set[str] = set()
        self._quotas: set[tuple[str, str]] = set()
        self._last_view = 0

    def block(self, header: Header, now_ms: int) -> None:
        """A block is durable here."""
        lag_seconds = max(0, now_ms - header.timestamp_ms) / 1000
        self._of.height.labels(self._channel).set(header.height)
        self._of.lag.labels(self._channel).set(lag_seconds)
        self.stage("ordered", lag_seconds)

    def applied(self, applied: Applied) -> None:
        """A block is executed here."""
        self._of.applied.labels(self._channel).set(applied.height)
        self.stage("engine", applied.engine_seconds)
        self.stage("executed", applied.total_seconds)
        for receipt in applied.receipts:
            self._of.txs.labels(self._channel, receipt.outcome).inc()
            if receipt.outcome != "ok":
                self._of.errors.labels(self._channel, receipt.outcome).inc()
        self._gas.inc(sum(receipt.gas_used for receipt in applied.receipts))

    def stage(self, stage: str, seconds: float) -> None:
        self._of.stage.labels(self._channel, stage).observe(seconds)

    def peer(self, name: str, up: bool) -> None:
        self._of.peer_up.labels(self._channel, name).set(1 if up else 0)

    def count_peer(self, name: str, amount: int = 1, **labels: str) -> None:
        """What the links count: dropped pieces, refused handshakes, failed dials, by peer or code."""
        label = labels.get("peer") or labels.get("code") or ""
        self._of.links.labels(self._channel, name, label).inc(amount)

    def violation(self, peer: str) -> None:
        self._of.violations.labels(self._channel, peer).inc()

    def rejected(self, reason: str) -> None:
        """reason: the NAME of an error of the catalogue."""
        self._of.rejected.labels(self._channel, reason).inc()

    def disk(self, free_ratio: float) -> None:
        self._of.disk.labels(self._channel).set(free_ratio)

    def pool(self, members: Mapping[str, tuple[int, int]]) -> None:
        """Count and bytes by member; members that hold nothing any more are set to zero."""
        self._members |= set(members)
        for name in self._members:
            count, size_bytes = members.get(name, (0, 0))
            self._of.pool.labels(self._channel, name).set(count)
            self._of.pool_bytes.labels(self._channel, name).set(size_bytes)

    def quotas(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """How every quota stands; one that is gone is told no longer."""
        of, told = self._of, set()
        for row in rows:
            labels = {"channel": self._channel} | {n: row[n] for n in ("member", "application")}
            told.add((row["member"], row["application"]))
            of.quota_refused.labels(**labels).set(row["refused"])
            for limit in LIMITED:
                if row[limit]["most"] is not None:
                    of.quota_used.labels(**labels, limit=limit).set(row[limit]["used"])
                    of.quota_limit.labels(**labels, limit=limit).set(row[limit]["most"])
        for member, application in self._quotas - told:
            labels = {"channel": self._channel, "member": member, "application": application}
            for family in (of.quota_used, of.quota_limit, of.quota_refused):
                family.remove_by_labels(labels)
        self._quotas = told

    def core(self, status: CoreStatus, now_ms: int) -> None:
        self._of.view.labels(self._channel).set(status.view)
        self._of.view_age.labels(self._channel).set(max(0, now_ms - status.view_since_ms) / 1000)
        if status.view > self._last_view:
            reason = status.last_view_change_reason or "asked by others"
            self._of.view_changes.labels(self._channel, reason).inc(status.view - self._last_view)
            self._last_view = status.view

    def text(self) -> bytes:
        """The exposition format, of the whole node."""
        return self._of.text()


def _version() -> str:
    try:
        return version("citychain")
    except PackageNotFoundError:
        return "unknown"
