"""What `city why` makes of the nodes' words: each kind of trouble is named with its node and a next step."""

from typing import Any

import pytest

from node.doctor.diagnosis import Answers, Finding, Severity, diagnose, summary

CITIES = ("Shenzhen", "Guangzhou", "Beijing", "Hong Kong")


def status(name: str, **facts: Any) -> dict[str, Any]:
    """A node that is well, linked to all others, but for `facts`."""
    peers = [{"name": other, "validator": True} for other in CITIES if other != name]
    return {
        "state": "ready",
        "role": "validator",
        "height": 40,
        "applied_height": 40,
        "state_root": "aa" * 32,
        "executes": True,
        "quorum": 3,
        "view": 2,
        "leader": "Beijing",
        "peers": peers,
        "pool": 0,
        "time_ms": 1_000_000,
        "block_time_ms": 999_000,
        "asked_ms": 1_000_000,
        "room": "",
        "last_view_change_reason": "",
    } | facts


def answers(**changed: dict[str, Any] | None) -> Answers:
    """By the first word of a city's name: facts that differ, or None for no answer."""
    statuses: dict[str, dict[str, Any] | None] = {}
    for name in CITIES:
        facts = changed.get(name.split()[0].lower(), {})
        statuses[name] = None if facts is None else status(name, **facts)
    return Answers(statuses, CITIES)


def cut_off(*names: str) -> dict[str, Any]:
    """Links of a node that has none to `names`."""
    return {"peers": [{"name": n, "validator": True} for n in CITIES if n not in names]}


def only(found: list[Finding]) -> Finding:
    assert len(found) == 1, found
    assert found[0].what and found[0].do
    return found[0]


def test_a_channel_that_is_well_has_no_findings() -> None:
    assert diagnose(answers()) == []
    assert summary(answers()) == (
        "blocks are made: height 40, view 2 led by Beijing; 4 of 4 validators vote, 3 must"
    )


def test_one_silent_node_of_four_is_a_warning_and_blocks_go_on() -> None:
    gone = cut_off("Hong Kong")
    found = diagnose(answers(hong=None, shenzhen=gone, guangzhou=gone, beijing=gone))
    assert only(found).node == "Hong Kong"
    assert only(found).severity is Severity.warn
    assert "3 of 4 validators vote" in summary(
        answers(hong=None, shenzhen=gone, guangzhou=gone, beijing=gone)
    )


def test_a_node_that_only_its_peers_reach_still_votes() -> None:
    found = diagnose(answers(hong=None))
    assert "linked to it" in only(found).what
    assert summary(answers(hong=None)).startswith("blocks are made")


def test_too_few_votes_stop_the_channel_and_the_missing_are_named() -> None:
    gone = cut_off("Hong Kong", "Beijing")
    case = answers(hong=None, beijing=None, shenzhen=gone, guangzhou=gone)
    first = diagnose(case)[0]
    assert (first.severity, first.node) == (Severity.stop, "")
    assert "Beijing, Hong Kong" in first.what
    assert summary(case) == "no block can be made: 2 of 4 validators vote, 3 must"


def test_a_validator_that_observes_says_why() -> None:
    found = diagnose(answers(beijing={"role": "observer (the write-ahead log is gone)"}))
    assert "the write-ahead log is gone" in only(found).what


def test_a_stopped_channel_names_its_code() -> None:
    facts = {"state": "stopped", "code": "CITY-6002", "reason": "another root"}
    found = diagnose(answers(beijing=facts))
    assert only(found).severity is Severity.stop
    assert only(found).do == "city explain CITY-6002"


def test_a_channel_that_was_paused_on_a_node_says_so_and_has_no_vote_there() -> None:
    held = {"state": "paused", "channel": "scf", "peers": []}
    case = answers(hong=held, **dict.fromkeys(("shenzhen", "beijing"), cut_off("Hong Kong")))
    found = only(
        diagnose(case)
    )  # the missing links are what a pause is, and no finding of their own
    assert (found.node, found.do) == ("Hong Kong", "city channel resume scf --node 'Hong Kong'")
    assert "3 of 4 validators vote" in summary(case)
    two = answers(hong=held, beijing=held)
    assert summary(two) == "no block can be made: 2 of 4 validators vote, 3 must"


def test_a_node_that_gave_the_channel_up_is_up_and_to_be_removed() -> None:
    gone = cut_off("Beijing")
    case = answers(beijing=None, shenzhen=gone | {"channel": "scf"}, guangzhou=gone, hong=gone)
    found = only(diagnose(Answers(case.statuses, CITIES, ["Beijing"])))
    assert found.do == "city --channel scf as ADMIN channel propose remove-validator Beijing"
    follower = Answers({**answers().statuses, "Paris": None}, CITIES, ["Paris"])
    assert diagnose(follower) == []
    nobody = Answers(dict.fromkeys(CITIES), CITIES, CITIES)
    assert summary(nobody).startswith("no node that answers has this channel")
    assert {each.node for each in diagnose(nobody)} == set(CITIES)


def test_two_roots_of_one_height_stop_and_show_both_sides() -> None:
    found = diagnose(answers(beijing={"state_root": "bb" * 32}))
    assert only(found).severity is Severity.stop
    assert "Shenzhen, Guangzhou, Hong Kong: aaaa" in only(found).what
    assert "Beijing: bbbb" in only(found).what


def test_roots_of_different_heights_are_not_compared() -> None:
    assert diagnose(answers(beijing={"state_root": "bb" * 32, "applied_height": 39})) == []


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"height": 10, "applied_height": 10}, "30 blocks behind"),
        ({"applied_height": 20}, "20 blocks that are not executed"),
        (
            {"pool": 7, "block_time_ms": 900_000},
            "7 transactions wait and the last block is 100 s old",
        ),
        ({"time_ms": 1_005_000}, "5.0 s ahead of the others"),
        ({"time_ms": 990_000}, "10.0 s behind the others"),
        ({"room": "disk nearly full"}, "disk nearly full"),
        (cut_off("Guangzhou"), "no link to Guangzhou"),
    ],
)
def test_a_warning_names_the_node_and_what_is_wrong(facts: dict[str, Any], words: str) -> None:
    found = only(diagnose(answers(beijing=facts)))
    assert found.node == "Beijing"
    assert words in found.what


def test_a_validator_that_nobody_was_told_of_is_missed_all_the_same() -> None:
    case = answers()
    wider = Answers(case.statuses, (*CITIES, "Shanghai"))
    assert only(diagnose(wider)).node == "Shanghai"


def test_nobody_answers() -> None:
    case = Answers(dict.fromkeys(CITIES), CITIES)
    assert summary(case) == "no node answers"
    assert {finding.node for finding in diagnose(case)} == set(CITIES)


def test_a_quota_that_is_used_up_is_told_once_with_the_time_to_wait() -> None:
    limit = {"used": 3, "most": 3, "left": 0}
    row = {"member": "PX", "application": "", "seconds": 60, "free_at_ms": 1_030_000, "refused": 4}
    row |= {"transactions": limit, "bytes": {"left": None}, "gas": {"left": None}}
    same = {name: {"quotas": [row]} for name in ("shenzhen", "guangzhou", "beijing", "hong")}
    found = only(diagnose(answers(**same)))
    assert (found.severity, found.node) == (Severity.warn, "")
    assert "PX has no transactions left" in found.what and "in 30 s" in found.what
    assert "4 transactions" in found.what and "city quota show PX" in found.do
