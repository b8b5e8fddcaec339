"""Tests of gumbel_lib.choice."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from gumbel_lib.chapters.discrete_choice.travel import MODEL, MODES, travel_modes
from gumbel_lib.choice import (
    conditional_logit,
    from_wide,
    nested_logit,
    nested_noise,
    nested_probabilities,
    scaled_log_stable,
)

GROUND = {"ground": ["train", "bus", "car"]}
NAMES = {"variables": ["x", "y"], "constants": ["b", "c", "d"]}


@pytest.fixture(scope="module")
def frame():
    return pd.DataFrame(travel_modes())


def made(cases, seed=0, lam=0.5, missing=0.0):
    """Long data of a nested logit of a, (b, c) and d, some alternatives not offered."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, cases, 4))
    V = x - 0.5 * y + np.array([0, 0.3, -0.2, 0.5])
    noise = nested_noise([0, 1, 1, 2], [1, lam, 1], cases, rng=rng)
    offered = rng.random((cases, 4)) >= missing
    offered[np.arange(cases), rng.integers(0, 4, cases)] = True
    chosen = np.where(offered, V + noise, -np.inf).argmax(axis=1)
    case, place = np.nonzero(offered)
    return pd.DataFrame(
        {
            "case": case,
            "alternative": np.array(list("abcd"))[place],
            "choice": (chosen[case] == place).astype(int),
            "x": x[offered],
            "y": y[offered],
            "weight": rng.integers(1, 4, cases)[case],
        }
    )


def log_likelihood(data, theta, nests=(), scaled=True, weights=None):
    """The definition, case by case in plain Python; theta as NAMES and then the nests."""
    constant = dict(zip("abcd", [0.0, *theta[:3]], strict=True))
    lam = dict(zip(map(tuple, nests), theta[5:], strict=True))
    nest_of = {one: several for several in lam for one in several}
    total = 0.0
    cases = {}
    for row in data.itertuples():
        cases.setdefault(row.case, []).append(row)
    for rows in cases.values():
        V = {
            row.alternative: constant[row.alternative] + theta[3] * row.x + theta[4] * row.y
            for row in rows
        }
        inside = {}
        for one, value in V.items():
            several = nest_of.get(one, (one,))
            inside.setdefault(several, {})[one] = value / (lam.get(several, 1) if scaled else 1)
        worth = {s: math.log(sum(map(math.exp, u.values()))) for s, u in inside.items()}
        upper = {s: lam.get(s, 1) * value for s, value in worth.items()}
        picked = next(row.alternative for row in rows if row.choice == 1)
        s = nest_of.get(picked, (picked,))
        log_p = inside[s][picked] - worth[s] + upper[s]
        log_p -= math.log(sum(map(math.exp, upper.values())))
        total += log_p * (1 if weights is None else getattr(rows[0], weights))
    return total


