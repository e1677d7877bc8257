"""One thread for numpy's libraries, which read it from the environment when they are first imported."""

# torch is told a number of its own: how many threads compute changes digits
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1")
