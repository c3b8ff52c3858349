import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Login, pgpassEntry } from '../../../sidecar-image/src/encode/formats';
import { failureKind } from '../../../sidecar-image/src/errors';
import { lineText, login } from '../../support/login-arbitraries';
import { PasswordCatcher } from '../../support/password-catcher';
import { type Finished, findCommand, run } from '../../support/process';
import { removeFolder, tempFolder } from '../../support/temp';

const LOGIN: Login = { host: 'db', port: 5432, user: 'app', password: 'secret' };

describe('what the real libpq reads', () => {
  let server: PasswordCatcher;
  let folder: string;

  beforeAll(async () => {
    server = await PasswordCatcher.start();
    folder = tempFolder('pgpass');
  });

  afterAll(async () => {
    removeFolder(folder);
    await server?.stop();
  });

  function write(content: string, mode = 0o600): string {
    const path = join(folder, `pgpass-${Math.random()}`);
    writeFileSync(path, content);
    chmodSync(path, mode);
    return path;
  }

  /** Logs in with psql, whatever the host is called: the address is always the catcher's. */
  async function connect(file: string, { host, user, database }: Names): Promise<Finished> {
    const psql = findCommand(['psql'], ['/opt/homebrew/opt/libpq/bin', '/usr/local/opt/libpq/bin']);
    if (psql === undefined) throw new Error('psql is not installed');
    return run(psql, ['--no-psqlrc', '--no-password', '--command', ''], {
      env: {
        PATH: process.env.PATH,
        HOME: '/nonexistent',
        PGHOST: host,
        PGHOSTADDR: '127.0.0.1',
        PGPORT: `${server.port}`,
        PGUSER: user,
        PGDATABASE: database,
        PGPASSFILE: file,
        PGSSLMODE: 'disable',
        PGGSSENCMODE: 'disable',
      },
    });
  }

  interface Names {
    readonly host: string;
    readonly user: string;
    readonly database: string;
  }

  async function passwordSentFor(file: string, names: Names): Promise<string | undefined> {
    const before = server.logins.length;
    await connect(file, names);
    const [sent] = server.logins.slice(before);
    return sent?.password;
  }

  it('is every password of a shared file, to the byte', async () => {
    const line = fc.record({ login: login(), database: lineText(40) });
    const lines = fc.uniqueArray(line, {
      selector: ({ login: { host, user }, database }) => JSON.stringify([host, user, database]),
      minLength: 4,
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(lines, async all => {
        const here = all.map(one => ({ ...one, login: { ...one.login, port: server.port } }));
        // A line for any database would answer for those below it.
        const specific = here.filter(({ database }) => database !== '*');
        const file = write(specific.map(one => pgpassEntry(one.login, one.database)).join(''));
        for (const { login, database } of specific) {
          expect(await passwordSentFor(file, { ...login, database })).toBe(login.password);
        }
      }),
      { numRuns: 8, endOnFailure: true },
    );
  });

  it('is a session token of any length in use', async () => {
    const password = `db.example:5432/?Action=connect&X-Amz-Security-Token=${'%2F'.repeat(2_000)}`;
    const file = write(pgpassEntry({ ...LOGIN, port: server.port, password }, '*'));
    expect(await passwordSentFor(file, { host: 'db', user: 'app', database: 'any' })).toBe(password);
  });

  it('is for any database where the database is *', async () => {
    const file = write(pgpassEntry({ ...LOGIN, port: server.port }, '*'));
    expect(await passwordSentFor(file, { host: 'db', user: 'app', database: 'one' })).toBe('secret');
    expect(await passwordSentFor(file, { host: 'db', user: 'app', database: 'two' })).toBe('secret');
  });

  it.each([
    ['a user called *', { host: 'db', user: '*' }],
    ['a host called *', { host: '*', user: 'app' }],
  ])('is for nobody else where the login is %s', async (_, names) => {
    const file = write(pgpassEntry({ ...LOGIN, ...names, port: server.port }, '*'));
    expect(await passwordSentFor(file, { ...names, database: 'app' })).toBe('secret');
    const other = { host: names.host === '*' ? 'other' : 'db', user: names.user === '*' ? 'other' : 'app' };
    expect(await passwordSentFor(file, { ...other, database: 'app' })).toBeUndefined();
  });

  it('is nothing from a file that its group may read, which is why the schema has no such access', async () => {
    const file = write(pgpassEntry({ ...LOGIN, port: server.port }, '*'), 0o640);
    const { code, stderr } = await connect(file, { host: 'db', user: 'app', database: 'app' });
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/group or world access/);
  });
});

describe('pgpassEntry', () => {
  it('escapes what separates and what escapes', () => {
    expect(pgpassEntry({ host: 'h:1', port: 5432, user: 'u\\v', password: 'p:\\*#' }, 'd:b')).toBe(
      'h\\:1:5432:d\\:b:u\\\\v:p\\:\\\\*#\n',
    );
  });

  it('leaves the wildcard to the database alone', () => {
    expect(pgpassEntry({ ...LOGIN, host: '*', user: '*' }, '*')).toBe('\\*:5432:*:\\*:secret\n');
  });

  it('writes no comment', () => {
    expect(pgpassEntry({ ...LOGIN, host: '#db' }, '*')).toBe('\\#db:5432:*:app:secret\n');
  });

  it.each([
    [{ host: '' }, 'app', 'pgpass: the host is empty'],
    [{ user: '' }, 'app', 'pgpass: the user is empty'],
    [{ password: '' }, 'app', 'pgpass: the token is empty'],
    [{}, '', 'pgpass: the database is empty'],
    [{ password: 'secret\nline' }, 'app', 'pgpass: the token holds a NUL or a line end'],
    [{ password: 'secret\0' }, 'app', 'pgpass: the token holds a NUL or a line end'],
    [{ user: 'u\r' }, 'app', 'pgpass: the user holds a NUL or a line end'],
  ])('refuses %j for database "%s"', (overrides, database, message) => {
    let refusal: unknown;
    try {
      pgpassEntry({ ...LOGIN, ...overrides }, database);
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toMatchObject({ message });
    expect(failureKind(refusal)).toBe('encode');
  });
});
