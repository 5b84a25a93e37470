#!/usr/bin/env python3
"""Reads clinical documents back with lxml, which shares nothing with the program that wrote them.

    read_cda.py FOLDER

Every FOLDER/*.xml must be well-formed XML that says what a level 1 document has to say; where FOLDER/NAME.pdf stands beside
NAME.xml, the body must be those very bytes. One line a fault; status 1 when there is one, or no document at all.
"""

import base64
import re
import sys
from pathlib import Path

from lxml import etree

NAMES = {"h": "urn:hl7-org:v3"}
INS = {f"1.2.250.1.213.1.4.{n}" for n in (8, 9, 10, 11)}
TIME = re.compile(r"\d{14}[+-]\d{4}")

# What must be there once, as XPath below /ClinicalDocument, and the pattern of the value.
ONCE = {
    "h:realmCode/@code": r"FR",
    "h:typeId/@extension": r"POCD_HD000040",
    "h:id/@root": r"2\.25\.\d+",
    "h:code/@code": r"85208-7",
    "h:title": r"Compte rendu de télésurveillance du .+",
    "h:effectiveTime/@value": TIME.pattern,
    "h:confidentialityCode/@code": r"[NRV]",
    "h:languageCode/@code": r"fr-FR",
    "h:setId/@root": r"2\.25\.\d+",
    "h:versionNumber/@value": r"[1-9]\d*",
    "h:recordTarget/h:patientRole/h:patient/h:birthTime/@value": r"\d{8}",
    "h:author/h:assignedAuthor/h:id/@extension": r"[03-68].+",
    "h:author/h:assignedAuthor/h:code/@code": r"G15_.+",
    "h:custodian//h:representedCustodianOrganization/h:id/@extension": r"[0-4].+",
    "h:legalAuthenticator/h:signatureCode/@code": r"S",
    "h:documentationOf/h:serviceEvent/h:effectiveTime/h:low/@value": TIME.pattern,
    "h:componentOf/h:encompassingEncounter/h:location/h:healthCareFacility/h:code/@code": r"SA\d\d",
    "h:component/h:nonXMLBody/h:text/@mediaType": r"application/pdf",
}


def faults(path):
    root = etree.fromstring(path.read_bytes(), etree.XMLParser(resolve_entities=False, no_network=True))
    if root.tag != "{urn:hl7-org:v3}ClinicalDocument":
        yield "the root is not a ClinicalDocument"
        return
    for place, pattern in ONCE.items():
        found = [str(getattr(one, "text", one)) for one in root.xpath(place, namespaces=NAMES)]
        if len(found) != 1 or not re.fullmatch(pattern, found[0]):
            yield f"{place}: found {len(found)}, expected one like {pattern}"
    if root.xpath("h:id/@extension|h:setId/@extension|h:relatedDocument/h:parentDocument/h:id/@extension", namespaces=NAMES):
        yield "an id of a document has an extension"
    if root.xpath("//h:serviceEvent/h:code", namespaces=NAMES):
        yield "the act has a code"
    replaced = root.xpath("h:relatedDocument[@typeCode='RPLC']/h:parentDocument/h:id/@root", namespaces=NAMES)
    if len(replaced) != (root.xpath("number(h:versionNumber/@value)", namespaces=NAMES) > 1):
        yield "a second version replaces one document, a first none"
    for value in root.xpath("//h:time/@value|//h:low/@value|//h:high/@value", namespaces=NAMES):
        if not TIME.fullmatch(value):
            yield f"a time without offset: {value}"
    for number in root.xpath("h:recordTarget/h:patientRole/h:id", namespaces=NAMES):
        if number.get("root") in INS and not key_is_right(number.get("extension")):
            yield "the key of the INS is wrong"
    body = base64.b64decode(root.xpath("string(h:component/h:nonXMLBody/h:text)", namespaces=NAMES), validate=True)
    if not body.startswith(b"%PDF-1.4"):
        yield "the body is no PDF 1.4"
    pages = path.with_suffix(".pdf")
    if pages.exists() and pages.read_bytes() != body:
        yield "the body is not the PDF that is served beside it"


def key_is_right(ins):
    number = ins[:13].replace("2A", "19").replace("2B", "18")
    return 97 - int(number) % 97 == int(ins[13:])


def main():
    documents = sorted(Path(sys.argv[1]).glob("*.xml"))
    found = [f"{path.name}: {fault}" for path in documents for fault in faults(path)]
    print("\n".join(found) or f"lxml reads {len(documents)} documents and finds what they have to say")
    sys.exit(1 if found or not documents else 0)


if __name__ == "__main__":
    main()
