"""What a loss of power could take: what was written, or named, and not yet brought to the disk.

The steps of a build are followed without stopping it. A file's bytes are safe after an fsync of the file, its name after
one of the folder that it is in. When a version's record gets its name, all that it depends on must be safe, and at the
end of the build everything else.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from campaigns.kills import told
from campaigns.runner import Runner
from campaigns.states import SCENARIOS, Scenario, Stage
from campaigns.steps import Step
from datapkg import leftovers, versions
from datapkg.places import Folder

WRITES = {
    "write",
    "pwrite64",
    "writev",
    "pwritev",
    "pwritev2",
    "ftruncate",
    "fallocate",
    "sendfile",
    "copy_file_range",
}


@dataclass
class Disk:
    """Files whose bytes, and files and folders whose names, are not on the disk yet."""

    bytes: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)

    def take(self, step: Step) -> None:
        """Follow one step."""
        path = step.paths[-1]
        if step.call in WRITES:
            self.bytes.add(path)
        elif step.call in ("fsync", "fdatasync"):
            self.bytes.discard(path)
            self.names = {name for name in self.names if str(Path(name).parent) != path}
        elif step.call.startswith(("rename", "link")):
            old = step.paths[0]
            if old in self.bytes:
                self.bytes.add(path)
            else:
                self.bytes.discard(path)
            self.names.add(path)
        elif step.new and step.call.startswith(("open", "creat", "mkdir")):
            self.names.add(path)

    def lost(self, wanted: Iterable[str]) -> list[str]:
        """Which of some files a loss of power could take, or harm."""
        return [
            path
            for path in wanted
            if path in self.bytes or any(str(one) in self.names for one in (Path(path), *Path(path).parents))
        ]


def unsafe(runner: Runner, stage: Stage, scenario: Scenario) -> Iterator[str]:
    """What a loss of power could take from a version, at its record and at the end of the build."""
    with stage.trial(scenario) as trial:
        ended, steps, _ = runner.watched(trial.ask(), trial.cache, trial.folder)
        assert ended.created, ended
        place, package = str(trial.package), Folder(trial.package)
        record = versions.read_record(package, ended.version)
        needed = leftovers.used_by(record, versions.read_files(package, record))
        listed = f"{place}/versions/{ended.version}.files.json"
        files = [f"{place}/{name}" for name in sorted(needed)]
        disk = Disk()
        for step in steps:
            if step.paths[-1] == f"{place}/versions/{ended.version}.json":
                own = f"{place}/{versions.own_list(record)}"
                for path in disk.lost([step.paths[0], own, *files]):
                    if path != step.paths[0] or path in disk.bytes:
                        yield f"{scenario.name}: {path} is not on the disk when the record is named"
            disk.take(step)
        kept = [
            *(trial.package / "releases").iterdir(),
            trial.package / "datapackage.json",
            *trial.folder.glob("*.lock"),
        ]
        record_path = f"{place}/versions/{ended.version}.json"
        for path in disk.lost([record_path, listed, *map(str, kept), *files]):
            yield f"{scenario.name}: {path} is not on the disk when the build is done"


def main() -> int:
    """Follow a build of each scenario; print what was not safe."""
    with tempfile.TemporaryDirectory() as folder, Runner() as runner:
        stage = Stage(Path(folder), SCENARIOS)
        wrong = sum(told(list(unsafe(runner, stage, scenario))) for scenario in SCENARIOS)
    print(f"{len(SCENARIOS)} builds followed: {wrong} wrong")
    return 1 if wrong else 0
