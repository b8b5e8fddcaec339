"""Settings shared by all tests."""

from hypothesis import settings

# No deadline: a slow machine is no defect. Derandomised: a run finds what the last one found.
settings.register_profile("book", deadline=None, max_examples=60, derandomize=True)
settings.load_profile("book")
