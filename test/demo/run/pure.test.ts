import { describe, expect, it } from 'vitest';
import { readOptions } from '../../../demo/options';
import { readAppReport } from '../../../demo/run/app-report';
import { demoEnvironment } from '../../../demo/run/environment';
import { chooseTokenSize } from '../../../demo/run/token-size';
import { firstPassword } from '../../../demo/run/userlist';
import { environmentSchema } from '../../../stacks/config';
import { example } from '../pod/stack';

describe('the options', () => {
  it.each([
    [undefined, { totalSeconds: 60, tokenLifetimeSeconds: 12 }],
    ['8', { totalSeconds: 8, tokenLifetimeSeconds: 3 }],
    ['30', { totalSeconds: 30, tokenLifetimeSeconds: 6 }],
    ['600', { totalSeconds: 600, tokenLifetimeSeconds: 12 }],
  ])('DEMO_SECONDS=%s', (text, expected) => {
    expect(readOptions({ DEMO_SECONDS: text })).toEqual(expected);
  });

  it.each(['', 'soon', '2', '-1', 'Infinity'])('DEMO_SECONDS=%j is refused', text => {
    expect(() => readOptions({ DEMO_SECONDS: text })).toThrow(`DEMO_SECONDS is "${text}"`);
  });
});

describe('the environment of the demo', () => {
  const machine = { databaseHost: 'localhost', databasePort: 54321, pgbouncerVersion: '1.18.0' };

  it('is the example, but for the database and PgBouncer', () => {
    const { databases, pgbouncer, ...rest } = demoEnvironment(example(), machine);
    const { databases: _databases, pgbouncer: _pgbouncer, ...unchanged } = example();
    expect(rest).toEqual(unchanged);
    expect(databases).toMatchObject([{ host: 'localhost', port: 54321, user: 'app', database: 'orders' }]);
    expect(pgbouncer).toMatchObject({ poolMode: 'transaction', version: '1.18.0' });
  });

  it('is valid', () => {
    expect(environmentSchema.safeParse(demoEnvironment(example(), machine)).success).toBe(true);
  });

  it('needs a PostgreSQL', () => {
    expect(() => demoEnvironment({ ...example(), databases: [] }, machine)).toThrow('no PostgreSQL');
  });
});

describe('the report of the app', () => {
  it('counts, and leaves out a line that is not there yet', () => {
    const lines = [
      { state: 'asked' },
      { state: 'answered', ms: 12 },
      { state: 'asked' },
      { state: 'failed', ms: 300, error: 'no route' },
      { state: 'asked' },
      { state: 'failed', ms: 200, error: 'no route' },
      { state: 'asked' },
    ];
    const output = lines.map(line => `${JSON.stringify(line)}\n`).join('');
    expect(readAppReport(`${output}{"state":"ans`)).toEqual({
      answered: 1,
      failed: 2,
      open: 1,
      longestMs: 300,
      errors: ['no route'],
    });
  });
});

describe('tokens for the PgBouncer of this machine', () => {
  it.each(['1.17', '1.18.0', '1.25.2', '1.26'])('%s reads those of AWS', version => {
    expect(chooseTokenSize(version)).toEqual({ pgbouncerVersion: version });
  });

  it('1.16 gets short ones, and the user is told', () => {
    expect(chooseTokenSize('1.16.1')).toMatchObject({
      pgbouncerVersion: '1.17',
      sessionTokenBytes: expect.any(Number),
      note: expect.stringContaining('PgBouncer 1.16.1 reads at most 995 bytes'),
    });
  });

  it('older ones read none', () => {
    expect(() => chooseTokenSize('1.12.0')).toThrow('install 1.17 or later');
  });
});

describe('the first password of a userlist', () => {
  it.each([
    ['"app" "host:1/?a=b"\n"other" "x"\n', 'host:1/?a=b'],
    ['"a""b" "c""d"\n', 'c"d'],
    ['', undefined],
  ])('%j', (userlist, expected) => {
    expect(firstPassword(userlist)).toBe(expected);
  });
});
