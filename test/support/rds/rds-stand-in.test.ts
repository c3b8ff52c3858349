import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import { Signer } from '@aws-sdk/rds-signer';
import { Client, type ClientConfig } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../eventually';
import { freePort } from '../free-port';
import { Pgbouncer } from '../pgbouncer';
import { type Postgres, startPostgres } from '../postgres';
import { type PsqlConnection, psql } from '../psql';
import { tempFolder } from '../temp';
import { CredentialRegistry } from './credential-registry';
import type { LoginRecord } from './logins';
import { RdsStandIn } from './rds-stand-in';

const PAM_ERROR = 'PAM authentication failed for user "app"';

let postgres: Postgres;
let rds: RdsStandIn;
let caFile: string;
/** How far the stand-in's clock is ahead of ours, in milliseconds. */
let ahead = 0;
const registry = new CredentialRegistry();

beforeAll(async () => {
  postgres = await startPostgres({ users: ['app', 'reader'] });
  rds = await RdsStandIn.start({ backend: postgres, keys: registry, now: () => Date.now() + ahead });
  caFile = join(tempFolder(), 'ca.pem');
  writeFileSync(caFile, rds.ca);
});

afterEach(async () => {
  await rds.comeBack();
  ahead = 0;
  Object.assign(rds.faults, { refuseLogins: false, dropNewConnections: false, loginDelayMs: 0 });
});

afterAll(async () => {
  await watching?.end();
  await rds?.stop();
  await postgres?.stop();
});

function signToken({ username = 'app', credentials = registry.issue() } = {}): Promise<string> {
  const { host: hostname, port, region } = rds;
  return new Signer({ hostname, port, region, username, credentials }).getAuthToken();
}

async function login(config: ClientConfig = {}): Promise<Client> {
  const client = new Client({
    host: rds.host,
    port: rds.listeningPort,
    user: 'app',
    database: 'app',
    ssl: { ca: rds.ca },
    ...config,
    password: config.password ?? (await signToken()),
  });
  // Cut connections are what some tests are about.
  client.on('error', () => {});
  await client.connect();
  return client;
}

async function viaPsql(script: string, connection: Partial<PsqlConnection> = {}) {
  const { host, listeningPort: port } = rds;
  const verified = { sslmode: 'verify-full', sslrootcert: caFile } as const;
  const password = connection.password ?? (await signToken());
  return psql({ host, port, user: 'app', dbname: 'app', ...verified, ...connection, password }, script);
}

/** Settles when the client's connection is gone, however. */
function endOf(client: Client): Promise<unknown> {
  return new Promise(resolve => client.once('end', () => resolve(undefined)));
}

/** The logins that `work` caused. */
async function loginsDuring(work: () => Promise<unknown>): Promise<readonly LoginRecord[]> {
  const before = rds.logins.all.length;
  await work();
  return rds.logins.all.slice(before);
}

describe('with psql', () => {
  it('a good token logs in over verify-full', async () => {
    const result = await viaPsql('SELECT current_user, 6 * 7;');
    expect(result).toMatchObject({ stdout: 'app|42\n', stderr: '', code: 0 });
  });

  it('a bad token gets the error of RDS, and no other', async () => {
    const password = await signToken({ username: 'reader' });
    let result: Awaited<ReturnType<typeof viaPsql>> | undefined;
    const logins = await loginsDuring(async () => {
      result = await viaPsql('SELECT 1;', { password });
    });
    expect(result?.code).toBe(2);
    expect(result?.stderr).toMatch(/failed: FATAL: {2}PAM authentication failed for user "app"\n$/);
    expect(logins).toEqual([{ accepted: false, at: expect.any(Number), user: 'app', reason: 'wrong-user' }]);
  });

  it('a login without TLS is refused as RDS does with rds.force_ssl', async () => {
    const { code, stderr } = await viaPsql('SELECT 1;', { sslmode: 'disable' });
    expect(code).toBe(2);
    expect(stderr).toContain(
      'FATAL:  no pg_hba.conf entry for host "127.0.0.1", user "app", database "app", no encryption',
    );
    expect(rds.logins.refusedByReason).toMatchObject({ 'not-encrypted': 1 });
  });

  it('a certificate of somebody else is not trusted', async () => {
    const strangers = await RdsStandIn.start({ backend: postgres, keys: registry });
    try {
      const { code, stderr } = await viaPsql('SELECT 1;', { port: strangers.listeningPort });
      expect(code).toBe(2);
      expect(stderr).toContain('certificate verify failed');
      expect(strangers.logins.all).toEqual([]);
    } finally {
      await strangers.stop();
    }
  });

  it('COPY goes both ways', async () => {
    const rows = Array.from({ length: 20_000 }, (_, i) => `${i}\trow ${i}`).join('\n');
    const { stdout, stderr } = await viaPsql(
      `CREATE TEMP TABLE copied (id int, text text);\n\\copy copied FROM pstdin\n${rows}\n\\.\n\\copy copied TO STDOUT`,
    );
    expect(stderr).toBe('');
    expect(stdout).toBe(`${rows}\n`);
  });
});

