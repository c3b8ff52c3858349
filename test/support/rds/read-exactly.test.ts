import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { readExactly } from './read-exactly';

describe('readExactly', () => {
  it('waits for the bytes, and leaves what follows', async () => {
    const stream = new PassThrough();
    const first = readExactly(stream, 4);
    stream.write('ab');
    stream.write('cdef');
    expect((await first)?.toString()).toBe('abcd');
    expect((await readExactly(stream, 0))?.toString()).toBe('');
    expect((await readExactly(stream, 2))?.toString()).toBe('ef');
  });

  it('gives nothing of a stream that ends early', async () => {
    const stream = new PassThrough();
    const reading = readExactly(stream, 4);
    stream.end('ab');
    expect(await reading).toBeUndefined();
    expect(await readExactly(stream, 1)).toBeUndefined();
  });

  it('gives nothing of a stream that is destroyed, before or meanwhile', async () => {
    const stream = new PassThrough();
    const reading = readExactly(stream, 4);
    stream.destroy();
    expect(await reading).toBeUndefined();
    expect(await readExactly(stream, 1)).toBeUndefined();
  });
});
