"""What a manifest may say: one model for each mapping of the YAML, strict and frozen.

Keys are the aliases where there are some (`primaryKey`), as Frictionless spells them. A list of the YAML is a
tuple here; where one text may stand for a list of one, the list is what a model holds.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator

from . import addresses, values

Item = TypeVar("Item")
Many = Annotated[tuple[Item, ...], BeforeValidator(values.as_tuple)]
OneOrMany = Annotated[tuple[Item, ...], BeforeValidator(values.one_or_many)]
Some = Annotated[tuple[Item, ...], BeforeValidator(values.one_value_or_many), AfterValidator(values.some)]

Name = Annotated[str, AfterValidator(values.package)]
ReleaseName = Annotated[str, AfterValidator(values.release)]
TableName = Annotated[str, AfterValidator(values.table)]
SourcePath = Annotated[str, AfterValidator(values.source_path)]
ExcludePath = Annotated[str, AfterValidator(values.exclude_path)]
MembersGlob = Annotated[str, AfterValidator(addresses.members_glob)]
Folder = Annotated[str, AfterValidator(values.folder)]
AllowName = Annotated[str, AfterValidator(values.allow_name)]
Pattern = Annotated[str, AfterValidator(values.pattern)]
FileHash = Annotated[str, AfterValidator(values.file_hash)]
Inline = Annotated[Any, AfterValidator(values.inline)]
Encoding = Annotated[str, AfterValidator(values.encoding)]
JsonSchema = Annotated[dict[str, Any], AfterValidator(values.json_schema)]
QuoteCharacter = Annotated[str, AfterValidator(values.quote_character)]
Character = Annotated[str, AfterValidator(values.one_character)]
Function = Annotated[str, AfterValidator(values.function)]
DerivedName = Annotated[str, AfterValidator(values.derived_name)]
Output = Annotated[str | tuple[str, ...] | dict[str, str], PlainValidator(values.output)]
Seconds = Annotated[float, PlainValidator(values.seconds)]
PositionGlob = Annotated[str, AfterValidator(values.position_glob)]
PlaneChoice = Annotated[str | int, PlainValidator(values.plane_choice)]
FrameChoice = Annotated[str | int, PlainValidator(values.frame_choice)]
MissingValue = Annotated[str, BeforeValidator(values.missing_value)]
Kind = Literal["table", "images", "ch5", "sqlite"]
Part = Literal["bytes", "array"]


class Strict(BaseModel):
    """Frozen, nothing converted, nothing unknown."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, populate_by_name=True, defer_build=True
    )


class License(Strict):
    """A licence, as Frictionless names it."""

    name: str | None = None
    path: str | None = None
    title: str | None = None


class Contributor(Strict):
    """A person or an institute."""

    title: str | None = None
    path: str | None = None
    email: str | None = None
    organization: str | None = None
    given_name: str | None = Field(None, alias="givenName")
    family_name: str | None = Field(None, alias="familyName")
    roles: Many[str] = ()


class Origin(Strict):
    """Where the data come from."""

    title: str | None = None
    path: str | None = None
    email: str | None = None
    version: str | None = None


class Constraints(Strict):
    """Frictionless constraints of a field."""

    required: bool | None = None
    unique: bool | None = None
    enum: Many[Any] | None = None
    minimum: Any = None
    maximum: Any = None
    exclusive_minimum: Any = Field(None, alias="exclusiveMinimum")
    exclusive_maximum: Any = Field(None, alias="exclusiveMaximum")
    pattern: str | None = None
    min_length: int | None = Field(None, alias="minLength")
    max_length: int | None = Field(None, alias="maxLength")
    json_schema: JsonSchema | None = Field(None, alias="jsonSchema")


class FieldModel(Strict):
    """One declared column."""

    name: str
    type: (
        Literal[
            "string", "integer", "number", "boolean", "date", "datetime", "time", "year", "yearmonth", "any"
        ]
        | None
    ) = None
    format: str | None = None
    title: str | None = None
    description: str | None = None
    constraints: Constraints = Constraints()
    missing_values: Many[MissingValue] | None = Field(None, alias="missingValues")
    true_values: Many[str] | None = Field(None, alias="trueValues")
    false_values: Many[str] | None = Field(None, alias="falseValues")
    decimal_char: Character | None = Field(None, alias="decimalChar")
    group_char: Character | None = Field(None, alias="groupChar")
    bare_number: bool | None = Field(None, alias="bareNumber")
    categories: Many[Any] | None = None
    categories_ordered: bool | None = Field(None, alias="categoriesOrdered")
    rdf_type: str | None = Field(None, alias="rdfType")
    example: Any = None


class Reference(Strict):
    """The table and columns that a foreign key points to; an empty resource is this one."""

    resource: str = ""
    fields: OneOrMany[str]


class ForeignKey(Strict):
    """Columns whose values stand in another table."""

    fields: OneOrMany[str]
    reference: Reference


