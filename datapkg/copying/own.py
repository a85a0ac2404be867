"""What a package of one version has beside the files of tables that the version lists."""

from __future__ import annotations

from datetime import datetime

from .. import versions
from ..places import Place
from ..records import FilesList, Record
from ..removed import note_name, short_note
from ..store import pin_content, tag_path
from .histories import History


def own_files(source: Place, record: Record, listed: FilesList) -> dict[str, bytes]:
    """Pins, records, notes and release names, by their names."""
    contents = {}
    for table in (*record.tables, record.sources):
        pin = table.stored
        size = next(int(size) for _, path, size, _ in listed.files[table.name] if path == pin.manifest)
        made = datetime.fromisoformat(record.created)
        contents[tag_path(table.name, pin.tag)] = pin_content(pin.lance_version, size, made)
    contents |= {
        versions.record_name(record.version): source.read(versions.record_name(record.version)),
        versions.list_name(record): versions.files_content(source, record),
    }
    for number, note in History.of_version(source, record).gone.items():
        contents[note_name(number)] = short_note(note)
    for name, number in versions.releases(source).items():
        if number == record.version:
            contents[f"releases/{name}.json"] = source.read(f"releases/{name}.json")
    return contents
