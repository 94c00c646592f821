"""The sidecar of a folder: the context of the document as JSON, for a program of the office."""

import json
from collections.abc import Sequence

from exchange.hookspecs import ConsentTerms, DocumentFile, DocumentPackage, Label
from exchange_plugin_folder.index import PURPOSE_BINDING_DE, PURPOSE_BINDING_EN, utc

SIDECAR = "document.json"
"""Name of the file."""


def sidecar(package: DocumentPackage, files: Sequence[tuple[str, DocumentFile]]) -> bytes:
    """Return the context of the document; of the person no more than the package says.

    Args:
        package: what arrived.
        files: name in the folder and file, in the sender's order.
    """
    context = {
        "id": package.disclosure_id,
        "sender": {"agency": package.sender, "name": package.sender_name},
        "purpose": _label(package.purpose),
        "category": _label(package.category),
        "secrecy": _label(package.secrecy),
        "sent_at": utc(package.sent_at),
        "collected_at": utc(package.collected_at),
        "reference": package.reference,
        "remark": package.remark,
        "consent": _consent(package.consent) if package.consent else None,
        "purpose_binding": {"de": PURPOSE_BINDING_DE, "en": PURPOSE_BINDING_EN},
        "notice": package.notice,
        "files": [
            {
                "name": name,
                "type": file.media_type,
                "size": file.size,
                "sha256": file.sha256,
                "third_party": file.third_party,
            }
            for name, file in files
        ],
    }
    return json.dumps(context, ensure_ascii=False, indent=2).encode() + b"\n"


def _consent(terms: ConsentTerms) -> dict[str, object]:
    return {
        "id": terms.id,
        "agreement": terms.agreement,
        "subject_ref": terms.subject_ref,
        "purpose": {**_label(terms.purpose), "words": terms.purpose_words},
        "categories": [_label(category) for category in terms.categories],
        "releasers": list(terms.releasers),
        "recipients": list(terms.recipients),
        "form": terms.form,
        "collected_by": terms.collected_by,
        "collected_at": utc(terms.collected_at),
        "valid_from": utc(terms.valid_from),
        "valid_until": utc(terms.valid_until),
        "sha256": terms.sha256,
    }


def _label(label: Label) -> dict[str, str]:
    return {"code": label.code, "de": label.de, "en": label.en}