class TableSchemaModel(Strict):
    """A Frictionless Table Schema; columns that are not named are inferred."""

    fields: Many[FieldModel] = ()
    primary_key: OneOrMany[str] = Field((), alias="primaryKey")
    foreign_keys: Many[ForeignKey] = Field((), alias="foreignKeys")
    unique_keys: Many[OneOrMany[str]] = Field((), alias="uniqueKeys")
    missing_values: Many[MissingValue] | None = Field(None, alias="missingValues")
    fields_match: Literal["exact", "equal", "subset", "superset", "partial"] | None = Field(
        None, alias="fieldsMatch"
    )


class Dialect(Strict):
    """A Frictionless Table Dialect; what is not said is found by looking at the file."""

    delimiter: Character | None = None
    quote_char: QuoteCharacter | None = Field(None, alias="quoteChar")
    double_quote: bool | None = Field(None, alias="doubleQuote")
    escape_char: Character | None = Field(None, alias="escapeChar")
    skip_initial_space: bool | None = Field(None, alias="skipInitialSpace")
    line_terminator: str | None = Field(None, alias="lineTerminator")
    comment_char: str | None = Field(None, alias="commentChar")
    comment_rows: Many[int] | None = Field(None, alias="commentRows")
    header: bool = True
    header_case: bool = Field(True, alias="headerCase")
    header_rows: Many[int] | None = Field(None, alias="headerRows")
    header_join: str | None = Field(None, alias="headerJoin")
    null_sequence: str | None = Field(None, alias="nullSequence")
    decimal_char: Character | None = Field(None, alias="decimalChar")


class Resource(Strict):
    """One entry of `resources`: files that become one table, or several; or rows that stand in the manifest itself."""

    name: TableName
    path: Annotated[OneOrMany[SourcePath], AfterValidator(values.some)] = ()
    members: Annotated[OneOrMany[MembersGlob], AfterValidator(values.some)] = ()
    data: Inline = None
    type: Kind
    title: str | None = None
    description: str | None = None
    licenses: Many[License] = ()
    sources: Many[Origin] = ()
    exclude: OneOrMany[ExcludePath] = ()
    empty: Literal["error", "skip"] = "error"
    optional: bool = False
    hash: FileHash | None = None
    bytes: int | None = Field(None, ge=0)
    pattern: Pattern | None = None
    many: bool = Field(False, exclude=True, description="path is a glob or a list: set by the loader")
    as_listed: bool = Field(
        False,
        exclude=True,
        description="files keep the order of the list, as Frictionless has it: set by the loader",
    )
    # text tables
    table_schema: TableSchemaModel = Field(TableSchemaModel(), alias="schema")
    dialect: Dialect = Dialect()
    encoding: Encoding | None = None
    source: bool = False
    # images
    keep: Annotated[OneOrMany[Part], AfterValidator(values.parts_kept)] = ("bytes", "array")
    array: Literal["nested", "packed"] = "nested"
    rows: Literal["image", "plane"] = "image"
    # databases
    table: str | None = Field(None, min_length=1)
    query: str | None = Field(None, min_length=1)
    image: str | None = Field(None, min_length=1)
    # movies: empty means all
    positions: Some[PositionGlob] = ()
    channels: Some[PlaneChoice] = ()
    regions: Some[PlaneChoice] = ()
    frames: Some[FrameChoice] = ()

    @property
    def tabular(self) -> bool:
        """Whether its rows may keep promises: keys, and references to other tables."""
        return self.type in ("table", "sqlite")

    @property
    def imaging(self) -> bool:
        """Whether the rows of the table that has its name are images of files."""
        return self.type == "images" or self.image is not None


class Derivation(Strict):
    """One computed column, several that one function gives, or a computed table."""

    table: str
    columns: OneOrMany[DerivedName] = Field((), alias="column")
    into: TableName | None = None
    function: Function
    args: dict[str, Any] = {}
    input: Annotated[OneOrMany[str], AfterValidator(values.some)]
    output: Output | None = None
    proof: Literal["values", "recipe"] = "values"
    on_error: Literal["fail", "null"] = "fail"
    seed: int = 0
    timeout_s: Seconds | None = None
    batch_size: int | None = Field(None, ge=1)
    num_cpus: float = Field(1, ge=0)
    num_gpus: float = Field(0, ge=0)


class Manifest(Strict):
    """A whole manifest, as a user means it: defaults filled in, short forms written out."""

    name: Name
    version: ReleaseName | None = None
    title: str | None = None
    description: str | None = None
    licenses: Many[License] = ()
    contributors: Many[Contributor] = ()
    sources: Many[Origin] = ()
    citation: str | None = None
    keywords: Many[str] = ()
    homepage: str | None = None
    root: Folder | None = None
    allow: dict[AllowName, Folder | None] = {}
    resources: Annotated[Many[Resource], AfterValidator(values.some)]
    derive: Many[Derivation] = ()
