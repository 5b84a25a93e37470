#!/usr/bin/env python3
"""Reads the golden sequences of tests/golden/sequence with programs that nobody here wrote, and compares what each form says:
hl7apy the messages, lxml the CDA and the metadata, signxml the signature, Python's email the packages, hashlib and json the rest.

    read_sequence.py FOLDER [PAGES]

The pages of the released document are left in the folder PAGES for a judge of PDF/A. One line a fault; status 1 when there is one, or when less was judged than there is."""

import base64
import email
import hashlib
import io
import json
import pathlib
import sys

import lxml.etree as ET
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message
from hl7apy.validation import Validator
from signxml import SignatureConfiguration, XMLVerifier

FOLDER = pathlib.Path(sys.argv[1])
SEAL = (pathlib.Path(__file__).resolve().parents[1] / "cases" / "xds" / "seal.pem").read_bytes()
RIM = "{urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0}"
DS = "{http://www.w3.org/2000/09/xmldsig#}"
HL7 = "{urn:hl7-org:v3}"
CONFIDENTIALITY = "urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f"
ARCHIVED = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived"
# Flags of HL7 v2, and the codes of TRE_A07 that they stand for.
FLAGS = {
    "MASQUE_PS": "MASQUE_PS",
    "INVISIBLE_PATIENT": "INVISIBLE_PATIENT",
    "INVISIBLE_REP_LEGAUX": "INVISIBLE_REPRESENTANTS_LEGAUX",
}
judged = 0


def seen(holds, what):
    global judged
    if not holds:
        raise SystemExit(f"read_sequence: {what}")
    judged += 1


def message(name):
    """Event, masks, whether they are said to have changed, ids of document and parent, and the document, by hl7apy."""
    text = (FOLDER / name).read_bytes().decode()
    lines = [line for line in text.split("\r") if line and not line.startswith("PRT")]
    parsed = parse_message("\r".join(lines) + "\r", validation_level=VALIDATION_LEVEL.TOLERANT)
    Validator.validate(parsed)
    rows = [line.split("|") for line in lines if line.startswith("OBX")]
    flags = {row[3].split("^")[0]: row[5].split("^")[0] for row in rows[1:]}
    txa = next(line.split("|") for line in lines if line.startswith("TXA"))
    document = base64.b64decode(rows[0][5].split("^")[4], validate=True)
    masks = {code for flag, code in FLAGS.items() if flags[flag] == "Y"}
    return parsed.msh.msh_9.msh_9_2.value, masks, flags["MODIF_CONF_CODE"] == "Y", txa[12:14], document


def order(name):
    """The order, its metadata and its documents, by email and lxml."""
    octets = (FOLDER / name).read_bytes()
    boundary = octets.split(b"\r\n", 1)[0].lstrip(b"-").decode()
    head = f'Content-Type: multipart/related; boundary="{boundary}"\r\n\r\n'.encode()
    parts = email.message_from_bytes(head + octets).get_payload()
    bodies = [part.get_payload(decode=True) for part in parts]
    return json.loads(bodies[0]), ET.fromstring(bodies[1]), bodies[2:]


def slot(element, name):
    return element.findtext(f"{RIM}Slot[@name='{name}']/{RIM}ValueList/{RIM}Value")


def confidentiality(entry):
    codes = [one for one in entry.iter(RIM + "Classification") if one.get("classificationScheme") == CONFIDENTIALITY]
    return {one.get("nodeRepresentation") for one in codes}


def masks(labels):
    return {coding["code"] for label in labels for coding in label["coding"]} - {"N", "R", "V"}


def description(name):
    resource = json.loads((FOLDER / name).read_text())
    archived = [one["valueBoolean"] for one in resource.get("extension", []) if one["url"] == ARCHIVED]
    return resource, masks(resource["securityLabel"]), archived == [True]


def patch(name, unique_id):
    """The operation of a conditional PATCH of that document."""
    [entry] = json.loads((FOLDER / name).read_text())["entry"]
    seen(entry["request"]["method"] == "PATCH" and entry["request"]["url"].endswith(f"|{unique_id}"), f"{name}: the request")
    [operation] = json.loads(base64.b64decode(entry["resource"]["data"], validate=True))
    return operation


def signed(signature, document):
    """The signature of the set, by signxml (libxmlsec1 follows the manifest, and there is nothing at urn:oid:), and the digest
    that its manifest has of the document, in canonical form by lxml."""
    config = SignatureConfiguration(require_x509=True, location=".//", expect_references=2)
    verifier = XMLVerifier()
    results = verifier.verify(
        signature, x509_cert=SEAL.decode(), id_attribute="Id", validate_schema=False, expect_config=config
    )
    names = [ET.QName(result.signed_xml).localname for result in results]
    seen(names == ["Manifest", "SignedProperties"], f"signxml verified {names}")
    canonical = io.BytesIO()
    ET.parse(io.BytesIO(document)).write_c14n(canonical, with_comments=True)
    manifest = next(one for one in ET.fromstring(signature).iter(DS + "Manifest") if one.get("Id") == "IHEManifest")
    _, of_document = manifest.findall(DS + "Reference")
    digest = base64.b64encode(hashlib.sha256(canonical.getvalue()).digest()).decode()
    seen(of_document.findtext(DS + "DigestValue") == digest, "the signature is about another document")


