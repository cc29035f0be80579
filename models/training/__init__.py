"""The training loop and what it keeps: checkpoints, telemetry, accuracy, sizes."""
