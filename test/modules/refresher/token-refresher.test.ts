import { KubernetesProvider } from '@cdktf/provider-kubernetes/lib/provider';
import { TerraformVariable } from 'cdktf';
import { describe, expect, it } from 'vitest';
import { EmbeddedPgBouncer } from '../../../modules/pooler/embedded-pgbouncer';
import type { PooledDatabase } from '../../../modules/pooler/ini';
import { PgBouncerSidecar, type PgBouncerSidecarProps } from '../../../modules/pooler/pgbouncer-sidecar';
import { TokenRefresher, type TokenRefresherProps } from '../../../modules/refresher/token-refresher';
import { sharedVolume } from '../../../modules/workload/shared-volume';
import { SidecarDeployment, type SidecarDeploymentProps } from '../../../modules/workload/sidecar-deployment';
import { refresherConfigSchema } from '../../../sidecar-image/src/config/schema';
import { type Json, synthStack, testStack } from '../../support/synth';
import { type Deployed, deploy, testIdentity, testSidecar } from '../workload/fixtures';
import { target } from '../workload/target';

const orders = target();
const users = target({ name: 'users', host: 'users.abc123.eu-central-1.rds.amazonaws.com', user: 'reader' });
const mysql = target({ name: 'legacy', engine: 'mysql', port: 3306 });
const refresher = (props: Partial<TokenRefresherProps> = {}) =>
  new TokenRefresher({ image: 'refresher:1', targets: [orders], ...props });
const pooler = (props: Partial<PgBouncerSidecarProps> = {}) =>
  new PgBouncerSidecar({ databases: [{ target: orders, database: 'orders' }], ...props });
const deployed = (props: Partial<TokenRefresherProps> = {}, workload: Partial<SidecarDeploymentProps> = {}) =>
  deploy({ identity: testIdentity(), sidecars: [refresher(props)], ...workload });

/** The refresher's configuration, as the container would read it. */
function configOf({ synthesized }: Deployed): Json {
  const [text] = synthesized
    .resources('kubernetes_config_map_v1')
    .flatMap(({ data }) => ('config.json' in data ? [data['config.json']] : []));
  return JSON.parse(text);
}

const envOf = (container: Json) =>
  Object.fromEntries(container.env.map(({ name, value }: Json) => [name, value]));
const outputsOf = (it: TokenRefresher) => it.targets.flatMap(({ outputs }) => outputs);

