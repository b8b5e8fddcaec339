"""The numbers of the first page, and its interactive."""

from pathlib import Path

import numpy as np
import pytest
from scipy import special, stats

from gumbel_lib import gumbel_max
from gumbel_lib.book.cover import DRAWS


def test_the_first_page_states_its_numbers_rightly():
    page = (Path(__file__).parents[2] / "chapters" / "index.md").read_text(encoding="utf-8")
    probs = np.array([0.5, 0.3, 0.2])
    band = 5 * np.sqrt(DRAWS * probs * (1 - probs))
    above = stats.binom.sf(np.floor(DRAWS * probs + band), DRAWS, probs)
    below = stats.binom.cdf(np.ceil(DRAWS * probs - band) - 1, DRAWS, probs)
    # Two classes outside at once are so rare that the sum of the three is exact enough.
    pictures = 1 / (above + below).sum()
    assert f"once in {round(pictures, -3):,.0f} such pictures" in page
    before, after = (special.softmax([logit, 0.4, 0.0])[0] for logit in (0.9, 1.9))
    assert f"rises from {before:.2f} to {after:.2f}" in page
    assert after / (1 - after) == pytest.approx(np.e * before / (1 - before))


class TestInteractive:
    """The interactive of the first page agrees with the library."""

    def test_one_draw_and_the_shares_agree_with_the_library(self, interactive):
        glance = interactive("index")
        noise = np.array([[row["g0"], row["g1"], row["g2"]] for row in glance.data])
        for draw, *logits in [(1, 0.9, 0.4, 0), (77, -3, 3, 0.5), (500, 2.1, -0.7, 1.4)]:
            glance.set("draws", draw)
            for name, logit in zip("ABC", logits, strict=True):
                glance.set(f"logit of {name}", logit)
            winners = gumbel_max(np.array(logits), noise[:draw])
            shares = np.bincount(winners, minlength=3) / draw
            numbers = glance.numbers
            for k in range(3):
                assert numbers[f"s{k}"] == pytest.approx(logits[k] + noise[draw - 1, k], abs=1e-6)
                assert numbers[f"share{k}"] == pytest.approx(shares[k], abs=1e-6)
                assert numbers[f"p{k}"] == pytest.approx(special.softmax(logits)[k], abs=1e-6)
            winner = "ABC"[winners[-1]]
            assert f"Draw {draw}, " in glance.words
            assert f"Winner: {winner}" in glance.words

    def test_a_logit_is_dragged_and_draws_arrive(self, interactive):
        glance = interactive("index")
        for k, logit in enumerate([2.0, -1.5, 0.7]):
            glance.drag(f"l{k}", logit)
            slider = glance.box.get_by_label(f"logit of {'ABC'[k]}")
            assert float(slider.input_value()) == pytest.approx(logit)
        assert glance.numbers["p1"] == pytest.approx(special.softmax([2.0, -1.5, 0.7])[1], abs=1e-6)
        glance.box.evaluate("""box => {
          window.seen = [];
          box.view.addSignalListener("arrival", (name, value) => seen.push(value));
        }""")
        glance.box.get_by_role("button", name="Draw 1", exact=True).click()
        glance.page.wait_for_function("window.seen.at(-1) === 1")
        seen = glance.page.evaluate("seen")
        assert seen == sorted(seen)
        assert seen[0] < 0.5
        assert len(seen) > 3
        assert "Draw 2, " in glance.words
        # Who does something else meanwhile finds the draw arrived.
        glance.box.get_by_role("button", name="Draw 1", exact=True).click()
        glance.page.wait_for_function("window.seen.at(-1) < 1")
        glance.set("draws", 9)
        assert glance.box.evaluate("box => box.view.signal('arrival')") == 1
