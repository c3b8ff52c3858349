import { describe, expect, it } from 'vitest';
import { Screen } from '../../../demo/show/screen';

/** A terminal that remembers what was written to it. */
function terminal(properties: { isTTY?: boolean; rows?: number } = { isTTY: true, rows: 24 }) {
  const written: string[] = [];
  const stream = { ...properties, write: (text: string) => written.push(text) };
  return { written, screen: new Screen(stream as unknown as NodeJS.WriteStream) };
}

describe('the screen', () => {
  it('draws in the place of what it drew before, and leaves the cursor as it was', () => {
    const { written, screen } = terminal();
    screen.redraw(['a', 'b']);
    screen.redraw(['c', 'd']);
    screen.settle();
    screen.redraw(['below']);
    screen.settle();
    const text = written.join('');
    expect(text).toBe(
      '\u001b[?25l\ra\u001b[K\nb\u001b[K\n' +
        '\u001b[2A\rc\u001b[K\nd\u001b[K\n' +
        '\u001b[?25h\u001b[?25l\rbelow\u001b[K\n\u001b[?25h',
    );
  });

  it('takes away what it drew', () => {
    const { written, screen } = terminal();
    screen.redraw(['a', 'b', 'c']);
    screen.erase();
    expect(written.slice(-2)).toEqual(['\u001b[3A\r\u001b[J', '\u001b[?25h']);
  });

  it.each([
    ['a terminal that is high enough', { isTTY: true, rows: 24 }, true],
    ['one that is not', { isTTY: true, rows: 10 }, false],
    ['a pipe', {}, false],
  ])('%s: %j', (_name, properties, expected) => {
    expect(terminal(properties).screen.canRedraw(10)).toBe(expected);
  });
});
