# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # From paths to packages
#
# Many analyses of microscope images begin with a list of paths, and end with the wish to keep images and measurements
# together. This notebook goes that way with plain tools first, and says where each of them stops.

# %%
import tempfile
from pathlib import Path

import awkward as ak
import lancedb
import numpy as np
import pandas as pd
import tifffile

import datapkg

work = Path(tempfile.mkdtemp())
paths = sorted(Path("../manifests/screen/images").rglob("*.tif"))[:12]
frame = pd.DataFrame(
    {
        "path": [str(path) for path in paths],
        "filesize_bytes": [path.stat().st_size for path in paths],
        "image_bytes": [path.read_bytes() for path in paths],
        "image_array": [tifffile.imread(path) for path in paths],
    }
)
frame.head(3)

# %% [markdown]
# All pixels are in memory, the plate and the well hide in the path, and a notebook shows numbers.
#
# ## Parquet refuses images
# A cell of Parquet's lists holds one dimension as pandas writes it; an image has two.

# %%
try:
    frame.to_parquet(work / "frames.parquet")
except Exception as error:
    print(type(error).__name__, *error.args, sep="\n")

# %% [markdown]
# ## Awkward and LanceDB take them, and forget what they were
# Nested lists can hold images, and LanceDB stores them. But 16-bit pixels have become 64-bit numbers, and a cell comes
# back as lists of lists.

# %%
nested = ak.from_iter(frame.to_dict("records"))
nested.type.show()

# %%
database = lancedb.connect(work / "by_hand")
table = database.create_table("frames", ak.to_arrow_table(nested, extensionarray=False))
back = table.to_pandas()
cell = back.image_array[0]
print(type(cell), cell.dtype, "of", type(cell[0]), cell[0].dtype)
stored = sum(path.stat().st_size for path in (work / "by_hand").rglob("*") if path.is_file())
print(f"{frame.filesize_bytes.sum():,} bytes of TIFF, {stored:,} bytes stored")

# %% [markdown]
# This can be mended by hand: a type for every set of images, a table of shapes, a loop over paths. Some questions stay
# open. Which files made this table? Did one of them change since? Does a colleague who builds it again get the same?
# What was in it when the figure was made, before somebody wrote `mode="overwrite"`?
#
# ## A manifest answers them
# The pattern makes columns of the path, so that `Plate` and `Well` are there to be asked for.

# %%
manifest = work / "frames.yaml"
manifest.write_text(f"""\
name: frames
version: "1.0.0"
root: "{Path("../manifests/screen").resolve()}"
resources:
  - name: frames
    path: images/**/*.tif
    pattern: "{{Plate}}/{{Well}}_{{Frame:d}}_{{Channel}}.tif"
    array: packed
""")

datapkg.build(manifest, work / "frames.datapkg")

# %%
pkg = datapkg.open(work / "frames.datapkg")
frames = pkg["frames"].to_pandas()
frames[["path", "filesize_bytes", "Well", "Channel", "image_bytes", "image_array"]].head(4)

# %% [markdown]
# A cell is an array of its own type and shape, and its bytes are the file:

# %%
image = frames.image_array.iloc[0]
file = Path("../manifests/screen") / frames.path.iloc[0]
print(image.dtype, image.shape)
print("the same pixels:", np.array_equal(image, tifffile.imread(file)))
print("the same file:", frames.image_bytes.iloc[0] == file.read_bytes())

# %% [markdown]
# Lazy cells do not go into Parquet either, but the message says what to do:

# %%
try:
    frames.to_parquet(work / "frames.parquet")
except datapkg.DatapkgError as error:
    print(error)

# %%
measured = frames.assign(mean=frames.image_array.map(lambda image: image.mean()))
measured[["Plate", "Well", "Frame", "Channel", "mean"]].to_parquet(work / "means.parquet")
pd.read_parquet(work / "means.parquet").groupby(["Plate", "Well", "Channel"])["mean"].mean().unstack()

# %% [markdown]
# Every file has its hash, every table its digest. A colleague who builds from the same files gets the same digest:

# %%
pkg.sources()[["path", "bytes", "sha256", "rows"]].head(3)

# %%
again = datapkg.build(manifest, work / "of_a_colleague.datapkg")
print(again.digest == pkg.digest, pkg.digest)

# %% [markdown]
# And the tables are plain LanceDB: other programs read them without datapkg.

# %%
lancedb.connect(work / "frames.datapkg").open_table("frames").search().where("Well = 'G01'").select(
    ["path", "Well", "Channel", "shape"]
).limit(3).to_pandas()
