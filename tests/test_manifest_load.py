"""Reading manifests: what is right is understood, and what is wrong is said with its place."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datapkg.errors import ManifestError
from datapkg.manifest.load import LoadedManifest, load, read_text
from datapkg.manifest.mistakes import Mistakes

TABLE = "name: m\nresources:\n- name: t\n  path: a.csv\n"
IMAGES = 'name: m\nresources:\n- name: t\n  path: "*.tif"\n'


def read(folder: Path, text: str | bytes, name: str = "m.yaml") -> LoadedManifest:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(path)


def mistakes(folder: Path, text: str | bytes, name: str = "m.yaml") -> list[str]:
    """What is wrong, one line each, with the place inside of the file."""
    with pytest.raises(ManifestError) as error:
        read(folder, text, name)
    every = error.value.mistakes or (error.value,)
    return [str(one).replace(f"{folder / name}:", "").replace("\n  fix: ", " | ") for one in every]


def test_the_example_of_the_contract_loads(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    loaded = read(
        tmp_path,
        """
name: nf1-plate2
version: "1.0.0"
licenses: [{name: CC-BY-4.0, path: "https://creativecommons.org/licenses/by/4.0/"}]
contributors: [{title: Ada, roles: [author]}]
keywords: [cell painting]
root: data
allow: {plates: /mnt/plates}
resources:
  - name: profiles
    path: profiles/*.csv.gz
    exclude: ["**/old/**"]
    schema:
      fields: [{name: Metadata_Well, type: string}]
      primaryKey: [Metadata_Well, Metadata_Site]
      foreignKeys: [{fields: [Image_FileName_DAPI], reference: {resource: frames, fields: [file_name]}}]
      missingValues: [""]
    dialect: {delimiter: ";"}
    encoding: utf-8
  - name: frames
    path: images/**/*.tif
    pattern: "{Plate:LT\\\\d+_\\\\d+}/{Well}_{Frame:d}_{Channel}.tif"
    keep: [bytes, array]
  - name: movies
    path: ch5/*.ch5
derive:
  - table: frames
    column: blurred
    function: skimage.filters:gaussian
    args: {sigma: 5, preserve_range: true}
    input: image_array
    output: image
""",
    )
    profiles, frames, movies = loaded.manifest.resources
    assert (profiles.type, frames.type, movies.type) == ("table", "images", "ch5")
    assert profiles.many
    assert profiles.table_schema.primary_key == ("Metadata_Well", "Metadata_Site")
    assert loaded.root == (tmp_path / "data").resolve()
    assert loaded.allow == {"plates": Path("/mnt/plates").resolve()}
    assert loaded.place("resources", 1, "path") == f"{tmp_path / 'm.yaml'}:21:11"
    assert loaded.manifest.derive[0].args == {"sigma": 5, "preserve_range": True}


def test_short_forms_are_written_out(tmp_path: Path) -> None:
    loaded = read(
        tmp_path,
        IMAGES + "  keep: array\n- name: u\n  path: b.csv\n  schema:\n    primaryKey: a\n"
        "    foreignKeys: [{fields: a, reference: {resource: t, fields: file_name}}]\n",
    )
    images, table = loaded.manifest.resources
    assert images.keep == ("array",)
    assert (table.path, table.many) == (("b.csv",), False)
    assert table.table_schema.primary_key == ("a",)
    assert table.table_schema.foreign_keys[0].reference.fields == ("file_name",)


def test_a_list_of_one_path_is_many(tmp_path: Path) -> None:
    assert read(tmp_path, TABLE.replace("a.csv", "[a.csv]")).manifest.resources[0].many


def test_dates_and_yes_are_text_and_anchors_and_merge_keys_work(tmp_path: Path) -> None:
    text = (
        "name: m\nversion: 2026-11-01\ntitle: yes\nresources:\n- &base {name: t, path: a.csv, empty: skip}\n"
        "- {<<: *base, name: u}\n"
    )
    loaded = read(tmp_path, text)
    assert (loaded.manifest.version, loaded.manifest.title) == ("2026-11-01", "yes")
    assert [(r.name, r.path, r.empty) for r in loaded.manifest.resources] == [
        ("t", ("a.csv",), "skip"),
        ("u", ("a.csv",), "skip"),
    ]


def test_all_mistakes_are_reported_at_once_in_the_order_of_the_lines(tmp_path: Path) -> None:
    text = 'version: 1.0\nname: My Data\nresources:\n- name: t\n  path: data\\x.csv\n  kep: array\n- name: T\n  path: "{a,b}"\n'
    assert mistakes(tmp_path, text) == [
        '1:10: version must be text, not the number 1.0 | write version: "1.0"',
        "2:7: 'My Data' cannot name a package: only lower-case letters, digits, '.', '_' and '-', and a letter or "
        "digit first | write name: my-data",
        "5:9: 'data\\\\x.csv' has backslashes | write / on every system: data/x.csv",
        "6:3: unknown key 'kep' | did you mean 'keep'?",
        "7:9: the table name 'T' is given twice (as 't'; names must differ in more than case) | rename one of them",
        "8:9: the type of '{a,b}' cannot be told from its suffix | braces are no glob: write a list of paths, "
        "[a.tif, a.tiff]",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: m\n\tresources: 1\n", "2:1: a tab may not indent a line"),
        ("name: [a\n", "1:7: this bracket is never closed with ]"),
        ("name: 'a\n", "1:7: a quote is opened here and never closed"),
        ("name: m\ntitle: a: b\n", "2:9: a second ': ' stands here"),
        ("name: m\nresources:\n- name: t\n path: a\n", "4:2: this line begins in an unexpected column"),
        ("- a\n", "1:1: a manifest is a mapping (key: value), and this is a list"),
        ("just words\n", "1:1: a manifest is a mapping"),
        ("", "1:1: the manifest is empty"),
        ("# nothing\n", "1:1: the manifest is empty"),
        ("---\n", "1:1: the manifest is empty"),
        (TABLE + "---\nname: n\n", "5:1: a second document begins here"),
        ("name: \x00\n", "1:7: the character U+0000 may not stand in YAML"),
        (
            "a: &a [*a]\n",
            '1:8: text that begins with * must stand in quotes (there is no anchor &a) | write "*a"',
        ),
        (b"name: m\ntitle: \xe9\n", "2:8: the manifest is not UTF-8 (byte 0xE9)"),
        ("name: m\n".encode("utf-16"), "1:1: the manifest is UTF-16, not UTF-8"),
        (TABLE.replace("a.csv", "*.csv"), "4:9: text that begins with * must stand in quotes"),
        (TABLE.replace("a.csv", "@p/*.csv"), "4:9: text that begins with @ must stand in quotes"),
        (TABLE.replace("a.csv", '"C:\\data\\x.csv"'), "4:13: a backslash in double quotes begins an escape"),
        (IMAGES + "  pattern: {Plate}_{Well}.tif\n", "5:19: the value has ended before this"),
        (IMAGES + "  pattern: {Plate}\n", "5:12: pattern must be text, not a mapping | put it in quotes"),
        ("name: m\nname: n\n", "2:1: the key 'name' is given twice, first in line 1"),
        ("1: m\n", '1:1: a key must be text, not the number 1 | write "1":'),
        ("name: !!python/object:os.system m\n", "1:7: the tag"),
    ],
)
def test_yaml_that_cannot_be_read_is_explained_at_its_place(
    tmp_path: Path, text: str | bytes, said: str
) -> None:
    assert any(one.startswith(said) for one in mistakes(tmp_path, text)), mistakes(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TABLE.replace("resources", "resource"), "2:1: unknown key 'resource' | did you mean 'resources'?"),
        (TABLE + "  delimiter: ;\n", "5:3: unknown key 'delimiter' | it belongs into dialect"),
        ("keep: array\n" + TABLE, "1:1: unknown key 'keep' | it belongs into an entry of resources"),
        (TABLE + "  many: true\n", "5:3: unknown key 'many'"),
        (TABLE + "  table_schema: {}\n", "5:3: unknown key 'table_schema' | did you mean 'schema'?"),
        (TABLE + "  dialect: {delimiter: \\t}\n", "5:24: '\\\\t' is not one character | for a tab write"),
        (
            TABLE + "  optional: yes\n",
            "5:13: optional must be true or false, not the text 'yes' | write optional: true",
        ),
        (TABLE + "  bytes: many\n", "5:10: bytes must be a whole number, not the text 'many'"),
        (TABLE + "  empty: ignore\n", "5:10: empty cannot be the text 'ignore' | choose one of: error, skip"),
        (TABLE + "  encoding: utf9\n", "5:13: there is no encoding 'utf9'"),
        (TABLE + "  schema: schema.json\n", "5:11: schema must be a mapping (key: value), not the text"),
        (
            TABLE + "  schema: {fields: [{name: a, type: int}]}\n",
            "5:37: type cannot be the text 'int' | write integer",
        ),
        (TABLE + "  schema: {fields: [{type: any}]}\n", "5:21: name is missing"),
        (TABLE + "  schema: {fields: [{name: a}, {name: a}]}\n", "5:39: the column 'a' is declared twice"),
        (TABLE + "  keep: array\n", "5:3: keep has no meaning for a text table"),
        (
            "name: m\nresources:\n- name: t\n  path: a.ch5\n  pattern: '{a}.ch5'\n",
            "5:3: pattern has no meaning for a ch5 movie",
        ),
        (TABLE + "  data: []\n", "4:3: path has no meaning where data stand in the manifest"),
        (TABLE.replace("path: a.csv", "data: {a: 1}"), "4:9: data must be a list of rows"),
        (TABLE.replace("path: a.csv", "data: [[a], {a: 1}]"), "4:9: data must be a list of rows"),
        (
            TABLE.replace("path: a.csv", "data: [[a]]\n  type: images"),
            "5:3: data that stand in the manifest are a",
        ),
        (TABLE + "  schema: nowhere.json\n", "5:11: 'nowhere.json': there is no such file"),
        (TABLE + "  schema: ../wells.json\n", "5:11: '../wells.json' is not in the manifest's folder"),
        (TABLE + "  hash: abc\n", "5:9: 'abc' is not a sha256 hash"),
        (
            TABLE + "  hash: " + "a" * 64 + "\n",
            '5:9: the hash does not say its kind | write hash: "sha256:aaa',
        ),
        (IMAGES + "  bytes: 3\n", "5:3: bytes describes one file, but the path can name several"),
        (IMAGES + "  schema: {}\n", "5:3: schema has no meaning for images"),
        (IMAGES + "  keep: []\n", "5:9: keep must name bytes, array, or both once"),
        (IMAGES + "  pattern: '{Plate'\n", "5:12: the pattern '{Plate' has a { that is never closed"),
        (IMAGES.replace("tif", "ch5") + "  keep: bytes\n", "5:9: the planes of a ch5 movie are no files"),
        (TABLE.replace("a.csv", ""), "4:3: path has no value"),
        (TABLE.replace("a.csv", "[]"), "4:9: path is empty"),
        (TABLE.replace("a.csv", "data/"), "4:9: 'data/' names a folder | say which files in it: data/*.csv"),
        (TABLE.replace("a.csv", "../a.csv"), "4:9: '../a.csv' leaves the root by .."),
        (TABLE.replace("a.csv", "/d/a.csv"), "4:9: '/d/a.csv' is an absolute path"),
        (TABLE.replace("a.csv", "~/a.csv"), "4:9: '~/a.csv' begins with ~"),
        (TABLE.replace("a.csv", "ftp://x.org/a.csv"), "4:9: ftp:// addresses are not opened"),
        (
            TABLE.replace("a.csv", "https://x.org/*.csv"),
            "4:9: 'https://x.org/*.csv' is a glob, and a web server",
        ),
        (
            TABLE.replace("a.csv", "'**.csv'"),
            "4:9: ** must stand alone between slashes, not in '**.csv' | write **/*.csv",
        ),
        (
            TABLE.replace("a.csv", "a.xlsx"),
            "4:9: the type of 'a.xlsx' cannot be told from its suffix | .xlsx is not",
        ),
        (TABLE.replace("a.csv", "[a.csv, b.tif]"), "4:9: the paths name images and table"),
        (TABLE.replace("a.csv", "'@p/a.csv'"), "4:9: @p is no folder of allow"),
        (TABLE.replace("name: t", "name: _t"), "3:9: '_t' cannot name a table"),
        ("root: nowhere\n" + TABLE, "1:7: root: the folder"),
        ("allow: /mnt\n" + TABLE, "1:8: allow must be a mapping"),
        ("keywords: a\n" + TABLE, "1:11: keywords must be a list, not the text 'a'"),
        ("version: 2\n" + TABLE, '1:10: version must be text, not the number 2 | write version: "2.0"'),
        ("version: '2'\n" + TABLE, "1:10: '2' cannot name a release"),
        ("name: m\nresources: []\n", "2:12: resources is empty"),
        ("name: m\nresources: {t: a.csv}\n", "2:12: resources must be a list, not a mapping"),
        ("name: m\n", "1:1: resources is missing"),
    ],
)
def test_wrong_keys_and_values_are_explained_at_their_place(tmp_path: Path, text: str, said: str) -> None:
    assert any(one.startswith(said) for one in mistakes(tmp_path, text)), mistakes(tmp_path, text)


