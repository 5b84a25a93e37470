// A day's work of fhir-kit-client (npm, 2.0.3), as its registry gives it, against the service whose address is the argument.

import assert from 'node:assert/strict';
import { Client } from 'fhir-kit-client';

const SYSTEM = 'https://test.example/fhir-kit-client';
const client = new Client({ baseUrl: process.argv[2] });
const patient = (value, more = {}) => ({ resourceType: 'Patient', identifier: [{ system: SYSTEM, value }], ...more });
const create = (body, options) => client.create({ resourceType: body.resourceType, body, options });

async function refused(promise) {
  const fault = await promise.then(() => assert.fail('it was not refused'), (fault) => fault);
  assert.equal(fault.response?.data?.resourceType, 'OperationOutcome', String(fault.stack));
  return { status: fault.response.status, issue: fault.response.data.issue };
}

// What the server says of itself.
const statement = await client.capabilityStatement();
assert.deepEqual([statement.resourceType, statement.fhirVersion], ['CapabilityStatement', '4.0.1']);

// Create, read, vread, update, patch.
const created = await create(patient('1', { name: [{ family: 'PAT-TROIS', given: ['DOMINIQUE'] }], gender: 'female' }));
assert.equal(created.meta.versionId, '1');
const read = await client.read({ resourceType: 'Patient', id: created.id });
assert.deepEqual(read, created);
const updated = await client.update({ resourceType: 'Patient', id: read.id, body: { ...read, active: false } });
assert.deepEqual([updated.meta.versionId, updated.active], ['2', false]);
const patched = await client.patch({
  resourceType: 'Patient',
  id: read.id,
  jsonPatch: [{ op: 'replace', path: '/active', value: true }],
});
assert.deepEqual([patched.meta.versionId, patched.active], ['3', true]);
assert.deepEqual(await client.vread({ resourceType: 'Patient', id: read.id, version: '1' }), created);

// Conditional create and update.
const condition = { headers: { 'If-None-Exist': `identifier=${SYSTEM}|2` } };
const first = await create(patient('2'), condition);
const again = await create(patient('2', { gender: 'other' }), condition);
assert.deepEqual(again, first);
const searchParams = { identifier: `${SYSTEM}|2` };
const changed = await client.update({ resourceType: 'Patient', searchParams, body: patient('2', { gender: 'male' }) });
assert.deepEqual([changed.id, changed.gender, changed.meta.versionId], [first.id, 'male', '2']);

// Search with paging, forth and by form.
for (let n = 10; n < 17; n += 1) await create(patient(String(n), { gender: 'unknown' }));
const wanted = { identifier: `${SYSTEM}|`, gender: 'unknown', _count: 3 };
const values = [];
for (let page = await client.search({ resourceType: 'Patient', searchParams: wanted }); page; ) {
  values.push(...page.entry.map((entry) => entry.resource.identifier[0].value));
  page = await client.nextPage({ bundle: page });
}
assert.deepEqual(values.sort(), ['10', '11', '12', '13', '14', '15', '16']);
const posted = await client.search({ resourceType: 'Patient', searchParams: wanted, options: { postSearch: true } });
assert.deepEqual([posted.type, posted.entry.length], ['searchset', 3]);

// History of a resource and of a type.
const history = await client.history({ resourceType: 'Patient', id: created.id });
assert.deepEqual(history.entry.map((entry) => entry.request.method), ['PATCH', 'PUT', 'POST']);
assert.equal((await client.history({ resourceType: 'Patient' })).type, 'history');

// Batch: each entry stands on its own.
const batch = await client.batch({
  body: {
    resourceType: 'Bundle',
    type: 'batch',
    entry: [
      { request: { method: 'GET', url: `Patient/${created.id}` } },
      { request: { method: 'DELETE', url: 'Patient/nobody' } },
      { request: { method: 'GET', url: 'Patient/nobody' } },
    ],
  },
});
assert.deepEqual(batch.entry.map((entry) => entry.response.status.slice(0, 3)), ['200', '204', '404']);

// Transaction: all of it, references and all, or nothing.
const urn = 'urn:uuid:6f0a0a86-9a53-4a0e-9a8e-0f5a4f3c1b13';
const flag = { resourceType: 'Flag', status: 'active', code: { text: 'test' }, subject: { reference: urn } };
const transaction = (...entry) => client.transaction({ body: { resourceType: 'Bundle', type: 'transaction', entry } });
const post = (resource, more) => ({ resource, request: { method: 'POST', url: resource.resourceType }, ...more });
const done = await transaction(post(patient('20'), { fullUrl: urn }), post(flag));
const [whom, what] = done.entry.map((entry) => entry.resource);
assert.equal(what.subject.reference, `Patient/${whom.id}`);
const fault = await refused(transaction(post(patient('21')), post({ ...flag, subject: { reference: 'Patient/nobody' } })));
assert.deepEqual([fault.status, fault.issue[0].code], [422, 'not-found']);
const none = await client.search({ resourceType: 'Patient', searchParams: { identifier: `${SYSTEM}|21` } });
assert.equal(none.total ?? none.entry?.length ?? 0, 0);

// An error names its place.
const invalid = await refused(create(patient('30', { gender: 'unheard-of' })));
assert.deepEqual([invalid.status, invalid.issue[0].expression], [422, ['Patient.gender']]);

// Delete.
const gone = await create(patient('40'));
await client.delete({ resourceType: 'Patient', id: gone.id });
assert.equal((await refused(client.read({ resourceType: 'Patient', id: gone.id }))).status, 410);
console.log('fhir-kit-client: passed');
