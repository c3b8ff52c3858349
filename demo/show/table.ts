/** The live view. Pure. */
import type { Snapshot } from './snapshot';
import { bar, clock, count, row, rule, seconds } from './text';

/** The table that is redrawn in place: always as many lines, none too long for a terminal. */
export function renderTable(snapshot: Snapshot): string[] {
  const { token, reloads, logins, queries } = snapshot;
  const left = Math.max(0, token.secondsLeft);
  const time = `${clock(snapshot.elapsedSeconds)} of ${clock(snapshot.totalSeconds)}`;
  const lifetime = `each token lives ${snapshot.tokenLifetimeSeconds} s here, 900 s at RDS`;
  const credentials = count(snapshot.credentials, 'set');
  const underWay = reloads.pending ? ', one under way' : '';
  return [
    row('time', time, 'Ctrl-C ends it early and cleans up'),
    row('token age', seconds(token.ageSeconds), `${bar(left / snapshot.tokenLifetimeSeconds)} left`),
    row('effective expiry', left > 0 ? `in ${seconds(left)}` : 'EXPIRED', lifetime),
    row('rotations', rotations(snapshot), `${snapshot.expired} expired; ${credentials} of AWS credentials`),
    row('reloads', reloads.confirmed, `confirmed by PgBouncer, ${reloads.failed} failed${underWay}`),
    rule(),
    row('logins accepted', logins.accepted, `oldest token ${seconds(logins.oldestTokenSeconds)}`),
    row('logins refused', logins.refused, judge(logins.refused, logins.reasons)),
    row('queries answered', queries.answered, `longest ${queries.longestMs} ms`),
    row('queries failed', queries.failed, judge(queries.failed, queries.errors)),
  ];
}

/** The same in one line, for where nothing can be redrawn. */
export function renderLine(snapshot: Snapshot): string {
  const { token, reloads, logins, queries } = snapshot;
  return [
    clock(snapshot.elapsedSeconds),
    `token ${seconds(token.ageSeconds)} old, expires in ${seconds(Math.max(0, token.secondsLeft))}`,
    count(rotations(snapshot), 'rotation'),
    count(reloads.confirmed, 'reload'),
    `logins ${logins.accepted} accepted ${logins.refused} refused`,
    `queries ${queries.answered} answered ${queries.failed} failed`,
  ].join(' | ');
}

/** The first token is not a rotation. */
function rotations({ published }: Snapshot): number {
  return Math.max(0, published - 1);
}

function judge(failures: number, reasons: readonly string[]): string {
  return failures === 0 ? 'as it should be' : `FAILED: ${reasons.join('; ')}`;
}
