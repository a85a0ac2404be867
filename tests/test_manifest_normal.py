"""What of a manifest counts, and what of it is recorded."""

from __future__ import annotations

import json

import pytest

from datapkg.errors import ManifestError
from datapkg.manifest.load import read_text
from datapkg.manifest.mistakes import Mistakes
from datapkg.manifest.models import Manifest
from datapkg.manifest.normal import blanked, manifest_digest, normalised, parse_recorded, settings_digest

TEXT = 'name: m\nroot: ../data\nresources:\n- name: t\n  path: "*.tif"\n'


def manifest(text: str, descriptor: bool = False) -> Manifest:
    mistakes = Mistakes("m.yaml")
    found = read_text(text, mistakes, descriptor).manifest
    mistakes.raise_any()
    assert found is not None
    return found


def test_comments_formatting_places_and_defaults_do_not_count() -> None:
    other = (
        "# a comment\nroot: /elsewhere\nallow: {p: /mnt}\nname: 'm'\n"
        "resources: [{path: './*.tif', type: images, name: t, keep: [array, bytes], rows: image, title: }]\n"
    )
    assert normalised(manifest(TEXT)) == normalised(manifest(other))
    assert manifest_digest(manifest(TEXT)) == manifest_digest(manifest(other))


def test_the_normalised_manifest_is_sorted_json() -> None:
    said = '{"name":"m","resources":[{"name":"t","path":"*.tif","type":"images"}]}'
    assert normalised(manifest(TEXT)) == said


def test_aliases_are_spelled_as_frictionless_does() -> None:
    text = (
        TEXT.replace('"*.tif"', "a.csv")
        + "  schema: {primaryKey: a, fieldsMatch: equal, fields: [{name: a}]}\n"
    )
    schema = json.loads(normalised(manifest(text)))["resources"][0]["schema"]
    assert schema == {"fields": [{"name": "a"}], "fieldsMatch": "equal", "primaryKey": ["a"]}


def test_a_list_of_one_path_differs_from_the_path_alone() -> None:
    alone, listed = (manifest(TEXT.replace('"*.tif"', path)) for path in ("a.csv", "[a.csv]"))
    assert manifest_digest(alone) != manifest_digest(listed)
    assert settings_digest(alone.resources[0]) != settings_digest(listed.resources[0])


@pytest.mark.parametrize(
    "line", ["title: x", "description: x", "licenses: [{name: x}]", "empty: skip", "exclude: b.tif"]
)
def test_settings_leave_out_what_changes_no_row(line: str) -> None:
    one, other = (manifest(text).resources[0] for text in (TEXT, f"{TEXT}  {line}\n"))
    assert settings_digest(one) == settings_digest(other)


@pytest.mark.parametrize("line", ["keep: array", "array: packed", "rows: plane", "pattern: '{Well}.tif'"])
def test_settings_hold_what_changes_rows(line: str) -> None:
    one, other = (manifest(text).resources[0] for text in (TEXT, f"{TEXT}  {line}\n"))
    assert settings_digest(one) != settings_digest(other)


@pytest.mark.parametrize("line", ["positions: a/b/c", "channels: 0", "regions: [a]", "frames: 0-9"])
def test_settings_hold_which_part_of_a_movie_is_taken(line: str) -> None:
    text = TEXT.replace("tif", "ch5")
    one, other = (manifest(written).resources[0] for written in (text, f"{text}  {line}\n"))
    assert settings_digest(one) != settings_digest(other)


def test_a_description_of_a_column_is_no_setting_and_its_type_is() -> None:
    def digest(field: str) -> str:
        text = TEXT.replace('"*.tif"', "a.csv") + f"  schema: {{fields: [{{name: a, {field}}}]}}\n"
        return settings_digest(manifest(text).resources[0])

    assert digest("description: x") == digest("title: y") != digest("type: string")


@pytest.mark.parametrize(
    ("written", "recorded"),
    [
        ("root: ../data  # where\nname: m", "root: null  # where\nname: m"),
        (
            "root: '/home/ada'\nallow:\n  p: /mnt/p # here\n  q: \"/x\"\n",
            "root: null\nallow:\n  p: null # here\n  q: null\n",
        ),
        ("root: >\n  /home\n  /ada\nname: m", "root: null\nname: m"),
        ('{"root": "/home", "allow": {"p": "/mnt"}}', '{"root": null, "allow": {"p": null}}'),
        ("# root: /home\nname: m", "# root: /home\nname: m"),
    ],
)
def test_places_are_blanked_and_comments_kept(written: str, recorded: str) -> None:
    assert blanked(written) == recorded


def test_a_place_that_an_alias_uses_elsewhere_cannot_be_blanked() -> None:
    with pytest.raises(ManifestError, match="anchor"):
        blanked("root: &here /home/ada\ntitle: *here\n")


def test_a_recorded_text_is_understood_again() -> None:
    text = "allow: {p: /mnt/p}\n" + TEXT.replace("*.tif", "@p/*.tif")
    again = parse_recorded(blanked(text))
    assert normalised(again) == normalised(manifest(text))
    assert again.allow == {"p": None}


def test_the_digest_tells_a_frictionless_descriptor_from_a_manifest() -> None:
    text = '{"name": "m", "resources": [{"name": "t", "path": "a.csv"}]}'
    for descriptor in (False, True):
        meant = manifest(text, descriptor)
        assert parse_recorded(text, manifest_digest(meant)) == meant


def test_a_recorded_text_that_is_no_manifest_is_an_error() -> None:
    with pytest.raises(ManifestError, match="recorded manifest:1:1"):
        parse_recorded("nonsense")
