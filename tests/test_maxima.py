"""Laws of block maxima and their Gumbel limits."""

import mpmath
import numpy as np
import pytest
from scipy import integrate, optimize, stats

from gumbel_lib.maxima import gumbel_limit, gumbel_logsf, maximum_cdf, maximum_pdf, sup_distance

MIXTURE = stats.Mixture(
    [stats.Normal(mu=-2.0, sigma=1.0), stats.Normal(mu=2.0, sigma=0.5)], weights=[0.5, 0.5]
)
PARENTS = {
    "normal": stats.norm,
    "exponential": stats.expon,
    "mixture": MIXTURE,
    "new normal": stats.Normal(),
}


@pytest.mark.parametrize("parent", PARENTS.values(), ids=PARENTS)
@pytest.mark.parametrize("n", [1, 2, 100])
def test_density_integrates_to_the_cdf(parent, n):
    area = integrate.quad(lambda x: maximum_pdf(parent, n, x), -12, 1.5, points=[-2, 0])[0]
    assert area == pytest.approx(maximum_cdf(parent, n, 1.5) - maximum_cdf(parent, n, -12.0))


def test_cdf_keeps_the_left_tail():
    with mpmath.workdps(40):
        for n, x in ((1, -8.3), (1, -30.0), (3, -9.0), (2, -0.5), (5, 0.1), (2, 9.0)):
            exact = mpmath.ncdf(x) ** n
            assert maximum_cdf(stats.norm, n, x) == pytest.approx(float(exact), rel=1e-12)
            slope = n * mpmath.ncdf(x) ** (n - 1) * mpmath.npdf(x)
            assert maximum_pdf(stats.norm, n, x) == pytest.approx(float(slope), rel=1e-12)
    assert maximum_cdf(stats.norm, 3, [-np.inf, np.inf]).tolist() == [0.0, 1.0]
    assert maximum_pdf(stats.expon, 3, [[-1.0, np.inf]]).tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("function", [maximum_cdf, maximum_pdf])
@pytest.mark.parametrize("x", [np.nan, [0.0, np.nan], None, "0", ["0"], 1j, np.ma.array([0.0])])
def test_points_that_are_none_are_named(function, x):
    with pytest.raises((TypeError, ValueError), match="^x: expected .*, got "):
        function(stats.norm, 2, x)


def test_cdf_keeps_the_tail_at_large_n():
    # F(x)^n with F rounded to 1 would give exactly 1 here.
    x = 25 * np.log(10)
    assert 1 - maximum_cdf(stats.expon, 10**20, x) == pytest.approx(1e-5, rel=1e-4)


@pytest.mark.parametrize("n", [2, 100, 10**6])
def test_limit_of_the_exponential(n):
    assert gumbel_limit(stats.expon, n) == pytest.approx((np.log(n), 1.0))


def test_limit_is_the_stated_formula():
    loc, scale = gumbel_limit(stats.norm, 100)
    assert loc == pytest.approx(stats.norm.ppf(0.99))
    assert scale == pytest.approx(1 / (100 * stats.norm.pdf(loc)))
    assert gumbel_limit(stats.norm(3, 2), 100) == pytest.approx((3 + 2 * loc, 2 * scale))


def brute_force(parent, n):
    """The gap on a fine grid, by the plainest formula."""
    loc, scale = gumbel_limit(parent, n)
    x = loc + scale * np.linspace(-10, 30, 2_000_001)
    return np.abs(parent.cdf(x) ** n - stats.gumbel_r.cdf(x, loc, scale)).max()


@pytest.mark.parametrize("n", [2, 3, 10, 100])
def test_sup_distance_of_the_exponential_to_its_last_digits(n):
    # With w = n S(x), the gap is e^-w - (1 - w/n)^n; it is highest where both slopes agree.
    top = optimize.brentq(
        lambda w: np.exp(-w) - (1 - w / n) ** (n - 1), 0.8, min(n - 1e-9, 3), xtol=1e-15
    )
    gap = abs(np.exp(-top) - (1 - top / n) ** n)
    assert sup_distance(stats.expon, n) == pytest.approx(gap, rel=1e-10)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("b", [0.2, 0.3])
def test_sup_distance_where_the_law_of_the_maximum_ends_in_a_wall(b):
    # The density is infinite at 1: there the maximum's law reaches 1, and its Gumbel does not.
    parent = stats.beta(0.5, b)
    above = 1 - stats.gumbel_r.cdf(1, *gumbel_limit(parent, 10))
    assert sup_distance(parent, 10) == pytest.approx(above, abs=1e-6)


