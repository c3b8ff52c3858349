import { describe, expect, it } from 'vitest';
import { EmbeddedPgBouncer } from '../../../modules/pooler/embedded-pgbouncer';
import {
  DEFAULT_PGBOUNCER_IMAGE,
  DEFAULT_PGBOUNCER_VERSION,
  PgBouncerSidecar,
  type PgBouncerSidecarProps,
} from '../../../modules/pooler/pgbouncer-sidecar';
import type { Pooler } from '../../../modules/pooler/pooler';
import { TokenRefresher } from '../../../modules/refresher/token-refresher';
import type { Sidecar } from '../../../modules/workload/sidecar';
import type { SidecarDeploymentProps } from '../../../modules/workload/sidecar-deployment';
import type { Json } from '../../support/synth';
import { deploy, testIdentity } from '../workload/fixtures';
import { target } from '../workload/target';

const databases = [{ target: target(), database: 'orders' }];
const sidecar = (props: Partial<PgBouncerSidecarProps> = {}) => new PgBouncerSidecar({ databases, ...props });
const embedded = () => new EmbeddedPgBouncer({ version: '1.18', databases });

function pod(pooler: Pooler & Sidecar, workload: Partial<SidecarDeploymentProps> = {}) {
  const refresher = new TokenRefresher({ image: 'refresher:1', pooler });
  return deploy({ identity: testIdentity(), sidecars: [refresher, pooler], ...workload });
}

const named = (containers: Json[], name: string) => containers.find(one => one.name === name);
const iniOf = ({ synthesized }: ReturnType<typeof pod>) =>
  synthesized.resources('kubernetes_config_map_v1').find(({ data }) => 'pgbouncer.ini' in data);

describe('PgBouncer as a sidecar', () => {
  const it_ = pod(sidecar());
  const container = named(it_.template.spec.init_container, 'pgbouncer');

  it('runs whatever image has it, on the configuration that was rendered', () => {
    expect(container).toMatchObject({
      image: DEFAULT_PGBOUNCER_IMAGE,
      command: ['pgbouncer', '/etc/pgbouncer/pgbouncer.ini'],
      restart_policy: 'Always',
    });
    expect(iniOf(it_)).toMatchObject({
      metadata: { name: 'orders-pgbouncer-config' },
      data: { 'pgbouncer.ini': sidecar().ini },
    });
    expect(sidecar().ini).toContain('auth_file = /shared/userlist.txt');
  });

  it('reads the shared volume, and writes its socket alone', () => {
    expect(container.volume_mount).toEqual([
      { name: 'shared', mount_path: '/shared', read_only: true },
      { name: 'pgbouncer-config', mount_path: '/etc/pgbouncer', read_only: true },
      { name: 'pgbouncer-socket', mount_path: '/run/pgbouncer', read_only: false },
    ]);
  });

  it('is probed by way of the refresher, and never killed on its word', () => {
    const asked = { http_get: { path: '/poolers/pgbouncer', port: '9810' } };
    expect(container).toMatchObject({ startup_probe: asked, readiness_probe: asked });
    expect(container).not.toHaveProperty('liveness_probe');
  });

  it('keeps its port to itself, and yet from others', () => {
    expect(container.port).toEqual([]);
    expect(() => pod(sidecar(), { ports: [{ name: 'http', port: 6432 }] })).toThrow(
      'containers "pgbouncer" ("pgbouncer") and "app" ("http") both listen on port 6432',
    );
  });

  it('serves on while a classic app finishes', () => {
    const classic = (props: Partial<PgBouncerSidecarProps>) =>
      named(pod(sidecar(props), { lifecycle: 'classic' }).template.spec.container, 'pgbouncer');
    expect(container).not.toHaveProperty('lifecycle');
    expect(classic({}).lifecycle).toEqual({ pre_stop: [{ exec: { command: ['sleep', '10'] } }] });
    expect(classic({ classicDrainSeconds: 0 })).not.toHaveProperty('lifecycle');
  });

  it('tells the app where it is, and leaves a choice to the app', () => {
    const env = (props: Partial<PgBouncerSidecarProps>) =>
      Object.fromEntries(
        pod(sidecar(props)).template.spec.container[0].env.map(({ name, value }: Json) => [name, value]),
      );
    expect(env({})).toEqual({ PGHOST: '127.0.0.1', PGPORT: '6432', PGUSER: 'app', PGDATABASE: 'orders' });
    const two = [...databases, { target: target(), database: 'other' }];
    expect(env({ databases: two, listenPort: 7000 })).toEqual({ PGHOST: '127.0.0.1', PGPORT: '7000' });
    const any = [{ target: target(), database: '*' }];
    expect(env({ databases: any, listenAddress: '0.0.0.0', authType: 'md5' })).toEqual({
      PGHOST: '127.0.0.1',
      PGPORT: '6432',
      PGUSER: 'app',
    });
  });

  it('may be told otherwise', () => {
    const other = sidecar({
      name: 'pool',
      image: { uri: 'registry.example.com/pgbouncer@sha256:0' },
      version: '1.18.0',
      requests: { cpu: '1' },
      limits: {},
      configDirectory: '/config',
      socketDirectory: '/socket',
      authFile: 'pool.txt',
    });
    expect(other).toMatchObject({
      authFile: '/shared/pool.txt',
      version: '1.18.0',
      socketDirectory: '/socket',
    });
    expect(named(pod(other).template.spec.init_container, 'pool')).toMatchObject({
      image: 'registry.example.com/pgbouncer@sha256:0',
      command: ['pgbouncer', '/config/pgbouncer.ini'],
      resources: { requests: { cpu: '1' }, limits: {} },
      startup_probe: { http_get: { path: '/poolers/pool' } },
      volume_mount: [
        { name: 'shared' },
        { name: 'pool-config' },
        { name: 'pool-socket', mount_path: '/socket' },
      ],
    });
  });

  it('knows what the default image holds', () => {
    expect(DEFAULT_PGBOUNCER_IMAGE).toContain(`:v${DEFAULT_PGBOUNCER_VERSION}`);
    expect(sidecar().version).toBe(DEFAULT_PGBOUNCER_VERSION);
    expect(() => sidecar({ version: '1.18' })).toThrow(
      `pgbouncer version "1.18" isn't the default image's, which has ${DEFAULT_PGBOUNCER_VERSION}: name the image that has it`,
    );
  });
});

