"""Events and membership: the facts of a proof file of version 3 (proto/README.md section 7)."""

from collections.abc import Callable
from types import SimpleNamespace

from tests.oracle.certificates import Channel
from tests.oracle.hashes import identity, tagged, tagged_structure
from tests.oracle.structures import decode, require
from tests.oracle.transactions import Transaction, check_transaction
from tests.oracle.values import decode_value, fields_of

Say = Callable[[str], None]


def check_fact(
    channel: Channel,
    file: SimpleNamespace,
    say: Say,
    say_transaction: Callable[[Transaction, Say], None],
) -> None:
    if file.kind == "event":
        fact = decode("EventFact", file.fact)
        require(fact.version == 1, f"event fact version {fact.version} is unknown")
        transaction = check_transaction(channel, fact.transaction)
        say_transaction(transaction, say)
        say_event(transaction, fact.event, say)
    else:
        require(file.kind == "membership", f"the kind of fact {file.kind!r} is unknown")
        check_membership(channel, decode("MemberFact", file.fact), say)


def say_event(transaction: Transaction, number: int, say: Say) -> None:
    events = transaction.receipt["events"]
    require(isinstance(events, list), "receipt: its events are no list")
    require(number < len(events), f"the receipt has {len(events)} events, none number {number}")
    event = events[number]
    kinds = [type(part) for part in event] if isinstance(event, tuple) else []
    require(kinds == [str, str, bytes], "receipt: what stands there is no event")
    contract, name, data = event
    shown = fields_of(decode_value(data), "the event")
    say(f"event {transaction.height}/{transaction.index}/{number}: {contract}.{name}")
    say("  " + ", ".join(f"{field} = {value!r}" for field, value in shown.items()))


def check_membership(channel: Channel, fact: SimpleNamespace, say: Say) -> None:
    require(fact.version == 1, f"member fact version {fact.version} is unknown")
    shown = channel.check(fact.shown, "shown header")
    named = tagged("config", channel.suite, fact.config)
    require(named == shown.config_hash, "the configuration is not the one of the shown header")
    config = decode("ChannelConfig", fact.config)
    if fact.before is None:
        require(fact.time_ms == 0, "a time, and no header before it")
        when = f"block {shown.height}"
    else:
        before = channel.check(fact.before, "header before")
        follows = tagged_structure("header", channel.suite, "Header", before) == shown.parent_hash
        require(follows, "the shown header does not follow the one before")
        within = before.timestamp_ms <= fact.time_ms < shown.timestamp_ms
        require(within, "the time does not lie between the two headers")
        when = f"{fact.time_ms} ms, between blocks {before.height} and {shown.height}"
    takes_part = is_named(channel.suite, config, fact.who, fact.name)
    say(f"{fact.who} {fact.name!r} {'takes part' if takes_part else 'takes no part'} at {when}")


def is_named(suite: int, config: SimpleNamespace, who: str, name: str) -> bool:
    if who == "member":
        return any(member.member_id == name for member in config.members)
    if who == "validator":
        return any(node.name == name for node in config.nodes)
    require(who == "identity", f"nobody takes part as {who!r}")
    names = set()
    for each in config.identities:
        ending = "@" + each.member_id
        names.add(each.name if each.name.endswith(ending) else each.name + ending)
        names.add(identity(suite, each.public_key).hex())
    return name in names
