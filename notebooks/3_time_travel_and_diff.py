# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Time travel, and what changed
#
# Data change while a paper is written: a typing error in the plate map is mended, an image is exported again, a plate is
# added. Every build of other content is a new version, and the old ones stay what they were.

# %%
import shutil
import tempfile
from pathlib import Path

import pandas as pd
import tifffile

import datapkg

work = Path(tempfile.mkdtemp())
shutil.copytree("../manifests", work / "manifests")
manifest, package = work / "manifests" / "screen.yaml", work / "screen.datapkg"
first = datapkg.build(manifest, package)
print(first.version, first.release, first.digest)

# %% [markdown]
# Nothing changed: nothing is written.

# %%
print(datapkg.build(manifest, package).created)

# %% [markdown]
# ## Two changes
# The role of a well is mended in the plate map, and one image gets a bright square.

# %%
data = work / "manifests" / "screen"
platemap = data / "platemap.tsv"
platemap.write_text(platemap.read_text().replace("negative control", "untreated", 1))
file = data / "images" / "LT0001_02" / "C06_003_H2B.tif"
with tifffile.TiffFile(file) as tiff:
    pixels, description = tiff.asarray(), tiff.pages[0].description
pixels[20:32, 40:60] = 3000
tifffile.imwrite(file, pixels, description=description.encode(), metadata=None)

datapkg.status(manifest, package)

# %%
manifest.write_text(manifest.read_text().replace('version: "1.0.0"', 'version: "1.1.0"'))
second = datapkg.build(manifest, package)
pkg = datapkg.open(package)
pkg.versions()

# %% [markdown]
# ## What changed, cell by cell and pixel by pixel

# %%
changes = pkg.diff("1.0.0")
changes

# %%
changes.cells

# %%
changes.images

# %% [markdown]
# Both images beside each other. Each cell of the frame knows the version that it comes from.

# %%
old = pkg.checkout("1.0.0")
key = ["path", "image_array"]
where = "path = 'images/LT0001_02/C06_003_H2B.tif'"
both = pd.concat([old["frames"].to_pandas(key, where), pkg["frames"].to_pandas(key, where)])
both.assign(version=["1.0.0", "1.1.0"])

# %% [markdown]
# ## Back to the first version
# It opens with the values it had, and `verify` computes its digests again from what is stored.

# %%
old["platemap"].to_pandas().Role.tolist(), pkg["platemap"].to_pandas().Role.tolist()

# %%
checked = pkg.verify(deep=True, version="1.0.0", digest=first.digest)
checked.ok

# %%
pkg.plot()
