"""What an asset's contract asks of the exchange that is to hold the asset."""

from sdk import call, ctx


def ends_ms(number: str) -> int:
    """Until when the exchange may stay open, never before now: after its last moment, by the clock of the
    deciding channel, anyone may call it off. The one that is settled now ends now."""
    found = call("exchange", "get", number)
    return max(ctx.time, found["terms"]["until_ms"]) if found["state"] == "LOCKED" else ctx.time
