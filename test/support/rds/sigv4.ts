/**
 * AWS Signature Version 4 for a presigned GET, computed from the specification alone
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
 *
 * The refresher signs with the AWS SDK. This is the second opinion on it, so it must never import the SDK.
 */
import { createHash, createHmac } from 'node:crypto';

/** What a presigned request's signature covers. */
export interface PresignedRequest {
  /** Value of the `host` header: with the port, where that isn't the scheme's own. */
  readonly host: string;
  /** @default / */
  readonly path?: string;
  /** Decoded query parameters, without `X-Amz-Signature`, in any order. */
  readonly query: Iterable<readonly [name: string, value: string]>;
  /** Time of signing, as `20260102T030405Z`. */
  readonly timestamp: string;
  readonly scope: CredentialScope;
}

export interface CredentialScope {
  /** Day of signing, as `20260102`. */
  readonly date: string;
  readonly region: string;
  readonly service: string;
}

export const ALGORITHM = 'AWS4-HMAC-SHA256';
export const TERMINATOR = 'aws4_request';

/** The signature as lower-case hex. */
export function signatureOf(request: PresignedRequest, secretAccessKey: string): string {
  const { date, region, service } = request.scope;
  const key = [date, region, service, TERMINATOR].reduce<Buffer>(hmac, Buffer.from(`AWS4${secretAccessKey}`));
  return hmac(key, stringToSign(request)).toString('hex');
}

export function stringToSign(request: PresignedRequest): string {
  const { date, region, service } = request.scope;
  const scope = [date, region, service, TERMINATOR].join('/');
  return [ALGORITHM, request.timestamp, scope, sha256(canonicalRequest(request))].join('\n');
}

export function canonicalRequest({ host, path = '/', query }: PresignedRequest): string {
  const pairs = [...query].map(([name, value]) => [encode(name), encode(value)] as const);
  const canonicalQuery = pairs
    .sort(([a, x], [b, y]) => compare(a, b) || compare(x, y))
    .map(pair => pair.join('='))
    .join('&');
  return ['GET', path, canonicalQuery, `host:${host}\n`, 'host', sha256('')].join('\n');
}

/** Percent-encoding as SigV4 wants it: all but RFC 3986's unreserved characters, in upper-case hex. */
export function encode(text: string): string {
  const byte = (character: string) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(text).replace(/[!'()*]/g, byte);
}

/** By code unit: the order of what is encoded, and so ASCII. */
function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text, 'utf8').digest();
}

function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}
