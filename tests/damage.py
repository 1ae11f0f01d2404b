"""What an accident or a liar does to bytes. A test that writes a fixed byte over another would now and
then, where that byte was the same already, change nothing and fail."""


def flipped(data: bytes, at: int = -1, bit: int = 0) -> bytes:
    """`data` with one bit of the byte at `at` turned; from the end when negative."""
    spoiled = bytearray(data)
    spoiled[at] ^= 1 << bit
    return bytes(spoiled)
