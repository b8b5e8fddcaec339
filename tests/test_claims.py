"""The engine of claims. The claims themselves are computed by the notebooks."""

import dataclasses
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import SharedVerdicts

from gumbel_lib import chapters, claims
from gumbel_lib.chapters.__main__ import main


def fake(measured, control, method="quadrature"):
    """A claim with bound 1 that measures the given values."""
    return claims.Claim(
        "fake", "none", "A fake.", method, 1.0,
        lambda wrong=False: control if wrong else measured,
        "made wrong", {"wrong": True},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("measured", "control", "holds"),
    [
        (0.5, 2.0, True),
        (2.0, 2.0, False),
        (0.5, 0.5, False),
        (np.nan, 2.0, False),
        (0.5, np.nan, False),
        (1.0, 2.0, False),
    ],
)
def test_verdict_needs_a_claim_that_holds_and_a_control_that_fails(
    measured, control, holds, monkeypatch
):
    monkeypatch.setattr(chapters, "_stated_in", lambda label: "none")
    monkeypatch.setattr(chapters, "claims_of", lambda chapter: {"fake": fake(measured, control)})
    if holds:
        assert "holds  yes" in repr(chapters.verify("fake"))
    else:
        with pytest.raises(AssertionError, match="holds  NO"):
            chapters.verify("fake")


@pytest.mark.parametrize("measured", [0.1 + 0.2, np.inf, np.nan])
def test_notebooks_of_one_run_share_verdicts_to_the_last_bit_and_no_others_do(
    measured, tmp_path, monkeypatch
):
    assert claims.SHARED not in os.environ  # of a test that is no cell of a notebook
    first, second = fake(measured, 2.0), fake(5.0, 6.0)  # of one label
    monkeypatch.setenv(claims.SHARED, str(tmp_path))
    for claim in (first, second):
        verdict = claims.check(claim)
        assert verdict.claim is claim
        np.testing.assert_equal((verdict.measured, verdict.control_measured), (measured, 2.0))
    assert [path.name for path in tmp_path.iterdir()] == ["fake.json"]
    monkeypatch.delenv(claims.SHARED)
    assert claims.check(second).measured == 5.0


@pytest.mark.parametrize("kind", ["IPyNbCell", "Function"])
def test_cells_of_notebooks_alone_are_given_the_shared_folder(kind, request):
    kinds = [type(plugin).__name__ for plugin in request.config.pluginmanager.get_plugins()]
    assert "SharedVerdicts" in kinds
    setup = SharedVerdicts().pytest_runtest_setup(type(kind, (), {})())
    next(setup)
    given = claims.SHARED in os.environ
    with pytest.raises(StopIteration):
        setup.send(None)
    assert given == (kind == "IPyNbCell")
    assert claims.SHARED not in os.environ


def test_claims_that_leave_the_precision_of_jax_measure_the_same_in_both(monkeypatch):
    """One notebook may compute a claim for another, which has JAX in the other state."""
    monkeypatch.setattr("gumbel_lib.chapters.categorical_vae.claims.NOISE_DRAWS", 2**20)
    known = chapters.all_claims().values()
    left = [one for one in known if "double=False" in inspect.getsource(one.discrepancy)]
    assert len(left) > 2
    jax = claims.cpu_jax(double=False)
    for one in left:
        measured = []
        for double in (False, True):
            with jax.enable_x64(double):
                measured.append(one.discrepancy())
        assert measured[0] == measured[1], one.label


@pytest.fixture
def ledger(monkeypatch):
    """Makes the ledger hold one fake claim a chapter, of two chapters."""
    module = "gumbel_lib.chapters.__main__"
    monkeypatch.setattr(f"{module}.CHAPTERS", {"good": "Good", "other": "Other"})

    def hold(*measured):
        made = {"good": {"fine": fake(0.5, 2.0)}, "other": {"fake": fake(*measured)}}
        monkeypatch.setattr(f"{module}.claims_of", made.get)

    return hold


@pytest.mark.parametrize(
    ("measured", "control", "code"), [(0.5, 2.0, 0), (2.0, 2.0, 1), (0.5, 0.5, 1)]
)
def test_ledger_exits_1_if_a_claim_fails_or_a_control_passes(
    measured, control, code, ledger, capsys
):
    ledger(measured, control)
    assert main([]) == code
    assert f"{2 - code} of 2 claims hold" in capsys.readouterr().out
    assert main(["good"]) == 0
    assert "1 of 1 claims hold" in capsys.readouterr().out
    assert main(["--json", "other"]) == code
    (record,) = json.loads(capsys.readouterr().out)
    assert record["holds"] is (code == 0)
    assert record["measured"] == measured


