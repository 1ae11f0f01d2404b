"""The money's clock follows the development network's shared offset."""

from __future__ import annotations

from pathlib import Path

from deploy.regcenter.clock import offset_clock, real_ms

HOUR_MS, DAY_MS = 3_600_000, 86_400_000


def ahead_ms(now_ms: int) -> int:
    """How far a clock runs ahead of real time, to the hour: a test may be held up between two looks."""
    return (now_ms - real_ms() + HOUR_MS // 2) // HOUR_MS * HOUR_MS


def test_an_offset_moves_the_clock_and_no_file_means_none(tmp_path: Path) -> None:
    file = tmp_path / "offset"
    clock = offset_clock(file)
    assert ahead_ms(clock()) == 0
    file.write_text(f"{DAY_MS}\n")
    assert ahead_ms(clock()) == DAY_MS
    file.unlink()
    assert ahead_ms(clock()) == 0
    assert ahead_ms(offset_clock(None)()) == 0


def test_a_story_may_lie_in_the_past(tmp_path: Path) -> None:
    file = tmp_path / "offset"
    file.write_text(f"{-DAY_MS}\n")
    assert ahead_ms(offset_clock(file)()) == -DAY_MS


def test_a_file_that_is_being_written_keeps_the_offset_known_before(tmp_path: Path) -> None:
    file = tmp_path / "offset"
    clock = offset_clock(file)
    file.write_text(str(DAY_MS))
    assert ahead_ms(clock()) == DAY_MS
    for damage in ("", "soon", "-", "9" * 40, "-" + "9" * 30, "1.5"):
        file.write_text(damage)
        assert ahead_ms(clock()) == DAY_MS, damage
