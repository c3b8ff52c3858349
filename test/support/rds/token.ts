import { encode } from './sigv4';

/** An RDS IAM token taken apart. Nothing of it is verified. */
export interface ParsedToken {
  /** `host:port`, as signed. */
  readonly endpoint: string;
  /** Decoded query parameters. */
  readonly parameters: ReadonlyMap<string, string>;
}

/**
 * Takes `host:port/?name=value&...` apart.
 *
 * Stricter than AWS may be: every name occurs once, and is encoded as the signature has it, so that no two texts mean
 * the same token.
 *
 * @returns undefined for anything else; never throws.
 */
export function parseToken(text: string): ParsedToken | undefined {
  const [endpoint, query, ...rest] = text.split('/?');
  if (!endpoint || !query || rest.length > 0) return undefined;
  const parameters = new Map<string, string>();
  for (const pair of query.split('&')) {
    const [name, value, ...more] = pair.split('=').map(decode);
    if (!name || value === undefined || more.length > 0 || parameters.has(name)) return undefined;
    parameters.set(name, value);
  }
  return { endpoint, parameters };
}

/** undefined unless `text` is in the one encoding that SigV4 signs. */
function decode(text: string): string | undefined {
  try {
    const decoded = decodeURIComponent(text);
    return encode(decoded) === text ? decoded : undefined;
  } catch {
    return undefined;
  }
}

/** Milliseconds since the epoch of `20260102T030405Z`; undefined for anything that isn't such a time. */
export function parseTimestamp(text: string): number | undefined {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (!parts) return undefined;
  const iso = `${parts[1]}-${parts[2]}-${parts[3]}T${parts[4]}:${parts[5]}:${parts[6]}.000Z`;
  const time = Date.parse(iso);
  // Date.parse takes the 31st of February for a day in March.
  return !Number.isNaN(time) && new Date(time).toISOString() === iso ? time : undefined;
}