def test_ledger_prints_json_where_a_measure_is_no_number(ledger, capsys):
    ledger(np.nan, np.inf)
    assert main(["--json"]) == 1
    assert json.loads(capsys.readouterr().out)[1]["control_measured"] == "inf"


def test_ledger_of_an_unknown_chapter_names_the_chapters(ledger, capsys):
    with pytest.raises(SystemExit):
        main(["relaxing"])
    assert "chapters: expected some of good, other, got 'relaxing'" in capsys.readouterr().err


def test_a_claim_without_control_or_power_is_refused():
    complete = {"method": "quadrature", "bound": 1.0, "control": "none", "wrong": {"x": 1}}
    for broken, named in (
        ({"wrong": {}}, "wrong"),
        ({"method": "belief"}, "method"),
        ({"method": "Monte Carlo"}, "power"),
    ):
        with pytest.raises(ValueError, match=f"^{named}: expected"):
            claims.claim("new", "Statement.", **{**complete, **broken})
    known = next(iter(chapters.all_claims()))
    with pytest.raises(ValueError, match="^label: expected a new one"):
        claims.claim(known, "Statement.", **complete)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("gumbel-maximum", "a claim such as gumbel-max"),
        ("no such thing", r"a claim that `all_claims\(\)` lists"),
    ],
)
def test_an_unknown_label_is_told_those_near_it_or_where_all_are_listed(label, expected):
    with pytest.raises(ValueError, match=f"^label: expected {expected}.*, got '{label}'$") as error:
        chapters.verify(label)
    assert len(str(error.value)) < 250


def test_a_label_that_is_no_string_is_refused():
    with pytest.raises(TypeError, match="^label: expected a string, got 3"):
        chapters.verify(3)


def test_an_unlisted_chapter_is_told_where_to_list_it():
    where = "^chapter: expected one that CHAPTERS in gumbel_lib.chapters lists, got 'newcomer'$"
    with pytest.raises(ValueError, match=where):
        chapters.claims_of("newcomer")


def test_every_folder_of_a_chapter_is_listed():
    folders = {path.parent.name for path in Path(chapters.__file__).parent.glob("*/__init__.py")}
    unlisted = folders - {"index"} ^ set(chapters.CHAPTERS)
    assert not unlisted, f"a folder and a line in CHAPTERS of gumbel_lib.chapters for {unlisted}"


def test_every_claim_is_found_by_its_label():
    for label, claim in chapters.all_claims().items():
        assert chapters._stated_in(label) == claim.chapter


def test_verify_imports_the_chapter_of_its_claim_and_no_other():
    code = (
        "import sys\nfrom gumbel_lib.chapters import CHAPTERS, verify\n"
        "verify('gumbel-max')\n"
        "names = [f'gumbel_lib.chapters.{name}' for name in CHAPTERS]\n"
        "print(*[name for name in names if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["gumbel_lib.chapters.gumbel_max"]


def test_rounding_noise_prints_as_a_bound():
    rows = [claims.Verdict(fake(value, 2.0), value, 2.0).row() for value in (0.0, 3e-7, 0.123)]
    assert [row["measured"] for row in rows] == ["below 1e-03", "below 1e-03", "0.12"]


def test_what_is_counted_exactly_prints_as_it_is():
    exact = fake(0.0, 2.0, method="exact arithmetic")
    assert claims.Verdict(exact, 0.0, 2.0).row()["measured"] == "0"


def test_html_escapes_what_a_claim_says():
    claim = dataclasses.replace(fake(0.5, 2.0), statement="<script>", control="a & b")
    html = claims.Verdicts([claims.Verdict(claim, 0.5, 2.0)])._repr_html_()
    assert "<td>&lt;script&gt;</td>" in html
    assert "a &amp; b" in html
    assert '<th scope="col">claim</th>' in html


@pytest.mark.parametrize(("counts", "total"), [([0, 1, 7, 40], 40), (245, 1000)])
def test_wilson_holds_the_shares_within_z_of_their_own_standard_errors(counts, total):
    z = 5.0
    share = np.asarray(counts) / total
    for end in claims.wilson(counts, total, z):
        inside = (end > 0) & (end < 1)
        errors = z * np.sqrt(end * (1 - end) / total)
        assert np.allclose(np.abs(share - end)[inside], errors[inside], rtol=1e-6)


def test_complex_step_is_a_derivative_to_the_last_digits():
    x = np.array([0.5, 2.0])
    jacobian = claims.complex_step(lambda x: np.array([x[0] * x[1], np.sin(x[0])]), x)
    # A sine and a cosine within a few units in the last place, 2e-16 each; a central difference
    # is at best good to 1e-11.
    assert np.allclose(jacobian, [[2.0, 0.5], [np.cos(0.5), 0.0]], rtol=1e-14, atol=0)
