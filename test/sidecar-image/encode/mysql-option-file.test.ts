import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Login, mysqlOptionFile } from '../../../sidecar-image/src/encode/formats';
import { MYSQL_LINE_LIMIT } from '../../../sidecar-image/src/encode/limits';
import { failureKind } from '../../../sidecar-image/src/errors';
import { login } from '../../support/login-arbitraries';
import { findCommand, run } from '../../support/process';
import { removeFolder, tempFolder } from '../../support/temp';

const LOGIN: Login = { host: 'db', port: 3306, user: 'app', password: 'secret' };

describe('what the real MySQL client library reads', () => {
  let folder: string;

  beforeAll(() => {
    folder = tempFolder('mysql');
  });

  afterAll(() => removeFolder(folder));

  /** The options as a client would take them, in order, each `--name` or `--name=value`. */
  async function optionsIn(content: string): Promise<string[]> {
    const command = findCommand(['my_print_defaults'], ['/opt/homebrew/opt/mysql-client/bin']);
    if (command === undefined) {
      throw new Error(
        'my_print_defaults is not in PATH: install it with "apt-get install default-mysql-client"',
      );
    }
    const file = join(folder, 'client.cnf');
    writeFileSync(file, content);
    const help = await run(command, ['--help']);
    // MySQL's own hides passwords unless told not to; MariaDB's doesn't know that option.
    const show = help.stdout.includes('--show') ? ['--show'] : [];
    const { stdout, stderr } = await run(command, [`--defaults-file=${file}`, ...show, 'client']);
    expect(stderr).toBe('');
    return stdout.split('\n').slice(0, -1);
  }

  it('is host, port, user and password, to the byte', async () => {
    await fc.assert(
      fc.asyncProperty(login(600), async ({ host, port, user, password }) => {
        expect(await optionsIn(mysqlOptionFile({ host, port, user, password }))).toEqual([
          `--host=${host}`,
          `--port=${port}`,
          `--user=${user}`,
          `--password=${password}`,
          '--loose-enable-cleartext-plugin',
        ]);
      }),
      { numRuns: 150, endOnFailure: true },
    );
  });

  it('is a CA bundle to verify the server with, where there is one', async () => {
    expect(await optionsIn(mysqlOptionFile(LOGIN, '/shared/rds "ca".pem'))).toEqual([
      '--host=db',
      '--port=3306',
      '--user=app',
      '--password=secret',
      '--loose-enable-cleartext-plugin',
      '--ssl-ca=/shared/rds "ca".pem',
      '--loose-ssl-mode=VERIFY_IDENTITY',
    ]);
  });

  it('is a line of the longest length that is written', async () => {
    const password = 'p'.repeat(MYSQL_LINE_LIMIT - 'password=""'.length);
    expect(await optionsIn(mysqlOptionFile({ ...LOGIN, password }))).toContain(`--password=${password}`);
  });

  it('is half a password in a longer line than its buffer, which is why such a line is refused', async () => {
    const password = 'p'.repeat(4_096);
    expect(() => mysqlOptionFile({ ...LOGIN, password })).toThrow(
      `mysql-option-file: a line has 4107 bytes and clients read ${MYSQL_LINE_LIMIT}`,
    );
    const options = await optionsIn(`[client]\npassword="${password}"\n`);
    expect(options).not.toContain(`--password=${password}`);
    expect(options.length).toBeGreaterThan(1);
  });
});

describe('mysqlOptionFile', () => {
  it('measures the line as it is written, with every escape', () => {
    const password = '"'.repeat(MYSQL_LINE_LIMIT / 2);
    expect(() => mysqlOptionFile({ ...LOGIN, password })).toThrow(/a line has 4011 bytes/);
  });

  it.each([
    [{ host: '' }, 'mysql-option-file: the host is empty'],
    [{ user: '' }, 'mysql-option-file: the user is empty'],
    [{ password: '' }, 'mysql-option-file: the token is empty'],
    [{ password: 'secret\n[mysqld]' }, 'mysql-option-file: the token holds a NUL or a line end'],
    [{ user: 'u\0' }, 'mysql-option-file: the user holds a NUL or a line end'],
    [{ host: 'h\r' }, 'mysql-option-file: the host holds a NUL or a line end'],
  ])('refuses %j', (overrides, message) => {
    let refusal: unknown;
    try {
      mysqlOptionFile({ ...LOGIN, ...overrides });
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toMatchObject({ message });
    expect(failureKind(refusal)).toBe('encode');
  });
});
