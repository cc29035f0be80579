"""The cycle-level simulator: behaviour from the memory image, then timing of its events."""
