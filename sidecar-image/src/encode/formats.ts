/**
 * One writer a format: from a login to the text its reader expects. Pure. Each refuses what the reader could not take in
 * or would read as something else, because a bad file is worse than an old one.
 */
import { RefresherError } from '../errors';
import { MYSQL_LINE_LIMIT, PGBOUNCER_USER_LIMIT } from './limits';

/** What an entry is made of. */
export interface Login {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** The token's text. */
  readonly password: string;
}

function refuse(what: string): never {
  throw new RefresherError('encode', what);
}

/** NUL ends a C string and a line end ends a line, in all of the formats; no escape exists for them. */
function refuseUnprintable(format: string, fields: Record<string, string>): void {
  for (const [name, value] of Object.entries(fields)) {
    if (value === '') refuse(`${format}: the ${name} is empty`);
    if (/[\0\r\n]/.test(value)) refuse(`${format}: the ${name} holds a NUL or a line end`);
  }
}

/** `"user" "token"`, with `"` doubled. Source: PgBouncer's "Authentication file format". */
export function userlistEntry({ user, password }: Login, passwordLimit: number): string {
  refuseUnprintable('pgbouncer-userlist', { user, token: password });
  // PgBouncer measures what stands in the file, before it takes the doubling of quotes back.
  const doubled = (text: string) => text.replaceAll('"', '""');
  const userLength = Buffer.byteLength(doubled(user));
  if (userLength > PGBOUNCER_USER_LIMIT) {
    refuse(
      `pgbouncer-userlist: the user has ${userLength} bytes and PgBouncer reads ${PGBOUNCER_USER_LIMIT}`,
    );
  }
  const length = Buffer.byteLength(doubled(password));
  if (length > passwordLimit) {
    refuse(
      `pgbouncer-userlist: the token has ${length} bytes and this PgBouncer reads ${passwordLimit}: ` +
        'upgrade it (1.17 reads 2,047, 1.26 reads 65,530) and set its version',
    );
  }
  return `"${doubled(user)}" "${doubled(password)}"\n`;
}

/** `host:port:database:user:token`, with `\` and `:` escaped. Source: PostgreSQL's "The Password File". */
export function pgpassEntry({ host, port, user, password }: Login, database: string): string {
  refuseUnprintable('pgpass', { host, user, database, token: password });
  const escaped = (text: string) => text.replaceAll(/[\\:]/g, '\\$&');
  // A lone * matches anything, and # at the start of a line makes it a comment. The database may be the wildcard.
  const literal = (text: string) => escaped(text).replace(/^[*#]/, '\\$&');
  return `${[literal(host), port, escaped(database), literal(user), escaped(password)].join(':')}\n`;
}

/**
 * A `[client]` group. Source: MySQL's "Using Option Files": a quoted value may hold `#`, and `\` escapes.
 * The cleartext plugin is how IAM tokens are sent; `loose-` because MariaDB's clients don't know the option.
 */
export function mysqlOptionFile({ host, port, user, password }: Login, caPath?: string): string {
  refuseUnprintable('mysql-option-file', { host, user, token: password });
  const quote = (text: string) => `"${text.replaceAll(/[\\"]/g, '\\$&')}"`;
  const lines = [
    '[client]',
    `host=${quote(host)}`,
    `port=${port}`,
    `user=${quote(user)}`,
    `password=${quote(password)}`,
    'loose-enable-cleartext-plugin',
    ...(caPath === undefined ? [] : [`ssl-ca=${quote(caPath)}`, 'loose-ssl-mode=VERIFY_IDENTITY']),
  ];
  const longest = Math.max(...lines.map(line => Buffer.byteLength(line)));
  if (longest > MYSQL_LINE_LIMIT) {
    refuse(`mysql-option-file: a line has ${longest} bytes and clients read ${MYSQL_LINE_LIMIT}`);
  }
  return `${lines.join('\n')}\n`;
}

/** The bare token. No line end: what reads it as a password would send that too. */
export function bareToken({ password }: Login): string {
  refuseUnprintable('token', { token: password });
  return password;
}
