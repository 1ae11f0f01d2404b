from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.ordering.wal import (
    SECTOR_BYTES,
    SEGMENT_HEADER_BYTES,
    Wal,
    WalDamaged,
    WalInUse,
    WalMissing,
    WalWriteFailed,
    encode_frame,
    parse_segment,
    segment_header,
    segment_name,
)
from tests.damage import flipped

ROOT = Path(__file__).resolve().parents[2]
FILE = Path(segment_name(1))
APPENDS = [[b"first", b"second" * 9], [b""], [bytes(40), b"\xff" * 200], [b"last" * 30]]


def segment(appends: list[list[bytes]], keep: tuple[bytes, ...] = (b"kept",)) -> bytes:
    frames = [encode_frame(i, records) for i, records in enumerate([list(keep), *appends])]
    return segment_header(1) + b"".join(frames)


def frame_ends(appends: list[list[bytes]]) -> list[int]:
    return [len(segment(appends[:n])) for n in range(len(appends) + 1)]


def read(data: bytes) -> tuple[list[bytes], int]:
    records, end, _ = parse_segment(FILE, data)
    return records, end


def flat(appends: list[list[bytes]]) -> list[bytes]:
    return [b"kept", *(record for records in appends for record in records)]


@given(st.lists(st.lists(st.binary(max_size=60), min_size=1, max_size=4), max_size=6))
@settings(max_examples=60, deadline=None)
def test_what_was_appended_is_read_back_in_order(appends):
    data = segment(appends)
    assert read(data) == (flat(appends), len(data))
    assert len(data) % 16 == 0


def test_cut_at_every_byte_the_whole_appends_before_it_remain_and_nothing_else():
    data, ends = segment(APPENDS), frame_ends(APPENDS)
    for cut in range(len(data)):
        if cut < ends[0]:
            with pytest.raises(WalDamaged):
                read(data[:cut])
            continue
        whole = sum(end <= cut for end in ends) - 1
        assert read(data[:cut]) == (flat(APPENDS[:whole]), ends[whole])


def test_any_flipped_bit_at_any_byte_is_refused():
    data = segment(APPENDS)
    for at in range(len(data)):
        for bit in range(8):
            changed = flipped(data, at, bit)
            with pytest.raises(WalDamaged):
                read(changed)


def test_a_flipped_bit_is_never_mistaken_for_a_torn_append_where_the_file_ends_early_too():
    data, ends = segment(APPENDS), frame_ends(APPENDS)
    for at in range(ends[-2]):
        changed = data[:at] + bytes((data[at] ^ 4,)) + data[at + 1 : -5]
        with pytest.raises(WalDamaged):
            read(changed)


