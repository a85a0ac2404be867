# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A movie: objects, tracks, crops
#
# CellH5 files hold planes, the objects that were found in them, their classes, and who came from whom. A package has a
# table for each of these, and they join by plate, well, site and time.

# %%
import tempfile
from pathlib import Path

import pandas as pd

import datapkg

work = Path(tempfile.mkdtemp())
datapkg.build("../manifests/screen.yaml", work / "screen.datapkg")
pkg = datapkg.open(work / "screen.datapkg")
movies = pkg["movies"]
[name for name in pkg.tables if name.startswith("movies")]

# %% [markdown]
# ## Planes with their objects
# `objects=` draws the outlines over each plane, in the colours of the classes. The label image has a colour for each
# object.

# %%
objects = pkg["movies_objects"].to_pandas()
planes = movies.to_pandas(
    ["path", "plate", "well", "t", "kind", "name", "image_array"],
    where="plate = 'LT0001_02' and well = 'C06' and t in (0, 3)",
)
datapkg.thumbnails(planes, objects=objects, size=220)

# %% [markdown]
# ## One object at a time
# Who gives objects their planes sees each one in its surroundings.

# %%
dividing = objects[objects.class_name.isin(["Prometaphase", "Metaphase", "Anaphase"])]
shown = movies.with_planes(dividing.groupby("class_name").head(2), channel="primary")
shown[["plate", "well", "t", "label", "class_name", "class_color", "bounding_box", "contour", "image_array"]]

# %% [markdown]
# ## Crops for a classifier
# All of one size, as one array; what lies over the border is 0.

# %%
crops = movies.crops(dividing, size=32, channel="primary")
crops.shape, crops.dtype

# %% [markdown]
# Any array can be a cell:

# %%
cells = dividing[["plate", "well", "t", "class_name"]].assign(
    crop=pd.array(list(crops), dtype="datapkg[image]")
)
datapkg.thumbnails(cells.head(4), size=96)

# %% [markdown]
# ## Tracks
# A track ends where a cell divides: its daughters name it as their parent.

# %%
tracks = movies.tracks()
daughters = tracks.explode("parent_ids").dropna(subset="parent_ids")
families = daughters.groupby("parent_ids").track_id.nunique()
mother = families[families == 2].index[2]
family = tracks[(tracks.track_id == mother) | tracks.parent_ids.map(lambda ids: mother in ids)]
family.groupby("track_id").t.agg(["min", "max"])

# %% [markdown]
# The last frames of the mother and the first of her daughters:

# %%
key = ["path", "plate", "well", "site", "object_name", "object_index", "t"]
division = family[family.track_id == mother].t.max()
around = family[family.t.between(division - 1, division + 1)]
story = movies.with_planes(around.merge(objects, on=key), channel="primary")
story.sort_values(["t", "track_id"])[
    ["t", "track_id", "class_name", "class_color", "contour", "bounding_box", "image_array"]
]

# %% [markdown]
# ## Classes by well

# %%
counts = objects.merge(pkg["platemap"].to_pandas(), left_on=["plate", "well"], right_on=["Plate", "Well"])
counts.pivot_table(
    index=["Role", "plate", "well"], columns="class_name", values="label", aggfunc="size", fill_value=0
)

# %%
pkg["features"].plate(where="Mitocheck_Phenotypic_Class in ('Prometaphase', 'Metaphase', 'Anaphase')")
