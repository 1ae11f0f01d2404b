"""The channels of one node: opened, joined, paused, archived and left while it runs."""
