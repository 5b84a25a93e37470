"""A day's work of fhirclient (PyPI, 4.4.0), as its registry gives it, against the service whose address is the argument.

It reads every answer into strict models: an element that R4 does not have, or of another type, fails.
"""

import sys

import requests
from fhirclient import client
from fhirclient.models.bundle import Bundle
from fhirclient.models.flag import Flag
from fhirclient.models.operationoutcome import OperationOutcome
from fhirclient.models.patient import Patient
from fhirclient.server import FHIRNotFoundException

SYSTEM = "https://test.example/fhirclient"
smart = client.FHIRClient(settings={"app_id": "vigie-test", "api_base": sys.argv[1]})
server = smart.server


def patient(value, **more):
    identifier = [{"system": SYSTEM, "value": value}]
    return Patient({"resourceType": "Patient", "identifier": identifier, **more})


def refused(action):
    try:
        action()
    except requests.HTTPError as fault:
        return fault.response.status_code, OperationOutcome(fault.response.json())
    raise AssertionError("it was not refused")


def bundle(kind, *entries):
    return Bundle({"resourceType": "Bundle", "type": kind, "entry": list(entries)})


def entry(method, url, resource=None, **more):
    asked = {"request": {"method": method, "url": url, **more}}
    return {**asked, "resource": resource} if resource else asked


# What the server says of itself is a CapabilityStatement, and nothing has to be authorised.
assert smart.prepare(), smart.server
assert server.capabilityStatement.fhirVersion == "4.0.1"

# Create, read, update.
names = [{"family": "PAT-TROIS", "given": ["DOMINIQUE"]}]
created = Patient(patient("1", name=names, gender="female").create(server))
assert created.meta.versionId == "1", created.as_json()
read = Patient.read(created.id, server)
assert read.name[0].given == ["DOMINIQUE"], read.as_json()
read.active = False
assert Patient(read.update(server)).meta.versionId == "2"

# Conditional create: fhirclient has it in a Bundle.
conditional = bundle("transaction", entry("POST", "Patient", patient("2").as_json(),
                                          ifNoneExist=f"identifier={SYSTEM}|2"))
first = Bundle(conditional.create(server)).entry[0]
again = Bundle(conditional.create(server)).entry[0]
assert first.response.status.startswith("201") and again.response.status.startswith("200"), again.as_json()
assert first.resource.id == again.resource.id

# Search with paging: every match once.
for n in range(10, 17):
    patient(str(n), gender="unknown").create(server)
pages = list(Patient.where({"gender": "unknown", "_count": "3"}).perform_iter(server))
assert [len(page.entry) for page in pages] == [3, 3, 1], [page.as_json() for page in pages]
found = [one.identifier[0].value for one in
         Patient.where({"gender": "unknown", "_count": "2"}).perform_resources_iter(server)]
assert sorted(found) == [str(n) for n in range(10, 17)], found

# History.
history = Bundle(server.request_json(f"Patient/{created.id}/_history"))
assert history.type == "history"
assert [one.resource.meta.versionId for one in history.entry] == ["2", "1"], history.as_json()

# Batch: each entry stands on its own.
done = Bundle(bundle("batch", entry("GET", f"Patient/{created.id}"), entry("GET", "Patient/nobody")).create(server))
assert done.type == "batch-response"
assert [one.response.status[:3] for one in done.entry] == ["200", "404"], done.as_json()
assert done.entry[1].response.outcome.issue[0].code == "not-found"

# Transaction: all of it, references and all, or nothing.
urn = "urn:uuid:6f0a0a86-9a53-4a0e-9a8e-0f5a4f3c1b12"
flag = {"resourceType": "Flag", "status": "active", "code": {"text": "test"}, "subject": {"reference": urn}}
made = Bundle(bundle("transaction", {"fullUrl": urn, **entry("POST", "Patient", patient("20").as_json())},
                     entry("POST", "Flag", flag)).create(server)).entry
assert made[1].resource.subject.reference == f"Patient/{made[0].resource.id}"
flagged = list(Flag.where({"subject": f"Patient/{made[0].resource.id}"}).include("subject")
               .perform_resources_iter(server))
assert sorted(one.resource_type for one in flagged) == ["Flag", "Patient"]
status, outcome = refused(lambda: bundle(
    "transaction", entry("POST", "Patient", patient("21").as_json()),
    entry("POST", "Flag", {**flag, "subject": {"reference": "Patient/nobody"}})).create(server))
assert (status, outcome.issue[0].expression) == (422, ["Bundle.entry[1].resource.subject"]), outcome.as_json()
assert not list(Patient.where({"identifier": f"{SYSTEM}|21"}).perform_resources_iter(server))

# An error names its place.
status, outcome = refused(lambda: server.post_json("Patient", {"resourceType": "Patient", "gender": "unheard-of"}))
assert (status, outcome.issue[0].expression) == (422, ["Patient.gender"]), outcome.as_json()

# Delete.
gone = Patient(patient("40").create(server))
gone.delete(server)
status, outcome = refused(lambda: Patient.read(gone.id, server))
assert (status, outcome.issue[0].code) == (410, "deleted"), outcome.as_json()
try:
    Patient.read("nobody", server)
    raise AssertionError("nobody was read")
except FHIRNotFoundException as fault:
    assert OperationOutcome(fault.response.json()).issue[0].code == "not-found"
print("fhirclient: passed")
