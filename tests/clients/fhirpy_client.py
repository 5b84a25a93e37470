"""A day's work of fhirpy (PyPI, 2.3.1), as its registry gives it, against the service whose address is the argument."""

import sys

from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import MultipleResourcesFound, OperationOutcome, ResourceNotFound

SYSTEM = "https://test.example/fhirpy"
client = SyncFHIRClient(sys.argv[1])


def patient(value, **more):
    return client.resource("Patient", identifier=[{"system": SYSTEM, "value": value}], **more)


def refused(kind, action):
    try:
        action()
    except kind as fault:
        return fault
    raise AssertionError(f"no {kind.__name__}")


# Create, read, update, and a version that is known already.
dominique = patient("1", name=[{"family": "PAT-TROIS", "given": ["DOMINIQUE"]}], gender="female").save()
assert dominique["meta"]["versionId"] == "1", dominique
read = client.reference("Patient", dominique.id).to_resource()
assert read["name"][0]["family"] == "PAT-TROIS", read
read["birthDate"] = "1979-03-28"
read.save()
assert read["meta"]["versionId"] == "2", read
assert dominique.refresh()["birthDate"] == "1979-03-28"
assert dominique.refresh()["meta"]["versionId"] == "2"

# Conditional create, as fhirpy writes it (the condition in the address) and as FHIR does (If-None-Exist).
search = client.resources("Patient").search(identifier=f"{SYSTEM}|2")
first, created = search.get_or_create(patient("2", gender="male"))
assert created, first
again, created = search.get_or_create(patient("2", gender="other"))
assert not created and again.id == first.id and again["gender"] == "male", again
headed = SyncFHIRClient(sys.argv[1], extra_headers={"If-None-Exist": f"identifier={SYSTEM}|2"})
third = headed.resource("Patient", identifier=[{"system": SYSTEM, "value": "2"}]).save()
assert third.id == first.id, third

# Conditional update, and a condition that more than one meets.
changed, created = search.update(patient("2", gender="female"))
assert not created and changed.id == first.id and changed["gender"] == "female", changed
several = client.resources("Patient").search(gender="female")
refused(MultipleResourcesFound, lambda: several.update(patient("9")))

# Search with paging: every match once.
for n in range(10, 17):
    patient(str(n), active=True).save()
matches = client.resources("Patient").search(active="true").sort("_id").limit(3)
assert len(matches.fetch()) == 3
found = [one["identifier"][0]["value"] for one in matches.fetch_all()]
assert sorted(found) == [str(n) for n in range(10, 17)], found
assert matches.first().id == min(one.id for one in matches.fetch_all())
# count() sends a parameter of another server's (_totalMethod): passed over when the client is lenient.
lenient = SyncFHIRClient(sys.argv[1], extra_headers={"Prefer": "handling=lenient"})
assert lenient.resources("Patient").search(active="true").count() == 7

# History.
history = client.execute(f"Patient/{dominique.id}/_history", method="get")
assert [entry["resource"]["meta"]["versionId"] for entry in history["entry"]] == ["2", "1"], history
assert [entry["request"]["method"] for entry in history["entry"]] == ["PUT", "POST"], history

# Batch: each entry stands on its own.
batch = client.execute("/", data={"resourceType": "Bundle", "type": "batch", "entry": [
    {"request": {"method": "GET", "url": f"Patient/{dominique.id}"}},
    {"request": {"method": "GET", "url": "Patient/nobody"}},
]})
assert [entry["response"]["status"][:3] for entry in batch["entry"]] == ["200", "404"], batch
assert batch["entry"][1]["response"]["outcome"]["issue"][0]["code"] == "not-found", batch

# Transaction: all of it, references and all, or nothing.
urn = "urn:uuid:6f0a0a86-9a53-4a0e-9a8e-0f5a4f3c1b11"
flag = {"resourceType": "Flag", "status": "active", "code": {"text": "test"}, "subject": {"reference": urn}}
entries = [
    {"fullUrl": urn, "resource": patient("20").serialize(), "request": {"method": "POST", "url": "Patient"}},
    {"resource": flag, "request": {"method": "POST", "url": "Flag"}},
]
done = client.execute("/", data={"resourceType": "Bundle", "type": "transaction", "entry": entries})
made = [entry["resource"] for entry in done["entry"]]
assert made[1]["subject"]["reference"] == f"Patient/{made[0]['id']}", done
before = len(client.resources("Flag").fetch_all())
dangling = {**flag, "subject": {"reference": "Patient/nobody"}}
entries = [
    {"resource": {**flag, "subject": {"reference": f"Patient/{first.id}"}}, "request": {"method": "POST", "url": "Flag"}},
    {"resource": dangling, "request": {"method": "POST", "url": "Flag"}},
]
fault = refused(OperationOutcome, lambda: client.execute(
    "/", data={"resourceType": "Bundle", "type": "transaction", "entry": entries}))
assert "Bundle.entry[1]" in str(fault.resource["issue"][0]["expression"]), fault
assert len(client.resources("Flag").fetch_all()) == before

# An error names its place.
fault = refused(OperationOutcome, lambda: patient("30", gender="unheard-of").save())
assert any(issue["expression"] == ["Patient.gender"] for issue in fault.resource["issue"]), fault

# Delete.
gone = patient("40").save()
gone.delete()
refused(ResourceNotFound, lambda: client.reference("Patient", gone.id).to_resource())
print("fhirpy: passed")
