import { describe, expect, it } from 'vitest';
import type { Snapshot, StaleLogin } from '../../../demo/show/snapshot';
import { findFailures, renderSummary } from '../../../demo/show/summary';
import { renderLine, renderTable } from '../../../demo/show/table';

const GOOD: Snapshot = {
  elapsedSeconds: 61.2,
  totalSeconds: 60,
  token: { ageSeconds: 3.21, secondsLeft: 8.79 },
  tokenLifetimeSeconds: 12,
  refresherAnswers: true,
  published: 9,
  expired: 8,
  failedPublishes: 0,
  reloads: { confirmed: 8, failed: 0, pending: false },
  credentials: 9,
  logins: { accepted: 34, refused: 0, reasons: [], oldestTokenSeconds: 7.3 },
  queries: { answered: 60, failed: 0, open: 0, longestMs: 70, errors: [] },
};

const REFUSED: StaleLogin = {
  ageSeconds: 61,
  refused: true,
  message: 'PAM authentication failed for user "app"',
};

const BAD: Snapshot = {
  ...GOOD,
  token: { ageSeconds: 100, secondsLeft: -88 },
  logins: { accepted: 34, refused: 2, reasons: ['expired'], oldestTokenSeconds: 11.9 },
  queries: {
    answered: 60,
    failed: 1,
    open: 0,
    longestMs: 10_000,
    errors: ['server login has been failing'.repeat(5)],
  },
};

describe('the table', () => {
  it('shows what one wants to know', () => {
    expect(renderTable(GOOD)).toMatchInlineSnapshot(`
      [
        "  time              1:01 of 1:00    Ctrl-C ends it early and cleans up",
        "  token age         3.2 s           [##################......] left",
        "  effective expiry  in 8.8 s        each token lives 12 s here, 900 s at RDS",
        "  rotations         8               8 expired; 9 sets of AWS credentials",
        "  reloads           8               confirmed by PgBouncer, 0 failed",
        "  ----------------------------------------------------------------------------",
        "  logins accepted   34              oldest token 7.3 s",
        "  logins refused    0               as it should be",
        "  queries answered  60              longest 70 ms",
        "  queries failed    0               as it should be",
      ]
    `);
  });

  it('says what failed, and that the token is dead', () => {
    const text = renderTable(BAD).join('\n');
    expect(text).toMatch(/effective expiry {2}EXPIRED/);
    expect(text).toMatch(/logins refused +2 +FAILED: expired/);
    expect(text).toMatch(/queries failed +1 +FAILED: server login has been failing/);
  });

  it.each([GOOD, BAD])('has as many lines as ever, none wider than a terminal', snapshot => {
    const lines = renderTable(snapshot);
    expect(lines).toHaveLength(10);
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThan(80);
  });

  it('is one line where nothing can be redrawn', () => {
    expect(renderLine(GOOD)).toBe(
      '1:01 | token 3.2 s old, expires in 8.8 s | 8 rotations | 8 reloads | logins 34 accepted 0 refused | queries 60 answered 0 failed',
    );
  });
});

describe('the summary', () => {
  it('of a good run', () => {
    expect(findFailures(GOOD, REFUSED)).toEqual([]);
    expect(renderSummary(GOOD, REFUSED)).toMatchInlineSnapshot(`
      [
        "Summary of 61 s",
        "  ----------------------------------------------------------------------------",
        "  tokens            9 published     each lived 12 s; 8 expired by now",
        "  reloads           8 confirmed     0 failed",
        "  logins            34 accepted     0 refused; oldest token 7.3 s",
        "  queries           60 answered     0 failed; longest 70 ms",
        "  a stale token     1 refused       the first of the run, tried when 61 s old",
        "                                    PAM authentication failed for user "app"",
        "  ----------------------------------------------------------------------------",
        "  Nothing failed: the app never noticed that its password kept changing.",
      ]
    `);
  });

  it.each<[string, Partial<Snapshot>, string]>([
    ['a failed query', { queries: { ...GOOD.queries, failed: 2, errors: ['a', 'b'] } }, '2 queries: a; b'],
    ['no query', { queries: { ...GOOD.queries, answered: 0 } }, 'no query was answered'],
    ['a hanging query', { queries: { ...GOOD.queries, open: 1 } }, 'a query was still unanswered at the end'],
    [
      'a refused login',
      { logins: { ...GOOD.logins, refused: 1, reasons: ['expired'] } },
      '1 login refused: expired',
    ],
    ['a refresher that is gone', { refresherAnswers: false }, 'the refresher did not answer'],
    ['a failed publish', { failedPublishes: 1 }, '1 attempt to publish a token'],
    ['a failed reload', { reloads: { ...GOOD.reloads, failed: 1 } }, '1 reload of PgBouncer'],
    [
      'a pending reload',
      { reloads: { ...GOOD.reloads, pending: true } },
      'a reload of PgBouncer was still pending at the end',
    ],
    [
      'nothing to show',
      { expired: 0 },
      'no token expired during the run, so it shows nothing: let it run longer',
    ],
  ])('of a run with %s says so', (_name, part, failure) => {
    const end = { ...GOOD, ...part };
    expect(findFailures(end, REFUSED)).toEqual([failure]);
    expect(renderSummary(end, REFUSED).at(-1)).toBe(`  FAILED: ${failure}`);
  });

  it('fails when the database takes a token that is dead', () => {
    const stale = { ...REFUSED, refused: false, message: 'logged in' };
    expect(findFailures(GOOD, stale)).toHaveLength(1);
    expect(renderSummary(GOOD, stale).join('\n')).toContain('1 ACCEPTED');
  });
});
