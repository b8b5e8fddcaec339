"""The interactive of the first page agrees with the library."""

import numpy as np
import pytest
from scipy import special

from gumbel_lib import gumbel_max


class TestInteractive:
    """The interactive of the first page agrees with the library."""

    def test_one_draw_and_the_shares_agree_with_the_library(self, interactive):
        glance = interactive("index")
        noise = np.array([[row["g0"], row["g1"], row["g2"]] for row in glance.data])
        for draw, *logits in [(1, 0.9, 0.4, 0), (77, -3, 3, 0.5), (500, 2.1, -0.7, 1.4)]:
            glance.set("draw", draw)
            for name, logit in zip("ABC", logits, strict=True):
                glance.set(f"logit of {name}", logit)
            shares = np.bincount(gumbel_max(np.array(logits), noise), minlength=3) / len(noise)
            numbers = glance.numbers
            for k in range(3):
                assert numbers[f"s{k}"] == pytest.approx(logits[k] + noise[draw - 1, k], abs=1e-6)
                assert numbers[f"share{k}"] == pytest.approx(shares[k], abs=1e-6)
                assert numbers[f"p{k}"] == pytest.approx(special.softmax(logits)[k], abs=1e-6)
            winner = "ABC"[gumbel_max(np.array(logits), noise[draw - 1])]
            assert f"Draw {draw}, " in glance.words
            assert f"Winner: {winner}" in glance.words
