import { afterEach, describe, expect, it } from 'vitest';
import { RefresherError } from '../../../sidecar-image/src/errors';
import { renew } from '../../../sidecar-image/src/renewal/renew';
import { takeStatus } from '../../../sidecar-image/src/serve/status';
import { credentials, poolerConfig } from '../../support/builders';
import { RenewalRig } from '../../support/renewal-rig';

let rig: RenewalRig;

afterEach(() => rig.stop());

const attempt = () => renew(rig.group, rig.targets, rig.config.renewal, rig.ports, rig.events);
const status = () => takeStatus(rig.groups, [], rig.clock.now());

const two = () => {
  rig = new RenewalRig([
    { name: 'a', files: ['list'] },
    { name: 'b', files: ['list'] },
  ]);
};

describe('takeStatus', () => {
  it('before the first publish', () => {
    rig = new RenewalRig([{ name: 'a', files: ['list'] }]);
    expect(status()).toEqual({
      started: false,
      ready: false,
      targets: [
        {
          name: 'a',
          host: 'app.c1abcd.eu-central-1.rds.amazonaws.com',
          port: 5432,
          user: 'a',
          region: 'eu-central-1',
          published: false,
          alive: false,
          nextAttemptInSeconds: 0,
          publishes: 0,
          failures: {},
          failuresInARow: 0,
        },
      ],
      files: [
        {
          path: rig.path('list'),
          format: 'pgbouncer-userlist',
          targets: ['a'],
          published: false,
          repairs: 0,
        },
      ],
      poolers: [],
    });
  });

  it('after it', async () => {
    two();
    await attempt();
    await rig.clock.advance(100_000);
    expect(status()).toMatchObject({
      started: true,
      ready: true,
      targets: [
        {
          published: true,
          alive: true,
          signedAt: '2026-01-02T03:04:05.000Z',
          expiresAt: '2026-01-02T03:19:05.000Z',
          secondsLeft: 800,
          nextAttemptInSeconds: 494,
          publishes: 1,
          failures: {},
          lastDurationSeconds: 0,
        },
        { name: 'b' },
      ],
      files: [{ published: true, targets: ['a', 'b'] }],
    });
  });

  it('is ready to the last moment of the token, whatever fails, and not beyond', async () => {
    two();
    await attempt();
    rig.faults.credentials = new RefresherError('credentials', 'down');
    await rig.clock.advance(899_999);
    await attempt();
    expect(status()).toMatchObject({ started: true, ready: true });
    await rig.clock.advance(1);
    expect(status()).toMatchObject({
      started: true,
      ready: false,
      targets: [
        {
          published: true,
          alive: false,
          secondsLeft: 0,
          failuresInARow: 1,
          failures: { credentials: 1 },
          lastFailure: { at: '2026-01-02T03:19:04.999Z', kind: 'credentials', message: 'down' },
        },
        {},
      ],
    });
  });

  it('is not ready when the credentials died before the token', async () => {
    two();
    rig.credentials = credentials(new Date(rig.clock.now().wall + 60_000));
    await attempt();
    await rig.clock.advance(60_000);
    expect(status()).toMatchObject({ started: true, ready: false });
  });

  it('is not ready once a stepped clock says that the token is dead', async () => {
    two();
    await attempt();
    rig.clock.step(900_000);
    expect(status().ready).toBe(false);
  });

  it('is neither started nor ready while one of several targets is missing', async () => {
    two();
    rig.faults.sign.add('b');
    await attempt();
    expect(status()).toMatchObject({
      started: false,
      ready: false,
      targets: [{ published: true }, { published: false }],
    });
  });

  it('tells of poolers', () => {
    two();
    const state = {
      config: poolerConfig(),
      pending: true,
      confirmed: 3,
      failed: 1,
      version: '1.24.1',
      lastSeconds: 0.123_456,
      lastFailure: 'no such user',
    };
    expect(takeStatus(rig.groups, [state], rig.clock.now()).poolers).toEqual([
      {
        name: 'pgbouncer',
        version: '1.24.1',
        reloadPending: true,
        reloads: 3,
        failedReloads: 1,
        lastReloadSeconds: 0.123,
        lastFailure: 'no such user',
      },
    ]);
  });
});
