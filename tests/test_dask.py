"""Shards: the same draw for any chunking, on threads and on worker processes."""

import dask.array as da
import dask.bag
import numpy as np
import pytest
from dask.diagnostics import ProgressBar
from distributed import Client, LocalCluster
from scipy import special, stats

from gumbel_lib.noise import keyed_gumbel
from gumbel_lib.sampling import dask as module
from gumbel_lib.sampling import sample_dask

LOGITS = np.random.default_rng(0).normal(scale=2, size=(3, 5000))
LOGITS[:, ::7] = -np.inf


def noise_and_top(seed, k):
    noise = np.stack([keyed_gumbel(seed, row, 0, 5000) for row in range(3)])
    return np.argsort(-(LOGITS + noise), axis=1)[:, :k]


@pytest.mark.parametrize("chunks", [(3, 5000), (1, 1000), (2, 777), (3, (1, 4, 4995))])
def test_any_chunking_draws_what_one_machine_draws(chunks):
    logits = da.from_array(LOGITS, chunks=chunks)
    assert np.array_equal(sample_dask(logits, 4, seed=9), noise_and_top(9, 4))
    alone = np.argsort(-(LOGITS[1] + keyed_gumbel(9, 0, 0, 5000)))[:4]
    assert np.array_equal(sample_dask(logits[1], 4, seed=9), alone)


def test_worker_processes_draw_the_same():
    logits = da.from_array(LOGITS, chunks=(2, 777))
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        assert len(set(client.run(lambda: __import__("os").getpid()).values())) == 2
        for keyed in (True, False):
            here = sample_dask(logits, 4, seed=9, keyed=keyed)
            with client.as_current():
                there = sample_dask(logits, 4, seed=9, keyed=keyed)
            assert np.array_equal(there, here)


@pytest.mark.parametrize("keyed", [True, False])
def test_draws_agree_with_softmax(keyed):
    # 1500 rows of one law; every row has noise of its own. Errors of 10 % add 5 standard
    # deviations to the statistic.
    row = np.array([0.0, 1.0, -1.0, 2.0, 0.5])
    logits = da.from_array(np.tile(row, (1500, 1)), chunks=(500, 2))
    counts = np.bincount(sample_dask(logits, seed=1, keyed=keyed)[:, 0], minlength=5)
    assert stats.chisquare(counts, 1500 * special.softmax(row)).pvalue > 1e-6


def test_no_two_places_share_a_stream():
    # The words that seed a stream once ran together: (seed + 2**32, row 0) was (seed, row 1).
    # Streams are told apart by their first three draws of 2**40 classes, without jumps.
    far = (0, 1, 2, 2**31, 2**32, 2**32 + 1, 2**33, 2**63)
    drawn = {}
    for seed in far:
        for row in far:
            for start in far:
                (shard,) = module._shard(np.zeros((1, 3)), 3, seed, False, row, start)
                drawn[seed, row, start] = tuple(shard.state["keys"])
    assert len(set(drawn.values())) == len(drawn) == len(far) ** 3
    # And by the rows and chunks of one draw.
    rows = da.zeros((64, 300), chunks=(16, 60))
    (first, second) = (sample_dask(rows, 2, seed=seed, keyed=False) for seed in (3, 3 + 2**32))
    assert len(np.unique(np.concatenate([first, second]), axis=0)) > 120


def test_unkeyed_draws_of_neighbouring_streams_are_independent():
    rows = da.zeros((1200, 4), chunks=(400, 2))
    drawn = sample_dask(rows, seed=5, keyed=False)[:, 0]
    pairs = np.bincount(4 * drawn[::2] + drawn[1::2], minlength=16)
    assert stats.chisquare(pairs).pvalue > 1e-6
    again = sample_dask(rows, seed=6, keyed=False)[:, 0]
    assert stats.chisquare(np.bincount(4 * drawn + again, minlength=16)).pvalue > 1e-6


@pytest.mark.parametrize("fan_in", [2, 3])
@pytest.mark.parametrize("keyed", [True, False])
def test_many_chunks_merge_in_order(fan_in, keyed, monkeypatch):
    # Each chunk holds one class that can be drawn, so that a wrong index shows.
    monkeypatch.setattr(module, "_FAN_IN", fan_in)
    monkeypatch.setattr(module, "_AT_ONCE", 2)
    logits = np.full((2, 100), -np.inf)
    logits[:, 3::7] = 0
    drawn = sample_dask(da.from_array(logits, chunks=(1, 7)), 14, seed=1, keyed=keyed)
    assert (np.sort(drawn) == np.arange(3, 100, 7)).all()
    assert (drawn[0] != drawn[1]).any()


def test_integers_and_a_single_class_are_drawn():
    assert sample_dask(da.zeros((2, 1), dtype=int, chunks=1), seed=0).tolist() == [[0], [0]]
    assert sample_dask(da.zeros((0, 3), chunks=1), seed=0).shape == (0, 1)
    whole = np.arange(5)
    given = sample_dask(da.from_array(whole, chunks=2), 5, seed=0)
    assert np.array_equal(given, np.argsort(-(whole + keyed_gumbel(0, 0, 0, 5))))


def test_progress_is_shown(capsys):
    with ProgressBar():
        sample_dask(da.zeros(10, chunks=5), seed=0)
    assert "Completed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("named", "logits", "options"),
    [
        ("logits", np.zeros(3), {}),
        ("logits", [0.0], {}),
        ("logits", dask.bag.from_sequence([0.0]), {}),
        ("logits", da.zeros(()), {}),
        ("logits", da.zeros((2, 0)), {}),
        ("logits", da.zeros(3, dtype=complex), {}),
        ("logits", da.full(3, np.inf), {"keyed": False}),
        ("logits", da.ma.masked_array(da.zeros(4), mask=[0, 1, 0, 0]), {}),
        ("logits", da.ma.masked_array(da.zeros(4), mask=[0, 1, 0, 0]), {"keyed": False}),
        ("logits", da.zeros((2, 2, 2)), {}),
        ("logits", da.zeros(6)[da.ones(6) > 0], {}),
        ("logits", da.zeros((6, 2))[da.ones(6) > 0], {}),
        ("logits", da.full(6, np.nan), {}),
        ("logits", da.full((1, 6), -np.inf), {}),
        ("k", da.zeros(6), {"k": 0}),
        ("k", da.zeros(6), {"k": 1.5}),
        ("logits", da.zeros(6), {"k": 7}),
        ("seed", da.zeros(6), {"seed": -1}),
        ("seed", da.zeros(6), {"seed": 2**64}),
        ("seed", da.zeros(6), {"seed": 2**64, "keyed": False}),
        ("seed", da.zeros(6), {"seed": 0.5}),
        ("seed", da.zeros(6), {"seed": None}),
    ],
)
def test_bad_input_is_named(named, logits, options):
    with pytest.raises((TypeError, ValueError), match=f"^{named}: expected .*, got "):
        sample_dask(logits, **{"seed": 0, **options})
