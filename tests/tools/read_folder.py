#!/usr/bin/env python3
"""Picks up a folder of documents as an engine would, with programs that share nothing with the one that wrote it: lxml,
zipfile, json and hl7.

    read_folder.py FOLDER

Every marker stands beside all files of its delivery; CDA, body, PDF, archive and message hold the same bytes; a withdrawal
names documents and files that are there. One line a fault; status 1 when there is one, or an act was not seen.
"""

import base64
import hashlib
import json
import sys
import zipfile
from pathlib import Path

import hl7
from lxml import etree

V3 = {"h": "urn:hl7-org:v3"}
RIM = "{urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0}"
PARSER = etree.XMLParser(resolve_entities=False, no_network=True)
EVENTS = {"provide": ("T02", "NW", "F"), "replace": ("T10", "RO", "C"), "withdraw": ("T04", "CA", "D")}


def cda_of(message):
    return base64.b64decode(str(message.segments("OBX")[0][5][0][4]))


def message_faults(stem, act):
    message = hl7.parse(stem.with_name(stem.name + ".hl7").read_bytes().decode())
    event, order, status = EVENTS[act]
    said = (str(message.segment("MSH")[9][0][1]), str(message.segment("ORC")[1]), str(message.segments("OBX")[0][11]))
    if said != (event, order, status):
        yield f"the message says {said}"
    root = etree.fromstring(cda_of(message), PARSER)
    if str(message.segment("TXA")[12]) != root.xpath("string(h:id/@root)", namespaces=V3):
        yield "TXA-12 is not the id of the document"
    parent = root.xpath("string(h:relatedDocument/h:parentDocument/h:id/@root)", namespaces=V3)
    if act == "replace" and str(message.segment("TXA")[13]) != parent:
        yield "TXA-13 is not what the document replaces"


def document_faults(stem, act):
    part = lambda extension: stem.with_name(f"{stem.name}.{extension}").read_bytes()
    cda, pdf = part("xml"), part("pdf")
    root = etree.fromstring(cda, PARSER)
    if base64.b64decode(root.xpath("string(h:component/h:nonXMLBody/h:text)", namespaces=V3)) != pdf:
        yield "the body of the CDA is not the PDF"
    if cda_of(hl7.parse(part("hl7").decode())) != cda:
        yield "the message carries another CDA"
    with zipfile.ZipFile(stem.with_name(stem.name + ".zip")) as archive:
        if archive.testzip() is not None or archive.read("IHE_XDM/SUBSET01/DOC00001.XML") != cda:
            yield "the archive holds another CDA"
        metadata = etree.fromstring(archive.read("IHE_XDM/SUBSET01/METADATA.XML"), PARSER)
    slots = {slot.get("name"): slot.findtext(f".//{RIM}Value") for slot in metadata.iter(RIM + "Slot")}
    if slots["hash"] != hashlib.sha1(cda).hexdigest() or slots["size"] != str(len(cda)):
        yield "hash or size of the archive are others"
    unique = root.xpath("string(h:id/@root)", namespaces=V3)
    if unique not in [one.get("value") for one in metadata.iter(RIM + "ExternalIdentifier")]:
        yield "the archive names another document"
    yield from message_faults(stem, act)


def withdrawal_faults(stem, folder):
    notice = json.loads(stem.with_name(stem.name + ".json").read_bytes())
    if notice["act"] != "withdraw" or not notice["files"]:
        yield "the notice withdraws nothing"
    for name in notice["files"]:
        if not (folder / name).is_file():
            yield f"the notice names {name}, which is not there"
    cda = next(folder / name for name in notice["files"] if name.endswith(".xml"))
    root = etree.fromstring(cda.read_bytes(), PARSER)
    if notice["document"] != "urn:oid:" + root.xpath("string(h:id/@root)", namespaces=V3):
        yield "the notice names another document"
    yield from message_faults(stem, "withdraw")


def main():
    folder = Path(sys.argv[1])
    found, acts = [], set()
    for marker in sorted(folder.glob("*.ok")):
        stem = marker.with_suffix("")
        act = next(act for act in EVENTS if f"-{act}-" in stem.name)
        acts.add(act)
        judged = withdrawal_faults(stem, folder) if act == "withdraw" else document_faults(stem, act)
        found += [f"{stem.name}: {fault}" for fault in judged]
    found += [f"no delivery was seen that is to {act}" for act in EVENTS if act not in acts]
    found += [f"{path.name} is hidden" for path in folder.glob(".*")]
    print("\n".join(found) or "an engine picks up first document, replacement and withdrawal")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
