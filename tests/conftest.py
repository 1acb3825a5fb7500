"""For every test: one BLAS thread, for two that wait for each other on a busy machine make a second last a minute."""

import os

from hypothesis import settings

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when numpy is first imported, so before any test module
os.environ.setdefault("OMP_NUM_THREADS", "1")

# a property does not fail because the machine is busy
settings.register_profile("no clock", deadline=None)
settings.load_profile("no clock")
