"""Whole networks: layers, blocks, VGG and ResNet, the networks by name."""