def released():
    for name in ("pfi", "dmp", "mhd"):
        held = json.loads((FOLDER / f"released/1-held-{name}.json").read_text())
        over = json.loads((FOLDER / f"released/2-released-{name}.json").read_text())
        seen((held["status"], over["status"]) == ("requested", "completed"), f"{name}: the Task ends")
        seen(held["id"] == over["id"] and "n'est pas qualifiée" in held["description"], f"{name}: the Task says why")
    cda = (FOLDER / "released/3-document.xml").read_bytes()
    root = ET.fromstring(cda)
    seen(root.tag == HL7 + "ClinicalDocument", "the CDA")
    ins = [one.get("extension") for one in root.iter(HL7 + "id") if (one.get("root") or "").startswith("1.2.250.1.213.1.4.")]
    seen(len(ins) == 1 and len(ins[0]) == 15, "the CDA names one INS")
    pdf = base64.b64decode(root.find(f"{HL7}component/{HL7}nonXMLBody/{HL7}text").text)
    seen(pdf.startswith(b"%PDF-1.4") and b"pdfaid" in pdf, "the body is a PDF/A")
    for pages in sys.argv[2:]:
        (pathlib.Path(pages) / "sequence.pdf").write_bytes(pdf)
    oid = root.find(HL7 + "id").get("root")
    described, hidden, archived = description("released/3-description.json")
    seen(described["masterIdentifier"]["value"] == f"urn:oid:{oid}" and not hidden and not archived, "the description")
    attachment = described["content"][0]["attachment"]
    sha1 = hashlib.sha1(cda)
    seen(base64.b64decode(attachment["hash"]) == sha1.digest() and attachment["size"] == len(cda), "its digest")
    event, hidden, changed, (own, parent), document = message("released/4-pfi.hl7")
    seen((event, hidden, changed, own, parent) == ("T02", set(), False, oid, ""), "the message")
    seen(document == cda, "the message carries the CDA")
    asked, metadata, documents = order("released/4-dmp.mime")
    seen(documents[0] == cda and asked["transaction"] == {"kind": "provide", "replaces": None}, "the submission")
    entry = next(metadata.iter(RIM + "ExtrinsicObject"))
    seen((slot(entry, "hash"), slot(entry, "size")) == (sha1.hexdigest(), str(len(cda))), "the entry")
    seen(confidentiality(entry) == {"N"} and ins[0] in ET.tostring(metadata).decode(), "the entry is open, of that INS")
    signed(documents[1], cda)
    bundle = json.loads((FOLDER / "released/4-mhd.json").read_text())
    kinds = [one["resource"]["resourceType"] for one in bundle["entry"]]
    seen(sorted(kinds)[:1] == ["Binary"] and {"List", "DocumentReference"} <= set(kinds), f"the bundle: {kinds}")
    binary = next(one["resource"] for one in bundle["entry"] if one["resource"]["resourceType"] == "Binary")
    seen(base64.b64decode(binary["data"], validate=True) == cda, "the bundle carries the CDA")


def visibility():
    first, *_ = description("visibility/1-hidden-description.json")
    unique_id = first["masterIdentifier"]["value"]
    oid = unique_id.removeprefix("urn:oid:")
    document = None
    for step, expected, archived in [
        ("1-hidden", {"INVISIBLE_PATIENT"}, False),
        ("2-shown", set(), False),
        ("3-archived", set(), True),
        ("4-taken-out", set(), False),
    ]:
        described, hidden, put_away = description(f"visibility/{step}-description.json")
        seen((hidden, put_away, described["status"]) == (expected, archived, "current"), f"{step}: the description")
        seen(described["masterIdentifier"]["value"] == unique_id, f"{step}: the same document")
        asked, metadata, documents = order(f"visibility/{step}-dmp.mime")
        transaction = asked["transaction"]
        seen(transaction["document"] == oid and not documents, f"{step}: the order is about it")
        seen(not list(metadata.iter(RIM + "ExtrinsicObject")), f"{step}: the entry is the registry's to tell")
        change = patch(f"visibility/{step}-mhd.json", unique_id)
        if step in ("1-hidden", "2-shown"):
            seen({one["code"] for one in transaction["masks"]} == expected, f"{step}: ITI-57")
            seen(change["path"] == "/securityLabel" and masks(change["value"]) == expected, f"{step}: PATCH")
            event, flags, changed, ids, carried = message(f"visibility/{step}-pfi.hl7")
            seen((event, flags, changed, ids) == ("T10", expected, True, [oid, oid]), f"{step}: the message")
            document = document or carried
            seen(carried == document and ET.fromstring(carried).find(HL7 + "id").get("root") == oid, f"{step}: its document")
        else:
            [relation] = metadata.iter(RIM + "Association")
            states = [slot(relation, name).rsplit(":", 1)[1] for name in ("OriginalStatus", "NewStatus")]
            wanted = ["Approved", "Archived"] if archived else ["Archived", "Approved"]
            seen(states == wanted, f"{step}: ITI-57 {states}")
            seen(change["path"] == "/extension" and change["value"][-1]["valueBoolean"] is archived, f"{step}: PATCH")
            task = json.loads((FOLDER / f"visibility/{step}-pfi.json").read_text())
            seen("« pfi »" in task["description"] and task["status"] == "requested", f"{step}: a person sees to the platform")


released()
visibility()
files = sum(1 for one in FOLDER.rglob("*") if one.is_file())
print(f"{files} golden files of two sequences, {judged} facts about them hold")
