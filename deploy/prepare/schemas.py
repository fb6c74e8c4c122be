"""Writes the schemas under ``deploy/schemas``: what the official clients say a job file may hold, as JSON Schema.

Needs ``pip install botocore==1.44.8 azure-ai-ml==1.35.2`` in an environment of its own (the course does not depend on
them), and makes the same bytes again from the same versions:

    python deploy/prepare/schemas.py

SageMaker: the shape CreateTrainingJobRequest of botocore's service model (Apache-2.0). Descriptions are left out; the
rest is carried over: names, types, required members, enumerations, ranges and patterns.
Azure ML: the marshmallow schemas of azure-ai-ml (MIT) behind ``az ml job create`` and ``az ml environment create``.
Where a field converts before it checks (the text "1" for a number), the schema accepts what the client accepts.
"""

import json
from importlib import metadata
from pathlib import Path

SCHEMAS = Path(__file__).resolve().parents[1] / "schemas"
ROUND = {"boolean": "boolean", "integer": "integer", "long": "integer", "float": "number", "double": "number",
         "string": "string", "timestamp": ["string", "number"]}
# Java's character classes in Python's and JavaScript's words. \w takes in the letters of every script in Python.
CLASSES = {r"\p{L}\p{Z}\p{N}": r"\w\s", r"\p{Alnum}": "A-Za-z0-9"}
NUMBER = {"Integer": r"^\s*[-+]?\d+\s*$", "Float": r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$"}


def main() -> None:
    write("sagemaker_create_training_job", "botocore", "Apache-2.0", sagemaker("CreateTrainingJobRequest"))
    write("azureml_command_job", "azure-ai-ml", "MIT", azureml("job.command_job", "CommandJobSchema"))
    write("azureml_environment", "azure-ai-ml", "MIT", azureml("assets.environment", "EnvironmentSchema"))


def write(name: str, package: str, licence: str, schema: dict) -> None:
    about = {"$schema": "https://json-schema.org/draft/2020-12/schema", "x-source": package,
             "x-version": metadata.version(package), "x-licence": licence}
    text = json.dumps(about | schema, ensure_ascii=False, indent=1)
    (SCHEMAS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    print(f"{name}: {len(text):,} characters, {package} {about['x-version']}")


def sagemaker(root: str) -> dict:
    """The shape ``root`` and every shape that it reaches."""
    from botocore.session import Session

    model, found = Session().get_service_model("sagemaker"), {}
    wanted = [root]
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = converted(model.shape_for(name))
            wanted += [ref.rpartition("/")[2] for ref in references(found[name])]
    return {"$ref": f"#/$defs/{root}", "$defs": dict(sorted(found.items()))}


def references(schema: object) -> list[str]:
    if isinstance(schema, dict):
        here = [schema["$ref"]] if isinstance(schema.get("$ref"), str) else []
        return here + [ref for value in schema.values() for ref in references(value)]
    return []


def ref(shape) -> dict:
    return {"$ref": f"#/$defs/{shape.name}"}


def converted(shape) -> dict:
    """One botocore shape as JSON Schema."""
    limits = shape.metadata
    if shape.type_name == "structure":
        return {"type": "object", "additionalProperties": False, "required": shape.required_members,
                "properties": {name: ref(member) for name, member in shape.members.items()}}
    if shape.type_name == "list":
        return {"type": "array", "items": ref(shape.member)} | bounds(limits, "minItems", "maxItems")
    if shape.type_name == "map":
        return ({"type": "object", "propertyNames": ref(shape.key), "additionalProperties": ref(shape.value)}
                | bounds(limits, "minProperties", "maxProperties"))
    kind = {"type": ROUND[shape.type_name]}
    if shape.type_name != "string":
        return kind | bounds(limits, "minimum", "maximum")
    if pattern := shape.metadata.get("pattern"):
        for java, ours in CLASSES.items():
            pattern = pattern.replace(java, ours)
        kind["pattern"] = f"^(?:{pattern})$"  # the service matches the whole text
    return kind | ({"enum": shape.enum} if shape.enum else {}) | bounds(limits, "minLength", "maxLength")


def bounds(limits: dict, low: str, high: str) -> dict:
    return {name: limits[key] for name, key in ((low, "min"), (high, "max")) if limits.get(key) is not None}


def azureml(module: str, name: str) -> dict:
    """One of azure-ai-ml's marshmallow schemas."""
    from importlib import import_module

    schema = getattr(import_module(f"azure.ai.ml._schema.{module}"), name)
    return fields_of(schema(context={"base_path": Path()}))


def fields_of(schema) -> dict:
    """A marshmallow schema as JSON Schema. Fields that the client drops on reading may hold anything."""
    named = {field.data_key or name: field for name, field in schema.fields.items()}
    return {"type": "object", "additionalProperties": False,
            "required": sorted(name for name, field in named.items() if field.required),
            "properties": {name: {} if field.dump_only else one_field(field) for name, field in named.items()}}


def one_field(field) -> dict:
    """One marshmallow field: azure-ai-ml's own say what they are, the standard ones are named here."""
    from marshmallow import fields

    if hasattr(field, "_union_fields"):
        schema = {"anyOf": [one_field(choice) for choice in field._union_fields]}
    elif hasattr(field, "_experimental_field"):
        schema = one_field(field._experimental_field)
    elif isinstance(field, fields.Nested):
        schema = fields_of(field.schema)
    elif isinstance(field, fields.Dict):
        inner = getattr(field, "value_field", None)
        schema = {"type": "object"} | ({"additionalProperties": one_field(inner)} if inner else {})
    elif isinstance(field, fields.List):
        schema = {"type": "array", "items": one_field(field.inner)}
    else:
        schema = simple_field(field)
    return {"anyOf": [schema, {"type": "null"}]} if field.allow_none else schema


def simple_field(field) -> dict:
    from marshmallow import fields

    if isinstance(field, (fields.Integer, fields.Float)):
        if getattr(field, "strict", False):
            return {"type": "integer" if isinstance(field, fields.Integer) else "number"}
        pattern = NUMBER["Integer" if isinstance(field, fields.Integer) else "Float"]
        return {"type": ["number", "string"], "pattern": pattern}  # the client converts before it checks
    if isinstance(field, fields.Boolean):
        return {"enum": [True, False, *sorted(v for v in field.truthy | field.falsy if isinstance(v, str))]}
    if isinstance(field, fields.Url):
        return {"type": "string", "pattern": "^[a-z][a-z0-9+.-]*://"}
    if hasattr(field, "_jsonschema_type_mapping"):
        kept = ("type", "enum", "pattern", "anyOf")
        return {key: value for key, value in field._jsonschema_type_mapping().items() if key in kept}
    return {"type": "string"} if isinstance(field, fields.String) else {}


if __name__ == "__main__":
    main()
