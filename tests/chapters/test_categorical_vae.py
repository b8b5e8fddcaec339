"""The autoencoder against enumeration, and the claims of categorical_vae against mistakes."""

import json
import shlex
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from gumbel_lib import standard_gumbel
from gumbel_lib.chapters import claims_of
from gumbel_lib.chapters.categorical_vae import claims, model
from gumbel_lib.chapters.categorical_vae.__main__ import main
from gumbel_lib.chapters.categorical_vae.interactive import decoder

CLAIMS = claims_of("categorical_vae")


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def mistaken(**changes):
    """`exact` with some of its results replaced by functions of the right ones."""

    def exact(params, x):
        told = model.exact(params, x)
        return told._replace(**{name: change(told) for name, change in changes.items()})

    return exact


def loss_with(baseline):
    """The loss of RLOO with another baseline, a function of the fits (draws, images)."""

    def loss(params, x, noise, temperature, way):
        logits = model.encode(params, x)
        code = model.one_hot_draw(logits, noise)
        fit = model.log_likelihood(x, model.decode(params, code))
        log_q = (code * jax.nn.log_softmax(logits)).sum(axis=(-2, -1))
        score = jax.lax.stop_gradient(fit - baseline(fit)) * log_q
        return -(fit.mean(0) + score.mean(0) - model.kl_to_uniform(logits).sum(-1)).mean()

    return loss


@pytest.mark.parametrize(
    ("label", "wrong"),
    [
        ("elbo-gap", {"exact": mistaken(elbo=lambda told: told.log_p)}),
        ("elbo-gap", {"exact": mistaken(elbo=lambda told: told.elbo + told.kl.sum(-1))}),
        ("elbo-gap", {"exact": mistaken(elbo=lambda told: told.elbo + told.kl.mean(-1))}),
        ("elbo-gap", {"exact": mistaken(log_p=lambda told: told.log_p + np.log(9))}),
        ("elbo-gap", {"exact": mistaken(posterior=lambda told: told.posterior[:, ::-1])}),
        ("relaxed-elbo", {"temperature": 0.01}),
        ("leave-one-out-codes", {"loss": loss_with(lambda fit: fit.mean(0))}),
        ("leave-one-out-codes", {"loss": loss_with(lambda fit: fit)}),
        ("kl-information", {"kl": lambda logits: -special.log_softmax(logits, -1).mean(-1)}),
        ("kl-information", {"kl": lambda logits: model.kl_to_uniform(logits) - np.log(8)}),
        ("kl-information", {"information": lambda q: np.log(8)}),
        ("elbo-gap", {"exact": mistaken(elbo=lambda told: np.nan * told.elbo)}),
        ("probabilities-as-logits", {"passed": lambda probs: 2 * probs}),
        ("probabilities-as-logits", {"passed": lambda probs: np.full_like(probs, np.nan)}),
    ],
)
def test_a_plausible_mistake_is_caught(label, wrong):
    claim = CLAIMS[label]
    assert not claim.discrepancy(**wrong) < claim.bound


def test_a_code_takes_every_class_of_every_latent_once():
    for latents, classes in ((1, 2), (2, 3), (4, 8)):
        every = model.codes(latents, classes)
        assert every.shape == (classes**latents, latents, classes)
        assert len(np.unique(every.reshape(len(every), -1), axis=0)) == len(every)
        assert np.all(every.sum(axis=-1) == 1)


def test_the_digits_are_two_separate_parts_of_all():
    train, test = model.digits(rng=3)
    assert len(train) + len(test) == 1797
    whole = np.sort(np.concatenate([train, test]) @ 2.0 ** np.arange(-32, 32))
    other = np.sort(np.concatenate(model.digits(rng=4)) @ 2.0 ** np.arange(-32, 32))
    assert np.array_equal(whole, other)
    assert not np.array_equal(test, model.digits(rng=4)[1])


def jacobian(way, logits, noise, temperature=0.7):
    draw = {
        "straight-through": lambda logits: model.straight_through(logits, noise, temperature),
        "ReinMax": lambda logits: model.reinmax(logits, noise),
        "RLOO": lambda logits: model.one_hot_draw(logits, noise),
    }[way]
    return np.asarray(draw(logits)), np.asarray(jax.jacobian(draw)(logits))


def of_softmax(p):
    return np.diag(p) - np.outer(p, p)


@pytest.mark.parametrize("seed", range(5))
def test_the_hard_ways_return_the_argmax_and_have_their_gradients(seed):
    rng = np.random.default_rng(seed)
    logits, noise = jnp.asarray(rng.normal(size=6)), standard_gumbel(6, rng=rng)
    won = np.eye(6)[np.argmax(np.asarray(logits) + noise)]
    p, soft = special.softmax(logits), special.softmax((np.asarray(logits) + noise) / 0.7)
    slopes = {
        "straight-through": of_softmax(soft) / 0.7,
        "ReinMax": 2 * of_softmax((p + won) / 2) - of_softmax(p) / 2,
        "RLOO": np.zeros((6, 6)),
    }
    for way, expected in slopes.items():
        value, slope = jacobian(way, logits, noise)
        assert np.allclose(value, won, atol=1e-15)
        assert np.allclose(slope, expected, atol=1e-12), way


