import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OutputConfig } from '../../../sidecar-image/src/config/schema';
import { createEncoder } from '../../../sidecar-image/src/encode/encoder';
import { bareToken } from '../../../sidecar-image/src/encode/formats';
import { failureKind } from '../../../sidecar-image/src/errors';
import { config, type configInput, poolerInput, targetInput, token, USERLIST } from '../../support/builders';
import { lineText } from '../../support/login-arbitraries';
import { ManualClock } from '../../support/manual-clock';

const now = new ManualClock().now();

/** Encodes a token for the only output of a configuration's only target. */
function encode(overrides: Parameters<typeof configInput>[0], text: string): string {
  const whole = config(overrides);
  const [target] = whole.targets;
  const [output] = target?.outputs ?? [];
  if (target === undefined || output === undefined) throw new Error('no output');
  return createEncoder(whole)(target, output, token(now, 900, text));
}

describe('createEncoder', () => {
  const formats: [OutputConfig['format'], string][] = [
    ['pgbouncer-userlist', '"app" "a-token"\n'],
    ['pgpass', 'app.c1abcd.eu-central-1.rds.amazonaws.com:5432:*:app:a-token\n'],
    ['token', 'a-token'],
    [
      'mysql-option-file',
      '[client]\nhost="app.c1abcd.eu-central-1.rds.amazonaws.com"\nport=5432\nuser="app"\n' +
        'password="a-token"\nloose-enable-cleartext-plugin\n',
    ],
  ];

  it.each(formats)('writes %s', (format, text) => {
    expect(encode({ targets: [targetInput({ outputs: [{ format, path: '/shared/f' }] })] }, 'a-token')).toBe(
      text,
    );
  });

  it("gives a pgpass line the output's database", () => {
    const outputs = [{ format: 'pgpass', path: '/shared/pgpass', database: 'shop:eu' } as const];
    expect(encode({ targets: [targetInput({ outputs })] }, 't')).toContain(':5432:shop\\:eu:app:t\n');
  });

  it('points MySQL clients to the CA bundle that is published', () => {
    const outputs = [{ format: 'mysql-option-file', path: '/shared/my.cnf' } as const];
    const text = encode({ targets: [targetInput({ outputs })], caBundle: { path: '/shared/ca.pem' } }, 't');
    expect(text).toContain('ssl-ca="/shared/ca.pem"\nloose-ssl-mode=VERIFY_IDENTITY\n');
  });

  it('holds a userlist to what the oldest of its poolers reads', () => {
    const poolers = [
      poolerInput({ name: 'new', version: '1.26' }),
      poolerInput({ name: 'old', version: '1.16' }),
      poolerInput({ name: 'older-elsewhere', version: '1.10', authFile: '/shared/other' }),
    ];
    const targets = [
      targetInput(),
      targetInput({ name: 'other', outputs: [{ format: 'pgbouncer-userlist', path: '/shared/other' }] }),
    ];
    expect(encode({ targets, poolers }, 't'.repeat(995))).toHaveLength('"app" ""\n'.length + 995);
    expect(() => encode({ targets, poolers }, 't'.repeat(996))).toThrow(
      /has 996 bytes and this PgBouncer reads 995/,
    );
  });

  it('holds a userlist that no pooler is configured for to 1.17', () => {
    expect(encode({}, 't'.repeat(2_047))).toContain('"app"');
    expect(() => encode({}, 't'.repeat(2_048))).toThrow(/this PgBouncer reads 2047/);
  });

  it('gives a new PgBouncer all that it reads', () => {
    const poolers = [poolerInput({ version: '1.26', authFile: USERLIST })];
    expect(encode({ poolers }, 't'.repeat(65_530))).toContain('"app"');
    expect(() => encode({ poolers }, 't'.repeat(65_531))).toThrow(/reads 65530/);
  });
});

describe('bareToken', () => {
  const login = (password: string) => ({ host: 'db', port: 5432, user: 'app', password });

  it('is the token and nothing else', () => {
    fc.assert(
      fc.property(lineText(500), text => {
        expect(bareToken(login(text))).toBe(text);
      }),
    );
  });

  it.each([
    ['', 'token: the token is empty'],
    ['a\nb', 'token: the token holds a NUL or a line end'],
    ['a\rb', 'token: the token holds a NUL or a line end'],
    ['a\0b', 'token: the token holds a NUL or a line end'],
  ])('refuses %j', (text, message) => {
    let refusal: unknown;
    try {
      bareToken(login(text));
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toMatchObject({ message });
    expect(failureKind(refusal)).toBe('encode');
  });
});
