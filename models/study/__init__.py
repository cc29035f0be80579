"""The training methods against one another, over seeds."""