def test_the_loss_is_the_negative_elbo_in_the_mean_over_hard_draws():
    params, x = claims._small()
    noise = standard_gumbel((20_000, len(x), 2, 3), rng=1)
    losses = [
        float(model.negative_elbo(params, x, part, 0.5, "RLOO")) for part in np.split(noise, 20)
    ]
    exact = -float(model.exact(params, x).elbo.mean())
    error = np.std(losses, ddof=1) / np.sqrt(20)
    assert abs(np.mean(losses) - exact) < 5 * error < 0.02
    for way in ("straight-through", "ReinMax"):
        assert model.negative_elbo(params, x, noise[:100], 0.5, way) == pytest.approx(
            float(model.negative_elbo(params, x, noise[:100], 0.5, "RLOO")), abs=1e-12
        )


def test_the_relaxed_bound_turns_into_the_elbo_as_it_cools():
    params, x = claims._small()
    noise = standard_gumbel((4000, len(x), 2, 3), rng=2)
    exact = np.asarray(model.exact(params, x).elbo).mean()
    away = [
        abs(float(model.relaxed_elbo(params, x, noise, t).mean()) - exact) for t in (1, 0.3, 0.01)
    ]
    assert away[0] > 2 * away[1] > 20 * away[2]


@pytest.mark.parametrize("way", model.WAYS)
def test_training_raises_the_likelihood_and_the_same_seed_trains_the_same(way):
    train, test = model.digits(rng=0)
    runs = [model.train(train, way, num_steps=100, replicates=2, rng=5) for _ in range(2)]
    for one, other in zip(runs[0].records[-1], runs[1].records[-1], strict=True):
        for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
            assert np.array_equal(a, b)
    first, second = runs[0].records[-1]
    assert not np.array_equal(first.encoder[0].weights, second.encoder[0].weights)
    for before, after in zip(runs[0].records[0], runs[0].records[-1], strict=True):
        gained = model.exact(after, test).log_p - model.exact(before, test).log_p
        assert float(gained.mean()) > 10
    assert runs[0].steps.tolist() == [0, 50, 100]


@pytest.mark.parametrize("way", model.WAYS)
def test_a_difference_in_the_last_digits_does_not_grow(way, monkeypatch):
    train, _ = model.digits(rng=0)
    start, runs = model.initial, []
    for factor in (1.0, 1 + 1e-13):
        changed = lambda factor=factor, **o: jax.tree.map(lambda a: a * factor, start(**o))  # noqa: E731
        monkeypatch.setattr(model, "initial", changed)
        runs.append(model.train(train, way, num_steps=50, replicates=2, rng=5).records)
    for index, same in ((0, False), (-1, True)):
        pairs = zip(*(jax.tree.leaves(run[index]) for run in runs), strict=True)
        assert all(np.array_equal(a, b) for a, b in pairs) == same


def test_one_compilation_serves_all_temperatures_and_weights():
    train, _ = model.digits(rng=0)
    model.train(train, "relaxed", num_steps=50, replicates=1, rng=0)
    before = model._chunk._cache_size()
    for start, end, weight, warm in (
        (2.0, 0.5, 1.0, 0),
        (0.5, 0.5, 1.0, 20),
        (1.0, 0.1, 64.0, 0),
    ):
        model.train(
            train, "relaxed", num_steps=50, replicates=1, rng=1,
            start_temperature=start, end_temperature=end, kl_weight=weight, kl_warmup=warm,
        )  # fmt: skip
    assert model._chunk._cache_size() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"way": "REBAR"}, "^way: expected one of relaxed, .*, got 'REBAR'$"),
        ({"num_steps": 120}, "^num_steps: expected a multiple of 50, got 120$"),
        ({"num_steps": 0}, "^num_steps: expected"),
        ({"start_temperature": 0.0}, "^start: expected"),
        ({"kl_weight": -1.0}, "^kl_weight: expected"),
        ({"kl_warmup": -1}, "^kl_warmup: expected at least 0, got -1$"),
        ({"replicates": 0}, "^replicates: expected"),
    ],
)
def test_a_wrong_argument_is_named(arguments, said):
    with pytest.raises(ValueError, match=said):
        model.train(np.zeros((10, 64)), **{"way": "relaxed", "rng": 0, **arguments})


def test_a_warm_up_raises_the_weight_of_the_kl_to_its_full(monkeypatch):
    seen = []

    def chunk(way, unravel, flat, state, x, noise, temperatures, weights):
        seen.extend(np.asarray(weights).tolist())
        return flat, state

    monkeypatch.setattr(model, "_chunk", chunk)
    for warmup in (0, 1, 30, 99, 200):
        seen.clear()
        model.train(
            np.zeros((10, 64)), "RLOO", num_steps=100, kl_weight=3.0, kl_warmup=warmup,
            replicates=1, rng=0,
        )  # fmt: skip
        assert seen == pytest.approx([3.0 * min(1, s / (warmup + 1)) for s in range(1, 101)])


