"""The hub sees a payment that counts on two channels, tells once, and stops nothing."""

from __future__ import annotations

import pytest

from consensus.encoding import encode
from contracts.bundles import load_bundle
from contracts.runtime import values
from contracts.runtime.keys import state_key
from tests.unit.suite.center_world import Chain, load, sm3
from tests.unit.suite.exchange_world import Foreign

ONE, TWO = sm3(b"channel one"), sm3(b"channel two")
PAID = [sm3(bytes([n])) for n in range(4)]
TX = [sm3(b"tx" + bytes([n])) for n in range(4)]


@pytest.fixture
def hub() -> Chain:
    chain = Chain(sm3(b"the hub's channel"))
    chain.engine.load(load_bundle("settlement_hub"))
    for channel, member in ((ONE, "QB"), (TWO, "VB")):
        args = {"channel": channel, "member": member}
        assert chain.ok("PBC", "settlement_hub", "name_reporter", "regulator", **args) == [member]
    return chain


def register(hub: Chain, member: str, channel: bytes, *numbers: int) -> int:
    found: int = hub.ok(
        member, "settlement_hub", "register", channel=channel,
        nullifiers=[PAID[n] for n in numbers], transactions=[TX[n] for n in numbers],
    )  # fmt: skip
    return found


def alarms(hub: Chain) -> list[dict[str, object]]:
    return list(hub.ok("PBC", "settlement_hub", "alarms_after"))


def test_a_payment_used_on_two_channels_raises_one_alarm_with_both_transactions(
    hub: Chain,
) -> None:
    assert register(hub, "QB", ONE, 0, 1) == 0
    assert register(hub, "VB", TWO, 2) == 0
    assert alarms(hub) == []
    assert register(hub, "VB", TWO, 1, 3) == 1
    (alarm,) = alarms(hub)
    assert (alarm["nullifier"], alarm["first_channel"], alarm["second_channel"]) == (
        PAID[1], ONE, TWO,
    )  # fmt: skip
    assert (alarm["first_transaction"], alarm["second_transaction"]) == (TX[1], TX[1])
    assert hub.ok("QB", "settlement_hub", "use_of", nullifier=PAID[1])["channel"] == ONE


def test_what_is_told_twice_changes_nothing(hub: Chain) -> None:
    register(hub, "QB", ONE, 0)
    before = dict(hub.state)
    assert register(hub, "QB", ONE, 0) == 0
    assert hub.state == before
    assert (register(hub, "VB", TWO, 0), register(hub, "VB", TWO, 0)) == (1, 0)
    assert len(alarms(hub)) == 1


def test_only_a_channels_reporter_reports_and_only_a_regulator_names_one(hub: Chain) -> None:
    args = {"channel": ONE, "nullifiers": PAID[:1], "transactions": TX[:1]}
    for stranger in ("VB", "LG", ""):
        hub.refused("E_ROLE", stranger, "settlement_hub", "register", **args)
    naming = {"channel": TWO, "member": "LG"}
    hub.refused("E_ROLE", "LG", "settlement_hub", "name_reporter", "admin", **naming)
    for code, change in (
        ("E_HUB_REPORT", {"channel": b"short"}), ("E_TEXT", {"member": ""}),
        ("E_DUPLICATE", {"member": "VB"}),
    ):  # fmt: skip
        hub.refused(
            code, "PBC", "settlement_hub", "name_reporter", "regulator", **{**naming, **change}
        )


@pytest.mark.parametrize(
    "code,change",
    [
        ("E_HUB_REPORT", {"nullifiers": [], "transactions": []}),
        ("E_HUB_REPORT", {"nullifiers": PAID[:1] * 201, "transactions": TX[:1] * 201}),
        ("E_HUB_REPORT", {"transactions": []}),
        ("E_HUB_REPORT", {"nullifiers": [b"short"]}),
        ("E_HUB_REPORT", {"transactions": [b"short"]}),
    ],
)
def test_a_misshapen_report_is_refused_whole(
    hub: Chain, code: str, change: dict[str, list[bytes]]
) -> None:
    args = {"channel": ONE, "nullifiers": PAID[:1], "transactions": TX[:1], **change}
    hub.refused(code, "QB", "settlement_hub", "register", **args)


def test_alarms_are_read_page_by_page(hub: Chain) -> None:
    register(hub, "QB", ONE, 0, 1, 2, 3)
    assert register(hub, "VB", TWO, 0, 1, 2, 3) == 4
    pages = [hub.ok("PBC", "settlement_hub", "alarms_after", number=n, limit=3) for n in (0, 3)]
    assert [[row["number"] for row in page] for page in pages] == [[1, 2, 3], [4]]
    hub.refused("E_NOT_FOUND", "PBC", "settlement_hub", "use_of", nullifier=sm3(b"unknown"))


SUITES = [("sm", "sm", "sm"), ("sm", "sm", "intl"), ("intl", "intl", "sm")]


@pytest.fixture(params=SUITES, ids="-".join)
def proven(request: pytest.FixtureRequest) -> tuple[Foreign, list[Foreign]]:
    """A hub that follows two channels, of these suites: its own, and theirs."""
    hub, *channels = (Foreign(suite=suite) for suite in request.param)
    load(hub.engine, load_bundle("settlement_hub"))
    for channel in channels:
        hub.follows(channel)
        channel.state[state_key("dcep", "nullifier", PAID[0])] = values.encode("used")
    return hub, channels


def test_nobody_is_believed_where_the_channels_own_seals_show_it(
    proven: tuple[Foreign, list[Foreign]],
) -> None:
    hub, (one, two) = proven

    def fact(channel: Foreign, n: int) -> bytes:
        return encode(channel.fact(state_key("dcep", "nullifier", PAID[n])))

    def prove(channel: Foreign, n: int) -> int:
        args = {"channel": channel.id, "nullifier": PAID[n], "fact": fact(channel, n)}
        raised: int = hub.ok("anybody", "settlement_hub", "prove", **args)
        return raised

    hub.refused(
        "E_FOREIGN_PROOF", "anybody", "settlement_hub", "prove", channel=one.id,
        nullifier=PAID[1], fact=fact(one, 1),
    )  # fmt: skip
    hub.refused(
        "E_FOREIGN_PROOF", "anybody", "settlement_hub", "prove", channel=one.id,
        nullifier=PAID[0], fact=fact(two, 0),
    )  # fmt: skip
    assert [prove(one, 0), prove(one, 0), prove(two, 0), prove(two, 0)] == [0, 0, 1, 0]
    (alarm,) = alarms(hub)
    assert (alarm["first_channel"], alarm["second_channel"]) == (one.id, two.id)
    assert alarm["first_proven_at"] and alarm["second_proven_at"]
    assert hub.ok("X", "settlement_hub", "use_of", nullifier=PAID[0])["proven_at"]