describe('the container of a TokenRefresher', () => {
  const pgbouncer = pooler();
  const { template } = deployed(
    { pooler: pgbouncer },
    { sidecars: [refresher({ pooler: pgbouncer }), pgbouncer] },
  );
  const [container] = template.spec.init_container;

  it('runs the refresher on its configuration', () => {
    expect(container).toMatchObject({
      name: 'refresher',
      image: 'refresher:1',
      args: ['run'],
      restart_policy: 'Always',
      resources: { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '128Mi' } },
    });
    expect(container).not.toHaveProperty('command');
    expect(envOf(container)).toEqual({
      AWS_REGION: 'eu-central-1',
      REFRESHER_CONFIG: '/etc/refresher/config.json',
    });
  });

  it('holds the app back until the first token, and is never restarted because AWS is down', () => {
    const asks = (path: string) => ({ http_get: { path, port: '9810' } });
    expect(container).toMatchObject({
      startup_probe: { ...asks('/startup'), period_seconds: 1, failure_threshold: 120 },
      readiness_probe: asks('/readiness'),
      liveness_probe: asks('/liveness'),
    });
  });

  it('is the one writer of the shared volume', () => {
    const writers = [...template.spec.init_container, ...template.spec.container].filter(
      ({ volume_mount }: Json) =>
        volume_mount.some(({ name, read_only }: Json) => name === 'shared' && !read_only),
    );
    expect(writers.map(({ name }: Json) => name)).toEqual(['refresher']);
    expect(container.volume_mount).toEqual([
      { name: 'shared', mount_path: '/shared', read_only: false },
      { name: 'refresher-config', mount_path: '/etc/refresher', read_only: true },
      { name: 'pgbouncer-socket', mount_path: '/run/pgbouncer', read_only: true },
    ]);
    expect(template.spec.container[0].volume_mount).toEqual([
      { name: 'shared', mount_path: '/shared', read_only: true },
    ]);
  });

  it('announces the probe port alone', () => {
    expect(container.port).toEqual([{ name: 'refresher', container_port: 9810, protocol: 'TCP' }]);
    expect(() => deployed({}, { ports: [{ name: 'http', port: 9811 }] })).toThrow(
      'containers "refresher" ("refresher-quit") and "app" ("http") both listen on port 9811',
    );
  });

  it('has a one-shot twin in a classic pod', () => {
    const classic = deployed(
      { pooler: pgbouncer },
      { lifecycle: 'classic', sidecars: [refresher({ pooler: pgbouncer }), pgbouncer] },
    );
    const { init_container, container: containers } = classic.template.spec;
    expect(init_container).toHaveLength(1);
    expect(init_container[0]).toMatchObject({ name: 'refresher-init', args: ['once'] });
    for (const probe of ['startup_probe', 'readiness_probe', 'liveness_probe']) {
      expect(init_container[0]).not.toHaveProperty(probe);
    }
    expect(init_container[0].volume_mount.map(({ name }: Json) => name)).toEqual([
      'shared',
      'refresher-config',
    ]);
    expect(containers.map(({ name }: Json) => name)).toEqual(['refresher', 'pgbouncer', 'app']);
    expect(containers[0].args).toEqual(['run']);
  });

  it('may be told otherwise', () => {
    const { template: told } = deployed({
      name: 'tokens',
      probePort: 9000,
      controlPort: 9001,
      requests: { memory: '1Mi' },
      limits: { memory: '2Mi', cpu: '1' },
      env: { HTTPS_PROXY: 'http://proxy' },
      shared: sharedVolume({ path: '/run/secrets', sizeLimit: '1Mi' }),
      caBundle: 'ca.pem',
      shareWithApp: false,
    });
    expect(told.spec.init_container[0]).toMatchObject({
      name: 'tokens',
      port: [{ container_port: 9000 }],
      resources: { requests: { memory: '1Mi' }, limits: { memory: '2Mi', cpu: '1' } },
      startup_probe: { http_get: { port: '9000' } },
      volume_mount: [{ mount_path: '/run/secrets' }, { name: 'tokens-config' }],
    });
    expect(envOf(told.spec.init_container[0])).toMatchObject({ HTTPS_PROXY: 'http://proxy' });
    expect(told.spec.container[0]).toMatchObject({ env: [], volume_mount: [] });
  });
});

