"""Two and four builds of one package at once: one wins each number, the others agree or say so, and nothing is damaged."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from campaigns import sound
from campaigns.runner import Ended, Runner
from campaigns.states import SCENARIOS, STATES, Scenario, Stage, Trial, own_cache
from datapkg import versions
from datapkg.places import Folder

SEED = 3
TRIED = SCENARIOS[:2]
"""A first build, and the next one of a package."""
LOSES = "another build made version"


def round_of(
    runner: Runner, stage: Stage, scenario: Scenario, states: Sequence[str]
) -> tuple[list[str], int]:
    """Let builders of some states, perhaps all the same, start at once: what is wrong then, and how many lost."""
    with stage.trial(scenario) as trial:
        asked = [trial.ask(state) for state in states]
        ended = runner.together(asked, trial.cache)
        said = sound.gathered(_after(trial, states, ended))
    lost = sum(bool(one.error) for one in ended)
    return [f"{scenario.name}, {', '.join(states)}: {one}" for one in said], lost


def _after(trial: Trial, states: Sequence[str], ended: Sequence[Ended]) -> Iterator[str]:
    package, history = trial.package, trial.earlier()
    for one in ended:
        if one.bug or (one.error and not (one.error == "VersionError" and LOSES in one.text)):
            yield f"ended with {one}"
    made = sorted(one.version for one in ended if one.created)
    have = versions.numbers(Folder(package))
    if made != have[len(history) :] or not made:
        yield f"{made} were made, and there are {have}"
    if len(set(states)) == 1 and (len(made) != 1 or any(one.error for one in ended)):
        yield f"builders of the same content did not agree: {ended}"
    for state, one in zip(states, ended, strict=True):
        if not one.error and one.digest != trial.stage.expected[state].digest:
            yield f"{state} gave {one}"
    winners = {
        one.version: trial.stage.expected[s] for s, one in zip(states, ended, strict=True) if one.created
    }
    first = [*history, *(winners[number] for number in sorted(winners))]
    with own_cache(trial.cache):
        yield from sound.faults(package, first)
        yield from sound.reclaimed(package)
        yield from sound.faults(package, first)
        last = first[-1]
        state = next(name for name, held in trial.stage.expected.items() if held == last)
        release = next(number for number, held in enumerate(first, 1) if held.digest == last.digest)
        yield from sound.completes(trial.ask(state), len(first), last, release)


def rounds(count: int, seed: int = SEED) -> Iterator[tuple[Scenario, list[str]]]:
    """`count` rounds of two and of four builders; in every other round all want the same."""
    rng = random.Random(seed)
    for number in range(count):
        for builders in (2, 4):
            scenario = TRIED[number // 2 % 2]
            states = rng.sample(sorted(STATES), builders) if number % 2 else [scenario.state] * builders
            yield scenario, states


def main(count: int = 20) -> int:
    """Run `count` rounds of two and of four builders; print what was wrong."""
    wrong, lost, done = [], 0, Counter[str]()
    with tempfile.TemporaryDirectory() as folder, Runner() as runner:
        stage = Stage(Path(folder))
        for scenario, states in rounds(count):
            said, losers = round_of(runner, stage, scenario, states)
            wrong += said
            lost += losers
            done[f"{len(states)} builders"] += 1
    for said in wrong:
        print(said)
    print(f"rounds of {dict(done)}, {lost} builders lost: {len(wrong)} wrong")
    return 1 if wrong else 0