class TestConditionalLogit:
    # Its import uses what pandas 3 deprecates, and it says that it drops those without choice.
    @pytest.mark.filterwarnings("ignore::DeprecationWarning:statsmodels", "ignore:Dropped")
    def test_it_agrees_with_statsmodels(self):
        from statsmodels.discrete.conditional_models import ConditionalLogit

        for seed, missing in ((0, 0.0), (1, 0.4)):
            data = made(300, seed, missing=missing)
            fit = conditional_logit(data, **NAMES)
            X = np.column_stack(
                [*(data["alternative"] == one for one in "bcd"), data["x"], data["y"]]
            )
            # Those who had no choice change nothing.
            peer = ConditionalLogit(
                data["choice"].to_numpy(), X.astype(float), groups=data["case"].to_numpy()
            ).fit(method="newton", disp=False)
            np.testing.assert_allclose(fit.params, peer.params, rtol=1e-5)
            np.testing.assert_allclose(fit.table()["standard error"], peer.bse, rtol=1e-5)
            np.testing.assert_allclose(fit.table()["p"], peer.pvalues, rtol=1e-4)
            np.testing.assert_allclose(fit.table()["low"], peer.conf_int()[:, 0], rtol=1e-4)
            assert fit.log_likelihood == pytest.approx(peer.llf, abs=1e-6)

    def test_the_log_likelihood_is_its_definition(self):
        data = made(80, 2, missing=0.3)
        fit = conditional_logit(data, weights="weight", **NAMES)
        found = log_likelihood(data, fit.params, weights="weight")
        assert fit.log_likelihood == pytest.approx(found, abs=1e-9)

    def test_weights_count_cases(self):
        data = made(120, 3)
        times = [data[data["weight"] > i].assign(case=lambda d, i=i: d["case"] + 1000 * i)
                 for i in range(3)]  # fmt: skip
        repeated = conditional_logit(pd.concat(times), **NAMES)
        weighted = conditional_logit(data, weights="weight", **NAMES)
        np.testing.assert_allclose(weighted.params, repeated.params, rtol=1e-9)
        np.testing.assert_allclose(weighted.covariance(), repeated.covariance(), rtol=1e-9)
        assert weighted.log_likelihood == pytest.approx(repeated.log_likelihood, abs=1e-8)

    def test_robust_errors_do_not_feel_the_size_of_weights(self):
        data = made(120, 3).assign(two=2.0)
        once = conditional_logit(data, **NAMES)
        twice = conditional_logit(data, weights="two", **NAMES)
        np.testing.assert_allclose(
            twice.covariance(robust=True), once.covariance(robust=True), rtol=1e-9
        )
        np.testing.assert_allclose(2 * twice.covariance(), once.covariance(), rtol=1e-9)

    def test_robust_errors_hold_for_a_wrong_model(self):
        """Weights drawn from 0 to 9 make the information wrong by far; z = 5 of 300 fits."""
        estimates, plain, robust = [], [], []
        for seed in range(300):
            rng = np.random.default_rng(seed)
            x = rng.normal(size=(60, 2))
            chosen = (x + rng.gumbel(size=x.shape)).argmax(axis=1)
            data = {
                "case": np.repeat(np.arange(60), 2),
                "alternative": np.tile([0, 1], 60),
                "choice": (np.arange(2) == chosen[:, None]).ravel(),
                "x": x.ravel(),
                "w": np.repeat(rng.integers(0, 10, 60), 2),
            }
            fit = conditional_logit(data, variables=["x"], weights="w")
            estimates.append(fit.params[0])
            plain.append(fit.covariance()[0, 0])
            robust.append(fit.covariance(robust=True)[0, 0])
        variance = np.var(estimates)
        assert np.mean(plain) < variance / 2
        # The share of the sampling variance is known to about 0.08; small samples bias it down.
        assert 0.6 < np.mean(robust) / variance < 1.4

    @pytest.mark.parametrize("container", [dict, pd.DataFrame])
    def test_rows_may_come_in_any_order_and_container(self, container):
        data = made(60, 4, missing=0.3)
        mixed = data.sample(frac=1, random_state=0)
        fit = conditional_logit(container(mixed), **NAMES)
        np.testing.assert_allclose(fit.params, conditional_logit(data, **NAMES).params, rtol=1e-9)
        p = pd.Series(fit.probabilities(container(mixed)), mixed.index)
        np.testing.assert_allclose(p.groupby(mixed["case"]).sum(), 1, rtol=1e-12)
        np.testing.assert_allclose(p[data.index], fit.probabilities(data), rtol=1e-12)

    def test_nothing_hangs_on_units_or_on_large_utilities(self):
        data = made(200, 5)
        fit = conditional_logit(data, **NAMES)
        scaled = data.assign(x=data["x"] * 1e6 + 1e9, y=data["y"] * 1e-7)
        other = conditional_logit(scaled, **NAMES)
        np.testing.assert_allclose(other.params[:3], fit.params[:3], rtol=1e-5)
        np.testing.assert_allclose(other.params[3] * 1e6, fit.params[3], rtol=1e-5)
        np.testing.assert_allclose(other.params[4] * 1e-7, fit.params[4], rtol=1e-5)

    @pytest.mark.parametrize("nests", [None, {"bc": ["b", "c"]}])
    @pytest.mark.parametrize("offset", [-1e3, 1e7, 1e8, -1e9])
    def test_nothing_hangs_on_a_number_added_to_a_column(self, nests, offset):
        """What is lost is what the column itself loses, 1e-7 at 1e9."""

        def fit(data):
            if nests is None:
                return conditional_logit(data, **NAMES)
            return nested_logit(data, nests=nests, **NAMES)

        data = made(200, 5)
        moved, still = fit(data.assign(x=data["x"] + offset)), fit(data)
        for robust in (False, True):
            np.testing.assert_allclose(
                moved.table(robust=robust)["standard error"],
                still.table(robust=robust)["standard error"],
                rtol=1e-5,
            )
        np.testing.assert_allclose(moved.params, still.params, rtol=1e-5)

    def test_many_alternatives_of_which_few_are_offered(self):
        rng = np.random.default_rng(6)
        names = np.array([rng.choice(500, 5, replace=False) for _ in range(2000)])
        x = rng.normal(size=names.shape)
        chosen = (2 * x + rng.gumbel(size=x.shape)).argmax(axis=1)
        data = {
            "case": np.repeat(np.arange(2000), 5),
            "alternative": names.ravel(),
            "choice": (np.arange(5) == chosen[:, None]).ravel(),
            "x": x.ravel(),
        }
        fit = conditional_logit(data, variables=["x"])
        assert abs(fit.params[0] - 2) < 5 * fit.table()["standard error"][0]

    def test_a_case_without_a_choice_to_make_changes_nothing(self):
        data = made(60, 7)
        alone = data[data["case"] == 0].head(1).assign(case=999, choice=1)
        fit = conditional_logit(pd.concat([data, alone]), **NAMES)
        np.testing.assert_allclose(fit.params, conditional_logit(data, **NAMES).params, rtol=1e-9)

    def test_derived_is_the_delta_method(self, frame):
        fit = conditional_logit(frame, **MODEL)
        value, error = fit.derived(lambda b: b["ttme"] / b["gc"])
        b, cov = fit.params[[4, 3]], fit.covariance()[np.ix_([4, 3], [4, 3])]
        slope = np.array([1 / b[1], -b[0] / b[1] ** 2])
        assert value == pytest.approx(b[0] / b[1])
        assert error == pytest.approx(np.sqrt(slope @ cov @ slope))
        _, robust = fit.derived(lambda b: b["gc"], robust=True)
        assert robust == pytest.approx(fit.table(robust=True)["standard error"][3])

    def test_the_table_has_the_level_asked_for(self, frame):
        table = conditional_logit(frame, **MODEL).table(level=0.8)
        reach = (table["high"] - table["low"]) / 2 / table["standard error"]
        np.testing.assert_allclose(reach, stats.norm.ppf(0.9))