@pytest.mark.parametrize(
    ("derive", "said"),
    [
        ("{table: x, column: c, function: a:b, input: i}", "6:11: 'x' is no table of this manifest"),
        ("{table: t, function: a:b, input: i}", "6:3: neither column nor into is given"),
        ("{table: t, column: c, into: d, function: a:b, input: i}", "6:3: both column and into are given"),
        (
            "{table: t, column: c, function: os.system, input: i}",
            "6:35: 'os.system' does not name a function | write os:sys",
        ),
        (
            "{table: t, column: c, function: f.py:g, input: i}",
            "6:35: there is no file 'f.py' beside the manifest",
        ),
        (
            "{table: t, column: c, function: ../f.py:g, input: i}",
            "6:35: '../f.py:g' is not beside the manifest",
        ),
        ("{table: t, into: T, function: a:b, input: i}", "6:20: the table name 'T' is given twice"),
        ("{table: t, column: c, function: a:b, input: []}", "6:47: input is empty"),
    ],
)
def test_derive_is_checked_without_an_import(tmp_path: Path, derive: str, said: str) -> None:
    found = mistakes(tmp_path, f"{TABLE}derive:\n- {derive}\n")
    assert any(one.startswith(said) for one in found), found


def test_derive_may_read_tables_that_are_made_before(tmp_path: Path) -> None:
    (tmp_path / "crops.py").write_text("raise SystemExit\n")
    derive = (
        "derive:\n- {table: t, into: crops, function: crops.py:cut, input: a}\n"
        "- {table: crops, column: size, function: numpy:size, input: image}\n"
        "- {table: m_objects, column: size, function: numpy:size, input: label}\n"
    )
    loaded = read(tmp_path, TABLE + '- {name: m, path: "*.ch5"}\n' + derive)
    assert [entry.input for entry in loaded.manifest.derive] == [("a",), ("image",), ("label",)]


