"""What is wrong, and what to do: `doctor` examines a stopped node's folder, `diagnosis` a running
one (`city why`)."""