class TestNestedLogit:
    @pytest.mark.parametrize("scaled", [True, False])
    @pytest.mark.parametrize("missing", [0.0, 0.3])
    def test_it_finds_the_maximum_of_its_definition(self, scaled, missing):
        """A search without our slopes or curvature, from another point, ends at the same place."""
        data = made(100, 8, missing=missing)
        nests = {"bc": ["b", "c"], "ad": ["a", "d"]}
        fit = nested_logit(data, nests=nests, scaled=scaled, weights="weight", **NAMES)

        def value(theta):
            if min(theta[5:]) <= 0.05:
                return 1e9
            return -log_likelihood(data, theta, nests.values(), scaled, "weight")

        assert -value(fit.params) == pytest.approx(fit.log_likelihood, abs=1e-8)
        # No step in any direction of the parameters gains.
        for unit in np.eye(7):
            for step in (-1e-3, 1e-3):
                assert value(fit.params + step * unit) > -fit.log_likelihood
            # Half of the curvature times the square of the step, to a hundredth.
            lost = [value(fit.params + sign * 1e-2 * unit) - value(fit.params) for sign in (-1, 1)]
            assert sum(lost) == pytest.approx(1e-4 * unit @ fit.information @ unit, rel=0.02)

    def test_a_gain_as_small_as_2_is_seen(self):
        """Nesting gains 2.16 in a peer's data, whose test allows 5."""
        data = made(300, 15, lam=0.75)
        flat = conditional_logit(data, **NAMES)
        fit = nested_logit(data, nests={"bc": ["b", "c"]}, **NAMES)
        gain = fit.log_likelihood - flat.log_likelihood
        assert 1 < gain < 4
        found = log_likelihood(data, fit.params, [("b", "c")])
        assert fit.log_likelihood == pytest.approx(found, abs=1e-6)
        # And leaving the nest out, or its form, would not pass.
        assert abs(log_likelihood(data, flat.params) - fit.log_likelihood) > 1
        other = log_likelihood(data, fit.params, [("b", "c")], scaled=False)
        assert abs(other - fit.log_likelihood) > 1

    def test_estimates_are_near_the_truth(self):
        data = made(8000, 9)
        fit = nested_logit(data, nests={"bc": ["b", "c"]}, **NAMES)
        truth = np.array([0.3, -0.2, 0.5, 1, -0.5, 0.5])
        assert np.all(np.abs(fit.params - truth) < 5 * fit.table()["standard error"])
        # So that a dissimilarity of 0.62 would have been seen.
        assert fit.table()["standard error"][-1] < 0.024
        assert fit.names[-1] == "dissimilarity:bc"

    def test_a_dissimilarity_is_tested_against_1(self, frame):
        fit = nested_logit(frame, nests=GROUND, **MODEL)
        table = fit.table()
        assert table["z"][-1] == pytest.approx((fit.params[-1] - 1) / table["standard error"][-1])
        assert table["z"][0] == pytest.approx(fit.params[0] / table["standard error"][0])

    def test_probabilities_are_those_of_the_definition(self, frame):
        fit = nested_logit(frame, nests=GROUND, **MODEL)
        b = dict(zip(fit.names, fit.params, strict=True))
        constant = frame["mode"].map({m: b.get(m, 0.0) for m in MODES})
        income = b["hinc:air"] * frame["hinc"] * (frame["mode"] == "air")
        V = constant + b["gc"] * frame["gc"] + b["ttme"] * frame["ttme"] + income
        lam = b["dissimilarity:ground"]
        expected = nested_probabilities(V.to_numpy().reshape(-1, 4), [0, 1, 1, 1], [1, lam])
        np.testing.assert_allclose(fit.probabilities(frame), expected.ravel(), rtol=1e-10)
        # With the train gone.
        V = V.to_numpy().reshape(-1, 4) + np.array([0, -np.inf, 0, 0])
        expected = nested_probabilities(V, [0, 1, 1, 1], [1, lam])
        less = frame["mode"] != "train"
        np.testing.assert_allclose(
            fit.probabilities(frame[less]), expected.ravel()[less], rtol=1e-10
        )

    @pytest.mark.parametrize("nested", [False, True])
    @pytest.mark.parametrize("column", ["gc", "hinc"])
    def test_elasticities_are_slopes_of_the_shares(self, frame, nested, column):
        fit = (
            nested_logit(frame, nests=GROUND, **MODEL)
            if nested
            else conditional_logit(frame, **MODEL)
        )
        modes, found = fit.elasticities(frame, column)

        def shares(data):
            p = pd.Series(fit.probabilities(data)).groupby(data["mode"].to_numpy()).sum()
            return np.log(p[list(modes)].to_numpy())

        for k, mode in enumerate(modes):
            moved = [
                frame.assign(**{column: frame[column] * np.where(frame["mode"] == mode, f, 1)})
                for f in (1 + 1e-5, 1 - 1e-5)
            ]
            slope = (shares(moved[0]) - shares(moved[1])) / 2e-5
            np.testing.assert_allclose(found[:, k], slope, atol=1e-6)

    def test_a_name_longer_than_those_of_new_data_keeps_its_nest(self):
        """NumPy cuts "bus2" to "bus" in an array of strings of three letters."""
        data = made(300, 8).replace({"alternative": dict(zip("abcd", LONG, strict=True))})
        fit = nested_logit(data, nests={"two": ["bus2", "car2"]}, variables=["x"])
        new = {"case": [0, 0], "alternative": ["bus", "car"], "x": [1.0, 0.0]}
        expected = special.softmax(fit.params[0] * np.array([1.0, 0.0]))
        np.testing.assert_allclose(fit.probabilities(new), expected, rtol=1e-12)