def test_foreign_keys_must_name_a_table_and_as_many_columns(tmp_path: Path) -> None:
    text = (
        TABLE + "  schema:\n    foreignKeys:\n    - {fields: a, reference: {resource: tt, fields: [a, b]}}\n"
    )
    assert mistakes(tmp_path, text) == [
        "7:7: the foreign key has columns: 1 here, but 2 in the table it points to | name as many columns on both "
        "sides, in the same order",
        "7:41: the foreign key points to 'tt', which is no table of this manifest | did you mean 't'?",
    ]


def test_a_key_of_a_closed_schema_must_name_declared_columns(tmp_path: Path) -> None:
    schema = "  schema: {fields: [{name: Well}], fieldsMatch: exact, primaryKey: [well]}\n"
    assert mistakes(tmp_path, TABLE + schema) == [
        "5:69: the key names the column 'well', which fields does not declare | did you mean 'Well'?"
    ]


def test_tables_that_a_resource_makes_may_not_be_named_again(tmp_path: Path) -> None:
    text = TABLE + '- {name: m, path: "*.ch5"}\n- {name: M_objects, path: b.csv}\n'
    assert "is the name of a table that the resource 'm' makes" in mistakes(tmp_path, text)[0]


def test_aliases_cannot_blow_up(tmp_path: Path) -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)]
    assert "more than 1,000,000 values" in mistakes(tmp_path, "\n".join(lines))[0]
    assert "levels" in mistakes(tmp_path, "a: " + "[" * 3000)[0]


