import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { toYaml } from '../../stacks/manifests/yaml';
import { manifestsOf, STACKS, synthExample } from '../examples/fixtures';
import { checkov, excepts, noCheckov, readExceptions, type Scan } from '../support/kubernetes/checkov';
import { canRun } from '../support/kubernetes/needs';
import type { Json } from '../support/synth';

const ready = canRun('checkov', noCheckov);
const exceptions = readExceptions(join(__dirname, 'checkov.yaml'));

describe.skipIf(!ready)('checkov, on the Terraform JSON and the manifests of every stack', () => {
  /** What must be found, or the scanner isn't looking. */
  const careless = 'careless';
  let scan: Scan;

  beforeAll(async () => {
    const stacks = STACKS.map(([name, stack]) => [
      name,
      { terraform: stack.json, yaml: toYaml(manifestsOf(stack)) },
    ]);
    const bad = structuredClone(synthExample('libpq-password-file').json);
    const [deployment] = Object.values<Json>(bad.resource.kubernetes_deployment_v1);
    deployment.spec.template.spec.container[0].security_context.privileged = true;
    const files = { ...Object.fromEntries(stacks), [careless]: { terraform: bad, yaml: secretYaml() } };
    scan = await checkov(files);
  }, 180_000);

  it('reads every file, as all that it should', () => {
    expect(scan.parsingErrors).toBe(0);
    expect([...scan.frameworks].sort()).toEqual(['kubernetes', 'secrets', 'terraform_json']);
    expect(scan.passed).toBeGreaterThan(1000);
  });

  it('finds what it is there to find', () => {
    const found = scan.findings.filter(({ stack }) => stack === careless).map(({ check }) => check);
    // A privileged container, and a secret key of AWS.
    expect(found).toEqual(expect.arrayContaining(['CKV_K8S_16', 'CKV_SECRET_2']));
  });

  it('finds nothing but what checkov.yaml gives a reason for', () => {
    const findings = scan.findings.filter(({ stack }) => stack !== careless);
    const news = findings.filter(finding => !exceptions.some(exception => excepts(exception, finding)));
    expect(news).toEqual([]);
  });

  it('needs every exception', () => {
    const unneeded = exceptions.filter(
      exception => !scan.findings.some(finding => finding.stack !== careless && excepts(exception, finding)),
    );
    expect(unneeded).toEqual([]);
  });
});

it('every exception from checkov says why', () => {
  expect(exceptions.length).toBeGreaterThan(0);
  for (const { check, reason } of exceptions) {
    expect(check).toMatch(/^CKV2?_[A-Z0-9]+_\d+$/);
    expect(reason.length, check).toBeGreaterThan(40);
  }
});

/** A Secret with the key of AWS's own documentation, in parts, so that no scanner takes this file for a leak. */
function secretYaml(): string {
  const key = ['wJalrXUtnFEMI', 'K7MDENG', 'bPxRfiCYEXAMPLEKEY'].join('/');
  return `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  namespace: a\ndata:\n  aws_access_key_id: ${'AKIA'}IOSFODNN7EXAMPLE\n  aws_secret_access_key: ${key}\n`;
}
