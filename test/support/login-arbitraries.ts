import fc from 'fast-check';
import type { Login } from '../../sidecar-image/src/encode/formats';

/** What any of the formats gives a meaning to, and what tends to be forgotten. */
const AWKWARD = [
  '"',
  '""',
  '\\',
  '\\\\',
  ':',
  '*',
  '#',
  ';',
  "'",
  '%',
  '=',
  ' ',
  '\t',
  '[',
  ']',
  '$',
  '`',
  '\u00e9',
  '用',
];

/** Text of one line, at most `maxBytes` of UTF-8, with an eye to what parsers trip over. */
export function lineText(maxBytes: number): fc.Arbitrary<string> {
  const unit = fc.oneof(
    { weight: 2, arbitrary: fc.constantFrom(...AWKWARD) },
    { weight: 3, arbitrary: fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 1 }) },
    { weight: 1, arbitrary: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }) },
  );
  return fc
    .array(unit, { minLength: 1, maxLength: maxBytes, size: 'max' })
    .map(units => cut(units, maxBytes))
    .filter(text => text !== '' && !/[\0\r\n]/.test(text));
}

/** As many of the units as fit. */
function cut(units: readonly string[], maxBytes: number): string {
  let text = '';
  for (const unit of units) {
    if (Buffer.byteLength(text + unit) > maxBytes) break;
    text += unit;
  }
  return text;
}

/** Anything that may be a login, whether AWS would make it or not. */
export function login(maxPasswordBytes = 200): fc.Arbitrary<Login> {
  return fc.record({
    host: lineText(60).filter(host => !host.includes(',')),
    port: fc.integer({ min: 1, max: 65_535 }),
    user: lineText(63),
    password: lineText(maxPasswordBytes),
  });
}