LONG = ["bus", "car", "bus2", "car2"]


@pytest.mark.parametrize(
    "model",
    [
        {"variables": ["x"], "constants": ["b"]},
        {"variables": ["x"], "specific": {"y": ["b"]}},
        {"variables": ["x"], "nests": {"bc": ["b", "c"]}},
    ],
)
def test_an_alternative_that_the_model_does_not_know_is_refused(model):
    data = made(100, 8)
    fit = (nested_logit if "nests" in model else conditional_logit)(data, **model)
    for names in (list("axcd"), range(4)):
        new = data.assign(
            alternative=data["alternative"].map(dict(zip("abcd", names, strict=True)))
        )
        with pytest.raises(
            ValueError, match=r"alternative: expected some of \['a', 'b', 'c', 'd'\]"
        ):
            fit.probabilities(new)
        with pytest.raises(ValueError, match="alternative: expected some of"):
            fit.elasticities(new, "x")


def test_without_parameters_of_its_own_an_alternative_may_be_new():
    data = made(100, 8)
    fit = conditional_logit(data, variables=["x"])
    renamed = data.replace({"alternative": {"b": "e"}})
    np.testing.assert_allclose(fit.probabilities(renamed), fit.probabilities(data), rtol=1e-12)


class TestNestedNoise:
    def test_each_noise_is_a_standard_gumbel(self):
        """Kolmogorov-Smirnov at 6e-7, on 50,000 draws: a shift of 0.03 would be seen."""
        noise = nested_noise([0, 1, 1, 2], [1, 0.3, 0.8], 50_000, rng=1)
        for column in noise.T:
            assert stats.kstest(column, "gumbel_r").pvalue > 6e-7
            assert stats.kstest(column + 0.05, "gumbel_r").pvalue < 6e-7

    @pytest.mark.parametrize("lam", [1e-12, 0.001, 0.5, 0.999, 1.0])
    def test_it_is_finite_for_every_dissimilarity(self, lam):
        assert np.all(np.isfinite(nested_noise([0, 0], [lam], 10_000, rng=0)))

    def test_at_1_the_shared_part_is_0_and_at_0_it_is_the_gumbel(self):
        u, g = np.array([1e-300, 0.1, 3.1, np.nextafter(np.pi, 0)]), np.array([-2.0, 0, 5, 40])
        assert np.all(scaled_log_stable(1.0, u, g) == 0)
        np.testing.assert_allclose(scaled_log_stable(0.0, u, g), g, rtol=1e-12, atol=1e-12)

    def test_shapes(self):
        assert nested_noise([0, 0, 1], [0.5, 1], rng=0).shape == (3,)
        assert nested_noise([0, 0, 1], [0.5, 1], 4, rng=0).shape == (4, 3)
        assert nested_noise([0, 0, 1], [0.5, 1], (2, 4), rng=0).shape == (2, 4, 3)

    def test_probabilities_of_one_alternative_a_mask_and_far_utilities(self):
        assert nested_probabilities([3.0], [0], [0.5]).tolist() == [1.0]
        masked = nested_probabilities([0.0, -np.inf, -np.inf], [0, 1, 1], [1, 0.5])
        assert masked.tolist() == [1.0, 0.0, 0.0]
        far = nested_probabilities([1e4, 1e4 - 1, 0.0], [0, 0, 1], [0.01, 1])
        np.testing.assert_allclose(far.sum(), 1)
        assert np.all(np.isfinite(far))
        farthest = nested_probabilities([1e308, -1e308, 1e308], [0, 0, 1], [0.01, 1])
        np.testing.assert_allclose(farthest, [0.5, 0, 0.5])
        alone = nested_probabilities([1e308, -1e308], [0, 1], [1, 0.01])
        assert alone.tolist() == [1.0, 0.0]
        plain = nested_probabilities([[0.2, 1.0, -3.0]], [0, 0, 1], [1, 1])
        np.testing.assert_allclose(plain, special.softmax([[0.2, 1.0, -3.0]], -1), rtol=1e-12)


