import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from classifier.artifact import MODEL_CARD, read_manifest, write_manifest
from classifier.classifier import Classifier
from router.core.policy import Thresholds
from router.core.types import MODES
from training import judges
from training.boosting import Recipe
from training.cli import OK, REFUSED, UNMET, main
from training.state import digest_tree


@pytest.fixture(scope="module")
def quick() -> pytest.MonkeyPatch:
    """Fewer trees: what is tested here is the pipeline, not the model."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in vars(judges) if name.endswith("_TREES")]:
            patch.setattr(judges, name, replace(getattr(judges, name), n_trees=4))
        patch.setattr("training.placebo._RECIPE", Recipe(n_trees=4))
        patch.setattr("training.bootstrap.N_RESAMPLES", 20)
        patch.setattr("training.baselines.litellm_rules", lambda texts: None)
        yield patch


def run(tables: Path, out: Path, *more: str) -> int:
    common = ("--data", str(tables), "--out", str(out), "--no-transfer", "--no-everyday", "--quiet")
    return main(["run", *common, "--max-quality-loss", "0.08", *more])


@pytest.fixture(scope="module")
def done(tables: Path, tmp_path_factory: pytest.TempPathFactory, quick: pytest.MonkeyPatch) -> Path:
    out = tmp_path_factory.mktemp("run")
    assert run(tables, out) == OK
    return out


def test_a_run_leaves_an_artifact_that_the_gateway_can_serve(done: Path) -> None:
    served = Classifier.load(done / "artifact")
    thresholds = served.manifest.thresholds
    assert thresholds is not None
    assert all(Thresholds(**thresholds[mode]) for mode in MODES)
    assert thresholds["certificate"]["artifact"] == served.artifact
    assert served.manifest.metrics["test_auroc"] > 0.6
    reference = served.manifest.complexity_reference
    assert reference is not None
    assert reference["at_most"] == sorted(reference["at_most"])
    assert reference["at_most"][-1] == 1
    assert set(served.manifest.models) == {"s1", "s2", "g1", "g2", "other"}
    assert (served.mean_success("g1") or 0) > (served.mean_success("s1") or 1)


def test_a_second_run_skips_what_has_not_changed(done: Path, tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = digest_tree([done])
    assert run(tables, done) == OK
    assert capsys.readouterr().out.count("unchanged, skipped") == 6
    assert digest_tree([done]) == before


def test_a_fit_that_is_made_again_has_its_thresholds_again(done: Path, tables: Path) -> None:
    before = read_manifest(done / "artifact")
    (done / "artifact" / "tree_value.npy").unlink()
    assert run(tables, done) == OK
    assert read_manifest(done / "artifact") == before


def test_another_target_chooses_anew_without_fitting_anew(
    done: Path, tables: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["thresholds", "--out", str(done), "--target-cost-share", "0.5"]) == OK
    assert "uncertified" in capsys.readouterr().out
    assert main(["thresholds", "--out", str(done), "--max-quality-loss", "0.00001"]) == UNMET
    assert "no threshold meets" in capsys.readouterr().err
    assert run(tables, done) == OK
    assert capsys.readouterr().out.count("unchanged, skipped") == 5


def test_the_same_inputs_give_the_same_bytes(
    done: Path, tables: Path, tmp_path: Path, quick: pytest.MonkeyPatch
) -> None:
    assert run(tables, tmp_path / "again") == OK
    names = ["artifact", "evaluation.json", "thresholds.json", "report.html", "cost_quality.png"]
    for name in names:
        first, second = digest_tree([done / name]), digest_tree([tmp_path / "again" / name])
        assert first == second, name


INTERRUPTED_IN = (
    "steps.write_tables",
    "steps.learn_recorded",
    "steps.prompt_mix",
    "steps.choose",
    "look.placebos",
    "report.page",
)
"""Something late in each step, in their order."""


def test_an_interrupted_run_goes_on_where_it_was_and_ends_with_the_same_bytes(
    done: Path, tables: Path, tmp_path: Path, quick: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_args: object, **_named: object) -> None:
        raise KeyboardInterrupt

    for place in INTERRUPTED_IN:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(f"training.{place}", interrupt)
            assert run(tables, tmp_path) == 130
        said = capsys.readouterr()
        assert said.out.count("unchanged, skipped") == max(0, INTERRUPTED_IN.index(place) - 1)
        assert "run the same command again" in said.err
    assert run(tables, tmp_path) == OK
    assert capsys.readouterr().out.count("unchanged, skipped") == 5
    for name in ("artifact", "evaluation.json", "thresholds.json", "report.html"):
        assert digest_tree([done / name]) == digest_tree([tmp_path / name]), name


def test_the_report_is_one_file_that_fetches_nothing(done: Path) -> None:
    page = (done / "report.html").read_text(encoding="utf-8")
    assert re.findall(r'(?:src|href)="(?!data:)', page) == []
    assert "http" not in page
    assert page.count("<img") == 3
    assert "prefers-color-scheme: dark" in page


def test_the_report_and_the_card_quote_no_prompt(done: Path) -> None:
    text = (done / "report.html").read_text() + (done / "artifact" / MODEL_CARD).read_text()
    assert "asymptotic" not in text


def test_each_look_at_the_test_split_leaves_a_line(done: Path) -> None:
    looks = [json.loads(line) for line in (done / "looks.jsonl").read_text().splitlines()]
    assert [look["look"] for look in looks] == list(range(1, len(looks) + 1))


def test_a_model_added_from_a_file_stands_in_the_manifest(done: Path, tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_text("prompt,score\n" + "\n".join(f"prove lemma {n},{n % 2}" for n in range(40)))
    before = read_manifest(done / "artifact")
    assert main(["add-model", str(path), "--artifact", str(done / "artifact"), "--model", "openai/new"]) == OK
    found = read_manifest(done / "artifact")
    assert found.models["openai/new"]["outcomes"] == 40
    assert found.artifact == before.artifact
    write_manifest(done / "artifact", before)


def test_an_artifact_compared_with_itself_is_judged_by_its_gates(done: Path, tmp_path: Path) -> None:
    artifact = str(done / "artifact")
    main(["compare", artifact, artifact, "--out", str(done), "--json", str(tmp_path / "found.json")])
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["measures"]["auroc"]["difference"] == 0
    assert {gate["gate"] for gate in found["gates"] if not gate["passed"]} <= {
        "ECE at most 0.03",
        "AUROC on shuffled labels within 0.05 of 0.5",
    }


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("run", "--data", "/nowhere", "--out", "{out}"), "not found"),
        (("load", "--out", "{out}"), "--data"),
        (("evaluate", "--out", "{out}"), "training fit"),
        (("add-model", "/nowhere.csv", "--artifact", "{out}", "--model", "m"), "not found"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_next_step(
    arguments: tuple[str, ...], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([argument.format(out=tmp_path) for argument in arguments]) == REFUSED
    assert complaint in capsys.readouterr().err
