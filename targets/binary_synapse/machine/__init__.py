"""What the accelerator is made of: its parameters, and machines that come with axonc."""
