import { describe, expect, it, vi } from 'vitest';
import type { AdminConsole } from '../../../sidecar-image/src/reload/admin-console';
import { type PublishedUserlist, reloadAndConfirm } from '../../../sidecar-image/src/reload/reload';
import { poolerConfig, USERLIST } from '../../support/builders';
import { fakeConsole } from '../../support/fake-console';
import { ManualClock, settled } from '../../support/manual-clock';

const pooler = poolerConfig({ version: '1.18' });

const userlist = (overrides: Partial<PublishedUserlist> = {}): PublishedUserlist => ({
  users: ['app'],
  longestPassword: 1_800,
  intact: () => true,
  ...overrides,
});

const never = new AbortController().signal;

function reload(console: AdminConsole, list = userlist(), clock = new ManualClock(), signal = never) {
  return reloadAndConfirm(pooler, list, console, clock, signal);
}

describe('reloadAndConfirm', () => {
  it('looks before it reloads, and asks after', async () => {
    const console = fakeConsole();
    expect(await reload(console)).toBe('1.18.0');
    expect(console.calls).toEqual(['version', 'setting', 'logins', 'reload', 'users']);
  });

  it('waits for a moment without logins', async () => {
    const clock = new ManualClock();
    const logins = vi.fn().mockResolvedValue({ inFlight: 1, awaited: 0 });
    const console = fakeConsole({ logins });
    const reloaded = reload(console, userlist(), clock);
    await clock.advance(1_000);
    expect(console.calls).not.toContain('reload');
    logins.mockResolvedValue({ inFlight: 0, awaited: 0 });
    await clock.advance(20);
    await reloaded;
    expect(console.calls).toContain('reload');
  });

  it('waits for clients to be served, which might start a login, but not for ever', async () => {
    const clock = new ManualClock();
    const console = fakeConsole({ logins: vi.fn().mockResolvedValue({ inFlight: 0, awaited: 5 }) });
    const reloaded = reload(console, userlist(), clock);
    await clock.advance(2_400);
    expect(console.calls).not.toContain('reload');
    await clock.advance(200);
    await reloaded;
    expect(console.calls).toContain('reload');
  });

  it('reloads all the same where a database answers no login', async () => {
    const clock = new ManualClock();
    const console = fakeConsole({ logins: vi.fn().mockResolvedValue({ inFlight: 3, awaited: 1 }) });
    const reloaded = reload(console, userlist(), clock);
    await clock.advance(4_900);
    expect(console.calls).not.toContain('reload');
    await clock.advance(500);
    await reloaded;
    expect(console.calls).toContain('reload');
  });

  it.each<[string, Partial<AdminConsole>, Partial<PublishedUserlist>, string]>([
    [
      'a password that this PgBouncer would not read',
      { version: async () => '1.16.1' },
      { longestPassword: 996 },
      'PgBouncer 1.16.1 reads passwords of 995 bytes and the userlist holds one of 996: not reloaded; ' +
        'upgrade it, or set poolers.version to what runs ("1.18" is configured)',
    ],
    [
      'a PgBouncer that reads another file',
      { setting: async () => '/etc/userlist.txt' },
      {},
      `PgBouncer's auth_file is "/etc/userlist.txt" and not "${USERLIST}": set one to the other`,
    ],
    [
      'a PgBouncer without a file',
      { setting: async () => '' },
      {},
      `PgBouncer's auth_file is "" and not "${USERLIST}": set one to the other`,
    ],
    [
      'a file that somebody changed',
      {},
      { intact: () => false },
      `"${USERLIST}" was changed by somebody else: not reloaded`,
    ],
    ['a version that nobody knows', { version: async () => '2.0.0' }, {}, 'not a PgBouncer version: "2.0.0"'],
  ])('does not reload on %s', async (_, overrides, list, message) => {
    const console = fakeConsole(overrides);
    await expect(reload(console, userlist(list))).rejects.toThrow(new Error(message));
    expect(console.calls).not.toContain('reload');
  });

  it('judges the file last of all, when the wait is over', async () => {
    const clock = new ManualClock();
    const busy = vi.fn().mockResolvedValueOnce({ inFlight: 1, awaited: 0 });
    const console = fakeConsole({ logins: busy.mockResolvedValue({ inFlight: 0, awaited: 0 }) });
    let intact = true;
    const reloaded = reload(console, userlist({ intact: () => intact }), clock).catch(
      (error: Error) => error,
    );
    await settled();
    intact = false;
    await clock.advance(20);
    expect(await reloaded).toBeInstanceOf(Error);
    expect(console.calls).not.toContain('reload');
  });

  it('goes by what runs, not by what is configured', async () => {
    const console = fakeConsole({ version: async () => '1.26.0' });
    expect(await reload(console, userlist({ longestPassword: 65_530 }))).toBe('1.26.0');
  });

  it('takes a reload for failed after which a user is not known', async () => {
    const console = fakeConsole({ users: async () => new Set(['pgbouncer', 'b']) });
    await expect(reload(console, userlist({ users: ['a', 'b', 'c"d'] }))).rejects.toThrow(
      'PgBouncer reloaded but doesn\'t know "a", "c"d"',
    );
    expect(console.calls).toContain('reload');
  });

  it('passes on what the console says', async () => {
    const console = fakeConsole({ reload: async () => Promise.reject(new Error('syntax error in config')) });
    await expect(reload(console)).rejects.toThrow('syntax error in config');
  });
});
