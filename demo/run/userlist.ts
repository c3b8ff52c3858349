/** Reads the first login of a PgBouncer `auth_file`. Pure. */
export function firstPassword(userlist: string): string | undefined {
  return /^"(?:[^"]|"")*" "((?:[^"]|"")*)"/.exec(userlist)?.[1]?.replaceAll('""', '"');
}
