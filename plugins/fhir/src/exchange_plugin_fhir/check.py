"""Checks bundles by the models of the library, and their codes ourselves.

The models know the value sets of required codes and do not look at them: so we do, on the way out
and on the way in.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fhir_core.fhirabstractmodel import FHIRAbstractModel
from pydantic import BaseModel, ValidationError

from exchange.errors import Malformed
from exchange_plugin_fhir.configure import Version


def model(version: Version) -> type[FHIRAbstractModel]:
    """Return the model of Bundle in a release.

    Imported here: only one is ever needed, and none until there is a document.
    """
    if version == "R5":
        from fhir.resources.bundle import Bundle as BundleR5  # noqa: PLC0415

        return BundleR5
    from fhir.resources.R4B.bundle import Bundle as BundleR4B  # noqa: PLC0415

    return BundleR4B


def check(bundle: Mapping[str, Any], model: type[FHIRAbstractModel]) -> None:
    """Check members, shapes and codes of a bundle.

    Raises:
        Malformed: it is not what the release prescribes. It is told which entry is wrong, and
            the path of a wrong code; nothing of its content, nor the name of an unknown member.
    """
    try:
        checked = model.model_validate(bundle)
    except ValidationError as cause:
        raise Malformed(f"{_place(cause)} is not one of this release of FHIR") from None
    except (LookupError, ValueError, TypeError, AttributeError):
        raise Malformed("the bundle is not one of this release of FHIR") from None
    wrong = next(wrong_codes(checked, "Bundle"), None)
    if wrong is not None:
        raise Malformed(f"the bundle has a code outside its value set at {wrong}")


def _place(cause: ValidationError) -> str:
    """Return the words for where the first error is."""
    match cause.errors()[0]["loc"]:
        case ("entry", int(number), *_):
            return f"entry {number + 1} of the bundle"
        case _:
            return "the bundle"


def wrong_codes(node: BaseModel, path: str) -> Iterator[str]:
    """Yield the path of every coded element whose value is outside its required value set."""
    for name, field in type(node).model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        allowed = extra.get("enum_values")
        value = getattr(node, name)
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, BaseModel):
                yield from wrong_codes(part, f"{path}.{name}")
            elif part is not None and _is_outside(part, allowed):
                yield f"{path}.{name}"


def _is_outside(value: object, allowed: object) -> bool:
    """Tell whether a complete list of codes lacks `value`; `+` in a list says there are more."""
    return isinstance(allowed, list) and "+" not in allowed and value not in allowed
