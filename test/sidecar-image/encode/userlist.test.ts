import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Login, userlistEntry } from '../../../sidecar-image/src/encode/formats';
import { pgbouncerPasswordLimit } from '../../../sidecar-image/src/encode/limits';
import { failureKind } from '../../../sidecar-image/src/errors';
import { freePort } from '../../support/free-port';
import { lineText } from '../../support/login-arbitraries';
import { PasswordCatcher } from '../../support/password-catcher';
import { Pgbouncer } from '../../support/pgbouncer';

/** What any PgBouncer from 1.17 to 1.25 reads, and so the one that judges here. */
const LIMIT = 2_047;

const account = (passwordBytes = 300) => fc.record({ user: lineText(63), password: lineText(passwordBytes) });
type Account = Pick<Login, 'user' | 'password'>;

const entry = ({ user, password }: Account, limit = LIMIT) =>
  userlistEntry({ host: 'db', port: 5432, user, password }, limit);

describe('what the real PgBouncer reads', () => {
  let backend: PasswordCatcher;
  let pooler: Pgbouncer;
  let round = 0;

  beforeAll(async () => {
    backend = await PasswordCatcher.start();
    const port = await freePort();
    pooler = await Pgbouncer.start({
      ini: folder => {
        writeFileSync(join(folder, 'userlist.txt'), '');
        return `
          [databases]
          * = host=127.0.0.1 port=${backend.port}
          [pgbouncer]
          listen_addr = 127.0.0.1
          listen_port = ${port}
          unix_socket_dir =
          auth_type = trust
          auth_file = ${folder}/userlist.txt
          server_login_retry = 0
          query_wait_timeout = 5
          pool_mode = session
        `.replace(/^ +/gm, '');
      },
    });
  });

  afterAll(async () => {
    await pooler?.stop();
    await backend?.stop();
  });

  /**
   * Starts PgBouncer on the file and logs in as each user without a password. What PgBouncer then sends to the
   * database is what it read: the product's own flow of data.
   *
   * @returns the password that arrived, by user; none for a user that PgBouncer did not know or let in.
   */
  async function readByPgbouncer(content: string, users: readonly string[]): Promise<Map<string, string>> {
    writeFileSync(join(pooler.folder, 'userlist.txt'), content);
    await pooler.restart();
    // A name of its own for each round, so that no pool has a connection already.
    round += 1;
    const database = `round${round}`;
    await Promise.all(
      users.map(async user => {
        const client = new Client({
          host: '127.0.0.1',
          port: pooler.port,
          user,
          database,
          password: 'unused',
        });
        client.on('error', () => {});
        // Refused is an answer too: nothing arrives at the backend.
        await client
          .connect()
          .then(() => client.end())
          .catch(() => {});
      }),
    );
    return new Map(
      backend.logins
        .filter(login => login.database === database)
        .map(({ user, password }) => [user, password]),
    );
  }

  it('is every user and password, to the byte', async () => {
    const accounts = fc.uniqueArray(account(), {
      selector: ({ user }) => user,
      minLength: 40,
      maxLength: 60,
    });
    await fc.assert(
      fc.asyncProperty(accounts, async all => {
        const read = await readByPgbouncer(
          all.map(one => entry(one)).join(''),
          all.map(({ user }) => user),
        );
        expect(Object.fromEntries(read)).toEqual(
          Object.fromEntries(all.map(({ user, password }) => [user, password])),
        );
      }),
      { numRuns: 4, endOnFailure: true },
    );
  });

  it('is a token of the longest length, plain or quoted, and the users after it', async () => {
    const all = [
      { user: 'longest', password: 't'.repeat(LIMIT) },
      { user: 'quoted', password: `${'t'.repeat(LIMIT - 20)}${'"'.repeat(10)}` },
      { user: `u${'"'.repeat(63)}`, password: 'of the longest user' },
      { user: 'after', password: 'short' },
    ];
    const read = await readByPgbouncer(
      all.map(one => entry(one)).join(''),
      all.map(({ user }) => user),
    );
    expect(Object.fromEntries(read)).toEqual(
      Object.fromEntries(all.map(({ user, password }) => [user, password])),
    );
  });

  it.each([
    ['one byte too long', 't'.repeat(LIMIT + 1)],
    ['too long by the doubling of a quote', `"${'t'.repeat(LIMIT - 1)}`],
  ])('is nothing from a token on that is %s, which is why it is refused', async (_, password) => {
    expect(() => entry({ user: 'long', password })).toThrow(/has 2048 bytes and this PgBouncer reads 2047/);

    const unchecked = [
      { user: 'before', password: 'b' },
      { user: 'long', password },
      { user: 'after', password: 'a' },
    ]
      .map(one => entry(one, 65_530))
      .join('');
    const read = await readByPgbouncer(unchecked, ['before', 'after']);
    expect(Object.fromEntries(read)).toEqual({ before: 'b' });
  });

  it('is nothing from a user on that is too long, which is why it is refused', async () => {
    const user = '"'.repeat(64);
    expect(() => entry({ user, password: 'p' })).toThrow(/the user has 128 bytes and PgBouncer reads 127/);

    const unchecked = `${entry({ user: 'before', password: 'b' })}"${user}${user}" "p"\n${entry({ user: 'after', password: 'a' })}`;
    const read = await readByPgbouncer(unchecked, ['before', 'after']);
    expect(Object.fromEntries(read)).toEqual({ before: 'b' });
  });
});

