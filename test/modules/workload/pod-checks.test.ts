import { describe, expect, it } from 'vitest';
import type { Container } from '../../../modules/workload/container';
import { type Pod, planPod } from '../../../modules/workload/pod';
import { readShared, sharedVolume, writeShared } from '../../../modules/workload/shared-volume';
import type { EmptyDirVolume } from '../../../modules/workload/volume';
import { writablePath } from '../../../modules/workload/writable-path';
import { testSidecar } from './fixtures';

const app = (overrides: Partial<Container> = {}): Container => ({
  name: 'app',
  image: 'app:1',
  ...overrides,
});
const container = (name: string, overrides: Partial<Container> = {}) => app({ name, ...overrides });
const sidecar = (name: string, overrides: Partial<Container> = {}) =>
  testSidecar(name, { containers: [container(name, overrides)] });
const shared = sharedVolume();
const http = (port: number) => [{ name: 'http', port }];
const scratch: EmptyDirVolume = { kind: 'emptyDir', name: 'scratch', sizeLimit: '1Mi' };
const write = (overrides: Partial<EmptyDirVolume>) => ({
  volume: { ...scratch, ...overrides },
  path: '/scratch',
  readOnly: false,
});

describe('a pod is refused', () => {
  it.each<[string, Pod, string]>([
    [
      'with two containers of one name',
      { app: app(), sidecars: [sidecar('app')] },
      'two containers of the pod are named "app": give each its own name',
    ],
    [
      'with a sidecar twice',
      { app: app(), sidecars: [sidecar('a'), sidecar('a')] },
      'two sidecars are named "a": give each its own name, and pass a sidecar once',
    ],
    [
      'with one port twice',
      {
        app: app({ ports: http(8000) }),
        sidecars: [sidecar('a', { ports: [{ name: 'metrics', port: 8000, exposed: false }] })],
      },
      'containers "a" ("metrics") and "app" ("http") both listen on port 8000: give one another port',
    ],
    [
      'with one port name twice',
      { app: app({ ports: http(8000) }), sidecars: [sidecar('a', { ports: http(8001) })] },
      'containers "a" and "app" both have a port named "http": give each its own name',
    ],
    [
      'with two writers of a volume',
      {
        app: app({ mounts: [writeShared(shared)] }),
        sidecars: [sidecar('a', { mounts: [writeShared(shared)] })],
      },
      'containers "a" and "app" both write volume "shared": a volume has one writer',
    ],
    [
      'with two writers, one of them an init container beside the sidecars',
      {
        app: app(),
        initContainers: [container('migrate', { mounts: [writeShared(shared)] })],
        sidecars: [sidecar('a', { mounts: [writeShared(shared)] })],
      },
      'containers "a" and "migrate" both write volume "shared"',
    ],
    [
      'with no writer of a volume',
      { app: app({ mounts: [readShared(shared)] }) },
      'container "app" reads volume "shared", which no container of the pod writes: add the sidecar that does',
    ],
    [
      'with one path twice',
      { app: app({ mounts: [writablePath('/tmp'), writablePath('/tmp/', { name: 'other' })] }) },
      'container "app" mounts both volume "writable-tmp" and volume "other" at "/tmp/": give each its own path',
    ],
    [
      'with two volumes of one name',
      {
        app: app({ mounts: [readShared(sharedVolume({ sizeLimit: '1Mi' }))] }),
        sidecars: [sidecar('a', { mounts: [writeShared(shared)] })],
      },
      'containers "a" and "app" mount two different volumes named "shared": give each volume its own name',
    ],
    [
      'with a path that is not absolute',
      { app: app({ mounts: [writablePath('tmp')] }) },
      'container "app" mounts volume "writable-tmp" at "tmp": use an absolute path without ":"',
    ],
    [
      'with a writer of a ConfigMap',
      {
        app: app({
          mounts: [{ volume: { kind: 'config', name: 'config', files: {} }, path: '/a', readOnly: false }],
        }),
      },
      'container "app" wants to write volume "config", which comes from a ConfigMap: those are read-only',
    ],
    [
      'with a writer of a Secret',
      {
        app: app({
          mounts: [{ volume: { kind: 'secret', name: 'tls', source: 'tls' }, path: '/a', readOnly: false }],
        }),
      },
      'container "app" wants to write volume "tls", which comes from a Secret',
    ],
    [
      'with a file that no ConfigMap can hold',
      {
        app: app({
          mounts: [{ volume: { kind: 'config', name: 'config', files: { 'a/b': '' } }, path: '/a' }],
        }),
      },
      'volume "config" has a file named "a/b": use 1 to 253 of',
    ],
    [
      'with a volume without a limit',
      { app: app({ mounts: [write({ sizeLimit: undefined as unknown as string })] }) },
      'volume "scratch" has the size limit "undefined": use a positive quantity such as 16Mi',
    ],
    [
      'with a limit of 0',
      { app: app({ mounts: [write({ sizeLimit: '0Mi' })] }) },
      'has the size limit "0Mi"',
    ],
    [
      'with a limit in words',
      { app: app({ mounts: [write({ sizeLimit: '16MB' })] }) },
      'has the size limit "16MB"',
    ],
    [
      'with a volume name that is no label',
      { app: app({ mounts: [write({ name: 'My_Volume' })] }) },
      'volume name "My_Volume" is invalid: use 1 to 63 of a-z, 0-9 and "-"',
    ],
    [
      'with a container name that is no label',
      { app: app({ name: 'App' }) },
      'container name "App" is invalid: use 1 to 63 of a-z, 0-9 and "-"',
    ],
    ['without an image', { app: app({ image: '' }) }, 'container "app" has an empty image: name one'],
    [
      'with a port name that Kubernetes refuses',
      { app: app({ ports: [{ name: 'a-name-too-long-for-it', port: 1 }] }) },
      'port name of container "app" "a-name-too-long-for-it" is invalid: use 1 to 15 of',
    ],
    [
      'with a port out of range',
      { app: app({ ports: http(65_536) }) },
      'port "http" of container "app" is 65536: use a whole number from 1 to 65535',
    ],
    [
      'with a probe out of range',
      { app: app({ livenessProbe: { check: { kind: 'tcp', port: 0 } } }) },
      'port of the liveness probe of container "app" is 0: use a whole number from 1 to 65535',
    ],
    [
      'with a variable that no shell could name',
      { app: app({ env: { '1A': 'x' } }) },
      'environment variable of container "app" "1A" is invalid',
    ],
    [
      'as root',
      { app: app(), runAsUser: 0 },
      'runAsUser of the pod is 0: use a whole number from 1 to 2147483647 (0 is root)',
    ],
    ['in the group of root', { app: app(), runAsGroup: 0 }, 'runAsGroup of the pod is 0'],
    ['with files of root', { app: app(), fsGroup: 0 }, 'fsGroup of the pod is 0'],
    [
      'with a container as root',
      { app: app({ security: { runAsUser: 0 } }) },
      'runAsUser of container "app" is 0',
    ],
    [
      'with a container in the group of root',
      { app: app({ security: { runAsGroup: 0 } }) },
      'runAsGroup of container "app" is 0',
    ],
    [
      'when a sidecar would wait for one that starts after it',
      {
        app: app(),
        sidecars: [
          sidecar('pooler', { startupProbe: { check: { kind: 'http', path: '/', port: 9810 } } }),
          sidecar('refresher', { ports: [{ name: 'probe', port: 9810 }] }),
        ],
      },
      'container "pooler" starts before container "refresher", whose port 9810 its startup probe asks: neither would ever start',
    ],
    [
      'when two sidecars disagree on a variable of the app',
      {
        app: app(),
        sidecars: [
          testSidecar('a', { appEnv: { PGHOST: 'a' } }),
          testSidecar('b', { appEnv: { PGHOST: 'b' } }),
        ],
      },
      'sidecars "a" and "b" both set the app\'s variable "PGHOST": set it in the app\'s env, whose value wins',
    ],
  ])('%s', (_, pod, message) => {
    expect(() => planPod(pod)).toThrow(message);
  });
});

