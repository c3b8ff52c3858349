/** Many of us: in one stack, in one app, and from one version to the next. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App } from 'cdktf';
import { describe, expect, it } from 'vitest';
import { environmentSchema } from '../../stacks/config';
import { SidecarStack } from '../../stacks/sidecar-stack';
import { manifestsOf, STACKS } from '../examples/fixtures';
import { instances } from '../examples/two-instances';
import { example, synthEnvironment } from '../stacks/fixtures';
import type { Json } from '../support/synth';
import { tempFolder } from '../support/temp';

const addresses = (json: Json): string[] =>
  ['resource', 'data'].flatMap(kind =>
    Object.entries<Json>(json[kind] ?? {}).flatMap(([type, all]) =>
      Object.keys(all).map(name => `${kind === 'data' ? 'data.' : ''}${type}.${name}`),
    ),
  );

describe('two in one stack', () => {
  const one = instances('orders');
  const two = instances('orders', 'invoices');

  it('are twice as much, under addresses of their own', () => {
    expect(addresses(one.json).length).toBeGreaterThan(10);
    expect(addresses(two.json)).toHaveLength(2 * addresses(one.json).length);
    expect(addresses(two.json)).toEqual(expect.arrayContaining(addresses(one.json)));
  });

  it('have objects of different names in their namespace', () => {
    const names = manifestsOf(two).map(({ object }) => {
      const { namespace, name } = object.metadata as Json;
      return `${object.kind} ${namespace}/${name}`;
    });
    expect(names).toHaveLength(12);
    expect(new Set(names).size).toBe(names.length);
  });

  it('have roles of different names, each with what it may connect to', () => {
    const prefixes = two.resources('aws_iam_role').map(({ name_prefix }: Json) => name_prefix);
    expect(prefixes.sort()).toEqual(['shop-invoices-', 'shop-orders-']);
    const connects = two
      .dataSources('aws_iam_policy_document')
      .flatMap(({ statement }: Json) => statement)
      .filter(({ actions }: Json) => actions.includes('rds-db:connect'))
      .map(({ resources }: Json) => resources.map((arn: string) => arn.split('/').at(-1)));
    expect(connects.sort()).toEqual([['invoices'], ['orders']]);
  });

  it('leave each other as they are alone', () => {
    const { kubernetes_deployment_v1: both } = two.json.resource;
    expect(both).toMatchObject(one.json.resource.kubernetes_deployment_v1);
  });
});

describe('ten stacks in one app', () => {
  const outdir = tempFolder('ten');
  const app = new App({ outdir });
  const names = Array.from({ length: 10 }, (_, index) => `environment-${index}`);
  for (const name of names) new SidecarStack(app, name, environmentSchema.parse(example()));
  app.synth();
  const read = (name: string): Json =>
    JSON.parse(readFileSync(join(outdir, 'stacks', name, 'cdk.tf.json'), 'utf8'), (key, value) =>
      key === '//' ? undefined : value,
    );

  it('are ten', () => {
    expect(readdirSync(join(outdir, 'stacks')).sort()).toEqual(names);
  });

  it('have a state each', () => {
    const states = names.map(name => read(name).terraform.backend.local.path);
    expect(new Set(states).size).toBe(10);
  });

  it('are each what they are alone', () => {
    const { resource, data, output } = synthEnvironment().json;
    for (const name of names) expect(read(name)).toMatchObject({ resource, data, output });
  });

  it('ask nothing of each other', () => {
    for (const name of names) expect(JSON.stringify(read(name))).not.toContain('terraform_remote_state');
  });
});

/**
 * PUBLIC CONTRACT: Terraform knows what it has made by these addresses. One that changes has its resource destroyed and
 * made anew in every stack that is deployed, so an update of this snapshot is a breaking release, or takes a
 * `moved` block.
 */
describe('the addresses', () => {
  it.each(STACKS)('of %s are these', (_, { json }) => {
    expect(addresses(json).sort()).toMatchSnapshot();
  });
});