CALL = {"choice": "chosen", "alternatives": ["bus", "car"], "varying": {"cost": "cost_{}"}}


class TestFromWide:
    WIDE = pd.DataFrame(
        {
            "chosen": ["bus", "car", "bus"],
            "cost_bus": [1.0, 2.0, 3.0],
            "cost_car": [4.0, 5.0, np.nan],
            "income": [10, 20, 30],
            "has_bus": [1, 1, 1],
            "has_car": [1, 1, 0],
        }
    )

    def test_what_is_not_offered_has_no_row(self):
        long = from_wide(self.WIDE, **CALL, fixed=["income"], available="has_{}")
        assert pd.DataFrame(long).to_dict("list") == {
            "case": [0, 0, 1, 1, 2],
            "alternative": ["bus", "car", "bus", "car", "bus"],
            "choice": [1, 0, 0, 1, 1],
            "cost": [1, 4, 2, 5, 3],
            "income": [10, 10, 20, 20, 30],
        }

    def test_wide_and_long_have_one_fit(self, frame):
        wide = frame.pivot(index="individual", columns="mode", values=["gc", "ttme"])
        wide.columns = [f"{name}_{mode}" for name, mode in wide.columns]
        wide["chosen"] = frame[frame["choice"] == 1].set_index("individual")["mode"]
        wide["hinc"] = frame.groupby("individual")["hinc"].first()
        long = from_wide(
            wide,
            choice="chosen",
            alternatives=MODES,
            varying={"gc": "gc_{}", "ttme": "ttme_{}"},
            fixed=["hinc"],
        )
        names = MODEL | {"case": "case", "alternative": "alternative"}
        fit = conditional_logit(long, **names)
        np.testing.assert_allclose(fit.params, conditional_logit(frame, **MODEL).params, rtol=1e-9)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"choice": "picked"}, "choice: expected a column of data, got 'picked'; it has 'cho"),
            ({"alternatives": ["bus"]}, "choice: expected one of ['bus'] in 'chosen', got 'car'"),
            ({"varying": {"cost": "price_{}"}}, "varying: expected a column of data, got 'price_b"),
            ({"varying": {"cost": "chosen"}}, "varying: column 'chosen': expected real numbers"),
            ({"available": "cost_{}"}, "available: expected 0 or 1 in column 'cost_bus', got 2"),
            ({"available": None}, "varying: expected finite numbers in column 'cost_car', got nan"),
            ({"fixed": ["age"]}, "fixed: expected a column of data, got 'age'"),
            ({"fixed": ["case"]}, "fixed: expected names other than case, alternative, choice"),
            ({"fixed": ["cost"]}, "fixed: expected names other than case, alternative, choice, co"),
            ({"varying": {"choice": "cost_{}"}}, "varying: expected names other than case, alt"),
            ({"varying": {"cost": "cost_{x}"}}, "varying: expected a pattern with {} for the"),
            ({"varying": {"cost": "cost_{}_{}"}}, "varying: expected a pattern with {} for the"),
            ({"available": "has_{"}, "available: expected a pattern with {} for the alternative"),
            ({"alternatives": ["bus", "car", "car"]}, "alternatives: expected different values"),
            ({"alternatives": ["bus", 1]}, "alternatives: expected different values of one type"),
        ],
    )
    def test_an_error_names_argument_and_column(self, change, message):
        with pytest.raises((TypeError, ValueError)) as caught:
            from_wide(self.WIDE, **{**CALL, "available": "has_{}", **change})
        assert message in str(caught.value)


