import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fatalError, parseFirstPacket, parsePassword } from './pg-protocol';

/** A first packet: length, code, the rest. */
function packet(code: number, rest = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + rest.length);
  head.writeUInt32BE(code, 4);
  return Buffer.concat([head, rest]);
}

const VERSION_3_0 = 0x30000;

describe('parseFirstPacket', () => {
  it.each([
    ['ssl-request', packet(80877103)],
    ['gssenc-request', packet(80877104)],
    ['cancel-request', packet(80877102, Buffer.alloc(8))],
    ['malformed', packet(0x20000, Buffer.from('user\0app\0\0'))],
    ['malformed', packet(VERSION_3_0, Buffer.from('database\0app\0\0'))],
    ['malformed', packet(VERSION_3_0, Buffer.from('user\0app\0'))],
    ['malformed', packet(VERSION_3_0, Buffer.from('user\0\0'))],
    ['malformed', packet(80877103).subarray(1)],
  ])('tells a %s', (kind, bytes) => {
    expect(parseFirstPacket(bytes)).toEqual({ kind });
  });

  it('reads who wants to log in to what', () => {
    const both = Buffer.from('user\0app\0database\0shop\0application_name\0\0\0');
    expect(parseFirstPacket(packet(VERSION_3_0, both))).toEqual({
      kind: 'startup',
      user: 'app',
      database: 'shop',
    });
    const user = Buffer.from('user\0app\0\0');
    expect(parseFirstPacket(packet(0x30002, user))).toEqual({
      kind: 'startup',
      user: 'app',
      database: 'app',
    });
  });

  it('never throws', () => {
    const bytes = fc.uint8Array({ maxLength: 100 }).map(array => Buffer.from(array));
    fc.assert(
      fc.property(bytes, rest => {
        expect(parseFirstPacket(rest).kind).toBeTypeOf('string');
        expect(parseFirstPacket(packet(VERSION_3_0, rest)).kind).toBeTypeOf('string');
      }),
    );
  });
});

describe('parsePassword', () => {
  it('takes text that ends with its only NUL', () => {
    expect(parsePassword(Buffer.from('secret\0'))).toBe('secret');
    expect(parsePassword(Buffer.from('\0'))).toBe('');
    for (const body of ['', 'secret', 'sec\0ret\0', 'secret\0x']) {
      expect(parsePassword(Buffer.from(body))).toBeUndefined();
    }
  });
});

describe('fatalError', () => {
  it('is an ErrorResponse', () => {
    const bytes = fatalError({ code: '28000', message: 'no' });
    expect(bytes.toString()).toBe('E\0\0\0\x1eSFATAL\0VFATAL\0C28000\0Mno\0\0');
    expect(bytes.readUInt32BE(1)).toBe(bytes.length - 1);
  });
});
