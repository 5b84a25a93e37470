// A day's work of @medplum/core (npm, 4.5.2), as its registry gives it, against the service whose address is the argument.

import assert from 'node:assert/strict';
import { MedplumClient, OperationOutcomeError } from '@medplum/core';

const SYSTEM = 'https://test.example/medplum';
// Its own server has FHIR below fhir/R4; here it is at the root.
const medplum = new MedplumClient({ baseUrl: process.argv[2], fhirUrlPath: '' });
const patient = (value, more = {}) => ({ resourceType: 'Patient', identifier: [{ system: SYSTEM, value }], ...more });

async function refused(promise) {
  const fault = await promise.then(() => assert.fail('it was not refused'), (fault) => fault);
  assert.ok(fault instanceof OperationOutcomeError, String(fault.stack));
  return fault.outcome.issue;
}

// Create, read, update, patch.
const created = await medplum.createResource(
  patient('1', { name: [{ family: 'PAT-TROIS', given: ['DOMINIQUE'] }], gender: 'female' }),
);
assert.equal(created.meta.versionId, '1');
assert.deepEqual(await medplum.readResource('Patient', created.id, { cache: 'reload' }), created);
const updated = await medplum.updateResource({ ...created, active: false });
assert.deepEqual([updated.meta.versionId, updated.active], ['2', false]);
const patched = await medplum.patchResource('Patient', created.id, [{ op: 'replace', path: '/active', value: true }]);
assert.deepEqual([patched.meta.versionId, patched.active], ['3', true]);
assert.deepEqual(await medplum.readVersion('Patient', created.id, '1'), created);

// Conditional create and update.
const first = await medplum.createResourceIfNoneExist(patient('2'), `identifier=${SYSTEM}|2`);
const again = await medplum.createResourceIfNoneExist(patient('2', { gender: 'other' }), `identifier=${SYSTEM}|2`);
assert.deepEqual(again, first);
const changed = await medplum.upsertResource(patient('2', { gender: 'male' }), { identifier: `${SYSTEM}|2` });
assert.deepEqual([changed.id, changed.gender, changed.meta.versionId], [first.id, 'male', '2']);

// Search with paging: every match once.
for (let n = 10; n < 17; n += 1) await medplum.createResource(patient(String(n), { gender: 'unknown' }));
const sizes = [];
const values = [];
for await (const page of medplum.searchResourcePages('Patient', {
  identifier: `${SYSTEM}|`,
  gender: 'unknown',
  _count: '3',
})) {
  sizes.push(page.length);
  values.push(...page.map((one) => one.identifier[0].value));
}
assert.deepEqual(sizes, [3, 3, 1]);
assert.deepEqual(values.sort(), ['10', '11', '12', '13', '14', '15', '16']);
assert.equal((await medplum.searchOne('Patient', `identifier=${SYSTEM}|12`)).identifier[0].value, '12');

// History.
const history = await medplum.readHistory('Patient', created.id);
assert.deepEqual(history.entry.map((entry) => entry.resource.meta.versionId), ['3', '2', '1']);

// Batch: each entry stands on its own.
const bundle = (type, ...entry) => medplum.executeBatch({ resourceType: 'Bundle', type, entry });
const batch = await bundle(
  'batch',
  { request: { method: 'GET', url: `Patient/${created.id}` } },
  { request: { method: 'GET', url: 'Patient/nobody' } },
);
assert.deepEqual(batch.entry.map((entry) => entry.response.status.slice(0, 3)), ['200', '404']);
assert.equal(batch.entry[1].response.outcome.issue[0].code, 'not-found');

// Transaction: all of it, references and all, or nothing.
const urn = 'urn:uuid:6f0a0a86-9a53-4a0e-9a8e-0f5a4f3c1b14';
const flag = { resourceType: 'Flag', status: 'active', code: { text: 'test' }, subject: { reference: urn } };
const post = (resource, more) => ({ resource, request: { method: 'POST', url: resource.resourceType }, ...more });
const done = await bundle('transaction', post(patient('20'), { fullUrl: urn }), post(flag));
const [whom, what] = done.entry.map((entry) => entry.resource);
assert.equal(what.subject.reference, `Patient/${whom.id}`);
const dangling = post({ ...flag, subject: { reference: 'Patient/nobody' } });
assert.equal((await refused(bundle('transaction', post(patient('21')), dangling)))[0].code, 'not-found');
assert.equal(await medplum.searchOne('Patient', `identifier=${SYSTEM}|21`), undefined);

// An error names its place.
const issues = await refused(medplum.createResource(patient('30', { gender: 'unheard-of' })));
assert.deepEqual(issues[0].expression, ['Patient.gender']);

// Delete.
const gone = await medplum.createResource(patient('40'));
await medplum.deleteResource('Patient', gone.id);
assert.equal((await refused(medplum.readResource('Patient', gone.id)))[0].code, 'deleted');
console.log('medplum: passed');