@pytest.mark.parametrize("gap", [None, np.nan])
def test_a_missing_choice_is_refused(gap):
    wide = TestFromWide.WIDE.assign(chosen=np.array(["bus", gap, "bus"], dtype=object))
    with pytest.raises(TypeError, match="choice: expected values of one type in column 'chosen'"):
        from_wide(wide, **CALL, available="has_{}")


def changed(**columns):
    return lambda d: d.assign(**columns)


def cell(column, row, value):
    def change(d):
        d = d.astype({column: object})
        d.loc[row, column] = value
        return d.infer_objects()

    return change


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        (
            None,
            {"variables": ["z"]},
            "variables: expected a column of data, got 'z'; it has 'case'",
        ),
        (None, {"specific": {"z": ["b"]}}, "specific: expected a column of data, got 'z'"),
        (None, {"case": "person"}, "case: expected a column of data, got 'person'"),
        (None, {"alternative": "mode"}, "alternative: expected a column of data, got 'mode'"),
        (None, {"choice": "y"}, "choice: expected 0 or 1 in column 'y'"),
        (None, {"weights": "w"}, "weights: expected a column of data, got 'w'"),
        (None, {"weights": "x"}, "weights: expected one weight a case in column 'x'"),
        (None, {"constants": ["e"]}, "constants: expected some of ['a', 'b', 'c', 'd'] of column"),
        (None, {"specific": {"x": ["e"]}}, "specific: expected some of ['a', 'b', 'c', 'd']"),
        (None, {"constants": "b"}, "constants: expected a sequence of names, got the string 'b'"),
        (None, {"variables": "x"}, "variables: expected a sequence of names, got the string 'x'"),
        (None, {"variables": ["x", "x"]}, "variables: expected different ones, got"),
        (None, {"constants": [], "variables": []}, "variables: expected a variable, a constant"),
        (None, {"variables": ["alternative"]}, "variables: column 'alternative': expected real"),
        (None, {"constants": list("abcd")}, "got a combination of 'a', 'b', 'c', 'd' that is the"),
        (changed(y=lambda d: d["case"]), {}, "got 'y', which does not"),
        (changed(y=lambda d: 2 * d["x"]), {}, "got a combination of 'x', 'y' that is the same"),
        (changed(y=lambda d: d["choice"]), {}, "got one of 'y' that does: its coefficients"),
        (changed(weight=-1.0), {"weights": "weight"}, "weights >= 0, some above, in column 'wei"),
        (changed(weight=0.0), {"weights": "weight"}, "weights >= 0, some above, in column 'wei"),
        (changed(choice=0), {}, "got 0 in column 'choice' for case 0"),
        (changed(choice=1), {}, "got 4 in column 'choice' for case 0"),
        (cell("x", 5, np.nan), {}, "variables: expected finite numbers in column 'x', got nan in"),
        (
            cell("x", 5, "much"),
            {},
            "variables: column 'x': expected real numbers, got dtype object",
        ),
        (
            cell("alternative", 1, "a"),
            {},
            "each once a case in column 'alternative', got 'a' again",
        ),
        (
            cell("alternative", 1, None),
            {},
            "alternative: expected values of one type in column 'al",
        ),
        (cell("case", 1, np.nan), {}, "case: expected no missing value in column 'case', got NaN"),
        (
            changed(case=lambda d: pd.to_datetime(d["case"].where(d["case"] > 0), unit="D")),
            {},
            "case: expected no missing value in column 'case', got NaT",
        ),
        (
            changed(x=lambda d: d["x"] * 1e200),
            {},
            "variables: expected a largest number between 1e-100 and 1e+100 in column 'x', got",
        ),
        (changed(x=lambda d: d["x"] * 1e-200), {}, "variables: expected a largest number between"),
        (None, {"specific": ["x"]}, "specific: expected a mapping of names to alternatives, got l"),
        (lambda d: d.head(0), {}, "one row or more in column 'alternative', got shape (0,)"),
        (lambda d: 3, {}, "data: expected a data frame or a mapping of columns, got int"),
        (lambda d: {**d, "x": [1.0]}, {}, "variables: expected 200 rows in column 'x', got 1"),
    ],
)
def test_an_error_names_argument_and_column(change, arguments, message):
    data = made(50, 10)
    data = data if change is None else change(data)
    with pytest.raises((TypeError, ValueError)) as caught:
        conditional_logit(data, **{**NAMES, **arguments})
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("nests", "message"),
    [
        ({}, "nests: expected one or more, got none"),
        ({"bc": ["b"]}, "nests: expected two alternatives or more in 'bc', got ['b']"),
        ({"bc": ["b", "e"]}, "nests: expected some of ['a', 'b', 'c', 'd'] of column 'alternat"),
        ({"bc": ["b", "c"], "cd": ["c", "d"]}, "nests: expected each alternative in one nest at"),
        (
            {"all": list("abcd")},
            "nests: expected an alternative or more outside of 'all', got none",
        ),
        ([["b", "c"]], "nests: expected a mapping of names to alternatives, got list"),
    ],
)
def test_wrong_nests_are_refused(nests, message):
    with pytest.raises((TypeError, ValueError), match="nests") as caught:
        nested_logit(made(50, 10), nests=nests, **NAMES)
    assert message in str(caught.value)


