"""``edge-detector bench``: what is measured, how it is reported, and how the threads are chosen and written."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_detector import cli
from edge_detector.commands import bench
from edge_detector.commands.bench.measuring import Bench, Flow, Round, Variant
from edge_detector.commands.bench.report import Figures, report
from edge_detector.commands.bench.tuning import best_threads, tune
from edge_detector.config import Config
from edge_detector.errors import ConfigError
from edge_detector.system.conditions import conditions
from edge_detector.system.energy import Energy, NoEnergy
from edge_detector.system.throttling import Cause, Throttling
from tests.command import run

FAKE = ("--runtime", "fake", "--source", "synthetic:?live=false")
NAMES = ("ssd_mobilenet_v2_fpnlite_256_coco_int8", "ssd_mobilenet_v2_fpnlite_320_coco_int8")
needs_two_cores = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores")


class CountingEnergy(Energy):
    """Two joules more at each look."""

    name = "of nothing"

    def __init__(self) -> None:
        self.used = 0.0

    def joules(self) -> float:
        self.used += 2
        return self.used


def complaint(capfd: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    exit_code = cli.main(["bench", *map(str, words)])
    return exit_code, capfd.readouterr().err.splitlines()[-1].removeprefix("edge-detector: error: ")


def variant(threads: int = 1, model: str = "m") -> Variant:
    return Variant(model, Config(threads=threads))


def a_round(fps: float = 10.0, *, joules: float | None = None, throttling: Throttling | None = None) -> Round:
    flow = Flow(20, 20 / fps, 0.4, (5.0,) * 19 + (45.0,), joules)
    return Round((80.0, 90.0, 130.0), flow, 50.0, throttling)


def figures(*fps: float) -> list[Figures]:
    """Of as many threads as there are speeds."""
    return [Figures.of(variant(threads), [a_round(each)]) for threads, each in enumerate(fps, 1)]


# ---- measuring


def test_variants_take_turns_and_the_order_is_reversed_each_time(monkeypatch) -> None:
    seconds = iter(range(1000))
    monkeypatch.setattr(Bench, "round", lambda _self, _config: a_round())
    measured = Bench(1.0, NoEnergy("none"), clock=lambda: next(seconds))
    turns = measured.rounds([variant(1), variant(2), variant(3)], seconds=5)
    assert [each.config.threads for each, _ in turns] == [1, 2, 3, 3, 2, 1, 1, 2, 3]


def test_a_round_measures_the_model_alone_and_the_pipeline() -> None:
    config = Config(runtime="fake", source="synthetic:?live=false", loop=True)
    energy = CountingEnergy()
    found = Bench(0.2, energy, temperature=lambda: 51.0, throttling=lambda: None).round(config)
    assert min(found.invoke_ms) > 0
    assert found.flow.frames == len(found.flow.latencies_ms) >= 2
    assert found.flow.seconds >= 0.1
    assert found.flow.joules == energy.used - 2  # the first look begins it
    assert (found.temperature_c, found.throttling) == (51.0, None)


# ---- the report


def test_figures_are_medians_of_rounds() -> None:
    found = Figures.of(variant(3), [a_round(9, joules=20.0), a_round(10, joules=40.0), a_round(50, joules=60.0)])
    assert (found.threads, found.rounds, found.fps, found.joules) == (3, 3, 10, 2.0)
    assert (found.invoke_p50_ms, found.latency_p50_ms) == (90, 5)
    assert 90 < found.invoke_p95_ms <= 130
    assert found.cpu_ms == pytest.approx(20)
    assert found.cpu_percent == pytest.approx(20)


def test_a_machine_that_tells_neither_energy_nor_throttling_is_unknown_and_not_zero() -> None:
    assert Figures.of(variant(), [a_round()]).row()[-2:] == ("unknown", "unknown")


def test_throttling_in_some_of_the_rounds_is_said() -> None:
    calm, hot = Throttling(Cause(0), Cause(0)), Throttling(Cause.THROTTLED, Cause(0))
    assert Figures.of(variant(), [a_round(throttling=calm)]).row()[-1] == "no"
    assert Figures.of(variant(), [a_round(throttling=each) for each in (calm, hot)]).row()[-1] == "throttled in 1 of 2"


def test_the_rise_of_the_temperature_is_from_before_the_first_round() -> None:
    rounds = [(variant(), a_round())]
    found = report(conditions(), rounds, first_temperature_c=41.5, energy=NoEnergy("no meter"), complete=True)
    assert "temperature 41.5 C, 50.0 C at most (+8.5); energy unknown: no meter" in list(found.lines())


@pytest.mark.parametrize(("load", "is_said"), [(0.4, False), (1.5, True)])
def test_a_busy_machine_is_said(load: float, is_said: bool) -> None:
    machine = {**conditions(), "load": load, "cores": 2}
    found = report(machine, [(variant(), a_round())], first_temperature_c=None, energy=NoEnergy("-"), complete=True)
    assert ("other programs kept 1.5 of 2 cores busy before" in "\n".join(found.lines())) is is_said


def test_the_fake_runtime_is_named_fake(capsys, tmp_path) -> None:
    assert cli.main(["bench", *FAKE, "--threads", "1", "--seconds", "0.4", "--json", str(tmp_path / "b.json")]) == 0
    said = capsys.readouterr().out
    assert "the runtime is fake: there is no model" in said
    found = json.loads((tmp_path / "b.json").read_text())
    assert (found["fake"], found["complete"], [each["model"] for each in found["figures"]]) == (True, True, ["fake"])
    assert found["figures"][0]["fps"] > 0
    assert {"board", "cores", "kernel", "governor", "load", "versions"} <= set(found["conditions"])


def test_several_models_are_compared_by_speed_and_accuracy(capsys) -> None:
    assert cli.main(["bench", *(f"--model={name}" for name in NAMES), "--threads", "1", "--seconds", "0.2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    head = next(number for number, line in enumerate(lines) if "best fps" in line)
    assert [line.split()[:2] for line in lines[head + 1 : head + 3]] == [[NAMES[1], "0.289"], [NAMES[0], "0.270"]]


def interrupted_after(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def rounds(*_: object) -> Iterator[tuple[Variant, Round]]:
        yield from [(variant(), a_round())] * count
        raise KeyboardInterrupt

    monkeypatch.setattr(Bench, "rounds", rounds)


def test_ctrl_c_gives_what_was_measured_until_then(capsys, monkeypatch, tmp_path) -> None:
    interrupted_after(2, monkeypatch)
    path = tmp_path / "c.toml"
    path.write_text("threads = 2\n")
    assert cli.main(["bench", *FAKE, "--json", str(tmp_path / "b.json"), "--tune", str(path), "--even-if-busy"]) == 130
    assert "ended by Ctrl-C: this is what was measured until then" in capsys.readouterr().out
    assert json.loads((tmp_path / "b.json").read_text())["figures"][0]["rounds"] == 2
    assert path.read_text() == "threads = 2\n"  # half of the rounds are no reason


def test_ctrl_c_before_anything_was_measured_says_nothing(capsys, monkeypatch) -> None:
    interrupted_after(0, monkeypatch)
    assert cli.main(["bench", *FAKE]) == 130
    assert capsys.readouterr().out == ""


# ---- errors come before anything is measured


@pytest.mark.parametrize(
    ("words", "exit_code", "message"),
    [
        (("--seconds", "0"), 2, "--seconds 0: expected more than 0"),
        (("--threads", "0"), 2, "--threads 0: expected 1 to "),
        (("--threads", "4096"), 2, "--threads 4096: expected 1 to "),
        (("--model", "no_such_model"), 78, "no_such_model: no such model file"),
        (("--model", "/no/such.tflite"), 78, "/no/such.tflite: no such model file"),
        (("--json", "/no/such/folder/b.json"), 78, "--json /no/such/folder/b.json: cannot be written"),
        (("--json", "/tmp"), 78, "--json /tmp: cannot be written; name a file"),
        (("--tune", "/no/such.toml"), 78, "/no/such.toml: cannot read it: No such file"),
        (("--tune", "a.toml", "--model", "m"), 2, "--tune measures the model of its configuration"),
        (("--even-if-busy",), 2, "--even-if-busy belongs to --tune CONFIG.toml"),
        (("--runtime", "tpu"), 78, "unknown runtime 'tpu'"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(capfd, words, exit_code: int, message: str) -> None:
    code, said = complaint(capfd, *words)
    assert said.startswith(message)
    assert code == exit_code


def test_without_the_clip_a_film_is_asked_for(capfd, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(bench, "FOLDERS", (tmp_path / "models",))
    code, said = complaint(capfd, "--runtime", "fake")
    assert said == f"the demo clip is not in {tmp_path / 'demo/demo.mp4'}; name a film with --source FILE.mp4"
    assert code == 78


# ---- threads


def test_the_fewest_threads_that_are_nearly_the_fastest_are_best() -> None:
    assert best_threads(figures(10, 18, 24.6, 25), cores=4, sinks=["jsonl"]).threads == 3
    assert best_threads(figures(10, 18, 20, 25), cores=4, sinks=["jsonl"]).threads == 4


def test_a_core_stays_free_for_what_draws_and_encodes() -> None:
    choice = best_threads(figures(10, 18, 20, 25), cores=4, sinks=["jsonl", "video:out.mp4", "web"])
    assert choice.threads == 3
    assert choice.reason == (
        "fps by threads 1: 10.0, 2: 18.0, 3: 20.0, 4: 25.0; of 4 cores one stays free for video and web"
    )


def test_without_sinks_there_is_a_display() -> None:
    assert best_threads(figures(10, 18), cores=2, sinks=[]).threads == 1
    assert best_threads(figures(10), cores=1, sinks=[]).threads == 1


def test_what_was_not_measured_cannot_be_chosen() -> None:
    with pytest.raises(ConfigError, match=r"--tune: web needs a core of 4; measure with --threads 3, too"):
        best_threads(figures(10, 18, 20, 25)[3:], cores=4, sinks=["web"])


def test_the_choice_is_written_with_its_reason_and_comments_stay(tmp_path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('# mine\nsinks = ["print"]\nthreads = 4  # all\n\n[class_confidence]\ndog = 0.4\n')
    choice = best_threads(figures(10, 9), cores=2, sinks=["print"])
    for _ in range(2):  # the second reason takes the place of the first
        tune(path, choice)
        assert path.read_text() == (
            '# mine\nsinks = ["print"]\n# edge-detector bench: fps by threads 1: 10.0, 2: 9.0\nthreads = 1  # all\n\n'
            "[class_confidence]\ndog = 0.4\n"
        )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('"threads" = 2\n', "cannot be changed line by line: "),
        ('source = """\nthreads = 1\n"""\n', "cannot be changed line by line: "),
        ("threads = \n", "not valid TOML: "),
        ("treads = 2\n", "unknown option 'treads'; did you mean 'threads'?"),
    ],
)
def test_a_file_that_cannot_be_changed_is_refused_before_measuring(capfd, tmp_path, text: str, message: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(text)
    code, said = complaint(capfd, *FAKE, "--tune", path)
    assert message in said
    assert str(path) in said
    assert (code, path.read_text()) == (78, text)


def test_a_folder_that_cannot_be_written_is_refused_before_measuring(capfd, tmp_path, monkeypatch) -> None:
    path = tmp_path / "c.toml"
    path.write_text("threads = 2\n")
    monkeypatch.setattr(os, "access", lambda place, _mode: Path(place) != tmp_path)
    code, said = complaint(capfd, *FAKE, "--tune", path)
    assert said == f"--tune {path}: {tmp_path} cannot be written, where the new file is made; try sudo"
    assert code == 78


@pytest.mark.parametrize(
    ("load", "words", "exit_code"), [(1.5, (), 1), (1.5, ("--even-if-busy",), 130), (0.4, (), 130)]
)
def test_a_busy_machine_is_not_tuned_unless_asked(capfd, tmp_path, monkeypatch, load, words, exit_code: int) -> None:
    path = tmp_path / "c.toml"
    path.write_text("threads = 3\n")
    monkeypatch.setattr(bench, "conditions", lambda: {**conditions(), "load": load, "cores": 2})
    monkeypatch.setattr(bench, "measured", lambda _: None)  # as after Ctrl-C at once
    assert cli.main(["bench", *FAKE, "--tune", str(path), *words]) == exit_code
    assert ("in the last minute 1.5 of 2 cores were busy" in capfd.readouterr().err) is (exit_code == 1)
    assert path.read_text() == "threads = 3\n"


@needs_two_cores
def test_a_configuration_is_tuned_to_what_was_measured(tmp_path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('runtime = "fake"  # no model\nsource = "0"\nsinks = ["web"]\n')
    exit_code, output, _ = run("bench", "--source", FAKE[3], "--seconds", "0.4", "--tune", path, "--even-if-busy")
    assert exit_code == 0
    # Of two cores, the page needs one; of more, the fake runtime has no use for them, but noise may choose.
    assert tomllib.loads(path.read_text())["threads"] < len(os.sched_getaffinity(0))
    lines = path.read_text().splitlines()
    assert lines[:3] == ['runtime = "fake"  # no model', 'source = "0"', 'sinks = ["web"]']
    assert lines[3].startswith("# edge-detector bench: fps by threads 1: ")
    assert output.splitlines()[-1].startswith(f"{path}: threads = ")
