"""axonc.toolchain: from a NIR graph to integers, and what they cost.

Importing this package pulls in neither torch nor lava.
"""