describe('the configuration of a TokenRefresher', () => {
  it('is what the container parses', () => {
    const pgbouncer = pooler({
      adminUsers: ['boss'],
      listenPort: 7000,
      version: '1.24.1',
      image: 'pgbouncer:1.24.1',
    });
    const it = deployed(
      {},
      {
        sidecars: [
          refresher({
            targets: [{ target: orders, outputs: [{ format: 'pgpass', database: 'orders' }] }, mysql],
            pooler: pgbouncer,
            renewal: { threshold: 0.5 },
            logLevel: 'debug',
          }),
          pgbouncer,
        ],
      },
    );
    const config = configOf(it);
    expect(config).toEqual({
      targets: [
        {
          name: 'orders',
          host: 'orders.abc123.eu-central-1.rds.amazonaws.com',
          port: 5432,
          user: 'app',
          region: 'eu-central-1',
          outputs: [
            { format: 'pgpass', path: '/shared/.pgpass', database: 'orders' },
            { format: 'pgbouncer-userlist', path: '/shared/userlist.txt' },
          ],
        },
        expect.objectContaining({
          name: 'legacy',
          port: 3306,
          outputs: [{ format: 'mysql-option-file', path: '/shared/legacy.cnf' }],
        }),
      ],
      poolers: [
        {
          name: 'pgbouncer',
          authFile: '/shared/userlist.txt',
          socketDirectory: '/run/pgbouncer',
          port: 7000,
          // Whoever else is an admin: this one needs no password on the socket.
          adminUser: 'pgbouncer',
          version: '1.24.1',
        },
      ],
      caBundle: { path: '/shared/rds-ca.pem' },
      credentials: 'container',
      renewal: { threshold: 0.5 },
      listen: { probePort: 9810, controlPort: 9811 },
      logLevel: 'debug',
    });
    expect(refresherConfigSchema.parse(config)).toMatchObject({ renewal: { threshold: 0.5 } });
  });

  it('keeps what only Terraform knows, as text that the schema reads', () => {
    const stack = testStack();
    new KubernetesProvider(stack, 'kubernetes', {});
    const variable = (id: string, type: string) => new TerraformVariable(stack, id, { type });
    const unknown = (name: string) =>
      target({
        name,
        host: variable(`${name}-host`, 'string').stringValue,
        port: variable(`${name}-port`, 'number').numberValue,
        region: variable(`${name}-region`, 'string').stringValue,
        user: variable(`${name}-user`, 'string').stringValue,
      });
    new SidecarDeployment(stack, 'orders', {
      name: 'orders',
      image: 'app:1',
      identity: testIdentity(),
      // Two that share a password file: their placeholders must not be taken for one login.
      sidecars: [refresher({ targets: [unknown('a'), unknown('b')] })],
    });
    const config = JSON.parse(synthStack(stack).resource('kubernetes_config_map_v1').data['config.json']);
    expect(config.targets[0]).toMatchObject({
      host: '${var.a-host}',
      port: '${var.a-port}',
      region: '${var.a-region}',
      user: '${var.a-user}',
    });
    const applied = JSON.parse(
      JSON.stringify(config)
        .replaceAll(/\$\{var\.(.)-host\}/g, '$1.example.com')
        .replaceAll(/\$\{var\..-port\}/g, '5432')
        .replaceAll(/\$\{var\..-region\}/g, 'us-east-1')
        .replaceAll(/\$\{var\..-user\}/g, 'app'),
    );
    expect(refresherConfigSchema.parse(applied).targets[0]).toMatchObject({
      host: 'a.example.com',
      port: 5432,
    });
  });

  it.each<[Partial<TokenRefresherProps>, string]>([
    [{ targets: [] }, 'targets: name at least one target'],
    [
      { targets: [target({ region: 'Frankfurt' })] },
      'targets.0.region: must be an AWS Region such as eu-central-1',
    ],
    [{ targets: [target({ host: 'https://x' })] }, 'targets.0.host: must be a host name, without scheme'],
    [
      { targets: [orders, target({ user: 'other' })] },
      'targets.1.name: "orders" is also the name of targets.0',
    ],
    [{ renewal: { threshold: 0.5, jitter: 0.5 } }, 'renewal.jitter: must be below threshold'],
    [{ renewal: { tokenLifetimeSeconds: 901 } }, 'renewal.tokenLifetimeSeconds: '],
    [{ probePort: 9811 }, 'listen.controlPort: must differ from probePort'],
    [
      { targets: [{ target: orders, outputs: [{ format: 'token', path: 'rds-ca.pem' }] }] },
      'caBundle.path: "/shared/rds-ca.pem" is also an output of target "orders"',
    ],
    [
      { targets: [{ target: orders, outputs: [{ format: 'token', path: 'deep/token' }] }] },
      'output "deep/token" of target "orders" isn\'t a file right in the shared volume at "/shared"',
    ],
    [
      { targets: [{ target: orders, outputs: [{ format: 'token', path: '/tmp/token' }] }] },
      'output "/tmp/token" of target "orders" isn\'t a file right in the shared volume at "/shared"',
    ],
  ])('refuses %j where it is made', (props, message) => {
    expect(() => refresher(props)).toThrow(message);
  });

  it('lists every problem', () => {
    expect(() => refresher({ targets: [target({ region: 'x', host: '/' })] })).toThrow(
      /^the configuration of the refresher is invalid:\n {2}targets\.0\.host: .*\n {2}targets\.0\.region: /,
    );
  });

  it('takes credentials from where the workload has them', () => {
    const credentials = (
      props: Partial<TokenRefresherProps>,
      workload: Partial<SidecarDeploymentProps> = {},
    ) => configOf(deployed(props, workload)).credentials;
    expect(credentials({})).toBe('container');
    expect(credentials({}, { identity: testIdentity({ credentials: 'web-identity' }) })).toBe('web-identity');
    expect(credentials({ credentials: 'environment' }, { identity: undefined })).toBe('environment');
  });
});

