import { Signer } from '@aws-sdk/rds-signer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CredentialRegistry } from './credential-registry';
import { mintToken, type TokenClaims } from './mint-token';
import { type TokenRefusal, verifyToken } from './token-verifier';

const SIGNED_AT = Date.UTC(2026, 0, 2, 3, 4, 5);
const DATABASE = {
  host: 'app.abc123.eu-central-1.rds.amazonaws.com',
  port: 5432,
  region: 'eu-central-1',
  tokenValiditySeconds: 900,
};
const LONG_TERM = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
};

function keysOf(...keys: Parameters<CredentialRegistry['add']>[0][]): CredentialRegistry {
  const registry = new CredentialRegistry(() => SIGNED_AT);
  for (const key of keys) registry.add(key);
  return registry;
}

describe('tokens of botocore', () => {
  // Made with boto3 1.35.49: client('rds', <LONG_TERM>, aws_session_token=...).generate_db_auth_token(...), while
  // `botocore.auth.datetime` was patched so that utcnow() is 2026-01-02 03:04:05.
  it.each([
    {
      of: 'long-term keys',
      database: DATABASE,
      user: 'app',
      token:
        'app.abc123.eu-central-1.rds.amazonaws.com:5432/?Action=connect&DBUser=app&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20260102%2Feu-central-1%2Frds-db%2Faws4_request&X-Amz-Date=20260102T030405Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=13e63e9ea2c7cb4f7e6f984d4809db1182a799e0de33346df857ed95e66bd8c4',
    },
    {
      of: 'session credentials',
      database: { ...DATABASE, host: 'localhost', port: 15432, region: 'us-east-1' },
      user: 'app',
      sessionToken: 'FwoGZXIvYXdzE/+a+b//c==EXAMPLE',
      token:
        'localhost:15432/?Action=connect&DBUser=app&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20260102%2Fus-east-1%2Frds-db%2Faws4_request&X-Amz-Date=20260102T030405Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Security-Token=FwoGZXIvYXdzE%2F%2Ba%2Bb%2F%2Fc%3D%3DEXAMPLE&X-Amz-Signature=a0c0a2c94619959de21473bd77c68277a08453f305bacc59e52e29db5c9f7cf6',
    },
    {
      of: 'a user name that must be encoded',
      database: { ...DATABASE, host: 'db.cn-north-1.rds.amazonaws.com.cn', port: 3306, region: 'cn-north-1' },
      user: "Ünï c*de/('us+er')!~",
      token:
        'db.cn-north-1.rds.amazonaws.com.cn:3306/?Action=connect&DBUser=%C3%9Cn%C3%AF%20c%2Ade%2F%28%27us%2Ber%27%29%21~&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20260102%2Fcn-north-1%2Frds-db%2Faws4_request&X-Amz-Date=20260102T030405Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=5363f9eeafd4442e87304e06c4bbddc832a953428a9752583df58f6109616e4d',
    },
  ])('with $of are accepted', ({ database, user, sessionToken, token }) => {
    const keys = keysOf({ ...LONG_TERM, sessionToken });
    expect(verifyToken({ user, token }, database, keys, SIGNED_AT)).toEqual({
      ok: true,
      accessKeyId: 'AKIDEXAMPLE',
      signedAt: SIGNED_AT,
      expiresAt: SIGNED_AT + 900_000,
    });
  });
});

describe('tokens of the AWS SDK for JavaScript', () => {
  const userName = fc
    .string({ minLength: 1, maxLength: 63, unit: 'binary' })
    .filter(name => !name.includes('\0'));

  it('are accepted, whatever the user and the keys', async () => {
    const registry = new CredentialRegistry();
    await fc.assert(
      fc.asyncProperty(
        userName,
        fc.integer({ min: 1, max: 65_535 }),
        fc.boolean(),
        async (user, port, session) => {
          const credentials = session ? registry.issue() : registry.add({ ...LONG_TERM });
          const { host, region } = DATABASE;
          const token = await new Signer({
            hostname: host,
            port,
            region,
            username: user,
            credentials,
          }).getAuthToken();
          expect(verifyToken({ user, token }, { ...DATABASE, port }, registry, Date.now())).toMatchObject({
            ok: true,
          });
        },
      ),
    );
  });

  it('are as long with issued credentials as they are on AWS', async () => {
    const registry = new CredentialRegistry();
    for (const sessionTokenBytes of [800, 1000, undefined]) {
      const { host: hostname, port, region } = DATABASE;
      const credentials = registry.issue({ sessionTokenBytes });
      const token = await new Signer({ hostname, port, region, username: 'app', credentials }).getAuthToken();
      expect(token.length).toBeGreaterThan(1_439);
      expect(token.length).toBeLessThan(1_874);
    }
  });
});

