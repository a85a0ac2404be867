"""Little tables of many kinds, and a Frictionless descriptor beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import make

VERSION_2 = "https://datapackage.org/profiles/2.0/datapackage.json"
WELLS = "id,name,size\n1,KIF11,0.5\n2,NA,\n"
WELLS_SCHEMA = {
    "fields": [
        {"name": "id", "type": "integer"},
        {"name": "name", "type": "string"},
        {"name": "size", "type": "number"},
    ]
}
FILES = {
    "wells.csv": WELLS,
    "more.csv": "id,name,size\n3,PLK1,2\n",
    "headless.csv": WELLS.split("\n", 1)[1],
    "semicolon.csv": "id;name;size\n1;'a;b';0,5\n2;'it''s';1\n",
    "commented.csv": "# made by hand\nid,name\n1,a\n# no\n2,b\n",
    "two_rows.csv": "id,name\nof,gene\n1,a\n",
    "spaced.csv": 'id, name\n1, "a, b"\n',
    "tabbed.dat": "id\tname\n1\ta,b\n",
    "dates.csv": "day,at,on,year,ok\n01/02/2020,2020-01-02T03:04:05,12:30:00,1999,yes\n",
    "upper.csv": "ID,Name,Size\n1,a,2\n",
    "missing.csv": "id,name,size\n-,NA,x\n1,-,2\n",
    "shapes.csv": 'where,what,how\n"1,2","{""a"": 1}",P1D\n',
    "levels.csv": "level\nlow\nhigh\n",
    "wells.json": json.dumps(WELLS_SCHEMA),
    "dialect.yaml": "delimiter: ';'\nquoteChar: \"'\"\n",
}


def descriptor(folder: Path, *resources: Mapping[str, Any], **head: Any) -> Path:
    """A ``datapackage.json`` beside the files that it may name."""
    for name, content in FILES.items():
        make.text(folder / name, content)
    (folder / "latin.csv").write_bytes("id,name\n1,Kölliker\n".encode("cp1252"))
    named = {"name": "wells", **head, "resources": list(resources)}
    return make.text(folder / "datapackage.json", json.dumps(named))