def test_sectors_of_the_last_append_that_were_never_written_are_a_torn_append():
    appends = [[b"a" * 300], [b"b" * 5000]]
    data, ends = segment(appends), frame_ends(appends)
    first = -(-ends[1] // SECTOR_BYTES) * SECTOR_BYTES
    torn = [(ends[1], first), (ends[1], len(data))]
    torn += [
        (at, min(at + SECTOR_BYTES, len(data))) for at in range(first, len(data), SECTOR_BYTES)
    ]
    for start, end in torn:
        changed = data[:start] + bytes(end - start) + data[end:]
        assert read(changed) == (flat(appends[:1]), ends[1])


def test_zeros_over_an_append_that_a_later_one_follows_are_damage():
    appends = [[b"a" * 300], [b"b" * 2000], [b"c"]]
    data, ends = segment(appends), frame_ends(appends)
    for n in range(2):
        changed = data[: ends[n]] + bytes(ends[n + 1] - ends[n]) + data[ends[n + 1] :]
        with pytest.raises(WalDamaged) as caught:
            read(changed)
        assert caught.value.code == "CITY-5020" and str(ends[n]) in caught.value.message
        assert "observer" in caught.value.do


def test_frames_out_of_order_repeated_or_of_another_segment_are_damage():
    frames = [encode_frame(i, [b"%d" % i]) for i in range(4)]
    head = segment_header(1)
    for order in ([0, 2, 1, 3], [0, 1, 1], [1], [0, 2]):
        with pytest.raises(WalDamaged):
            read(head + b"".join(frames[i] for i in order))
    with pytest.raises(WalDamaged):
        read(segment_header(2) + frames[0])


def test_records_survive_closing_and_a_torn_append_is_cut_off_before_the_next(tmp_path):
    wal = Wal.create(tmp_path / "wal")
    for records in APPENDS:
        wal.append(records)
    wal.append([])
    wal.close()
    file = tmp_path / "wal" / segment_name(1)
    whole = file.read_bytes()
    file.write_bytes(whole[:-3])
    wal, records = Wal.open(tmp_path / "wal")
    assert records == flat(APPENDS[:-1])[1:]
    assert wal.size_bytes == file.stat().st_size
    wal.append([b"after"])
    wal.close()
    wal, records = Wal.open(tmp_path / "wal")
    assert records == [*flat(APPENDS[:-1])[1:], b"after"]
    wal.close()


def test_a_rotation_keeps_what_it_is_given_and_removes_older_segments(tmp_path):
    wal = Wal.create(tmp_path)
    wal.append([b"old" * 1000])
    before = wal.size_bytes
    wal.rotate([b"still needed"])
    assert wal.size_bytes < before
    wal.append([b"new"])
    wal.close()
    assert [f.name for f in tmp_path.glob("wal-*")] == [segment_name(2)]
    wal, records = Wal.open(tmp_path)
    assert records == [b"still needed", b"new"]
    wal.close()


def test_a_crash_at_any_step_of_a_rotation_leaves_the_old_segment_or_the_new(tmp_path):
    wal = Wal.create(tmp_path / "w")
    wal.append([b"old"])
    wal.close()
    folder = tmp_path / "w"
    old = (folder / segment_name(1)).read_bytes()
    new = segment_header(2) + encode_frame(0, [b"new"])
    unnamed = folder / (segment_name(2).removesuffix(".log") + ".new")
    for cut in range(
        len(new) + 1
    ):  # before the rename: a part of the next segment without its name
        unnamed.write_bytes(new[:cut])
        wal, records = Wal.open(folder)
        wal.close()
        assert records == [b"old"] and not unnamed.exists()
    (folder / segment_name(2)).write_bytes(new)  # after it, before the old one is removed
    assert (folder / segment_name(1)).read_bytes() == old
    wal, records = Wal.open(folder)
    wal.close()
    assert records == [b"new"] and not (folder / segment_name(1)).exists()


def test_a_damaged_newest_segment_is_refused_though_an_older_one_is_whole(tmp_path):
    wal = Wal.create(tmp_path)
    wal.append([b"old"])
    wal.close()
    (tmp_path / segment_name(2)).write_bytes(segment_header(2)[:SEGMENT_HEADER_BYTES])
    with pytest.raises(WalDamaged):
        Wal.open(tmp_path)
    assert (tmp_path / segment_name(1)).exists()


def test_a_missing_log_is_told_from_an_empty_one(tmp_path):
    assert not Wal.exists(tmp_path / "wal")
    with pytest.raises(WalMissing) as caught:
        Wal.open(tmp_path / "wal")
    assert caught.value.code == "CITY-5021"
    Wal.create(tmp_path / "wal").close()
    assert Wal.exists(tmp_path / "wal")
    wal, records = Wal.open(tmp_path / "wal")
    assert records == []
    wal.close()
    with pytest.raises(ValueError, match="already"):
        Wal.create(tmp_path / "wal")


def test_a_second_owner_is_refused_in_this_process_and_in_another(tmp_path):
    wal = Wal.create(tmp_path)
    with pytest.raises(WalInUse) as caught:
        Wal.open(tmp_path)
    assert caught.value.code == "CITY-5023"
    script = (
        "import sys; from node.ordering.wal import Wal, WalInUse\n"
        "try: Wal.open(sys.argv[1])\n"
        "except WalInUse: sys.exit(42)"
    )
    found = subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, check=False)
    assert found.returncode == 42
    wal.append([b"still mine"])
    wal.close()


def test_after_a_failed_sync_the_log_takes_nothing_more(tmp_path):
    wal = Wal.create(tmp_path)
    wal.append([b"good"])
    reading, writing = os.pipe()  # a descriptor that writes but cannot be synced
    good = wal._descriptor
    wal._descriptor = writing
    with pytest.raises(WalWriteFailed) as caught:
        wal.append([b"lost"])
    assert caught.value.code == "CITY-5022"
    wal._descriptor = good
    for attempt in (lambda: wal.append([b"again"]), lambda: wal.rotate([b"again"])):
        with pytest.raises(WalWriteFailed, match="earlier write"):
            attempt()
    os.close(reading)
    os.close(writing)
    wal.close()
    wal, records = Wal.open(tmp_path)
    assert records == [b"good"]
    wal.close()
    with pytest.raises(WalWriteFailed, match="closed"):
        wal.append([b"after close"])


FULL_DISK = """
import resource, sys
from node.ordering.wal import Wal, WalWriteFailed
wal = Wal.create(sys.argv[1])
wal.append([b"first"])
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
written = 0
try:
    while written < 100:
        wal.append([b"x" * 90]); written += 1
except WalWriteFailed as error:
    assert error.code == "CITY-5022"
try:
    wal.append([b"y"])
except WalWriteFailed:
    print(written)
"""


def test_when_the_file_can_grow_no_more_every_acknowledged_append_is_kept(tmp_path):
    found = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    written = int(found.stdout)
    assert 5 < written < 100
    wal, records = Wal.open(tmp_path)
    assert records == [b"first"] + [b"x" * 90] * written
    wal.close()
