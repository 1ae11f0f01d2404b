"""The storyboard before any network: 28 rows, a player for each, figures that agree with themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from contracts.bundles import SUITE
from deploy.demo.lending import simple_interest
from deploy.demo.report import Report
from deploy.demo.running import say_failed
from deploy.demo.stage import Stage
from deploy.demo.story import StepFailed, Story, load_story, overlay
from deploy.story.channels import load_channels
from deploy.story.cli import app
from deploy.story.letter import case_bytes, digests
from deploy.story.opening import later_party
from deploy.story.script import FOLDER, PLAYED, load_steps
from node.cli.network import Engine
from node.documents.precheck import examine, read_case


@pytest.fixture(scope="module")
def story() -> Story:
    return load_story(FOLDER)


class Told:
    """What the functions of a step read of a play."""

    def __init__(self, story: Story) -> None:
        self.story = story


def test_there_are_28_steps_and_a_function_for_each() -> None:
    numbers = [step.number for step in load_steps()]
    assert numbers == list(range(28)) == list(PLAYED)
    dates = [step.date for step in load_steps() if step.date != "-"]
    assert dates == sorted(dates)


def test_the_dates_of_the_storyboard_are_those_of_the_figures(story: Story) -> None:
    for step in load_steps():
        stated = story.figures.get(f"step{step.number}", {}).get("date", step.date)
        assert stated == step.date


def test_the_storyboard_is_listed_for_people_and_for_machines() -> None:
    listed = CliRunner().invoke(app, ["steps"])
    assert listed.exit_code == 0 and "E_DUPLICATE_FINANCING" in listed.output
    rows = json.loads(CliRunner().invoke(app, ["steps", "-o", "json"]).stdout)
    assert [row["number"] for row in rows] == list(range(28))


def test_the_story_stands_on_the_figures_of_the_demonstration(story: Story) -> None:
    assert story["step4"]["principal_fen"] == 960_000_000  # from there
    assert story["step3"]["feed"] == "customs-declaration"  # its own
    assert story["step3"]["oracles"] == load_story()["step3"]["oracles"]
    assert overlay({"a": {"b": 1, "c": [1]}}, {"a": {"c": [2]}}) == {"a": {"b": 1, "c": [2]}}


def test_every_price_of_the_story_is_what_anybody_computes(story: Story) -> None:
    steps = [story[f"step{n}"] for n in (10, 13)]
    for step in steps:
        rate = story["step10"]["rate_ppm"]
        discount = simple_interest(step["principal_fen"], rate, step["days"])
        assert (discount, step["principal_fen"] - discount) == (
            step["discount_fen"],
            step["net_fen"],
        )
    deal, pool = story["step17"], story["step22"]
    days = deal["days"] + deal["grace_days"]
    discount = simple_interest(deal["face_fen"], deal["rate_ppm"], days)
    assert (discount, deal["face_fen"] - discount) == (deal["discount_fen"], deal["net_fen"])
    face = sum(bill["face_fen"] for bill in pool["bills"])
    assert simple_interest(face, 17_500, pool["days"]) == pool["interest_fen"]


def test_the_balance_adds_up_to_the_fen(story: Story) -> None:
    balance = story["balance"]
    earned = sum(balance["scf_income_fen"]) + balance["invoice_interest_fen"]
    assert sum(balance["receives_fen"]) - sum(balance["paid_fen"]) == earned == 11_780_555


def test_the_first_records_conflict_in_one_place_and_the_corrected_ones_nowhere(
    story: Story,
) -> None:
    play = Told(story)
    wrong = case_bytes(play, story["step15"]["wrong_goods"])  # type: ignore[arg-type]
    right = case_bytes(play)  # type: ignore[arg-type]
    (finding,) = examine(read_case(wrong))
    assert "description conflict" in finding.to_dict()["finding"]
    assert list(examine(read_case(right))) == []
    changed = [
        a != b
        for a, b in zip(digests(play, wrong), digests(play, right), strict=True)  # type: ignore[arg-type]
    ]
    assert sum(changed) == 1 and len(changed) == story["step15"]["records"]


def test_its_invoices_and_later_parties_can_be_read(story: Story) -> None:
    step = story["step25"]
    invoice = story.invoice(step["invoice"])
    parties = [story.member_of(party) for party in (invoice.seller, invoice.buyer)]
    assert (parties, invoice.gross) == ([step["target"], "PX"], step["face_fen"])
    for party in (story["step2"]["tax"], story["step24"]["issuer"]):
        assert later_party(Told(story), party).party_id == party  # type: ignore[arg-type]


def test_a_wrong_step_is_refused_before_anything_starts() -> None:
    refused = CliRunner().invoke(app, ["run", "--until", "28"])
    assert refused.exit_code == 2


def test_a_failed_step_is_named_with_what_was_expected_and_came(
    story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = Report("The story")
    report.number = 13
    report.working("financing the first supplier")
    stage = Stage(tmp_path, story.plan)
    say_failed(report, StepFailed("net", 246_589_931, 246_589_930), stage)
    said = capsys.readouterr().out
    assert "step 13 failed: financing the first supplier" in said
    assert "Expected  246589931" in said and "Came      246589930" in said


def test_every_step_is_played_on_one_channel_whose_contracts_are_of_the_suite() -> None:
    channels = load_channels()
    steps = sorted(step for channel in channels for step in channel.steps)
    assert steps == list(range(28))
    cities = {city.name for city in load_story(FOLDER).plan.cities}
    for channel in channels:
        assert set(channel.contracts) <= set(SUITE) and len(channel.nodes) == 4
        assert set(channel.nodes) < cities  # no channel but the network's own stands everywhere
        assert type(channel.order(Engine.raft).engine) is str  # as it is encoded
