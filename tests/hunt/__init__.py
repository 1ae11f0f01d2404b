"""The divergence hunt: random contract programs, run in both engines and in instances of different history."""
