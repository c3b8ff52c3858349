import { Token } from 'cdktf';
import { describe, expect, it } from 'vitest';
import { SidecarImage } from '../../../modules/image/sidecar-image';
import { SidecarRepository } from '../../../modules/image/sidecar-repository';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;
const REPOSITORY = SidecarRepository.fromRepositoryUrl('ghcr.io/acme/refresher');

describe('an image of a registry', () => {
  it.each([
    'ghcr.io/acme/refresher:1.2.0',
    `ghcr.io/acme/refresher@${DIGEST}`,
    `ghcr.io/acme/refresher:latest@${DIGEST}`,
    'localhost:5000/refresher:1',
    'python:3.13-slim',
  ])('%s', uri => {
    expect(SidecarImage.fromRegistry(uri)).toMatchObject({ uri, dependencies: [] });
  });

  it('may be unresolved', () => {
    const uri = Token.asString({ resolve: () => 'x' });
    expect(SidecarImage.fromRegistry(uri).uri).toBe(uri);
  });

  it('may be latest, when told so', () => {
    expect(SidecarImage.fromRegistry('a/b:latest', { allowLatest: true }).uri).toBe('a/b:latest');
  });

  it.each([
    ['ghcr.io/acme/refresher', 'has neither tag nor digest, which means the tag "latest"'],
    ['localhost:5000/refresher', 'has neither tag nor digest'],
    [
      'ghcr.io/acme/refresher:latest',
      'the tag "latest" names another image after the next push: name a version or a digest, or pass allowLatest: true',
    ],
    ['ghcr.io/acme/refresher:', '"" is not an image tag'],
    ['a:-1', '"-1" is not an image tag: use 1 to 128 letters, digits and _.-, not starting with . or -'],
    [`a@${DIGEST.slice(0, -1)}`, 'is not an image digest: pass sha256: and 64 hexadecimal digits'],
    [
      `a@${DIGEST}@${DIGEST}`,
      'is not the uri of an image: pass registry/path:tag or registry/path@sha256:...',
    ],
    ['', '"" is not the uri of an image'],
    ['acme/:1', '"acme/:1" is not the uri of an image'],
    [
      'https://ghcr.io/acme/refresher:1',
      'is not the uri of an image: pass registry/path:tag, without scheme',
    ],
    ['a b:1', '"a b:1" is not the uri of an image'],
  ])('%s is refused', (uri, message) => {
    expect(() => SidecarImage.fromRegistry(uri)).toThrow(message);
  });
});

describe('an image of a repository', () => {
  it('is named by tag or digest', () => {
    expect(SidecarImage.fromRepository(REPOSITORY, { tag: '1.2.0' }).uri).toBe(
      'ghcr.io/acme/refresher:1.2.0',
    );
    expect(SidecarImage.fromRepository(REPOSITORY, { digest: DIGEST }).uri).toBe(
      `ghcr.io/acme/refresher@${DIGEST}`,
    );
  });

  it.each([
    [{}, 'an image of a repository has to be named: pass tag or digest'],
    [{ tag: '1', digest: DIGEST }, `tag "1" and digest "${DIGEST}" exclude each other: pass one`],
    [{ tag: 'latest' }, 'the tag "latest" names another image after the next push'],
    [{ tag: 'a b' }, '"a b" is not an image tag'],
    [{ digest: '1.2.0' }, '"1.2.0" is not an image digest'],
  ])('%o is refused', (props, message) => {
    expect(() => SidecarImage.fromRepository(REPOSITORY, props)).toThrow(message);
  });
});
