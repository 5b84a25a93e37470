#!/usr/bin/env python3
"""Judges CDA documents with the official schema and schematrons of the ANS, which are not part of this repository.

    python3 -m venv VENV && VENV/bin/pip install lxml saxonche
    VENV/bin/python tests/tools/cda_oracle.py TESTCONTENUCDA FOLDER

TESTCONTENUCDA is a checkout of github.com/ansforge/TestContenuCDA-3-0, FOLDER holds the documents (*.xml): `tests/documents
FOLDER` writes ours. Two faults of the published files are mended in the checkout: a file name whose case differs from its
include, and a code list that is missing, made from JDV_J07. The compiled stylesheets are kept beside their schematrons.
For each schematron: documents, rules that fired, failed assertions; status 1 when anything failed. With --mutate each
document is also spoilt in some twenty ways, one at a time, to see which of them the schematrons notice.
"""

import sys
from pathlib import Path

from lxml import etree
from saxonche import PySaxonProcessor

HL7 = {"h": "urn:hl7-org:v3"}
SVRL = {"s": "http://purl.oclc.org/dsdl/svrl"}
SCHEMATRONS = [
    "profils/structurationMinimale/ASIP-STRUCT-MIN-StrucMin.sch",
    "profils/IHE.sch",
    "profils/CI-SIS_Modeles_ANS.sch",
    "profils/CI-SIS_ModelesDeContenusCDA.sch",
    "CI-SIS_TLM-CR_2022.01.sch",
]


def repair(root):
    includes = root / "schematrons"
    for path in list(includes.rglob("E_directiveanticipee_int.sch")):
        twin = path.with_name("E_directiveAnticipee_int.sch")
        if not twin.exists():
            twin.write_bytes(path.read_bytes())
    listed = includes / "profils/structurationMinimale/include/voc-1.2.250.1.213.1.1.5.471-DYNAMIC.xml"
    if not listed.exists():
        svs = etree.parse(root / "jeuxDeValeurs/JDV_J07_XdsTypeCode_CISIS.xml")
        out = ['<valueSets><valueSet id="1.2.250.1.213.1.1.5.471"><conceptList>']
        for one in svs.iter("{urn:ihe:iti:svs:2008}Concept"):
            out.append('<concept code="%s" codeSystem="%s"/>' % (one.get("code"), one.get("codeSystem")))
        out.append("</conceptList></valueSet></valueSets>")
        listed.write_text("".join(out), encoding="utf-8")


def compile_schematron(processor, root, name):
    source = root / "schematrons" / name
    compiled = source.with_suffix(".compiled.xsl")
    if compiled.exists():
        return compiled
    step = source
    for n, sheet in enumerate(["iso_dsdl_include", "iso_abstract_expand", "iso_svrl_for_xslt2"]):
        out = compiled if n == 2 else source.with_suffix(f".step{n}.xml")
        xslt = processor.new_xslt30_processor()
        xslt.transform_to_file(
            source_file=str(step), stylesheet_file=str(root / "schematrons/moteur" / f"{sheet}.xsl"), output_file=str(out)
        )
        step = out
    return compiled


class Oracle:
    def __init__(self, root):
        repair(root)
        self.schema = etree.XMLSchema(etree.parse(root / "infrastructure/cda/CDA_extended.xsd"))
        self.processor = PySaxonProcessor(license=False)
        self.sheets = {}
        for name in SCHEMATRONS:
            compiled = compile_schematron(self.processor, root, name)
            sheet = self.processor.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(compiled))
            self.sheets[Path(name).stem] = sheet

    def judge(self, text):
        """Per judge: how many rules fired, and the messages of what failed."""
        tree = etree.fromstring(text)
        found = {"XSD": (1, [] if self.schema.validate(tree) else [e.message for e in self.schema.error_log])}
        node = self.processor.parse_xml(xml_text=text.decode("utf-8"))
        for name, sheet in self.sheets.items():
            svrl = etree.fromstring(sheet.transform_to_string(xdm_node=node).encode("utf-8"))
            failed = svrl.xpath("//s:failed-assert[not(@role) or @role='error']", namespaces=SVRL)
            fired = len(svrl.xpath("//s:fired-rule", namespaces=SVRL))
            text_of = lambda one: " ".join("".join(one.itertext()).split()) + " @ " + one.get("location", "")
            found[name] = (fired, [text_of(one) for one in failed])
        return found


