"""Whoever reads a package in a bucket finds the doors that a folder has: SQL, DataFusion, polars, torch, lazy cells."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import make
import numpy as np
import pandas as pd
import pytest
import stores
from datafusion import col, lit
from stores import BOTH, MOTO
from typer.testing import CliRunner

import datapkg
from datapkg import Package
from datapkg.cli import app
from datapkg.errors import NoTableError, SchemaError

JOINED = """
select new.path, new.image_array, old.image_digest = new.image_digest as same
from frames new left join frames@1.0.0 old using (path) order by new.path
"""


@pytest.fixture
def opened(manifest: Path, uri: str, options: dict[str, Any]) -> Package:
    """A package of two versions in a bucket; an image of the second is new."""
    make.build(manifest, uri, **options)
    make.tiff(manifest.parent / "images" / "p2" / "A02_7.tif", make.image(9))
    make.build(manifest, uri, **options)
    return datapkg.open(uri)


@BOTH
def test_sql_reads_a_bucket_as_a_folder(opened: Package, uri: str, tmp_path: Path) -> None:
    counts = opened.sql("select Well, count(*) as n from frames group by Well order by Well").to_pandas()
    assert counts.to_dict("list") == {"Well": ["A01", "A02"], "n": [2, 2]}
    joined = opened.sql(JOINED).to_pandas()
    assert joined["same"].isna().tolist() == [False, False, False, True]
    assert np.array_equal(joined["image_array"].iloc[3], make.image(9))
    assert opened.sql("from frames").write(tmp_path / "frames.parquet") == 4
    assert len(pd.read_parquet(tmp_path / "frames.parquet", columns=["path"])) == 4
    with pytest.raises(NoTableError, match="did you mean 'frames'"):
        opened.sql("from frame")
    with pytest.raises(SchemaError, match="may not stand where a table does"):
        opened.sql(f"from read_parquet('{uri}/frames.lance/data/*')")
    with pytest.raises(NoTableError, match="there is no table"):
        opened.sql(f"from '{uri}/x.parquet'")


@MOTO
def test_the_command_line_asks_a_bucket(opened: Package, uri: str, tmp_path: Path) -> None:
    asked = ["sql", uri, "select Well, Gene from wells order by Well"]
    assert CliRunner().invoke(app, [*asked, "--json"]).output.splitlines()[0] == json.dumps(
        {"Well": "005", "Gene": "KIF11"}
    )
    assert (
        CliRunner().invoke(app, [*asked, "--version", "1.0.0", "-o", str(tmp_path / "x.csv")]).exit_code == 0
    )
    assert (tmp_path / "x.csv").read_text("utf-8").count("KIF11") == 1


@BOTH
def test_datafusion_and_polars_read_a_bucket(opened: Package) -> None:
    context = opened.datafusion()
    found = context.table("frames").filter(col('"Site"') == lit(7)).select("path", "image_digest").to_pydict()
    assert found["path"] == ["images/p2/A02_7.tif"]
    assert context.sql("select count(*) as n from wells").to_pydict() == {"n": [2]}
    lazy = opened["frames"].to_polars(["path", "image_array"]).filter(path="images/p2/A02_7.tif").collect()
    assert np.array_equal(lazy["image_array"][0].to_list(), make.image(9))


READ = """
import pickle, sys
frame, rows = pickle.loads(sys.stdin.buffer.read())
assert "lance" not in sys.modules
print(frame.image_array.iloc[2].tolist(), rows[1]["image_array"].tolist(), len(frame.image_array.array.load()))
"""


@BOTH
def test_lazy_cells_of_a_bucket_travel_without_secrets(opened: Package, reached: stores.ObjectStore) -> None:
    frames = opened["frames"]
    frame, rows = frames.to_pandas(where="Site = 1"), frames.to_torch(["image_array"])
    assert np.array_equal(rows[0]["image_array"], frame["image_array"].iloc[0])
    content = pickle.dumps((frame, rows))
    secrets = [os.environ[name] for name in ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID")]
    assert not any(secret.encode() in content for secret in secrets)
    done = subprocess.run([sys.executable, "-c", READ], input=content, capture_output=True, check=True)
    second, first = make.image(2).tolist(), make.image(1).tolist()
    assert done.stdout.decode().strip() == f"{second} {first} 3"


@MOTO
def test_credentials_that_were_given_are_not_pickled_and_told_to_be_missing(
    opened: Package, uri: str, reached: stores.ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {
        "aws_access_key_id": os.environ["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": os.environ["AWS_SECRET_ACCESS_KEY"],
        "aws_endpoint": reached.endpoint,
        "aws_region": "us-east-1",
    }
    for name in reached.environment:
        monkeypatch.delenv(name, raising=False)
    frame = datapkg.open(uri, storage_options=given).sql("select image_array from frames").to_pandas()
    assert frame["image_array"].iloc[0].shape == (6, 8)
    content = pickle.dumps(frame)
    assert given["aws_secret_access_key"].encode() not in content and reached.endpoint.encode() in content
    moved = pickle.loads(content)
    with pytest.raises(datapkg.DatapkgError, match="credentials"):
        moved["image_array"].iloc[0]
    for name, value in reached.environment.items():
        monkeypatch.setenv(name, value)
    assert np.array_equal(pickle.loads(content)["image_array"].iloc[0], frame["image_array"].iloc[0])