describe('what a TokenRefresher publishes', () => {
  it("is an engine's own client file, where nothing else is asked", () => {
    expect(outputsOf(refresher({ targets: [orders, users, mysql] }))).toEqual([
      { format: 'pgpass', path: '/shared/.pgpass' },
      { format: 'pgpass', path: '/shared/.pgpass' },
      { format: 'mysql-option-file', path: '/shared/legacy.cnf' },
    ]);
  });

  it('is what its poolers read, whether their targets are named or not', () => {
    const userlist = [{ format: 'pgbouncer-userlist', path: '/shared/userlist.txt' }];
    expect(outputsOf(refresher({ pooler: pooler() }))).toEqual(userlist);
    expect(outputsOf(refresher({ targets: undefined, pooler: pooler() }))).toEqual(userlist);
    const named = { target: orders, outputs: [{ format: 'pgbouncer-userlist' as const }] };
    expect(outputsOf(refresher({ targets: [named], pooler: pooler() }))).toEqual(userlist);
  });

  it('goes to each pooler', () => {
    const databases: PooledDatabase[] = [{ target: users, database: 'users' }];
    const second = pooler({
      name: 'second',
      databases,
      listenPort: 7000,
      authFile: 'second.txt',
      socketDirectory: '/run/second',
    });
    const it = refresher({ targets: undefined, poolers: [pooler(), second] });
    expect(it.targets.map(({ target: { name }, outputs: [first] }) => [name, first?.path])).toEqual([
      ['orders', '/shared/userlist.txt'],
      ['users', '/shared/second.txt'],
    ]);
    const first = pooler();
    const pods = () =>
      deploy({ identity: testIdentity(), sidecars: [it, first, second], env: { PGHOST: '127.0.0.1' } });
    expect(pods).toThrow('sidecars "pgbouncer" and "second" both set the app\'s variable "PGPORT"');
  });

  it('is granted login by login', () => {
    const identity = testIdentity();
    deployed({ targets: [orders, users] }, { identity });
    expect(identity.grants).toEqual([
      { sid: 'RdsConnectOrders', actions: ['rds-db:connect'], resources: [orders.connectArn] },
      { sid: 'RdsConnectUsers', actions: ['rds-db:connect'], resources: [users.connectArn] },
    ]);
    expect(() => deployed({}, { identity: undefined })).toThrow(
      'sidecars of workload "orders" need rds-db:connect and the workload has no AWS identity: pass identity',
    );
  });
});

describe("the app's variables", () => {
  const env = (props: Partial<TokenRefresherProps>, workload?: Partial<SidecarDeploymentProps>) =>
    envOf(deployed(props, workload).template.spec.container[0]);

  it("are libpq's, for one login", () => {
    expect(env({})).toEqual({
      PGPASSFILE: '/shared/.pgpass',
      PGSSLROOTCERT: '/shared/rds-ca.pem',
      PGSSLMODE: 'verify-full',
      PGHOST: 'orders.abc123.eu-central-1.rds.amazonaws.com',
      PGPORT: '5432',
      PGUSER: 'app',
    });
    expect(env({}, { env: { PGSSLMODE: 'require' } })).toMatchObject({ PGSSLMODE: 'require' });
  });

  it('leave open what has more than one answer', () => {
    expect(env({ targets: [orders, users] })).toEqual({
      PGPASSFILE: '/shared/.pgpass',
      PGSSLROOTCERT: '/shared/rds-ca.pem',
      PGSSLMODE: 'verify-full',
    });
    expect(env({ targets: [mysql] })).toEqual({});
    expect(env({ caBundle: false })).not.toHaveProperty('PGSSLMODE');
  });

  it("are the pooler's, where there is one", () => {
    const pgbouncer = pooler();
    const sidecars = [
      refresher({ targets: [{ target: orders, outputs: [{ format: 'pgpass' }] }], pooler: pgbouncer }),
      pgbouncer,
    ];
    expect(env({}, { sidecars })).toEqual({
      PGPASSFILE: '/shared/.pgpass',
      PGSSLROOTCERT: '/shared/rds-ca.pem',
      PGHOST: '127.0.0.1',
      PGPORT: '6432',
      PGUSER: 'app',
      PGDATABASE: 'orders',
    });
  });
});

