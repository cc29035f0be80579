"""Training methods out of papers, one paper a file."""
