# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Build a package and open it
#
# A small simulated screen lies in `manifests/screen`: a plate map, measurements of nuclei, TIFF images and CellH5
# movies. One manifest names them, and one line makes a package of them.

# %%
import tempfile
from pathlib import Path

import datapkg

work = Path(tempfile.mkdtemp())
datapkg.build("../manifests/screen.yaml", work / "screen.datapkg")

# %% [markdown]
# Opening reads one small file. The package says what is in it.

# %%
pkg = datapkg.open(work / "screen.datapkg")
pkg

# %%
pkg.plot()

# %% [markdown]
# ## Tables are DataFrames
# The siRNA numbers keep their zeros, and the gene `SEPT2` is no date.

# %%
pkg["platemap"].to_pandas()

# %% [markdown]
# ## Images are cells
# A frame of images opens at once, and no pixel is read until a cell is touched. At the end of a cell the notebook reads
# the rows that it shows. Contrast is stretched for the eye alone: the numbers below each image say from where to where.

# %%
frames = pkg["frames"].to_pandas(
    columns=["Plate", "Well", "Frame", "Channel", "image_array"], where="Frame = 1 and Plate = 'LT0001_02'"
)
frames

# %%
image = frames.image_array.iloc[0]
image.dtype, image.shape, image.max()

# %% [markdown]
# ## Both channels in one picture
# With the channels side by side, the notebook adds a composite in the colours that the microscope recorded: H2B is red,
# tubulin green. The scale bar is there because the files know their pixel size.

# %%
side_by_side = frames.pivot(index=["Plate", "Well", "Frame"], columns="Channel", values="image_array")
side_by_side

# %% [markdown]
# ## Each nucleus in its surroundings
# The manifest says which column of the measurements names an image, so that each row brings its image along. They hold
# CellProfiler's bounding boxes: what is shown is what was measured.

# %%
nuclei = pkg["features"].with_images(where="Mitocheck_Phenotypic_Class = 'Metaphase'", limit=4)
boxes = nuclei.columns[nuclei.columns.str.contains("BoundingBox")]
nuclei[["Metadata_Well", "Metadata_Frame", "Mitocheck_Phenotypic_Class", "image_array", *boxes]]

# %% [markdown]
# ## The plates
# One value for each well: here the mean area of nuclei.

# %%
pkg["features"].plate("Nuclei_AreaShape_Area")