describe('a TokenRefresher and the rest of the pod', () => {
  it('share the uid where a password file is read', () => {
    const security = { runAsUser: 1000 };
    expect(() => deployed({}, { security })).toThrow(
      'container "app" runs as uid 1000 and reads "/shared/.pgpass", which is mode 0600 and belongs to uid 65532 of container "refresher": run both with one uid',
    );
    expect(() => deployed({}, { security, runAsUser: 1000 })).not.toThrow();
    expect(() => deployed({}, { security, env: { PGPASSFILE: '/elsewhere' } })).not.toThrow();
    const backup = testSidecar('backup', {
      containers: [{ name: 'backup', image: 'b:1', security, env: { PGPASSFILE: '/shared/.pgpass' } }],
    });
    expect(() => deployed({}, { sidecars: [refresher(), backup] })).toThrow(
      'container "backup" runs as uid 1000',
    );
  });

  it('agree on who reads a file of one owner', () => {
    const outputs = [{ format: 'token' as const, access: 'owner' as const }];
    const read = { security: { runAsUser: 1000 }, env: { TOKEN_FILE: '/shared/orders.token' } };
    expect(() => deployed({ targets: [{ target: orders, outputs }] }, read)).toThrow('which is mode 0600');
    expect(() =>
      deployed({ targets: [{ target: orders, outputs: [{ format: 'token' }] }] }, read),
    ).not.toThrow();
  });

  it("agree on the pooler's ports and files", () => {
    expect(() => refresher({ pooler: pooler({ probePort: 9000 }) })).toThrow(
      'pooler "pgbouncer" is probed at port 9000 and refresher "refresher" answers at 9810: set probePort of both',
    );
    expect(() => refresher({ pooler: pooler(), caBundle: 'other.pem' })).toThrow(
      'pooler "pgbouncer" reads the CA bundle "/shared/rds-ca.pem" and refresher "refresher" writes "/shared/other.pem": set caBundle of the refresher to "rds-ca.pem"',
    );
    expect(() => refresher({ pooler: pooler(), caBundle: false })).toThrow('writes none: set caBundle');
    expect(() =>
      refresher({ pooler: pooler({ serverTlsCaFile: '/etc/ssl/mine.pem' }), caBundle: false }),
    ).not.toThrow();
    expect(() => refresher({ pooler: pooler(), shared: sharedVolume({ path: '/other' }) })).toThrow(
      'output "/shared/userlist.txt" of target "orders" isn\'t a file right in the shared volume at "/other"',
    );
  });

  it('refuse one password for two databases', () => {
    const twin = target({ name: 'twin', host: 'twin.abc123.eu-central-1.rds.amazonaws.com' });
    const databases = [
      { target: orders, database: 'orders' },
      { target: twin, database: 'twin' },
    ];
    expect(() => refresher({ pooler: pooler({ databases }) })).toThrow(
      'already writes user "app" to "/shared/userlist.txt"',
    );
  });

  it('serve a PgBouncer inside the app as any other', () => {
    const embedded = new EmbeddedPgBouncer({
      version: '1.21',
      databases: [{ target: orders, database: 'orders' }],
    });
    const it = deployed({}, { sidecars: [refresher({ pooler: embedded }), embedded] });
    expect(configOf(it).poolers).toEqual([
      {
        name: 'pgbouncer',
        authFile: '/shared/userlist.txt',
        socketDirectory: '/run/pgbouncer',
        port: 6432,
        adminUser: 'pgbouncer',
        version: '1.21',
      },
    ]);
  });
});
