"""Files that are found among images and are not read: each is told by its name, with a way to an image that is.

Formats of microscopes and clinics hold more than pixels, which only their own readers know. Others are rare today, or
have no mark at their beginning that tells them; and no microscope writes them.
"""

from __future__ import annotations

from .kind import Kind, kind

NOTHING = rb"(?!)"
"""The beginning of what begins in no way of its own: its suffix tells."""
LATE = rb"(?!II|MM)"
"""Marks that stand late in a file could stand in a TIFF by chance."""
EXPORT = "export it as OME-TIFF from its own program, or with `bfconvert` of Bio-Formats"
OLD = "save it as PNG or TIFF, with ImageMagick or GIMP"

REFUSED: tuple[Kind, ...] = (
    kind(
        "a DICOM file",
        LATE + rb".{128}DICM",
        "dcm dicom",
        mend="export it as TIFF, with `bfconvert` of Bio-Formats",
    ),
    kind("a Zeiss CZI file", rb"ZISRAWFILE", "czi", mend=EXPORT),
    kind("a Nikon ND2 file", rb"\xda\xce\xbe\x0a", "nd2", mend=EXPORT),
    kind("a Leica LIF file", rb"\x70\0\0\0.{4}\x2a", "lif xlef", mend=EXPORT),
    kind(
        "an Olympus OIB or Zeiss ZVI file", rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "oib zvi ipw", mend=EXPORT
    ),
    kind("an Olympus file", NOTHING, "vsi oif oir", mend=EXPORT),
    kind("an Imaris file", NOTHING, "ims", mend=EXPORT),
    kind("an MRC file", LATE + rb".{208}MAP ", "mrc mrcs map", mend=EXPORT),
    kind("a DeltaVision file", LATE + rb".{96}(?:\xa0\xc0|\xc0\xa0)", "dv r3d", mend=EXPORT),
    kind("a SPIDER image", NOTHING, "spi spider", mend=EXPORT),
    kind("a Princeton Instruments SPE file", NOTHING, "spe", mend="export it as TIFF from its own program"),
    kind(
        "an image of medicine (NIfTI, NRRD, MetaImage)",
        LATE + rb"(?:.{344}n[i+]1\0|NRRD000|ObjectType =)",
        "nii nrrd nhdr mha mhd gipl",
        mend="save it as TIFF with ITK or Fiji",
    ),
    kind("a NumPy array", rb"\x93NUMPY", "npy npz", mend="save it with `tifffile.imwrite`"),
    kind(
        "a camera's raw file",
        rb"FUJIFILMCCD-RAW|IIR[OS]|IIU\0|....ftypcrx",
        "nef nrw cr2 cr3 crw arw sr2 srf pef orf rw2 raf",
        mend="develop it, and save it as TIFF of 16 bits",
    ),
    kind("a Photoshop file", rb"8BPS", "psd psb", mend="save it as TIFF, of one layer"),
    kind("a PostScript file", rb"%!PS|\xc5\xd0\xd3\xc6", "eps ps ai", mend="draw it as PNG or TIFF"),
    kind("a PDF", rb"%PDF", "pdf", mend="take its images out with `pdfimages -all`"),
    kind("a drawing", rb"\xd7\xcd\xc6\x9a", "wmf emf svg", mend="draw it as PNG or TIFF"),
    kind(
        "a video",
        rb"....ftyp(?:iso|mp4|avc1|M4V|qt  )|RIFF....AVI |\x1a\x45\xdf\xa3|\0\0\x01[\xba\xb3]|\x30\x26\xb2\x75|FLV\x01|[FC]WS",
        "mp4 m4v mov avi mkv webm wmv mpg mpeg flv swf",
        mend="take its frames out with `ffmpeg -i FILE %05d.png`",
    ),
    kind("a PCX image", rb"\x0a[\0\2-\5]\x01[\1\2\4\x08]", "pcx dcx", mend=OLD),
    kind("an SGI image", rb"\x01\xda[\0\1][\1\2]", "sgi bw", mend=OLD),
    kind("a Sun raster image", rb"\x59\xa6\x6a\x95", "ras", mend=OLD),
    kind("a TGA image", NOTHING, "tga icb vst", mend=OLD),
    kind("an IFUNC image", rb"Image type: ", "im ifunc", mend=OLD),
    kind("a Photo CD image", NOTHING, "pcd", mend=OLD),
    kind("an X bitmap", rb"#define |/\* XPM \*/", "xbm xpm", mend=OLD),
    kind("an icon", rb"\0\0[\1\2]\0|icns", "ico cur icns", mend=OLD),
    kind("a texture of a game", rb"DDS |BLP[12]|FTEX|\xabKTX", "dds blp ftc ftu ktx", mend=OLD),
    kind("an animation of Autodesk", rb".{4}[\x11\x12]\xaf", "fli flc", mend=OLD),
    kind(
        "a weather or satellite file", rb"BUFR|GRIB|CDF[\1\2\5]", "bufr grib grb nc", mend="save it as TIFF"
    ),
    kind(
        "an HDF5 file", rb"\x89HDF", mend="give CellH5 a resource of `type: ch5`; save others' images as TIFF"
    ),
    kind("a gzip file", rb"\x1f\x8b", "gz", mend="unpack it"),
    kind("a zip archive", rb"PK\x03\x04", "zip", mend="unpack it"),
    kind(
        "a Git LFS pointer, whose image `git lfs pull` would fetch",
        rb"version https://git-lfs",
        mend="say `git lfs pull`",
    ),
    kind("a web page or XML text", rb"\s*<", mend="download the image itself"),
)
