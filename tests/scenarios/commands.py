"""The commands of a transcript. Each prints what followed, one line a fact; the README lists them all.

A command that moves single messages prints everything. `run`, `tick` and `settle` print milestones only
(commits, changes of view, accusations, refusals, stops) unless they are given the word `detail`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from consensus.api import Leaving, PeerConnected, Tick, TxRef
from consensus.encoding import Hash
from tests.scenarios import clock as clocks
from tests.scenarios.cluster import Cluster, Node, ScenarioError
from tests.scenarios.disk import Disk
from tests.scenarios.execution import execute
from tests.scenarios.packets import DRIVER_KINDS, Filter, Packet
from tests.scenarios.transcript import Case, items
from tests.scenarios.words import kind_of
from tests.simulation.ghost import hash_
from tests.simulation.members import Change

SETTLE_LIMIT_MS = 3_600_000
_DURATION = re.compile(r"(-?\d+)(ms|s)")

Output = list[tuple[bool, str]]


def numbers(value: str) -> tuple[int, ...]:
    return tuple(int(each) for each in items(value))


def duration_ms(value: str) -> int:
    found = _DURATION.fullmatch(value)
    if found is None:
        raise ScenarioError(f"{value} is no duration: 500ms, 2s")
    return int(found[1]) * (1_000 if found[2] == "s" else 1)


def nodes(cluster: Cluster, case: Case) -> None:
    """nodes N engine=raft window=W liars=(…) late=(…) spares=K setting=…: a new cluster. All nodes have started
    but the late ones; liars have answered as honest ones do; K more nodes follow the chain without a vote."""
    late = numbers(case.options.get("late", "()"))
    for node in cluster.nodes:
        if node.index not in (*cluster.liars, *late):
            cluster.start(node.index)
    cluster.engine.begin(cluster)
    cluster.history.clear()
    cluster.out.clear()
    cluster.say(cluster.engine.sizes(cluster))


def the_node(cluster: Cluster, case: Case) -> Node:
    return cluster.nodes[int(case.words[0])]


def running(cluster: Cluster, case: Case) -> Node:
    node = the_node(cluster, case)
    if node.core is None:
        raise ScenarioError(f"node {node.index} is not running")
    return node


def filter_of(cluster: Cluster, case: Case) -> Filter:
    options = case.options
    known = ("from", "to", "kind", "view", "height", "block")
    unknown = [key for key in options if key not in known]
    if unknown:
        raise ScenarioError(f"no such filter: {unknown[0]}")

    def wanted(key: str) -> tuple[int, ...] | None:
        return numbers(options[key]) if key in options else None

    blocks = items(options["block"]) if "block" in options else None
    return Filter(
        wanted("from"),
        wanted("to"),
        tuple(items(options["kind"])) if "kind" in options else None,
        wanted("view"),
        wanted("height"),
        None if blocks is None else tuple(cluster.block_named(each) for each in blocks),
    )


# --- transactions and messages


def submit(cluster: Cluster, case: Case) -> None:
    """submit tx1 tx2 to=(…): clients give these transactions to these nodes, to all if none are named."""
    refs = []
    for name in case.words:
        data = name.encode()
        tx_id = Hash(hash_(data))
        is_config = tx_id in cluster.changes
        ref = TxRef(tx_id, Hash(hash_(b"leaf" + data)), 1_000, 200, is_config)
        cluster.names.txs[ref.tx_id] = name
        cluster.invariants.submitted[ref.tx_id] = None
        refs.append(ref)
    targets = numbers(case.options["to"]) if "to" in case.options else range(cluster.n)
    for index in targets:
        node = cluster.nodes[index]
        if index in cluster.liars:
            node.pool.update({ref.tx_id: ref for ref in refs})
        elif node.core is not None and not node.is_frozen:
            cluster.add_bodies(node, tuple(refs))


def order(cluster: Cluster, case: Case) -> None:
    """order 140: so many transactions, one block after another, without a word about it."""
    said = list(cluster.out)
    for number in range(int(case.words[0])):
        submit(cluster, Case(case.line, f"submit more{number}", [], []))
        cluster.drain()
    cluster.out = said
    highest = max(node.disk.tip.height for node in cluster.nodes)
    cluster.say(f"height {highest}")


def configure(cluster: Cluster, case: Case) -> None:
    """configure tx9 add=4 (remove=0, rotate=2) to=(…): the same with a transaction that changes who votes."""
    changes = [(key, value) for key, value in case.options.items() if key != "to"]
    if len(changes) != 1 or changes[0][0] not in ("add", "remove", "rotate"):
        raise ScenarioError("one change: add=, remove= or rotate=")
    tx_id = Hash(hash_(case.words[0].encode()))
    cluster.changes[tx_id] = Change(changes[0][0], int(changes[0][1]), tx_id)
    submit(cluster, case)


def deliver(cluster: Cluster, case: Case) -> None:
    """deliver FILTER [copy]: every waiting message that matches, in order; copies stay in the queue."""
    wanted = filter_of(cluster, case)
    found = [packet for packet in cluster.queue if wanted.matches(packet)]
    if not found:
        raise ScenarioError("no such message is waiting")
    if "copy" not in case.words:
        cluster.queue = [packet for packet in cluster.queue if not wanted.matches(packet)]
    for packet in found:
        cluster.hand_over(packet)


def drop(cluster: Cluster, case: Case) -> None:
    """drop FILTER: waiting and held messages that match are lost."""
    wanted = filter_of(cluster, case)
    before = len(cluster.queue) + len(cluster.held)
    cluster.queue = [packet for packet in cluster.queue if not wanted.matches(packet)]
    cluster.held = [packet for packet in cluster.held if not wanted.matches(packet)]
    lost = before - len(cluster.queue) - len(cluster.held)
    if lost == 0:
        raise ScenarioError("no such message is waiting")
    cluster.say(f"{lost} lost")


def hold(cluster: Cluster, case: Case) -> None:
    """hold FILTER: matching messages, now and later, wait aside until `release`."""
    wanted = filter_of(cluster, case)
    cluster.holds.append(wanted)
    cluster.held += [packet for packet in cluster.queue if wanted.matches(packet)]
    cluster.queue = [packet for packet in cluster.queue if not wanted.matches(packet)]
    cluster.say("ok")


def release(cluster: Cluster, case: Case) -> None:
    """release [FILTER]: held messages that match go to the queue; without a filter nothing is held on."""
    wanted = filter_of(cluster, case)
    if not case.options:
        cluster.holds.clear()
    cluster.queue += [packet for packet in cluster.held if wanted.matches(packet)]
    cluster.held = [packet for packet in cluster.held if not wanted.matches(packet)]
    cluster.say("ok")


def replay(cluster: Cluster, case: Case) -> None:
    """replay FILTER: messages sent earlier arrive once more."""
    wanted = filter_of(cluster, case)
    found = list(dict.fromkeys(p for p in cluster.history if wanted.matches(p)))
    if not found:
        raise ScenarioError("no such message was ever sent")
    for packet in found:
        cluster.hand_over(packet)


def messages(cluster: Cluster, case: Case) -> None:
    """messages FILTER: what is waiting."""
    wanted = filter_of(cluster, case)
    shown: dict[tuple[int, str], list[int]] = {}
    for packet in cluster.queue:
        if wanted.matches(packet) and not isinstance(packet.content, DRIVER_KINDS):
            key = (packet.sender, cluster.words.message(packet.content, packet.sender))
            shown.setdefault(key, []).append(packet.to)
        elif wanted.matches(packet):
            shown.setdefault((packet.sender, kind_of(packet.content)), []).append(packet.to)
    for (sender, text), targets in shown.items():
        cluster.say(f"{sender} -> {','.join(map(str, targets))} {text}")


def cut(cluster: Cluster, case: Case) -> None:
    """cut FILTER: matching messages are lost from now on, those already waiting too."""
    cluster.cuts.append(filter_of(cluster, case))
    cluster.say("ok")


def isolate(cluster: Cluster, case: Case) -> None:
    """isolate 0: nothing from it or to it arrives."""
    index = (int(case.words[0]),)
    cluster.cuts += [Filter(senders=index), Filter(targets=index)]
    cluster.say("ok")


def partition(cluster: Cluster, case: Case) -> None:
    """partition (0,1) (2,3): nothing passes between the groups."""
    groups = [numbers(word) for word in case.words]
    for group in groups:
        others = tuple(i for other in groups if other is not group for i in other)
        cluster.cuts.append(Filter(senders=group, targets=others))
    cluster.say("ok")


def heal(cluster: Cluster, case: Case) -> None:
    """heal: nothing is cut any more. What was lost stays lost."""
    cluster.queue = [packet for packet in cluster.queue if not cluster.is_cut(packet)]
    cluster.cuts.clear()
    cluster.say("ok")


def connect(cluster: Cluster, case: Case) -> None:
    """connect 0 1: links between these nodes and all others come up, and both sides are told."""
    chosen = [cluster.nodes[int(word)] for word in case.words if word != "detail"]
    for node in chosen:
        for other in cluster.nodes:
            if other is node or other.index in cluster.liars or other.core is None:
                continue
            for here, there in ((node, other), (other, node)):
                position = here.members.index_of(there.index)
                if position is not None:
                    cluster.step(here, PeerConnected(cluster.now_of(here), position))


# --- time


def run(cluster: Cluster, case: Case) -> None:
    """run [5s] [briefly]: deliver everything and what follows; with a time, let so much pass meanwhile.
    Briefly: of what a node commits the first and the last block."""
    times = [word for word in case.words if word not in ("detail", "briefly")]
    if times:
        clocks.pass_time(cluster, duration_ms(times[0]), is_delivering=True)
    else:
        cluster.drain()


def tick(cluster: Cluster, case: Case) -> None:
    """tick 2s: time passes, timers fire, nothing is delivered."""
    clocks.pass_time(cluster, duration_ms(case.words[0]), is_delivering=False)


def settle(cluster: Cluster, case: Case) -> None:
    """settle [within=5s]: run until nothing waits and no node has a timer."""
    limit_ms = duration_ms(case.options.get("within", f"{SETTLE_LIMIT_MS}ms"))
    clocks.settle(cluster, limit_ms)


def clock(cluster: Cluster, case: Case) -> None:
    """clock 2 20s [briefly]: this node's clock shows so much more than the others'."""
    node = the_node(cluster, case)
    node.clock_offset_ms = duration_ms(case.words[1])
    cluster.step(node, Tick(cluster.now_of(node)))


# --- nodes


def crash(cluster: Cluster, case: Case) -> None:
    """crash 1 2: these nodes are down; what they synced is on their disks."""
    for word in case.words:
        node = cluster.nodes[int(word)]
        if node.core is None:
            raise ScenarioError(f"node {word} is not running")
        cluster.crash(node)
    cluster.say("ok")


def fail(cluster: Cluster, case: Case) -> None:
    """fail 1 before-send=commit (before-record=prepared, before-deliver=block): power goes just then."""
    node = running(cluster, case)
    (what, kind), *more = case.options.items()
    if more or what not in ("before-send", "before-record", "before-deliver"):
        raise ScenarioError("one failpoint: before-send=, before-record= or before-deliver=")
    node.fails_before = (what.removeprefix("before-"), kind)
    cluster.say("ok")


def restart(cluster: Cluster, case: Case) -> None:
    """restart 1 2 [accept-wal-loss]: a new life from the disk."""
    accepts = "accept-wal-loss" in case.words
    for word in case.words:
        if word != "accept-wal-loss":
            cluster.start(int(word), is_wal_loss_accepted=accepts)


def sync(cluster: Cluster, case: Case) -> None:
    """sync 4 from=0: it fetches the blocks that it lacks."""
    cluster.sync(running(cluster, case), cluster.nodes[int(case.options["from"])])


def lose_wal(cluster: Cluster, case: Case) -> None:
    """lose-wal 1: the log of a stopped node is gone, its ledger is not."""
    node = the_node(cluster, case)
    if node.core is not None:
        raise ScenarioError("a running node holds its log open")
    node.disk.wal.clear()
    cluster.say("ok")


def wipe(cluster: Cluster, case: Case) -> None:
    """wipe 1: log, ledger and state of a stopped node are gone."""
    node = the_node(cluster, case)
    if node.core is not None:
        raise ScenarioError("a running node holds its disk")
    node.disk = Disk(cluster.genesis)
    del node.configs[1:]
    cluster.invariants.delivered.pop(node.index, None)
    cluster.say("ok")


def records(cluster: Cluster, case: Case) -> None:
    """records 1 [kind=(born,hard)]: what its log holds."""
    wanted = items(case.options["kind"]) if "kind" in case.options else None
    for data in the_node(cluster, case).disk.wal:
        text = cluster.words.record(data)[0]
        if wanted is None or text.split()[0].lower() in wanted:
            cluster.say(text)


def leave(cluster: Cluster, case: Case) -> None:
    """leave 0: it is told that it will be stopped in good order."""
    node = running(cluster, case)
    cluster.step(node, Leaving(cluster.now_of(node)))


def freeze(cluster: Cluster, case: Case) -> None:
    """freeze 0: the process is stopped, its links stay up and fill."""
    running(cluster, case).is_frozen = True
    cluster.say("ok")


def thaw(cluster: Cluster, case: Case) -> None:
    """thaw 0: it goes on as if no time had passed, and everything that waited arrives in one burst."""
    node = running(cluster, case)
    node.is_frozen = False
    waiting = [packet for packet in cluster.held if packet.to == node.index]
    cluster.held = [packet for packet in cluster.held if packet.to != node.index]
    cluster.queue[:0] = waiting
    clocks.fire_timers(cluster)


def execution(cluster: Cluster, case: Case) -> None:
    """execution 2 stops|goes-on|is-wrong: of what is committed."""
    node = the_node(cluster, case)
    match case.words[1]:
        case "stops":
            node.is_executing = False
            cluster.say("ok")
        case "goes-on":
            node.is_executing = True
            while node.disk.executed_height < len(node.disk.blocks):
                execute(cluster, node)
        case "is-wrong":
            node.is_wrong = True
            cluster.say("ok")
        case other:
            raise ScenarioError(f"execution cannot be {other}")


def show(cluster: Cluster, case: Case) -> None:
    """show [0 2] [timeouts]: where nodes stand, what they accepted, prepared and sealed above the tip."""
    chosen = [int(word) for word in case.words if word.isdigit()]
    for node in cluster.nodes:
        if (chosen and node.index not in chosen) or node.index in cluster.liars:
            continue
        cluster.say(f"{node.index} {_standing(cluster, node, 'timeouts' in case.words)}")


def _standing(cluster: Cluster, node: Node, with_timeouts: bool) -> str:
    if node.core is None:
        return f"down, tip {cluster.names.note(node.disk.tip, ())}"
    parts = [cluster.standing(node), *cluster.engine.holdings(cluster, node)]
    status = node.core.status()
    if status.waiting:
        parts.append(f"{status.waiting} waiting")
    if status.observes_because:
        parts.append("observes")
    if node.is_halted:
        parts.append("halted")
    if with_timeouts:
        parts.append(f"timeout {status.timeout_ms} ms")
    return ", ".join(parts)


def chain(cluster: Cluster, case: Case) -> None:
    """chain 2: its blocks."""
    node = the_node(cluster, case)
    for block, cert in node.disk.blocks:
        name = cluster.names.note(block.header, block.tx_ids)
        content = cluster.names.transactions(block.tx_ids)
        cluster.say(f"{name} {content} sealed in {cluster.words.view_name} {cert.view}")


# --- liars


def lie(cluster: Cluster, case: Case) -> None:
    """lie KIND from=3 to=(…) …: a message made by hand, put into the queue."""
    options = dict(case.options)
    me = int(options.pop("from"))
    others = tuple(i for i in range(cluster.n) if i != me)
    targets = numbers(options.pop("to")) if "to" in options else others
    as_ = options.pop("as", None)
    liar = cluster.engine.liar(cluster, me, None if as_ is None else int(as_))
    content = liar.make(case.words[0], options)
    cluster.say(f"{me} -> {','.join(map(str, targets))} {cluster.words.message(content, me)}")
    for to in targets:
        cluster.enqueue(Packet(me, to, content))


COMMANDS: dict[str, Callable[[Cluster, Case], None]] = {
    function.__name__.replace("_", "-"): function
    for function in (
        nodes, submit, order, configure, sync, deliver, drop, hold, release, replay, messages, cut, isolate,
        partition, heal, connect, run, tick, settle, clock, crash, fail, restart, lose_wal, wipe, records,
        leave, freeze, thaw, execution, show, chain, lie,
    )
}  # fmt: skip
