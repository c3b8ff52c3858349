import { describe, expect, it } from 'vitest';
import { readIdentity } from '../../../demo/pod/identity';
import { readPod } from '../../../demo/pod/pod';
import { SynthesizedStack } from '../../../demo/pod/terraform';
import { example, synthesizeDemo } from './stack';

describe('the pod of the example', () => {
  const pod = readPod(synthesizeDemo());

  it('starts the refresher, PgBouncer and the app, in this order', () => {
    expect(pod.containers.map(({ name, role, isApp }) => ({ name, role, isApp }))).toEqual([
      { name: 'refresher', role: 'sidecar', isApp: false },
      { name: 'pgbouncer', role: 'sidecar', isApp: false },
      { name: 'app', role: 'main', isApp: true },
    ]);
  });

  it('has its names, though some stand in other resources', () => {
    expect(pod).toMatchObject({ name: 'web', namespace: 'app', serviceAccount: 'web' });
  });

  it('has the startup probes, the commands and the variables', () => {
    const [refresher, pgbouncer, app] = pod.containers;
    expect(refresher).toMatchObject({
      args: ['run'],
      env: { REFRESHER_CONFIG: '/etc/refresher/config.json' },
      startupProbe: { path: '/startup', port: 9810 },
    });
    expect(pgbouncer).toMatchObject({
      command: ['pgbouncer', '/etc/pgbouncer/pgbouncer.ini'],
      startupProbe: { path: '/poolers/pgbouncer', port: 9810 },
    });
    expect(app?.env).toMatchObject({
      PGHOST: '127.0.0.1',
      PGPORT: '6432',
      PGUSER: 'app',
      PGDATABASE: 'orders',
    });
  });

  it('has the files of its ConfigMaps behind the mounts', () => {
    const mount = pod.containers[1]?.mounts.find(({ path }) => path === '/etc/pgbouncer');
    const volume = pod.volumes[mount?.volume ?? ''];
    expect(volume).toMatchObject({ kind: 'files' });
    expect(JSON.stringify(volume)).toContain('host=localhost port=54321');
    expect(pod.volumes.shared).toEqual({ kind: 'scratch' });
  });
});

describe('other pods', () => {
  it('one with the lifecycle classic: a one-shot refresher first, then all beside each other', () => {
    const { app } = example();
    const pod = readPod(synthesizeDemo({ app: { ...app, lifecycle: 'classic' } }));
    expect(pod.containers.map(({ name, role }) => [name, role])).toEqual([
      ['refresher-init', 'init'],
      ['refresher', 'main'],
      ['pgbouncer', 'main'],
      ['app', 'main'],
    ]);
    expect(pod.containers.filter(({ isApp }) => isApp)).toHaveLength(1);
  });

  it('one with a variable from a Secret is refused by its name', () => {
    const { app } = example();
    const stack = synthesizeDemo({ app: { ...app, env: { KEY: { secret: 's', key: 'k' } } } });
    expect(() => readPod(stack)).toThrow('variable "KEY" of container "app" comes from the cluster');
  });

  it('none at all is refused', () => {
    expect(() => readPod(new SynthesizedStack('{}'))).toThrow('0 Deployments');
  });
});

describe('the identity', () => {
  it('of the example comes from EKS Pod Identity, for the users of its policy', () => {
    const stack = synthesizeDemo();
    expect(readIdentity(stack, readPod(stack))).toEqual({ kind: 'container', databaseUsers: ['app'] });
  });

  it('by IRSA is a web identity', () => {
    const oidcProviderArn =
      'arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/ABCDEF0123456789';
    const stack = synthesizeDemo({ identity: { kind: 'irsa', oidcProviderArn } });
    expect(readIdentity(stack, readPod(stack))).toEqual({ kind: 'web-identity', databaseUsers: ['app'] });
  });

  it('that nobody gives the pod is refused', () => {
    const pod = { ...readPod(synthesizeDemo()), serviceAccount: 'other' };
    expect(() => readIdentity(synthesizeDemo(), pod)).toThrow('service account "app/other" has neither');
  });
});
