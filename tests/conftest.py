"""Fixtures that every test file may use."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import make
import make_large
import make_web
import pytest
import stores
from campaigns.runner import Runner
from campaigns.states import Stage
from hypothesis import settings

from datapkg.remote import patience

settings.register_profile("no clock", deadline=None)  # other work on the machine must fail no test
settings.load_profile("no clock")

os.environ |= {  # Ray looks at these when it is imported: nobody else may join the tests' cluster
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": uuid.uuid4().hex * 2,
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "1",  # two machines of one, which Ray else has on Linux alone
}

PROJECT = make.PROJECT
SHARED = Path(os.environ.get("DATAPKG_SHARED", PROJECT.parent / "shared")) / "data"


def pytest_collection_finish() -> None:
    """Thousands of tests stay to the end: the garbage collector need not look at them again and again."""
    gc.freeze()


def pytest_sessionfinish() -> None:
    """At the end it does, so that libraries do not take what is left for lost."""
    gc.unfreeze()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real files; where it is absent a test is skipped, but in CI it fails."""
    if not SHARED.is_dir():
        reason = f"the real files are not at {SHARED}; set DATAPKG_SHARED to the folder that holds data/"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return SHARED


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """A little data set and its manifest; files with other needs have a fixture of their own."""
    return make.folder(tmp_path)


@pytest.fixture
def package(manifest: Path, tmp_path: Path) -> Path:
    """The package of that manifest."""
    make.build(manifest, tmp_path / "p")
    return tmp_path / "p"


@pytest.fixture(scope="session")
def large() -> Iterator[Path]:
    """A package of 200 MB, which goes when the tests end."""
    with tempfile.TemporaryDirectory(prefix="datapkg-tests-") as folder:
        yield make_large.package(Path(folder))


@pytest.fixture(scope="session")
def moto() -> Iterator[stores.ObjectStore]:
    """A store that heeds conditional puts."""
    store = stores.moto()
    yield store
    store.stop()


@pytest.fixture(scope="session")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stores.ObjectStore]:
    """A store that does not: packages in it need a single writer."""
    store = stores.rclone(tmp_path_factory.mktemp("rclone"))
    yield store
    store.stop()


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Where samples of the campaigns take place."""
    return Stage(tmp_path_factory.mktemp("stage"))


@pytest.fixture(scope="session")
def runner() -> Iterator[Runner]:
    """Runs the builds that they disturb."""
    with Runner() as running:
        yield running


@pytest.fixture
def reached(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> stores.ObjectStore:
    """The store that a test is parametrized with by name, with the environment to reach it."""
    store: stores.ObjectStore = request.getfixturevalue(request.param)
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    return store


@pytest.fixture
def uri() -> str:
    """An empty prefix."""
    return f"s3://{stores.BUCKET}/{uuid.uuid4().hex[:12]}/Müller 1"


@pytest.fixture
def options(reached: stores.ObjectStore) -> dict[str, Any]:
    """What a build into the store needs."""
    return {"single_writer": reached.single_writer}


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[make_web.Site]:
    """A web server on this machine, a cache without anything in it, and no pause between tries."""
    monkeypatch.setenv("DATAPKG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(patience, "FIRST_PAUSE_S", 0.0)
    with make_web.serving() as served:
        yield served


CLUSTER = """
import os, sys, tempfile
from pathlib import Path
from ray.cluster_utils import Cluster

def machine(number):
    home = Path(sys.argv[1], f"machine{number}")
    for name in ("tmp", "here"):
        (home / name).mkdir(parents=True)
    os.environ |= {"TMPDIR": str(home / "tmp"), "DATAPKG_CACHE": str(home / "cache")}
    tempfile.tempdir = None
    os.chdir(home / "here")
    return {"num_cpus": 1, "object_store_memory": 80 << 20, "include_dashboard": False}

os.environ["RAY_TMPDIR"] = sys.argv[1]
Path(sys.argv[1], "ray").mkdir()
cluster = Cluster(initialize_head=True, head_node_args=machine(1))
cluster.add_node(wait=True, **machine(2))
print(cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""


@pytest.fixture(scope="session")
def ray_address() -> Iterator[str]:
    """The address of a Ray cluster of two machines with a worker each, that have temporary and current folders of their own."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="ray") as folder:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)  # its machines know of no store
        patch.setenv("PYTHONPATH", os.pathsep.join(str(one) for one in (PROJECT, PROJECT / "tests")))
        command = [sys.executable, "-c", CLUSTER, folder]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            patch.setenv("RAY_ADDRESS", address)  # what `auto` finds
            assert address, "the cluster did not start"
            yield address
            process.communicate()


@pytest.fixture(scope="session")
def connected(ray_address: str) -> Iterator[None]:
    """This process is connected to the cluster; sessions use that."""
    import ray

    ray.init(address=ray_address, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()
