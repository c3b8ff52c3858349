import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readDockerfile } from '../../../demo/pod/dockerfile';

describe('a Dockerfile', () => {
  it('of the refresher runs it by default', () => {
    const { entrypoint, cmd } = readDockerfile(readFileSync('sidecar-image/Dockerfile', 'utf8'));
    expect(entrypoint[0]).toBe('node');
    expect(entrypoint.at(-1)).toMatch(/\/refresher\.js$/);
    expect(cmd).toEqual(['run']);
  });

  it('without an ENTRYPOINT in the exec form is refused', () => {
    expect(() => readDockerfile('FROM x\nENTRYPOINT node x.js\n')).toThrow('no ENTRYPOINT');
  });
});