def test_a_nest_that_no_case_is_offered_as_a_whole_is_refused():
    data = made(60, 11)
    other = np.where(data["case"] % 2 == 0, "b", "c")
    gone = data["case"][(data["alternative"] == other) & (data["choice"] == 1)]
    data = data[(data["alternative"] != other) & ~data["case"].isin(gone)]
    with pytest.raises(ValueError, match="'dissimilarity:bc', which does not"):
        nested_logit(data, nests={"bc": ["b", "c"]}, **NAMES)


@pytest.mark.parametrize(
    ("nests", "lam", "message"),
    [
        ([0.0, 1.0], [1, 1], "nests: expected integers, got float64"),
        ([0, 2], [1, 1], "nests: expected integers from 0 to 1"),
        ([0, 1], [1, 0], "dissimilarity: expected"),
        ([0, 1], [1, 1.5], "dissimilarity: expected"),
        ([0, 1], [1, np.nan], "dissimilarity: expected"),
    ],
)
def test_wrong_arguments_of_the_draw_are_refused(nests, lam, message):
    for call in (
        lambda: nested_noise(nests, lam, rng=0),
        lambda: nested_probabilities([0.0, 0.0], nests, lam),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            call()


def test_probabilities_refuse_what_the_model_cannot_read(frame):
    fit = conditional_logit(frame, **MODEL)
    with pytest.raises(ValueError, match="variables: expected a column of data, got 'ttme'"):
        fit.probabilities(frame.drop(columns="ttme"))
    with pytest.raises(ValueError, match=r"column: expected one of \['gc', 'hinc', 'ttme'\]"):
        fit.elasticities(frame, "psize")
    with pytest.raises(ValueError, match="level: expected a number between 0 and 1, got 95"):
        fit.table(level=95)
