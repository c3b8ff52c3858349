import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../sidecar-image/src/clock';
import type { PoolerConfig } from '../../../sidecar-image/src/config/schema';
import { userlistEntry } from '../../../sidecar-image/src/encode/formats';
import { isIntact, publishFile } from '../../../sidecar-image/src/publish/atomic-file';
import {
  type AdminConsole,
  connectAdminConsole,
  isAbsent,
} from '../../../sidecar-image/src/reload/admin-console';
import { type PublishedUserlist, reloadAndConfirm } from '../../../sidecar-image/src/reload/reload';
import { poolerConfig } from '../../support/builders';
import { eventually } from '../../support/eventually';
import { freePort } from '../../support/free-port';
import { PasswordCatcher } from '../../support/password-catcher';
import { Pgbouncer } from '../../support/pgbouncer';
import { unprivileged } from '../../support/unprivileged';

/** A connection as the pooler's own user, as all containers of the pod are: its socket admits no other admin. */
async function connectAsPooler(pooler: PoolerConfig): Promise<AdminConsole> {
  const { uid } = unprivileged();
  if (uid === undefined) return connectAdminConsole(pooler);
  process.seteuid?.(uid);
  try {
    return await connectAdminConsole(pooler);
  } finally {
    process.seteuid?.(0);
  }
}

describe('the real PgBouncer', () => {
  let backend: PasswordCatcher;
  let pgbouncer: Pgbouncer;
  let pooler: PoolerConfig;
  let console: AdminConsole;
  let round = 0;

  beforeAll(async () => {
    backend = await PasswordCatcher.start();
    const port = await freePort();
    pgbouncer = await Pgbouncer.start({
      ini: folder => {
        writeFileSync(join(folder, 'userlist.txt'), '');
        return `
          [databases]
          * = host=127.0.0.1 port=${backend.port}
          [pgbouncer]
          listen_addr = 127.0.0.1
          listen_port = ${port}
          unix_socket_dir = ${folder}
          auth_type = trust
          auth_file = ${folder}/userlist.txt
          admin_users = pgbouncer
        `.replace(/^ +/gm, '');
      },
    });
    const { folder } = pgbouncer;
    pooler = poolerConfig({
      socketDirectory: folder,
      port,
      authFile: join(folder, 'userlist.txt'),
      version: '1.18',
    });
  });

  beforeEach(async () => {
    console = await connectAsPooler(pooler);
    return () => console.close();
  });

  afterAll(async () => {
    await pgbouncer?.stop();
    await backend?.stop();
  });

  /** Publishes accounts as the refresher would. */
  function publish(accounts: Record<string, string>): PublishedUserlist {
    const content = Object.entries(accounts)
      .map(([user, password]) => userlistEntry({ host: 'db', port: 1, user, password }, 2_047))
      .join('');
    const fingerprint = publishFile(pooler.authFile, content, 0o644);
    return {
      users: Object.keys(accounts),
      longestPassword: Math.max(...Object.values(accounts).map(password => password.length)),
      intact: () => isIntact(pooler.authFile, fingerprint),
    };
  }

  const reload = (list: PublishedUserlist) =>
    reloadAndConfirm(pooler, list, console, systemClock, new AbortController().signal);

  /** Begins a login through a pool of its own, so that PgBouncer logs in to the database for it. */
  async function login(user: string): Promise<{ client: Client; database: string }> {
    round += 1;
    const database = `round${round}`;
    const client = new Client({
      host: '127.0.0.1',
      port: pgbouncer.port,
      user,
      database,
      password: 'unused',
    });
    client.on('error', () => {});
    await client.connect();
    return { client, database };
  }

  /** The password that PgBouncer sends to the database for a user now. */
  async function passwordInUse(user: string): Promise<string | undefined> {
    const { client, database } = await login(user);
    await client.end();
    return backend.logins.find(caught => caught.database === database)?.password;
  }

  it('names its version', async () => {
    expect(await console.version()).toMatch(/^1\.\d+\.\d+$/);
  });

  it('names the file that it reads', async () => {
    expect(await console.setting('auth_file')).toBe(pooler.authFile);
  });

  it('takes in a published file at a reload, and only then', async () => {
    await reload(publish({ app: 'one', other: 'o' }));
    expect(await passwordInUse('app')).toBe('one');

    const list = publish({ app: 'two', other: 'o' });
    expect(await passwordInUse('app')).toBe('one');

    expect(await reload(list)).toBe(await console.version());
    expect(await passwordInUse('app')).toBe('two');
    expect(await passwordInUse('other')).toBe('o');
  });

  it('takes in two publishes of equal length in one second', async () => {
    for (const password of ['aaa', 'bbb', 'ccc', 'ddd']) {
      await reload(publish({ app: password }));
      expect(await passwordInUse('app')).toBe(password);
    }
  });

  it('names the users that it knows, whatever they are called', async () => {
    await reload(publish({ app: 'p', 'a "b" c': 'p', 用户: 'p' }));
    const users = await console.users();
    expect([...users]).toEqual(expect.arrayContaining(['app', 'a "b" c', '用户']));
  });

  it('is found out when it read less than was published', async () => {
    const list = publish({ app: 'p' });
    await expect(reload({ ...list, users: ['app', 'absent'] })).rejects.toThrow(/doesn't know "absent"/);
  });

  it('is not told to read a file that somebody changed', async () => {
    await reload(publish({ app: 'good' }));
    const list = publish({ app: 'better' });
    writeFileSync(pooler.authFile, '');
    await expect(reload(list)).rejects.toThrow(/was changed by somebody else/);
    expect(await passwordInUse('app')).toBe('good');
  });

  it('counts the logins in flight, and a reload waits for them to end', async () => {
    await reload(publish({ app: 'one' }));
    expect(await console.logins()).toEqual({ inFlight: 0, awaited: 0 });

    backend.hold();
    const pending = login('app');
    await eventually(() => backend.waiting === 1);
    // Nobody has a connection yet that a reload could cost.
    expect(await console.logins()).toEqual({ inFlight: 1, awaited: 0 });

    let reloaded = false;
    const reloading = reload(publish({ app: 'two' })).then(() => {
      reloaded = true;
    });
    await new Promise(resolve => setTimeout(resolve, 200));
    expect(reloaded).toBe(false);

    backend.release();
    const { client } = await pending;
    await client.end();
    await reloading;
    expect(await passwordInUse('app')).toBe('two');
  });

  it('is absent before it is up, and nothing else is', async () => {
    const elsewhere = { ...pooler, port: pooler.port === 65_535 ? 1 : pooler.port + 1 };
    const error = await connectAdminConsole(elsewhere).catch((reason: unknown) => reason);
    expect(isAbsent(error)).toBe(true);

    const stranger = await connectAdminConsole({ ...pooler, adminUser: 'stranger' }).catch((e: unknown) => e);
    expect(stranger).toBeInstanceOf(Error);
    expect(isAbsent(stranger)).toBe(false);
  });
});
