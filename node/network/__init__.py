"""Networks on disk: a plan becomes folders, keys and a genesis file, and node processes run from them."""
