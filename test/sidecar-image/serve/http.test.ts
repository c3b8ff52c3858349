import { rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { Agent, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { failureKind, RefresherError } from '../../../sidecar-image/src/errors';
import type { PoolerState } from '../../../sidecar-image/src/reload/reloader';
import { renew, repair } from '../../../sidecar-image/src/renewal/renew';
import { close, controlHandler, listen, probeHandler, takeStatus } from '../../../sidecar-image/src/serve';
import { metricsPage } from '../../../sidecar-image/src/serve/metrics';
import { poolerConfig } from '../../support/builders';
import { parsePrometheus, type Sample } from '../../support/prometheus';
import { RenewalRig } from '../../support/renewal-rig';

const HOST = '127.0.0.1';

const servers: Server[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map(close));
});

async function serve(handler: Parameters<typeof listen>[0]): Promise<string> {
  const server = await listen(handler, 0, HOST);
  servers.push(server);
  return `http://${HOST}:${(server.address() as AddressInfo).port}`;
}

async function ask(
  url: string,
  method = 'GET',
): Promise<{ code: number; body: string; type: string | null }> {
  const response = await fetch(url, { method });
  return { code: response.status, body: await response.text(), type: response.headers.get('content-type') };
}

describe('the probe listener', () => {
  let rig: RenewalRig;
  let poolers: PoolerState[];
  let poolerAnswer: () => Promise<void>;
  let url: string;

  beforeEach(async () => {
    rig = new RenewalRig([
      { name: 'a', files: ['list'] },
      { name: 'b', files: ['list'] },
    ]);
    poolers = [{ config: poolerConfig(), pending: false, confirmed: 0, failed: 0 }];
    poolerAnswer = () => Promise.resolve();
    url = await serve(
      probeHandler({
        status: () => takeStatus(rig.groups, poolers, rig.clock.now()),
        metrics: async () => metricsPage(),
        pooler: name => (name === 'pgbouncer' ? poolerAnswer() : undefined),
      }),
    );
  });

  afterEach(() => rig.stop());

  const attempt = () => renew(rig.group, rig.targets, rig.config.renewal, rig.ports, rig.events);

  describe('/startup', () => {
    it('is 503 until every target was published, and says which lacks what', async () => {
      expect(await ask(`${url}/startup`)).toMatchObject({
        code: 503,
        body: 'a: not published yet\nb: not published yet\n',
      });
      rig.faults.sign.add('b');
      await attempt();
      expect(await ask(`${url}/startup`)).toMatchObject({
        code: 503,
        body: 'b: not published yet: can not sign\n',
      });
    });

    it('is 200 from then on, even when the token has died', async () => {
      await attempt();
      expect(await ask(`${url}/startup`)).toMatchObject({ code: 200, body: 'ok\n' });
      await rig.clock.advance(3_600_000);
      expect((await ask(`${url}/startup`)).code).toBe(200);
    });
  });

  describe('/readiness', () => {
    it('is 200 while every token lives, and 503 from its death on', async () => {
      expect(await ask(`${url}/readiness`)).toMatchObject({
        code: 503,
        body: 'a: not published yet\nb: not published yet\n',
      });
      await attempt();
      await rig.clock.advance(899_999);
      expect(await ask(`${url}/readiness`)).toMatchObject({ code: 200, body: 'ok\n' });
      await rig.clock.advance(1);
      expect(await ask(`${url}/readiness`)).toMatchObject({
        code: 503,
        body:
          'a: the published token died at 2026-01-02T03:19:05.000Z\n' +
          'b: the published token died at 2026-01-02T03:19:05.000Z\n',
      });
    });
  });

  describe('/liveness', () => {
    it('is 200, whatever fails', async () => {
      rig.faults.credentials = new RefresherError('credentials', 'down');
      await attempt();
      expect(await ask(`${url}/liveness`)).toMatchObject({ code: 200, body: 'ok\n' });
    });
  });

  describe('/poolers/<name>', () => {
    it('is 200 where the pooler answers', async () => {
      expect(await ask(`${url}/poolers/pgbouncer`)).toMatchObject({ code: 200, body: 'ok\n' });
    });

    it('is 503 where it does not, and says why', async () => {
      poolerAnswer = () => Promise.reject(new Error('connect ENOENT /sockets/.s.PGSQL.6432'));
      expect(await ask(`${url}/poolers/pgbouncer`)).toMatchObject({
        code: 503,
        body: 'pgbouncer: connect ENOENT /sockets/.s.PGSQL.6432\n',
      });
    });

    it('is 404 where there is none of the name', async () => {
      expect(await ask(`${url}/poolers/other`)).toMatchObject({ code: 404, body: 'no pooler "other"\n' });
      expect((await ask(`${url}/poolers/`)).code).toBe(404);
    });
  });

  describe('/status', () => {
    it('is the status as JSON', async () => {
      await attempt();
      const { code, body, type } = await ask(`${url}/status`);
      expect({ code, type }).toEqual({ code: 200, type: 'application/json' });
      expect(JSON.parse(body)).toEqual(
        JSON.parse(JSON.stringify(takeStatus(rig.groups, poolers, rig.clock.now()))),
      );
    });
  });

  describe('/metrics', () => {
    const samples = async (): Promise<Sample[]> => {
      const { code, body, type } = await ask(`${url}/metrics`);
      expect(code).toBe(200);
      expect(type).toMatch(/^text\/plain; version=0\.0\.4/);
      return parsePrometheus(body);
    };

    const value = (all: Sample[], name: string, labels: Record<string, string> = {}) =>
      all.find(
        sample =>
          sample.name === `rds_iam_refresher_${name}` &&
          JSON.stringify(sample.labels) === JSON.stringify(labels),
      )?.value;

    it('is Prometheus text with every series before the first publish, but what is not known yet', async () => {
      const all = await samples();
      expect([...new Set(all.map(({ name }) => name))]).toEqual([
        'rds_iam_refresher_build_info',
        'process_resident_memory_bytes',
        'rds_iam_refresher_ready',
        'rds_iam_refresher_publishes_total',
        'rds_iam_refresher_consecutive_failures',
        'rds_iam_refresher_file_repairs_total',
        'rds_iam_refresher_pooler_reload_pending',
        'rds_iam_refresher_pooler_reloads_total',
        'rds_iam_refresher_pooler_reload_failures_total',
      ]);
      expect(value(all, 'ready')).toBe(0);
    });

    it('tells the effective expiry and what was published', async () => {
      await attempt();
      const all = await samples();
      expect(value(all, 'ready')).toBe(1);
      expect(value(all, 'token_signed_timestamp_seconds', { target: 'a' })).toBe(1767323045);
      expect(value(all, 'token_expiry_timestamp_seconds', { target: 'b' })).toBe(1767323945);
      expect(value(all, 'publishes_total', { target: 'a' })).toBe(1);
      expect(value(all, 'publish_duration_seconds', { target: 'a' })).toBe(0);
      expect(value(all, 'consecutive_failures', { target: 'a' })).toBe(0);
    });

    it('counts failures by kind, and repairs', async () => {
      await attempt();
      rig.faults.credentials = new RefresherError('credentials', 'down');
      await attempt();
      await attempt();
      rmSync(rig.path('list'));
      repair(rig.group, rig.ports, rig.events);
      const all = await samples();
      expect(value(all, 'failures_total', { target: 'a', kind: 'credentials' })).toBe(2);
      expect(value(all, 'consecutive_failures', { target: 'a' })).toBe(2);
      expect(value(all, 'file_repairs_total', { path: rig.path('list') })).toBe(1);
    });

    it('tells of poolers', async () => {
      poolers = [{ config: poolerConfig(), pending: true, confirmed: 3, failed: 2, lastSeconds: 0.25 }];
      const all = await samples();
      const pooler = { pooler: 'pgbouncer' };
      expect(value(all, 'pooler_reload_pending', pooler)).toBe(1);
      expect(value(all, 'pooler_reloads_total', pooler)).toBe(3);
      expect(value(all, 'pooler_reload_failures_total', pooler)).toBe(2);
      expect(value(all, 'pooler_reload_duration_seconds', pooler)).toBe(0.25);
    });

    it('says the same however often it is asked', async () => {
      await attempt();
      const withoutMemory = async () => (await samples()).filter(({ name }) => !name.startsWith('process_'));
      expect(await withoutMemory()).toEqual(await withoutMemory());
    });
  });

  it('names no secret on any page', async () => {
    await attempt();
    rig.faults.sign.add('a');
    await attempt();
    const secrets = [
      rig.credentials.secretAccessKey,
      rig.credentials.sessionToken ?? '',
      rig.target('a').schedule.token?.text ?? '',
    ];
    expect(secrets).not.toContain('');
    for (const path of [
      'startup',
      'readiness',
      'liveness',
      'status',
      'metrics',
      'poolers/pgbouncer',
      'other',
    ]) {
      const { body } = await ask(`${url}/${path}`);
      for (const secret of secrets) expect(body).not.toContain(secret);
      expect(body).not.toMatch(/X-Amz-/);
    }
  });

  it('answers HEAD like GET, without a body', async () => {
    expect(await ask(`${url}/startup`, 'HEAD')).toMatchObject({ code: 503, body: '' });
  });

  it('is read only', async () => {
    for (const method of ['POST', 'PUT', 'DELETE']) {
      expect(await ask(`${url}/quit`, method)).toMatchObject({
        code: 405,
        body: 'probes are read with GET\n',
      });
    }
  });

  it('leaves a query aside', async () => {
    expect((await ask(`${url}/liveness?verbose=1`)).code).toBe(200);
  });

  it('helps who asks for something else', async () => {
    for (const path of ['', 'quit', 'startup/', 'STATUS']) {
      expect(await ask(`${url}/${path}`)).toMatchObject({
        code: 404,
        body: expect.stringMatching(/^try \/startup/),
      });
    }
  });

  it('stays up when a page can not be made', async () => {
    const broken = await serve(
      probeHandler({
        status: () => {
          throw new Error('broken');
        },
        metrics: async () => metricsPage(),
        pooler: () => undefined,
      }),
    );
    expect(await ask(`${broken}/status`)).toMatchObject({ code: 500, body: 'broken\n' });
    expect((await ask(`${broken}/liveness`)).code).toBe(200);
  });
});

