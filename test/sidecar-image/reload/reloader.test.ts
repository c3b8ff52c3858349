import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Reloader } from '../../../sidecar-image/src/reload/reloader';
import { poolerConfig } from '../../support/builders';
import { fakeConsole } from '../../support/fake-console';
import { ManualClock, settled } from '../../support/manual-clock';

const absent = (code: string) => Object.assign(new Error(`connect ${code} /sockets/.s.PGSQL.6432`), { code });

describe('Reloader', () => {
  let clock: ManualClock;
  let console: ReturnType<typeof fakeConsole>;
  /** What connecting meets instead of the console. */
  let refusal: Error | undefined;
  let journal: string[];
  let stop: AbortController;
  let reloader: Reloader;
  let running: Promise<void>;

  beforeEach(() => {
    clock = new ManualClock();
    console = fakeConsole();
    refusal = undefined;
    journal = [];
    stop = new AbortController();
    reloader = new Reloader(
      poolerConfig(),
      {
        clock,
        connect: async () => {
          journal.push('connect');
          if (refusal) throw refusal;
          return console;
        },
        userlist: () => ({ users: ['app'], longestPassword: 10, intact: () => true }),
      },
      {
        confirmed: (_, seconds) => journal.push(`confirmed after ${seconds}`),
        deferred: (_, reason, error) => journal.push(`${reason}: ${(error as Error).message}`),
      },
    );
    running = reloader.run(stop.signal);
  });

  afterEach(async () => {
    stop.abort();
    await running;
    expect(clock.sleeping).toBe(0);
  });

  const news = () => journal.splice(0);

  it('does nothing until asked', async () => {
    await clock.advance(10 * 3_600_000);
    expect(news()).toEqual([]);
    expect(reloader.state).toMatchObject({ pending: false, confirmed: 0 });
  });

  it('reloads when asked, once, and hangs up', async () => {
    reloader.request();
    expect(reloader.state.pending).toBe(true);
    await settled();
    expect(news()).toEqual(['connect', 'confirmed after 0']);
    expect(console.calls.filter(call => call === 'reload')).toHaveLength(1);
    expect(console.calls.at(-1)).toBe('close');
    expect(reloader.state).toMatchObject({
      pending: false,
      confirmed: 1,
      failed: 0,
      version: '1.18.0',
      lastSeconds: 0,
    });
    await clock.advance(3_600_000);
    expect(news()).toEqual([]);
  });

  it('takes a request from before it runs', async () => {
    const other = new AbortController();
    const late = new Reloader(
      poolerConfig(),
      {
        clock,
        connect: async () => console,
        userlist: () => ({ users: [], longestPassword: 0, intact: () => true }),
      },
      { confirmed: () => journal.push('late'), deferred: () => {} },
    );
    late.request();
    const done = late.run(other.signal);
    await settled();
    expect(news()).toEqual(['late']);
    other.abort();
    await done;
  });

  it.each(['ENOENT', 'ECONNREFUSED'])(
    'takes a pooler that is not up yet (%s) for no error, and waits',
    async code => {
      refusal = absent(code);
      reloader.request();
      await settled();
      expect(news()).toEqual(['connect', `absent: ${refusal.message}`]);
      await clock.advance(3_000);
      expect(reloader.state).toMatchObject({ pending: true, failed: 0, confirmed: 0 });
      refusal = undefined;
      await clock.advance(1_000);
      expect(news().at(-1)).toBe('confirmed after 4');
      expect(reloader.state).toMatchObject({ pending: false, lastFailure: undefined });
    },
  );

  it('tries a reload that failed again, each second', async () => {
    refusal = new Error('no such user');
    reloader.request();
    await settled();
    await clock.advance(2_000);
    expect(news().filter(entry => entry === 'failed: no such user')).toHaveLength(3);
    expect(reloader.state).toMatchObject({ pending: true, failed: 3, lastFailure: 'no such user' });
    refusal = undefined;
    await clock.advance(1_000);
    expect(reloader.state).toMatchObject({ pending: false, confirmed: 1, lastFailure: undefined });
  });

  it('takes an error after connecting for a failure, whatever its code, and hangs up', async () => {
    console = fakeConsole({ reload: async () => Promise.reject(absent('ECONNREFUSED')) });
    reloader.request();
    await settled();
    expect(reloader.state.failed).toBe(1);
    expect(console.calls.at(-1)).toBe('close');
  });

  it('does not stumble over a console that can not be closed', async () => {
    console = fakeConsole({ close: async () => Promise.reject(new Error('gone')) });
    reloader.request();
    await settled();
    expect(reloader.state).toMatchObject({ confirmed: 1, pending: false });
  });

  it('reloads once more for a publish during a reload, which may have come too late', async () => {
    let finish = () => {};
    console = fakeConsole({
      reload: () =>
        new Promise(resolve => {
          finish = resolve;
        }),
    });
    reloader.request();
    await settled();
    reloader.request();
    console = fakeConsole();
    finish();
    await clock.advance(1_000);
    expect(news().filter(entry => entry.startsWith('confirmed'))).toHaveLength(2);
    expect(reloader.state).toMatchObject({ pending: false, confirmed: 2 });
  });

  it('probes by asking for the version, whatever is pending', async () => {
    await reloader.probe();
    expect(console.calls).toEqual(['version', 'close']);
    refusal = absent('ENOENT');
    await expect(reloader.probe()).rejects.toBe(refusal);
    console = fakeConsole({ version: async () => Promise.reject(new Error('hangs')) });
    refusal = undefined;
    await expect(reloader.probe()).rejects.toThrow('hangs');
    expect(console.calls).toEqual(['version', 'close']);
  });
});