STORED = json.loads((Path(__file__).parents[2] / "benchmarks/categorical_vae.json").read_text())


def test_the_stored_training_has_what_its_command_asks_for():
    arguments = shlex.split(STORED["command"])
    steps = int(arguments[arguments.index("--steps") + 1])
    warmups = [int(part) for part in arguments[arguments.index("--kl-warmup") + 1 :]]
    asked = {(way, warmup) for way in model.WAYS for warmup in warmups}
    assert {(run["way"], run["kl_warmup"]) for run in STORED["trainings"]} == asked
    for run in STORED["trainings"]:
        assert list(map(int, run["after"])) == list(range(0, steps + 1, 500))
        for told in run["after"].values():
            assert told["-ELBO, one-hot"] > told["-log p"]


def test_what_is_stored_is_what_the_models_say(tmp_path, capsys):
    path = tmp_path / "told.json"
    given = ["RLOO", "--steps", "50", "--runs", "2", "--seed", "7", "--kl-warmup", "0", "10"]
    assert main([*given, "--store", str(path)]) == 0
    stored = json.loads(path.read_text())
    assert stored["command"] == " ".join(
        ["python", "-m", "gumbel_lib.chapters.categorical_vae", *given]
    )
    train, test = model.digits(rng=0)
    for run in stored["trainings"]:
        trained = model.train(
            train, "RLOO", num_steps=50, kl_warmup=run["kl_warmup"], replicates=2, rng=7
        )
        for step, models in zip(("0", "50"), trained.records, strict=True):
            exact = [model.exact(one, test) for one in models]
            told = run["after"][step]
            assert told["-log p"] == pytest.approx(
                np.mean([-one.log_p.mean() for one in exact]), abs=1e-4
            )
            assert told["least KL"] == pytest.approx(
                np.mean([one.kl.mean(axis=0).min() for one in exact]), abs=1e-4
            )
    assert stored["trainings"][0]["after"]["50"] != stored["trainings"][1]["after"]["50"]


def test_the_program_prints_a_line_a_way(capsys):
    assert main(["relaxed", "--steps", "50", "--runs", "1"]) == 0
    assert capsys.readouterr().out.startswith("relaxed           KL warm-up 0      -log p ")
    with pytest.raises(SystemExit):
        main(["unheard-of"])
    assert "way: expected one of" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("way", "draws", "named"), [("reinmax", 2, "way"), ("", 2, "way"), ("RLOO", 1, "noise")]
)
def test_a_loss_refuses_what_would_train_nothing(way, draws, named):
    params, x = model.initial(rng=0), np.zeros((1, model.PIXELS))
    noise = np.zeros((draws, 1, model.LATENTS, model.CLASSES))
    with pytest.raises(ValueError, match=f"^{named}: expected .*, got "):
        model.negative_elbo(params, x, noise, 1.0, way)


class TestInteractive:
    """The interactive of categorical_vae agrees with the library."""

    def test_the_decoded_digit_and_its_likelihood_agree_with_the_library(self, interactive):
        chart = interactive("categorical_vae")
        data = chart.data
        last = len(data) - 1
        first = model.Layer(
            np.array([[row[f"e{i}"] for row in data[:last]] for i in range(32)]).reshape(4, 8, -1),
            np.array([row["bias"] for row in data[:last]]),
        )
        second = model.Layer(
            np.array([[row[f"w{i}"] for i in range(64)] for row in data[:last]]),
            np.array([data[last][f"w{i}"] for i in range(64)]),
        )
        params = model.initial(rng=0)._replace(decoder=(first, second))
        for code in ((0, 0, 0, 0), (7, 7, 7, 7), (1, 2, 3, 4), (6, 0, 5, 7)):
            for m, k in enumerate(code):
                chart.set(f"class of latent {m}", k)
            logits = np.asarray(model.decode(params, np.eye(8)[list(code)]))
            image = (logits > 0).astype(float)
            fit = float(model.log_likelihood(image, logits))
            log_p = float(model.exact(params, image[None]).log_p[0])
            numbers = chart.numbers
            assert numbers["on"] == image.sum()
            assert numbers["fit"] == pytest.approx(fit, abs=1e-6)
            assert numbers["log_p"] == pytest.approx(log_p, abs=0.0051)
            share = np.exp(fit - 4 * np.log(8) - log_p)
            assert numbers["share"] == pytest.approx(share, rel=0.006)
            assert f"code {''.join(map(str, code))}: {image.sum():.0f} of 64" in chart.words


def test_the_data_of_the_interactive_stay_small():
    chart = decoder(model.initial(rng=0), (0, 0, 0, 0))
    assert len(chart.specification["data"]["values"]) < 100_000