describe('with node-postgres', () => {
  it('a good token logs in, and says how old it is', async () => {
    const credentials = registry.issue();
    const password = await signToken({ credentials });
    ahead = 60_000;
    const [record] = await loginsDuring(async () => (await login({ password })).end());
    expect(record).toMatchObject({ accepted: true, user: 'app', accessKeyId: credentials.accessKeyId });
    // Signing rounds down to a second.
    expect(record?.accepted && Math.floor(record.tokenAgeSeconds / 10)).toBe(6);
    expect(JSON.stringify(record)).not.toContain(credentials.sessionToken);
  });

  it('a bad token gets SQLSTATE 28000', async () => {
    await expect(login({ password: 'secret' })).rejects.toMatchObject({
      message: PAM_ERROR,
      code: '28000',
      severity: 'FATAL',
    });
  });

  it('an expired token is refused, while the connection it opened lives on', async () => {
    const password = await signToken();
    const early = await login({ password });
    ahead = 900_000;
    await expect(login({ password })).rejects.toThrow(PAM_ERROR);
    expect((await early.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await early.end();
  });

  it('the validity can be shortened', async () => {
    const password = await signToken();
    rds.tokenValiditySeconds = 60;
    try {
      ahead = 45_000;
      await (await login({ password })).end();
      ahead = 60_000;
      await expect(login({ password })).rejects.toThrow(PAM_ERROR);
    } finally {
      rds.tokenValiditySeconds = 900;
    }
  });

  it('what PostgreSQL itself refuses comes through', async () => {
    await expect(login({ database: 'nowhere' })).rejects.toMatchObject({ code: '3D000' });
  });

  it('several megabytes come back whole', async () => {
    const client = await login();
    const { rows } = await client.query(
      `SELECT string_agg(md5(i::text), '') AS text FROM generate_series(1, 200000) i`,
    );
    const { rows: hashes } = await client.query('SELECT md5($1) AS hash, length($1) AS length', [
      rows[0].text,
    ]);
    expect(hashes[0].length).toBe(6_400_000);
    const { rows: expected } = await client.query(
      `SELECT md5(string_agg(md5(i::text), '')) AS hash FROM generate_series(1, 200000) i`,
    );
    expect(hashes[0].hash).toBe(expected[0].hash);
    await client.end();
  });

  it('a cancel request reaches its query', async () => {
    const client = await login();
    const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
    const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
    expect(processID).toBe(rows[0].pid);
    const query = client.query('SELECT pg_sleep(60)');
    const cancelled = expect(query).rejects.toMatchObject({ code: '57014' });
    // libpq sends it without TLS; and PostgreSQL ignores one that comes before its query.
    await eventually(async () => {
      const { rows: active } = await (await watcher()).query(
        `SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND query LIKE '%pg_sleep%' AND state = 'active'`,
        [processID],
      );
      return active.length === 1;
    });
    const packet = Buffer.alloc(16);
    [16, 80877102, processID, secretKey].forEach((word, i) => {
      packet.writeInt32BE(word, i * 4);
    });
    const socket = connect(rds.listeningPort, '127.0.0.1').end(packet);
    await buffer(socket);
    await cancelled;
    await client.end();
  });

  it('a hundred connections at once each have a session of their own', async () => {
    const password = await signToken();
    const clients = await Promise.all(Array.from({ length: 100 }, () => login({ password })));
    expect(rds.openConnections).toBe(100);
    const answers = await Promise.all(
      clients.map(
        async (client, i) =>
          (await client.query('SELECT $1::int AS i, pg_backend_pid() AS pid', [i])).rows[0],
      ),
    );
    expect(answers.map(answer => answer.i)).toEqual(clients.map((_, i) => i));
    expect(new Set(answers.map(answer => answer.pid)).size).toBe(100);
    await Promise.all(clients.map(client => client.end()));
    await eventually(() => rds.openConnections === 0);
    await eventually(async () => (await backendSessions('app')) === 0);
  });

  it('a client that vanishes leaves no session behind', async () => {
    const client = await login();
    (client as unknown as { connection: { stream: Socket } }).connection.stream.destroy();
    await eventually(() => rds.openConnections === 0);
    await eventually(async () => (await backendSessions('app')) === 0);
  });
});

describe('faults', () => {
  it('refuse good tokens, as RDS does when the role lost rds_iam', async () => {
    rds.faults.refuseLogins = true;
    const [record] = await loginsDuring(() => expect(login()).rejects.toThrow(PAM_ERROR));
    expect(record).toMatchObject({ accepted: false, reason: 'fault' });
  });

  it('cut new connections, and open ones on request', async () => {
    const client = await login();
    const ended = endOf(client);
    rds.faults.dropNewConnections = true;
    await expect(login()).rejects.toThrow();
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    rds.dropConnections();
    await ended;
  });

  it('hold a login until the delay is over', async () => {
    const password = await signToken();
    rds.faults.loginDelayMs = 300;
    const started = performance.now();
    await (await login({ password })).end();
    expect(performance.now() - started).toBeGreaterThan(270);
  });

  it('take it down, and bring it back on the same port', async () => {
    const client = await login();
    const { listeningPort } = rds;
    const ended = endOf(client);
    await rds.goDown();
    await ended;
    await expect(login()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await rds.comeBack();
    expect(rds.listeningPort).toBe(listeningPort);
    await (await login()).end();
  });

  it('of the backend are told to the client', async () => {
    const orphan = await RdsStandIn.start({
      backend: { host: '127.0.0.1', port: await freePort() },
      keys: registry,
    });
    try {
      const { host: hostname, port, region } = orphan;
      const signer = new Signer({ hostname, port, region, username: 'app', credentials: registry.issue() });
      const attempt = login({ port, password: await signer.getAuthToken(), ssl: { ca: orphan.ca } });
      await expect(attempt).rejects.toMatchObject({ code: '57P03' });
    } finally {
      await orphan.stop();
    }
  });
});

describe('the protocol', () => {
  const SSL_REQUEST = [0, 0, 0, 8, 4, 210, 22, 47];
  const GSSENC_REQUEST = [0, 0, 0, 8, 4, 210, 22, 48];

  async function answerTo(bytes: number[] | Buffer): Promise<string> {
    const socket = connect(rds.listeningPort, '127.0.0.1').end(Buffer.from(bytes));
    return (await buffer(socket)).toString('latin1');
  }

  it('offers TLS and no GSSAPI encryption', async () => {
    expect(await answerTo(SSL_REQUEST)).toBe('S');
    expect(await answerTo(GSSENC_REQUEST)).toBe('N');
    expect(await answerTo([...GSSENC_REQUEST, ...SSL_REQUEST])).toBe('NS');
  });

  it('refuses bytes smuggled in before TLS', async () => {
    expect(await answerTo([...SSL_REQUEST, ...SSL_REQUEST])).not.toContain('S');
  });

  it('survives what is no protocol at all', async () => {
    for (const text of ['GET / HTTP/1.1\r\n\r\n', '', '\0', '\0\0\0\x09\0\x03\0\0\0', '\x16\x03\x01\0\x01']) {
      await answerTo(Buffer.from(text, 'latin1'));
    }
    await answerTo([...SSL_REQUEST, ...Buffer.alloc(20_000, 7)]);
    await (await login()).end();
  });
});

describe('a client that is reset', () => {
  it('at the password prompt is no harm to others', async () => {
    const socket = connect(rds.listeningPort, '127.0.0.1');
    socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]));
    await once(socket, 'data');
    const encrypted = connectTls({ socket, ca: rds.ca, servername: rds.host });
    encrypted.on('error', () => {});
    const parameters = Buffer.from('user\0app\0\0');
    encrypted.write(Buffer.concat([Buffer.from([0, 0, 0, 8 + parameters.length, 0, 3, 0, 0]), parameters]));
    await once(encrypted, 'data');
    socket.resetAndDestroy();
    await (await login()).end();
  });
});

