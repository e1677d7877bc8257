"""Networks, one per file, with the parameter order and initialisation of the originals."""
