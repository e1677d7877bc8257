"""Stored reference numbers that `contrastbench doctor` compares this machine with; README.md says where each is from."""
