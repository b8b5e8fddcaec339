"""Shards: the same draw for any chunking, on threads and on worker processes."""

import dask.array as da
import numpy as np
import pytest
from distributed import Client, LocalCluster
from scipy import special, stats

from gumbel_lib.noise import keyed_gumbel
from gumbel_lib.sampling import sample_distributed

LOGITS = np.random.default_rng(0).normal(scale=2, size=(3, 5000))
LOGITS[:, ::7] = -np.inf


def noise_and_top(seed, k):
    noise = np.stack([keyed_gumbel(seed, row, 0, 5000) for row in range(3)])
    return np.argsort(-(LOGITS + noise), axis=1)[:, :k]


@pytest.mark.parametrize("chunks", [(3, 5000), (1, 1000), (2, 777), (3, (1, 4, 4995))])
def test_any_chunking_draws_what_one_machine_draws(chunks):
    logits = da.from_array(LOGITS, chunks=chunks)
    assert np.array_equal(sample_distributed(logits, 4, seed=9), noise_and_top(9, 4))
    alone = np.argsort(-(LOGITS[1] + keyed_gumbel(9, 0, 0, 5000)))[:4]
    assert np.array_equal(sample_distributed(logits[1], 4, seed=9), alone)


def test_worker_processes_draw_the_same(capsys):
    logits = da.from_array(LOGITS, chunks=(2, 777))
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        assert len(set(client.run(lambda: __import__("os").getpid()).values())) == 2
        for keyed in (True, False):
            there = sample_distributed(logits, 4, seed=9, keyed=keyed, client=client, progress=True)
            here = sample_distributed(logits, 4, seed=9, keyed=keyed)
            assert np.array_equal(there, here)
    assert "Completed" in capsys.readouterr().out


@pytest.mark.parametrize("keyed", [True, False])
def test_draws_agree_with_softmax(keyed):
    # 3000 rows of one law; every row has noise of its own.
    row = np.array([0.0, 1.0, -1.0, 2.0, 0.5])
    logits = da.from_array(np.tile(row, (3000, 1)), chunks=(1000, 2))
    counts = np.bincount(sample_distributed(logits, seed=1, keyed=keyed)[:, 0], minlength=5)
    assert stats.chisquare(counts, 3000 * special.softmax(row)).pvalue > 1e-6


def test_progress_is_shown(capsys):
    sample_distributed(da.zeros(10, chunks=5), seed=0, progress=True)
    assert "Completed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("named", "logits", "options"),
    [
        ("logits", np.zeros(3), {}),
        ("logits", da.zeros((2, 2, 2)), {}),
        ("logits", da.zeros(6)[da.ones(6) > 0], {}),
        ("logits", da.full(6, np.nan), {}),
        ("logits", da.full((1, 6), -np.inf), {}),
        ("k", da.zeros(6), {"k": 0}),
        ("seed", da.zeros(6), {"seed": -1}),
        ("seed", da.zeros(6), {"seed": 2**64}),
    ],
)
def test_bad_input_is_named(named, logits, options):
    with pytest.raises((TypeError, ValueError), match=f"^{named}: expected .*, got "):
        sample_distributed(logits, **{"seed": 0, **options})
