#!/usr/bin/env python3
"""Judges the messages of XDS.b below tests/ with the official schemas of IHE, which are not part of this repository.

    target/tools/python/bin/python tests/tools/ihe_oracle.py ITI-INFO [MESSAGE…]

ITI-INFO is a checkout of github.com/IHE/ITI-Info. What stands in the SOAP body is judged: ProvideAndRegisterDocumentSet
(the root part of the package), SubmitObjectsRequest, AdhocQueryRequest, RemoveObjectsRequest, and the answers to them. The
schemas import xml.xsd from the network; the three attributes they use of it are declared here. Each message is also
spoilt in four ways, to see that the schemas notice. Status 1 when anything failed or went unnoticed.
"""

import base64
import copy
import email
import pathlib
import sys
from urllib.parse import unquote

from lxml import etree

TESTS = pathlib.Path(__file__).resolve().parent.parent
CASES, GOLDEN = TESTS / "cases" / "xds", TESTS / "golden" / "sequence"
SOAP = "{http://www.w3.org/2003/05/soap-envelope}"
RIM = "{urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0}"
XML_XSD = b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="http://www.w3.org/XML/1998/namespace">
<xs:attribute name="lang" type="xs:language"/><xs:attribute name="space" type="xs:string"/>
<xs:attribute name="base" type="xs:anyURI"/></xs:schema>"""
WHOLE = b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
<xs:import namespace="urn:ihe:iti:xds-b:2007" schemaLocation="IHE/XDS.b_DocumentRepository.xsd"/>
<xs:import namespace="urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0" schemaLocation="ebRS/lcm.xsd"/>
<xs:import namespace="urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0" schemaLocation="ebRS/query.xsd"/>
<xs:import namespace="urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0" schemaLocation="ebRS/rs.xsd"/></xs:schema>"""


class Offline(etree.Resolver):
    def resolve(self, url, public_id, context):
        if url.startswith(("http:", "https:")) or url.endswith("/xml.xsd"):
            return self.resolve_string(XML_XSD, context)
        return None


def body(octets):
    """The element in the SOAP body; of a package with what it includes (XOP) in its place, as Base64."""
    included = {}
    if octets.startswith(b"--"):
        # What waits in the outbox: the same parts without the head of the request.
        boundary = octets[2 : octets.index(b"\r\n")]
        octets = b'Content-Type: multipart/related; boundary="' + boundary + b'"\r\n\r\n' + octets
    if not octets.lstrip().startswith(b"<"):
        for part in email.message_from_bytes(octets).walk():
            if not part.is_multipart():
                included[part["Content-ID"].strip("<>")] = part.get_payload(decode=True)
        octets = included.get("metadata") or next(iter(included.values()))
    root = etree.fromstring(octets, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True))
    for include in list(root.iter("{http://www.w3.org/2004/08/xop/include}Include")):
        place = include.getparent()
        place.remove(include)
        place.text = base64.b64encode(included[unquote(include.get("href").removeprefix("cid:"))]).decode()
    return root.find(SOAP + "Body")[0] if root.tag == SOAP + "Envelope" else root


def spoilt(message):
    """Copies of the message with one fault each."""
    named = copy.deepcopy(message)
    etree.SubElement(named, "{urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0}Invented")
    yield "an invented element", named
    for what, path, change in [
        ("a slot without name", RIM + "Slot", lambda one: one.attrib.pop("name")),
        ("an object without id", RIM + "ExtrinsicObject", lambda one: one.attrib.pop("id")),
        ("a query without id", RIM + "AdhocQuery", lambda one: one.attrib.pop("id")),
        ("an association without type", RIM + "Association", lambda one: one.attrib.pop("associationType")),
    ]:
        other = copy.deepcopy(message)
        found = next(other.iter(path), None)
        if found is not None:
            change(found)
            yield what, other


def main(root, *names):
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(Offline())
    base = (pathlib.Path(root) / "schema" / "whole.xsd").as_uri()
    schema = etree.XMLSchema(etree.fromstring(WHOLE, parser, base_url=base))
    messages = [pathlib.Path(name) for name in names] or sorted(CASES.glob("iti-*")) + sorted(GOLDEN.rglob("*.mime"))
    failed = noticed = mutants = 0
    for path in messages:
        message = body(path.read_bytes())
        valid = schema.validate(message)
        print(f"{path.name}: {etree.QName(message).localname}: {'valid' if valid else 'INVALID'}")
        for fault in [] if valid else schema.error_log:
            print(f"    {fault.line}: {fault.message}")
        failed += not valid
        for what, other in spoilt(message):
            mutants += 1
            seen = not schema.validate(other)
            noticed += seen
            if not seen:
                print(f"    spoilt, {what}: NOT NOTICED")
    print(f"{len(messages)} messages, {failed} invalid; {noticed} of {mutants} faults noticed")
    return failed > 0 or noticed < mutants


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
