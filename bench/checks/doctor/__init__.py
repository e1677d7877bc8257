"""`contrastbench doctor`: does this machine compute what it should, and what is here to compute with?"""
