# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Compute where the data is
#
# `derive:` in a manifest names functions; a build calls them for the rows of a table and keeps what they give beside
# them, with the function, its code and its inputs. This notebook looks at what `manifests/phenotypes.yaml` computes.

# %%
import tempfile
from pathlib import Path

from IPython.display import display
from PIL import Image

import datapkg
from datapkg import functions

work = Path(tempfile.mkdtemp())
datapkg.build("../manifests/phenotypes.yaml", work / "phenotypes.datapkg")
pkg = datapkg.open(work / "phenotypes.datapkg")
pkg.tables

# %% [markdown]
# ## Blurred files, by one query
# `blurred` holds JPEG files, made of the TIFF files in `image_bytes`.

# %%
rows = pkg.sql("select blurred from frames where Channel = 'H2B' order by path limit 4").to_arrow()
files = [functions.decode(content) for content in rows["blurred"].to_pylist()]
display(Image.fromarray(functions.grid(files, columns=4, size=160)))

# %% [markdown]
# ## Cells with their labels
# Nuclei were cut out, resized to 224 x 224 with their channels in another order, classified, and drawn on: a grid of all.

# %%
cells = pkg["cells"].to_pandas(["drawn", "best"])
display(Image.fromarray(functions.grid(cells.drawn, columns=8, size=112)))

# %% [markdown]
# The five best labels of each are a list of names and scores:

# %%
cells.best.dropna().iloc[0]

# %% [markdown]
# ## The phenotype of every object
# By logistic regression on the features, beside the movie that they were measured in.

# %%
found = pkg.sql(
    "select class_name, predicted, count(*) as objects from movies_features_primary__primary "
    "join movies_objects using (path, object_name, object_index) group by all order by all"
).to_pandas()
found.pivot(index="class_name", columns="predicted", values="objects").fillna(0).astype(int)

# %% [markdown]
# ## How it came about
# The version's record says what was called, and with which code, packages, arguments and files.

# %%
pkg["cells"].lineage[0]

# %% [markdown]
# ## Try a function before it goes into the manifest
# `map` writes nothing; `workers=` runs a function of a module in several processes.

# %%
pkg["frames"].map(functions.contrast, args={"low": 1, "high": 99}, limit=3)
