/**
 * Rules for the parts of an image's name.
 * Source: https://github.com/distribution/reference/blob/main/reference.go
 */
import { Token } from 'cdktf';

const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** @throws if a known tag can't be one, or is `latest` and that isn't allowed */
export function checkTag(tag: string, allowLatest = false): void {
  if (Token.isUnresolved(tag)) return;
  if (!TAG.test(tag)) {
    throw new Error(
      `"${tag}" is not an image tag: use 1 to 128 letters, digits and _.-, not starting with . or -`,
    );
  }
  if (tag === 'latest' && !allowLatest) {
    throw new Error(
      'the tag "latest" names another image after the next push: name a version or a digest, or pass allowLatest: true',
    );
  }
}

/** @throws if a known digest can't be one */
export function checkDigest(digest: string): void {
  if (Token.isUnresolved(digest) || DIGEST.test(digest)) return;
  throw new Error(`"${digest}" is not an image digest: pass sha256: and 64 hexadecimal digits`);
}

/** @throws if the URI is known and has neither tag nor digest, or one that can't be right */
export function checkUri(uri: string, allowLatest = false): void {
  if (Token.isUnresolved(uri)) return;
  if (/\s/.test(uri) || uri.includes('://')) {
    throw new Error(`"${uri}" is not the uri of an image: pass registry/path:tag, without scheme`);
  }
  const [name = '', ...digests] = uri.split('@');
  const slash = name.lastIndexOf('/');
  const colon = name.indexOf(':', slash + 1);
  const tag = colon === -1 ? undefined : name.slice(colon + 1);
  if (digests.length > 1 || name === '' || name.slice(slash + 1, colon === -1 ? undefined : colon) === '') {
    throw new Error(
      `"${uri}" is not the uri of an image: pass registry/path:tag or registry/path@sha256:...`,
    );
  }
  const [digest] = digests;
  if (digest !== undefined) checkDigest(digest);
  // With a digest the tag is a comment: the digest alone says which image is pulled.
  if (tag !== undefined) checkTag(tag, allowLatest || digest !== undefined);
  if (tag === undefined && digest === undefined) {
    throw new Error(
      `"${uri}" has neither tag nor digest, which means the tag "latest": name a version or a digest`,
    );
  }
}