@pytest.mark.parametrize(
    "parent",
    [stats.norm, stats.expon, MIXTURE, stats.logistic, stats.uniform, stats.gamma(0.5), stats.t(3)],
)
@pytest.mark.parametrize("n", [10, 1000])
def test_sup_distance_against_brute_force(parent, n):
    assert sup_distance(parent, n) == pytest.approx(brute_force(parent, n), abs=1e-6)


def test_sup_distance_near_the_reference_figures():
    got = [sup_distance(parent, 100) for parent in (stats.expon, stats.norm, MIXTURE)]
    assert got == pytest.approx([0.0027, 0.0272, 0.0319], abs=5e-5)
    # Its rate for the Exponential is 2 exp(-2) / n.
    assert 1e5 * sup_distance(stats.expon, 10**5) == pytest.approx(2 * np.exp(-2), rel=1e-3)


def test_bad_input_is_named():
    for parent in (stats.poisson(3), "norm", None, stats.gamma, stats.multivariate_normal()):
        with pytest.raises(TypeError, match="^parent: expected a continuous law"):
            gumbel_limit(parent, 10)
    for parent in (stats.norm([0, 1]), stats.Normal(mu=[0.0, 1.0]), stats.gamma(-1)):
        with pytest.raises(ValueError, match="^parent: expected one law with parameters in range"):
            gumbel_limit(parent, 10)
    with (
        np.errstate(divide="ignore"),
        pytest.raises(ValueError, match="^parent: expected a positive density"),
    ):
        gumbel_limit(stats.dgamma(0.5), 2)
    with pytest.raises(ValueError, match="^parent: expected a positive density at .* quantile 0$"):
        gumbel_limit(stats.dgamma(2), 2)
    for function in (gumbel_limit, lambda law, n: maximum_cdf(law, n, 0.0)):
        with pytest.raises(ValueError, match="^n: expected a number that fits a float, got more"):
            function(stats.norm, 10**400)
    for function in (gumbel_limit, sup_distance):
        with pytest.raises(ValueError, match="^n: expected at least 2, got 1"):
            function(stats.norm, 1)
    with pytest.raises(TypeError, match="^n: expected an integer, got float"):
        maximum_cdf(stats.norm, 2.5, 0.0)
    with pytest.raises(ValueError, match="^n: expected at least 1, got 0"):
        maximum_pdf(stats.norm, 0, 0.0)


def test_log_survival_against_fifty_digits():
    x = np.concatenate([np.linspace(-6.4, 25, 3141), np.geomspace(20, 1e6, 60), [1e300]])
    with mpmath.workdps(50):
        time = [mpmath.exp(-mpmath.mpf(float(point))) for point in x]
        exact = [
            float(mpmath.log1p(-mpmath.exp(-t)) if t > 1 else mpmath.log(-mpmath.expm1(-t)))
            for t in time[:-1]
        ]
    # The left tail is exp(-exp(-x)): a last bit in exp(-x) weighs exp(-x) there.
    error = np.abs(gumbel_logsf(x[:-1]) / exact - 1)
    assert np.all(error < 8e-16 * np.maximum(1, np.exp(-x[:-1])))
    assert gumbel_logsf(x)[-1] == -1e300


def test_log_survival_where_scipy_falls_short():
    middle = np.linspace(-4, 700, 200)
    np.testing.assert_allclose(gumbel_logsf(middle), stats.gumbel_r.logsf(middle), rtol=1e-14)
    with np.errstate(divide="ignore"):
        assert stats.gumbel_r.logsf(800.0) == -np.inf
    assert gumbel_logsf(800.0) == -800.0
    assert abs(stats.gumbel_r.logsf(744.0) + 744) > 0.1
    assert gumbel_logsf(744.0) == -744.0


def test_log_survival_at_the_ends_and_shapes():
    assert gumbel_logsf([np.inf, -np.inf, -800.0]).tolist() == [-np.inf, 0.0, 0.0]
    assert gumbel_logsf(0.0).shape == ()
    assert gumbel_logsf(np.zeros((2, 3), dtype=np.float32)).shape == (2, 3)
    assert np.all(np.diff(gumbel_logsf(np.linspace(-3, 60, 10_001))) < 0)
    for bad in ("x", [np.nan], [1j], None):
        with pytest.raises((TypeError, ValueError), match="^x: expected .*, got "):
            gumbel_logsf(bad)