describe('userlistEntry', () => {
  it('writes one line, with quotes doubled and nothing else changed', () => {
    expect(entry({ user: 'a"b', password: 'c:\\d' })).toBe('"a""b" "c:\\d"\n');
  });

  it.each([
    [{ user: '', password: 'p' }, 'pgbouncer-userlist: the user is empty'],
    [{ user: 'u', password: '' }, 'pgbouncer-userlist: the token is empty'],
    [{ user: 'u\0', password: 'p' }, 'pgbouncer-userlist: the user holds a NUL or a line end'],
    [{ user: 'u', password: 'secret\n' }, 'pgbouncer-userlist: the token holds a NUL or a line end'],
    [{ user: 'u', password: 'secret\r' }, 'pgbouncer-userlist: the token holds a NUL or a line end'],
  ])('refuses %j', (account, message) => {
    expect(refusalOf(() => entry(account))).toEqual({ kind: 'encode', message });
  });

  it('never quotes the token in a refusal', () => {
    const token = 'very-secret'.repeat(300);
    expect(refusalOf(() => entry({ user: 'u', password: token })).message).not.toContain('secret');
  });

  it('counts bytes, not characters', () => {
    expect(() => entry({ user: 'u', password: 'é'.repeat(1024) })).toThrow(/has 2048 bytes/);
    expect(entry({ user: 'u', password: 'é'.repeat(1023) })).toContain('é');
  });
});

describe('pgbouncerPasswordLimit', () => {
  it.each([
    ['1.8', 127],
    ['1.10.0', 127],
    ['1.11', 159],
    ['1.15.0', 159],
    ['1.16', 995],
    ['1.16.1', 995],
    ['1.17', 2_047],
    ['1.18.0', 2_047],
    ['1.25.1', 2_047],
    ['1.26', 65_530],
    ['1.30.2', 65_530],
  ])('of %s is %i', (version, bytes) => {
    expect(pgbouncerPasswordLimit(version)).toBe(bytes);
  });

  it.each(['', '2.0', 'latest', 'v1.24'])('is not known of "%s"', version => {
    expect(() => pgbouncerPasswordLimit(version)).toThrow(`not a PgBouncer version: "${version}"`);
  });
});

function refusalOf(work: () => unknown): { kind: string; message: string } {
  try {
    work();
  } catch (error) {
    return { kind: failureKind(error), message: (error as Error).message };
  }
  throw new Error('it was not refused');
}