describe('a token', () => {
  const session = {
    accessKeyId: 'ASIASESSION',
    secretAccessKey: 'session-secret',
    sessionToken: 'a+session/token==',
    expiration: new Date(SIGNED_AT + 600_000),
    allowedUsers: ['app', 'reader'],
  };
  const keys = keysOf(LONG_TERM, session);
  const good: TokenClaims = { ...DATABASE, user: 'app', credentials: session, signedAt: SIGNED_AT };
  const verdict = (
    claims: Partial<TokenClaims> = {},
    { now = SIGNED_AT, user = 'app', validity = 900 } = {},
  ) => {
    const database = { ...DATABASE, tokenValiditySeconds: validity };
    return verifyToken({ user, token: mintToken({ ...good, ...claims }) }, database, keys, now);
  };
  const refused = (reason: TokenRefusal) => ({ ok: false, reason });
  const scope = (...parts: string[]) => ({ 'X-Amz-Credential': parts.join('/') });

  it('is accepted when nothing is wrong with it, and dies with its credentials', () => {
    expect(verdict()).toEqual({
      ok: true,
      accessKeyId: 'ASIASESSION',
      signedAt: SIGNED_AT,
      expiresAt: SIGNED_AT + 600_000,
    });
  });

  it.each<[TokenRefusal, string, Partial<TokenClaims>]>([
    ['wrong-endpoint', 'signed for a CNAME', { host: 'db.example.com' }],
    ['wrong-endpoint', 'signed for a tunnel', { port: 15432 }],
    ['wrong-endpoint', 'signed for the host in capitals', { host: DATABASE.host.toUpperCase() }],
    ['wrong-action', 'for another action', { override: { Action: 'Connect' } }],
    ['wrong-action', 'for no action', { override: { Action: undefined } }],
    ['wrong-user', 'for another user', { user: 'reader' }],
    ['wrong-user', 'for no user', { override: { DBUser: undefined } }],
    ['wrong-algorithm', 'of another algorithm', { override: { 'X-Amz-Algorithm': 'AWS4-HMAC-SHA1' } }],
    ['wrong-region', 'for another region', { region: 'eu-west-1' }],
    [
      'wrong-scope-date',
      'of another day',
      { override: scope('ASIASESSION', '20260101', 'eu-central-1', 'rds-db', 'aws4_request') },
    ],
    [
      'wrong-service',
      'for another service',
      { override: scope('ASIASESSION', '20260102', 'eu-central-1', 'rds', 'aws4_request') },
    ],
    [
      'wrong-scope-end',
      'with another scope end',
      { override: scope('ASIASESSION', '20260102', 'eu-central-1', 'rds-db', 'aws5_request') },
    ],
    [
      'wrong-signed-headers',
      'signing more headers',
      { override: { 'X-Amz-SignedHeaders': 'host;x-amz-date' } },
    ],
    ['unknown-key', 'of a key that nobody has', { credentials: { ...session, accessKeyId: 'ASIANOBODY' } }],
    [
      'wrong-session-token',
      'of a session, without its token',
      { credentials: { ...session, sessionToken: undefined } },
    ],
    [
      'wrong-session-token',
      'of a session, with the token of another',
      { credentials: { ...session, sessionToken: 'another' } },
    ],
    [
      'wrong-session-token',
      'of long-term keys, with a session token',
      { credentials: { ...LONG_TERM, sessionToken: 'one' } },
    ],
    [
      'wrong-signature',
      'signed with another secret',
      { credentials: { ...session, secretAccessKey: 'guess' } },
    ],
    ['malformed', 'with a signature that is none', { override: { 'X-Amz-Signature': 'abc' } }],
    ['malformed', 'without a time', { override: { 'X-Amz-Date': undefined } }],
    ['malformed', 'of a day that never was', { override: { 'X-Amz-Date': '20260231T030405Z' } }],
    ['malformed', 'without a life', { override: { 'X-Amz-Expires': undefined } }],
    ['malformed', 'with a life of nothing', { override: { 'X-Amz-Expires': '0' } }],
    ['malformed', 'with a life of more than a week', { override: { 'X-Amz-Expires': '604801' } }],
    ['malformed', 'with half a scope', { override: scope('ASIASESSION', '20260102') }],
    [
      'malformed',
      'with too much of a scope',
      { override: scope('ASIASESSION', '20260102', 'eu-central-1', 'rds-db', 'aws4_request', 'x') },
    ],
  ])('is refused as %s: %s', (reason, _, claims) => {
    expect(verdict(claims)).toEqual(refused(reason));
  });

  it('is refused as not-authorized when no policy allows the user', () => {
    expect(verdict({ user: 'admin' }, { user: 'admin' })).toEqual(refused('not-authorized'));
    expect(verdict({ user: 'reader' }, { user: 'reader' })).toMatchObject({ ok: true });
    expect(verdict({ user: 'admin', credentials: LONG_TERM }, { user: 'admin' })).toMatchObject({ ok: true });
  });

  it.each<[string, Partial<TokenClaims>, { now: number; validity?: number }, TokenRefusal]>([
    ['after its 900 s', { credentials: LONG_TERM }, { now: SIGNED_AT + 900_000 }, 'expired'],
    ["after the database's validity", {}, { now: SIGNED_AT + 20_000, validity: 20 }, 'expired'],
    [
      'after what it says itself',
      { override: { 'X-Amz-Expires': '60' } },
      { now: SIGNED_AT + 60_000 },
      'expired',
    ],
    ['after its credentials', {}, { now: SIGNED_AT + 600_000 }, 'credentials-expired'],
  ])('dies %s, to the millisecond', (_, claims, { now, validity }, reason) => {
    expect(verdict(claims, { now: now - 1, validity })).toMatchObject({ ok: true, expiresAt: now });
    expect(verdict(claims, { now, validity })).toEqual(refused(reason));
  });

  it('may be signed by a clock five minutes ahead, and no more', () => {
    expect(verdict({}, { now: SIGNED_AT - 300_000 })).toMatchObject({ ok: true });
    expect(verdict({}, { now: SIGNED_AT - 300_001 })).toEqual(refused('signed-in-the-future'));
  });

  it('is refused after its key was revoked', () => {
    const registry = keysOf(session);
    registry.revoke(session.accessKeyId);
    const login = { user: 'app', token: mintToken(good) };
    expect(verifyToken(login, DATABASE, registry, SIGNED_AT)).toEqual(refused('unknown-key'));
  });

  describe('changed after signing', () => {
    const token = mintToken(good);
    const accepted = (text: string) =>
      verifyToken({ user: 'app', token: text }, DATABASE, keys, SIGNED_AT).ok;

    it('is refused for any one character replaced, left out or put in', () => {
      const position = fc.nat(token.length);
      const character = fc.oneof(
        fc.constantFrom(...'&=%/?+:~aA0', '\0', '\n', '"', ' '),
        fc.string({ minLength: 1, maxLength: 1 }),
      );
      fc.assert(
        fc.property(position, character, fc.constantFrom(0, 1), (at, replacement, removed) => {
          const changed = token.slice(0, at) + replacement + token.slice(at + removed);
          fc.pre(changed !== token);
          expect(accepted(changed)).toBe(false);
        }),
        { numRuns: 2_000 },
      );
      for (let at = 0; at <= token.length; at++) {
        for (const inserted of '&=%/?+0') {
          expect(accepted(token.slice(0, at) + inserted + token.slice(at))).toBe(false);
        }
      }
      for (let at = 0; at < token.length; at++) {
        expect(accepted(token.slice(0, at) + token.slice(at + 1))).toBe(false);
        const other =
          token[at] === token[at]?.toUpperCase() ? token[at]?.toLowerCase() : token[at]?.toUpperCase();
        const changed = `${token.slice(0, at)}${other}${token.slice(at + 1)}`;
        if (changed !== token) expect(accepted(changed)).toBe(false);
      }
    });

    it('is refused for anything after its end', () => {
      for (const more of ['/?more', '/?', '&more=1', '=more', '\n', '/'])
        expect(accepted(token + more)).toBe(false);
    });

    it('is refused for anything said twice, in any order', () => {
      for (const pair of token.slice(token.indexOf('?') + 1).split('&')) {
        expect(accepted(`${token}&${pair}`)).toBe(false);
        expect(accepted(token.replace('/?', `/?${pair}&`))).toBe(false);
      }
    });

    it('is refused, and never a crash, for any text at all', () => {
      fc.assert(
        fc.property(
          fc.oneof(fc.string({ unit: 'binary' }), fc.webUrl({ withQueryParameters: true })),
          text => {
            expect(accepted(text)).toBe(false);
            expect(accepted(`${DATABASE.host}:5432/?${text}`)).toBe(false);
          },
        ),
      );
    });
  });
});