describe('PgBouncer inside the app', () => {
  const it_ = pod(embedded());
  const [app] = it_.template.spec.container;

  it('has its files and folders in the app container, and no container of its own', () => {
    expect(it_.template.spec.init_container.map(({ name }: Json) => name)).toEqual(['refresher']);
    expect(app.volume_mount).toEqual([
      { name: 'shared', mount_path: '/shared', read_only: true },
      { name: 'pgbouncer-config', mount_path: '/etc/pgbouncer', read_only: true },
      { name: 'pgbouncer-socket', mount_path: '/run/pgbouncer', read_only: false },
    ]);
    expect(embedded().configPath).toBe('/etc/pgbouncer/pgbouncer.ini');
    expect(iniOf(it_)?.data['pgbouncer.ini']).not.toContain('max_prepared_statements');
    expect(app.env).toContainEqual({ name: 'PGHOST', value: '127.0.0.1' });
  });

  it('takes the port from the app', () => {
    expect(() => pod(embedded(), { ports: [{ name: 'http', port: 6432 }] })).toThrow(
      'containers "app" ("http") and "app" ("pgbouncer") both listen on port 6432',
    );
  });
});

describe('any PgBouncer', () => {
  it.each([sidecar, embedded])('is refused without a refresher that knows it', make => {
    const refresher = new TokenRefresher({ image: 'refresher:1', targets: [target()] });
    const socketless = make();
    expect(() => deploy({ identity: testIdentity(), sidecars: [refresher, socketless] })).toThrow(
      'pooler "pgbouncer" is known to no refresher of the pod, so it would never get a token: pass it to the TokenRefresher as pooler',
    );
  });

  it('is refused when only the refresher knows it', () => {
    const refresher = new TokenRefresher({ image: 'refresher:1', pooler: sidecar() });
    expect(() => deploy({ identity: testIdentity(), sidecars: [refresher] })).toThrow(
      'container "refresher" reads volume "pgbouncer-socket", which no container of the pod writes: add the sidecar',
    );
  });

  it('is refused before the refresher, which its startup probe asks', () => {
    const pooler = sidecar();
    const sidecars = [pooler, new TokenRefresher({ image: 'refresher:1', pooler })];
    expect(() => deploy({ identity: testIdentity(), sidecars })).toThrow(
      'container "pgbouncer" starts before container "refresher", whose port 9810 its startup probe asks',
    );
  });

  it('is refused with another uid than the refresher, who could not log in to its console', () => {
    expect(() => pod(embedded(), { security: { runAsUser: 1000 } })).toThrow(
      'container "app" runs pgbouncer as uid 1000 and container "refresher" as uid 65532: the admin console needs equal uids, so set the pod\'s runAsUser to 1000',
    );
    expect(() => pod(embedded(), { runAsUser: 1000 })).not.toThrow();
  });

  it.each<[Partial<PgBouncerSidecarProps>, string]>([
    [{ databases: [] }, 'pooler "pgbouncer" has no databases: name at least one'],
    [{ name: 'Pool' }, 'pooler name "Pool" is invalid'],
    [
      { databases: [{ target: target({ engine: 'mysql' }), database: 'x' }] },
      'target "orders" of pooler "pgbouncer" is a mysql database: pgbouncer speaks PostgreSQL alone',
    ],
    [
      { databases: [...databases, { target: target({ name: 'replica' }), database: 'orders' }] },
      'targets "orders" and "replica" of pooler "pgbouncer" both give the database "orders": set alias on one',
    ],
    [{ listenAddress: '0.0.0.0' }, 'authType "trust" asks for no password'],
  ])('is refused with %j', (props, message) => {
    expect(() => sidecar(props)).toThrow(message);
  });
});