describe('a pod is accepted', () => {
  it('when the app settles what two sidecars disagree on', () => {
    const sidecars = [testSidecar('a', { appEnv: { X: 'a' } }), testSidecar('b', { appEnv: { X: 'b' } })];
    expect(planPod({ app: app({ env: { X: 'c' } }), sidecars }).app.env).toEqual({ X: 'c' });
  });

  it('when two sidecars say the same of a variable and a mount', () => {
    const brought = { appEnv: { X: 'a' }, appMounts: [readShared(shared)] };
    const sidecars = [
      testSidecar('a', { ...brought, containers: [container('a', { mounts: [writeShared(shared)] })] }),
      testSidecar('b', { ...brought, appMounts: [readShared(sharedVolume())] }),
    ];
    expect(planPod({ app: app(), sidecars }).app).toMatchObject({
      env: { X: 'a' },
      mounts: [readShared(shared)],
    });
  });

  it('when a set-up container writes and listens before the sidecar does', () => {
    const like = { mounts: [writeShared(shared)], ports: [{ name: 'probe', port: 9810 }] };
    const refresher = testSidecar('a', {
      containers: [container('a', like)],
      initContainers: [container('a-init', like)],
    });
    expect(() => planPod({ app: app(), sidecars: [refresher], lifecycle: 'classic' })).not.toThrow();
  });

  it('when a classic init container writes what a sidecar writes later', () => {
    const pod: Pod = {
      lifecycle: 'classic',
      app: app(),
      initContainers: [container('migrate', { mounts: [writeShared(shared)] })],
      sidecars: [sidecar('a', { mounts: [writeShared(shared)] })],
    };
    expect(() => planPod(pod)).not.toThrow();
  });

  it('when TCP and UDP share a number', () => {
    const ports = [
      { name: 'dns', port: 53 },
      { name: 'dns-udp', port: 53, protocol: 'UDP' as const },
    ];
    expect(() => planPod({ app: app({ ports }) })).not.toThrow();
  });

  it('and hands every container to the checks of its sidecars', () => {
    const seen: string[] = [];
    const nosy = testSidecar('nosy', {
      containers: [container('nosy', { security: { runAsUser: 7 } })],
      initContainers: [container('setup')],
      check: containers => {
        seen.push(...containers.map(one => `${one.role} ${one.container.name} ${one.runAsUser}`));
      },
    });
    planPod({ app: app(), sidecars: [nosy], initContainers: [container('migrate')], runAsUser: 5 });
    expect(seen).toEqual(['init setup 5', 'init migrate 5', 'sidecar nosy 7', 'app app 5']);
  });
});
