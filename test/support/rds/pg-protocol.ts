/**
 * The part of PostgreSQL's protocol that comes before a session
 * (https://www.postgresql.org/docs/current/protocol-message-formats.html). Pure: bytes in, values out.
 */

/** First packet of a connection. It has no type byte; its second word tells what it is. */
export type FirstPacket =
  | { readonly kind: 'ssl-request' }
  | { readonly kind: 'gssenc-request' }
  | { readonly kind: 'cancel-request' }
  | { readonly kind: 'startup'; readonly user: string; readonly database: string }
  | { readonly kind: 'malformed' };

/** Longest first packet that PostgreSQL reads, in bytes. Source: MAX_STARTUP_PACKET_LENGTH. */
export const MAX_FIRST_PACKET_BYTES = 10_000;
/** Longest password message that PostgreSQL reads, in bytes. Source: PG_MAX_AUTH_TOKEN_LENGTH. */
export const MAX_PASSWORD_MESSAGE_BYTES = 65_535;

const SSL_REQUEST = 80877103;
const GSSENC_REQUEST = 80877104;
const CANCEL_REQUEST = 80877102;

/** @param packet the whole packet, its length word included */
export function parseFirstPacket(packet: Buffer): FirstPacket {
  if (packet.length < 8 || packet.readUInt32BE(0) !== packet.length) return { kind: 'malformed' };
  const code = packet.readUInt32BE(4);
  if (code === SSL_REQUEST) return { kind: 'ssl-request' };
  if (code === GSSENC_REQUEST) return { kind: 'gssenc-request' };
  if (code === CANCEL_REQUEST) return { kind: 'cancel-request' };
  const majorVersion = code >>> 16;
  if (majorVersion !== 3) return { kind: 'malformed' };
  const parameters = startupParameters(packet.subarray(8));
  const user = parameters?.get('user');
  if (!user) return { kind: 'malformed' };
  return { kind: 'startup', user, database: parameters?.get('database') || user };
}

/** `name\0value\0...\0`; undefined for anything else. */
function startupParameters(bytes: Buffer): Map<string, string> | undefined {
  const parts = bytes.toString('utf8').split('\0');
  // The last pair and the list both end with a NUL, so two empty strings come last.
  if (parts.pop() !== '' || parts.pop() !== '' || parts.length % 2 !== 0) return undefined;
  const parameters = new Map<string, string>();
  for (let i = 0; i < parts.length; i += 2) parameters.set(parts[i] ?? '', parts[i + 1] ?? '');
  return parameters;
}

/** The NUL-terminated text of a PasswordMessage's body; undefined when it isn't that. */
export function parsePassword(body: Buffer): string | undefined {
  const end = body.indexOf(0);
  return end >= 0 && end === body.length - 1 ? body.toString('utf8', 0, end) : undefined;
}

/** Asks for the password in clear text, which only ever happens inside of TLS. */
export const AUTHENTICATION_CLEARTEXT_PASSWORD = message('R', word(3));

/** What ends a connection attempt. */
export interface FatalError {
  /** SQLSTATE, five characters. */
  readonly code: string;
  readonly message: string;
}

/** ErrorResponse of severity FATAL. */
export function fatalError(error: FatalError): Buffer {
  const fields = ['SFATAL', 'VFATAL', `C${error.code}`, `M${error.message}`];
  return message('E', Buffer.from(`${fields.join('\0')}\0\0`));
}

function message(type: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(type), word(body.length + 4), body]);
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
