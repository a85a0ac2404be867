"""Another program writes to the tables, between two builds and in the middle of one: no version changes."""

from __future__ import annotations

import random
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import chain
from pathlib import Path

import lance
import lancedb

from campaigns import kills, sound
from campaigns.runner import Runner
from campaigns.states import SCENARIOS, Scenario, Stage, Trial, own_cache

SEED = 7
TABLE = re.compile(r"\w+\.lance")


def _table(package: Path, rng: random.Random, named: str = "") -> Path:
    if (package / named / "_versions").is_dir():
        return package / named
    return rng.choice(sorted(path for path in package.glob("*.lance") if (path / "_versions").is_dir()))


def append(table: Path) -> None:
    dataset = lance.dataset(str(table))
    lance.write_dataset(dataset.head(2), str(table), mode="append")


def update(table: Path) -> None:
    dataset = lance.dataset(str(table))
    name = next(field.name for field in dataset.schema if str(field.type) in ("string", "large_string"))
    dataset.update({name: "'changed'"})


def delete(table: Path) -> None:
    lance.dataset(str(table)).delete("true")


def overwrite(table: Path) -> None:
    lance.write_dataset(lance.dataset(str(table)).head(1), str(table), mode="overwrite")


def compact(table: Path) -> None:
    append(table)
    lance.dataset(str(table)).optimize.compact_files()


def clean_up(table: Path) -> None:
    lance.dataset(str(table)).cleanup_old_versions(
        older_than=timedelta(0), delete_unverified=True, error_if_tagged_old_versions=False
    )


def append_and_clean_up(table: Path) -> None:
    """Nothing that no tag keeps is left but the program's own state."""
    append(table)
    clean_up(table)


def restore(table: Path) -> None:
    dataset = lance.dataset(str(table))
    lance.dataset(str(table), version=dataset.versions()[0]["version"]).restore()


def optimize(table: Path) -> None:
    opened = lancedb.connect(table.parent).open_table(table.stem)
    opened.add(opened.head(1))
    opened.optimize(cleanup_older_than=timedelta(days=1))


def add_column(table: Path) -> None:
    lance.dataset(str(table)).add_columns({"added": "1"})


ACTS: tuple[Callable[[Path], None], ...] = (
    append, update, delete, overwrite, compact, clean_up, append_and_clean_up, restore, optimize, add_column,
)  # fmt: skip


def between(
    runner: Runner, stage: Stage, scenario: Scenario, act: Callable[[Path], None], seed: int
) -> list[str]:
    """Let another program write before a build: what is wrong then."""
    rng = random.Random(seed)
    with stage.trial(scenario) as trial:
        table = _table(trial.package, rng)
        act(table)
        said = sound.gathered(_between(runner, trial))
    return [f"{scenario.name}, {act.__name__} {table.stem} before: {one}" for one in said]


def _between(runner: Runner, trial: Trial) -> Iterator[str]:
    yield from sound.faults(trial.package, trial.earlier())
    (ended,) = runner.together([trial.ask()], trial.cache)
    if not ended.created:
        yield f"the build ended with {ended}"
    yield from kills.after(trial, gc_first=False)


def during(
    runner: Runner,
    stage: Stage,
    scenario: Scenario,
    act: Callable[[Path], None],
    step: int,
    seed: int,
    table: str = "",
) -> tuple[list[str], str]:
    """Let another program write before a step of a build: what is wrong then, and how the build ended."""
    rng = random.Random(seed)
    done: list[str] = []

    def write() -> None:
        try:
            chosen = _table(trial.package, rng, table)
        except IndexError:
            return  # there is no table yet
        try:
            act(chosen)
        except Exception as error:  # noqa: BLE001 - what another program makes of a half-made state is its own affair
            done.append(f"failed with {type(error).__name__}")
        done.append(chosen.stem)

    with stage.trial(scenario) as trial:
        ended, steps, _ = runner.watched(trial.ask(), trial.cache, trial.folder, pauses={step: write})
        said = [f"ended with a bug: {ended.bug}"] if ended.bug else []
        said += sound.gathered(kills.after(trial, gc_first=bool(seed % 2)))
        at = str(steps[min(step, len(steps)) - 1]).replace(str(trial.folder), "")
    where = f"{scenario.name}, {act.__name__} {' '.join(done)} before step {step} ({at})"
    how = "error" if ended.error else "published"
    return [f"{where}: {one}; the build: {ended}" for one in said], how


def trials(runner: Runner, stage: Stage, count: int, seed: int = SEED) -> Iterator[tuple[str, list[str]]]:
    """Every act between two builds, and `count` times one in the middle of a build; how it went, what was wrong."""
    rng = random.Random(seed)
    later = [scenario for scenario in stage.scenarios if scenario.history]
    for number, act in enumerate(ACTS):
        yield "between", between(runner, stage, later[number % len(later)], act, rng.randrange(1000))
    lengths = {one.name: len(kills.steps_of(runner, stage, one)) for one in stage.scenarios}
    for number in range(count):
        act, scenario = ACTS[number % len(ACTS)], rng.choice(stage.scenarios)
        step = rng.randint(1, lengths[scenario.name])
        said, how = during(runner, stage, scenario, act, step, rng.randrange(1000))
        yield f"during, {how}", said


def at_every_step(runner: Runner, stage: Stage, scenario: Scenario) -> Iterator[tuple[str, list[str]]]:
    """The worst of the acts before each step of a build, in the table that the step is about."""
    for step, about in enumerate(kills.steps_of(runner, stage, scenario), 1):
        found = TABLE.search(about)
        table = found[0] if found else ""
        said, how = during(runner, stage, scenario, append_and_clean_up, step, step, table)
        yield f"at each step, {how}", said


def main(count: int = 300) -> int:
    """Run all; print what was wrong."""
    wrong, done = [], Counter[str]()
    with tempfile.TemporaryDirectory() as folder, Runner() as runner:
        stage = Stage(Path(folder), SCENARIOS)
        with own_cache(Path(folder) / "cache"):
            incremental = next(scenario for scenario in SCENARIOS if scenario.name == "incremental")
            each = at_every_step(runner, stage, incremental)
            for how, said in chain(trials(runner, stage, count), each):
                wrong += said
                done[how] += 1
    for said in wrong:
        print(said)
    print(f"another program wrote {dict(done)}: {len(wrong)} wrong")
    return 1 if wrong else 0
