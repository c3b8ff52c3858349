/** The end of the run: what happened, and whether it was all right. Pure. */
import type { Snapshot, StaleLogin } from './snapshot';
import { count, row, rule, seconds } from './text';

export function renderSummary(end: Snapshot, stale: StaleLogin): string[] {
  const { published, expired, tokenLifetimeSeconds, reloads, logins, queries } = end;
  const oldest = seconds(logins.oldestTokenSeconds);
  const failures = findFailures(end, stale);
  return [
    `Summary of ${Math.round(end.elapsedSeconds)} s`,
    rule(),
    row(
      'tokens',
      `${published} published`,
      `each lived ${tokenLifetimeSeconds} s; ${expired} expired by now`,
    ),
    row('reloads', `${reloads.confirmed} confirmed`, `${reloads.failed} failed`),
    row('logins', `${logins.accepted} accepted`, `${logins.refused} refused; oldest token ${oldest}`),
    row(
      'queries',
      `${queries.answered} answered`,
      `${queries.failed} failed; longest ${queries.longestMs} ms`,
    ),
    row(
      'a stale token',
      stale.refused ? '1 refused' : '1 ACCEPTED',
      `the first of the run, tried when ${Math.round(stale.ageSeconds)} s old`,
    ),
    row('', '', stale.message),
    rule(),
    ...(failures.length === 0
      ? ['  Nothing failed: the app never noticed that its password kept changing.']
      : failures.map(failure => `  FAILED: ${failure}`)),
  ];
}

/** Empty when all is well. */
export function findFailures(end: Snapshot, stale: StaleLogin): string[] {
  const { reloads, logins, queries } = end;
  const because = (reasons: readonly string[]) => reasons.join('; ');
  const failures: [failed: boolean, what: string][] = [
    [queries.failed > 0, `${count(queries.failed, 'query', 'queries')}: ${because(queries.errors)}`],
    [queries.open > 0, 'a query was still unanswered at the end'],
    [queries.answered === 0, 'no query was answered'],
    [logins.refused > 0, `${count(logins.refused, 'login')} refused: ${because(logins.reasons)}`],
    [!end.refresherAnswers, 'the refresher did not answer'],
    [end.failedPublishes > 0, `${count(end.failedPublishes, 'attempt')} to publish a token`],
    [reloads.failed > 0, `${count(reloads.failed, 'reload')} of PgBouncer`],
    [reloads.pending, 'a reload of PgBouncer was still pending at the end'],
    [end.expired === 0, 'no token expired during the run, so it shows nothing: let it run longer'],
    [!stale.refused, 'the database accepted a token that had expired, so its other answers mean nothing'],
  ];
  return failures.flatMap(([failed, what]) => (failed ? [what] : []));
}
