"""What a run cost: cycles, accesses and energy, from what was simulated."""
