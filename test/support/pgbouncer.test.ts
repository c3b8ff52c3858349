import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from './free-port';
import { Pgbouncer } from './pgbouncer';
import { type Postgres, startPostgres } from './postgres';
import { psql } from './psql';
import { tempFolder } from './temp';

let postgres: Postgres;

beforeAll(async () => {
  postgres = await startPostgres({ users: ['app'], database: 'shop' });
});

afterAll(async () => {
  await postgres?.stop();
});

function ini(folder: string, port: number): string {
  return `[databases]
shop = host=${postgres.host} port=${postgres.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
auth_type = trust
auth_file = ${folder}/userlist.txt
unix_socket_dir = ${folder}
`;
}

describe('startPostgres', () => {
  it('makes roles that may create tables in the database', async () => {
    const { host, port, database: dbname } = postgres;
    const script = 'CREATE TABLE t AS SELECT 42 AS n; SELECT current_user, current_database(), n FROM t;';
    expect(await psql({ host, port, user: 'app', dbname }, script)).toMatchObject({
      stdout: 'app|shop|42\n',
    });
  });
});

describe('Pgbouncer', () => {
  it('relays, restarts, rereads its files on SIGHUP, and keeps one log', async () => {
    const folder = tempFolder();
    writeFileSync(join(folder, 'userlist.txt'), '"app" ""\n');
    const port = await freePort();
    const pgbouncer = await Pgbouncer.start({ folder, ini: ini(folder, port) });
    const select = () => psql({ host: '127.0.0.1', port, user: 'app', dbname: 'shop' }, 'SELECT 1;');
    try {
      expect(pgbouncer).toMatchObject({ port, folder, running: true });
      expect((await select()).stdout).toBe('1\n');
      const { pid } = pgbouncer;
      await pgbouncer.restart();
      expect(pgbouncer.pid).not.toBe(pid);
      expect((await select()).stdout).toBe('1\n');
      pgbouncer.signal('SIGHUP');
      await expect.poll(() => pgbouncer.log).toMatch(/SIGHUP|re-reading config/);
      expect(pgbouncer.log.match(/process up/g)).toHaveLength(2);
    } finally {
      await pgbouncer.stop();
    }
    expect(pgbouncer.running).toBe(false);
  });

  it('quotes its log when it does not start', async () => {
    await expect(Pgbouncer.start({ ini: '[pgbouncer]\nno_such_setting = 1\n' })).rejects.toThrow(
      /no_such_setting/,
    );
  });

  it('listens on its unix socket alone when told so', async () => {
    const port = await freePort();
    const pgbouncer = await Pgbouncer.start({
      ini: folder => {
        writeFileSync(join(folder, 'userlist.txt'), '"app" ""\n');
        return ini(folder, port).replace('listen_addr = 127.0.0.1\n', '');
      },
    });
    try {
      const result = await psql({ host: pgbouncer.folder, port, user: 'app', dbname: 'shop' }, 'SELECT 1;');
      expect(result).toMatchObject({ stdout: '1\n', stderr: '' });
    } finally {
      await pgbouncer.stop();
    }
  });
});