describe('behind PgBouncer', () => {
  it('logs in with the token of the auth_file, over verify-full', async () => {
    const token = await signToken({ credentials: registry.issue({ sessionTokenBytes: 1_100 }) });
    expect(token.length).toBeGreaterThan(1_800);
    const port = await freePort();
    const pgbouncer = await Pgbouncer.start({
      ini: folder => {
        writeFileSync(join(folder, 'userlist.txt'), `"app" "${token}"\n`);
        return `[databases]
app = host=${rds.host} port=${rds.listeningPort} user=app
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
auth_type = trust
auth_file = ${folder}/userlist.txt
unix_socket_dir = ${folder}
server_tls_sslmode = verify-full
server_tls_ca_file = ${caFile}
`;
      },
    });
    try {
      const connection = { host: '127.0.0.1', port, user: 'app', dbname: 'app' };
      expect(await psql(connection, 'SELECT current_user;')).toMatchObject({ stdout: 'app\n', stderr: '' });
      expect(rds.logins.all.at(-1)).toMatchObject({ accepted: true, user: 'app' });
    } finally {
      await pgbouncer.stop();
    }
  });
});

let watching: Client | undefined;

/** A superuser's connection past the stand-in, to look at the sessions behind it. */
async function watcher(): Promise<Client> {
  if (!watching) {
    watching = new Client({ connectionString: postgres.superuserUrl });
    watching.on('error', () => {});
    await watching.connect();
  }
  return watching;
}

async function backendSessions(user: string): Promise<number> {
  const { rows } = await (await watcher()).query(
    'SELECT count(*)::int AS n FROM pg_stat_activity WHERE usename = $1',
    [user],
  );
  return rows[0].n;
}