def test_root_and_allow_can_be_given_from_outside(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "m.yaml").write_text("root: nowhere\n" + TABLE.replace("a.csv", "'@p/a.csv'"))
    loaded = load(tmp_path / "m.yaml", root=tmp_path / "other", allow={"p": tmp_path})
    assert (loaded.root, loaded.allow) == ((tmp_path / "other").resolve(), {"p": tmp_path.resolve()})
    with pytest.raises(ManifestError, match="no path begins with @q"):
        load(tmp_path / "m.yaml", root=tmp_path / "other", allow={"p": tmp_path, "q": tmp_path})


def test_what_is_no_manifest_is_said(tmp_path: Path) -> None:
    (tmp_path / "nf1.yaml").write_text(TABLE)
    with pytest.raises(ManifestError, match=r"there is no such manifest\n  fix: did you mean 'nf1.yaml'"):
        load(tmp_path / "nf2.yaml")
    with pytest.raises(ManifestError, match="this is a folder"):
        load(tmp_path)


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    loaded = read(tmp_path, b"\xef\xbb\xbf" + TABLE.replace("\n", "\r\n").encode())
    assert loaded.manifest.name == "m"
    assert loaded.place("resources", 0, "path").endswith(":4:9")


def test_a_loaded_manifest_pickles(tmp_path: Path) -> None:
    loaded = read(tmp_path, TABLE)
    again = pickle.loads(pickle.dumps(loaded))
    assert again == loaded
    assert again.place("resources", 0, "path") == loaded.place("resources", 0, "path")


def test_json_escapes_and_tabs_are_read(tmp_path: Path) -> None:
    text = '{\n\t"name":"m",\t"title": "\\ud83d\\ude00 \\u00e9 \\/",\n\t"resources":[{"name":"t","path":"a.csv"}]}'
    assert read(tmp_path, text, "datapackage.json").manifest.title == "\U0001f600 \u00e9 /"
    assert "half of a character" in mistakes(tmp_path, text.replace("\\ude00", ""))[0]


PARTS = st.sampled_from(
    [*"{}[]:,-#&*!|>'\"%@`\n\t\\<?~=", "<<: ", "*x", "&x ", "null", "a", "1", " ", "resources:"]
)


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(0, len(IMAGES)), PARTS), min_size=1, max_size=6), st.booleans())
def test_no_text_ends_in_a_traceback(edits: list[tuple[int, str]], descriptor: bool) -> None:
    text = IMAGES
    for at, part in edits:
        text = text[:at] + part + text[at + 1 :]
    found = Mistakes("m.yaml")
    reading = read_text(text, found, descriptor)
    assert reading.manifest is not None or found