describe('the control listener', () => {
  it('quits on POST /quit, once it has answered', async () => {
    const quit = vi.fn();
    const url = await serve(controlHandler(quit));
    expect(await ask(`${url}/quit`, 'POST')).toMatchObject({ code: 200, body: 'bye\n' });
    await vi.waitFor(() => expect(quit).toHaveBeenCalledTimes(1));
  });

  it.each([
    ['GET', '/quit', 405],
    ['HEAD', '/quit', 405],
    ['POST', '/', 404],
    ['POST', '/quit/', 404],
    ['POST', '/quit?now', 404],
    ['GET', '/status', 404],
  ])('answers %s %s with %i and goes on', async (method, path, code) => {
    const quit = vi.fn();
    const url = await serve(controlHandler(quit));
    expect((await ask(url + path, method)).code).toBe(code);
    expect(quit).not.toHaveBeenCalled();
  });
});

describe('listen', () => {
  it('fails with a kind where the port is taken', async () => {
    const url = await serve(() => {});
    const port = Number(new URL(url).port);
    const error = await listen(() => {}, port, HOST).catch((reason: unknown) => reason);
    expect(failureKind(error)).toBe('listen');
    expect((error as Error).message).toBe(`can't listen on ${HOST}:${port}`);
    expect((error as Error).cause).toMatchObject({ code: 'EADDRINUSE' });
  });
});

describe('close', () => {
  it('does not wait for connections, idle or busy', async () => {
    let arrived = () => {};
    const busy = new Promise<void>(resolve => {
      arrived = resolve;
    });
    const server = await listen(() => arrived(), 0, HOST);
    const { port } = server.address() as AddressInfo;
    const agent = new Agent({ keepAlive: true });
    const cut = new Promise(resolve => {
      request({ host: HOST, port, agent }).on('error', resolve).end();
    });
    await busy;
    await close(server);
    expect(await cut).toBeInstanceOf(Error);
    agent.destroy();
  });
});