def drop(path):
    def change(tree):
        found = tree.xpath(path, namespaces=HL7)
        for one in found:
            one.getparent().remove(one)
        return bool(found)

    return change


def put(path, attribute, value):
    def change(tree):
        found = tree.xpath(path, namespaces=HL7)
        for one in found:
            one.set(attribute, value)
        return bool(found)

    return change


def insert_act(tree):
    event = tree.xpath("//h:serviceEvent", namespaces=HL7)[0]
    event.insert(0, etree.Element("{urn:hl7-org:v3}code", code="TVA", codeSystem="1.2.250.1.215.200.3.3", displayName="x"))
    return True


MUTATIONS = {
    "no setId": drop("/h:ClinicalDocument/h:setId"),
    "no versionNumber": drop("/h:ClinicalDocument/h:versionNumber"),
    "no title": drop("/h:ClinicalDocument/h:title"),
    "no confidentialityCode": drop("/h:ClinicalDocument/h:confidentialityCode"),
    "unknown type code": put("/h:ClinicalDocument/h:code", "code", "99999-9"),
    "a template less": drop("/h:ClinicalDocument/h:templateId[3]"),
    "no realmCode": drop("/h:ClinicalDocument/h:realmCode"),
    "no birthTime": drop("//h:patient/h:birthTime"),
    "no birthplace": drop("//h:patient/h:birthplace"),
    "no name of birth": drop("//h:patient/h:name/h:family[@qualifier='BR']"),
    "no first given name of birth": drop("//h:patient/h:name/h:given[@qualifier='BR']"),
    "unknown sex": put("//h:administrativeGenderCode", "code", "X"),
    "unknown specialty": put("//h:assignedAuthor/h:code", "code", "G15_99/XX"),
    "no author id": drop("//h:assignedAuthor/h:id"),
    "custodian of another root": put("//h:representedCustodianOrganization/h:id", "root", "1.2.3"),
    "no legalAuthenticator": drop("/h:ClinicalDocument/h:legalAuthenticator"),
    "no signatureCode": drop("//h:signatureCode"),
    "no documentationOf": drop("/h:ClinicalDocument/h:documentationOf"),
    "an invented act": insert_act,
    "no performer": drop("//h:serviceEvent/h:performer"),
    "unknown practice setting": put("//h:performer//h:standardIndustryClassCode", "code", "X"),
    "no componentOf": drop("/h:ClinicalDocument/h:componentOf"),
    "unknown facility": put("//h:healthCareFacility/h:code", "code", "X"),
    "unknown encounter": put("//h:encompassingEncounter/h:code", "code", "X"),
    "another media type": put("//h:nonXMLBody/h:text", "mediaType", "text/plain"),
}


def main():
    arguments = [one for one in sys.argv[1:] if not one.startswith("--")]
    root, folder = Path(arguments[0]).resolve(), Path(arguments[1])
    oracle = Oracle(root)
    documents = sorted(folder.glob("*.xml"))
    if not documents:
        sys.exit(f"no document in {folder}")
    totals, failed = {}, 0
    for path in documents:
        for name, (fired, messages) in oracle.judge(path.read_bytes()).items():
            total = totals.setdefault(name, [0, 0, 0])
            total[0] += 1
            total[1] += fired
            total[2] += len(messages)
            failed += len(messages)
            for message in messages[:10]:
                print(f"{path.name}: {name}: {message}")
    for name, (count, fired, bad) in totals.items():
        print(f"{name}: {count} documents, {fired} rules fired, {bad} failed assertions")
    if "--mutate" in sys.argv:
        mutate(oracle, documents[0])
    sys.exit(1 if failed else 0)


def mutate(oracle, path):
    noticed = 0
    for name, change in MUTATIONS.items():
        tree = etree.fromstring(path.read_bytes())
        if not change(tree):
            sys.exit(f"the change '{name}' found nothing to change")
        by = [judge for judge, (_, messages) in oracle.judge(etree.tostring(tree)).items() if messages]
        noticed += bool(by)
        print(f"spoilt: {name}: {', '.join(by) or 'NOT NOTICED'}")
    print(f"{noticed} of {len(MUTATIONS)} changes are noticed")


if __name__ == "__main__":
    main()
