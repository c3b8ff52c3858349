/** Lines of text for a terminal. Pure. */

/** Narrower than 80, so that no terminal wraps a line. */
const WIDTH = 78;
const LABEL_WIDTH = 18;
const VALUE_WIDTH = 16;

export function row(label: string, value: string | number, note = ''): string {
  return shorten(`  ${label.padEnd(LABEL_WIDTH)}${String(value).padEnd(VALUE_WIDTH)}${note}`.trimEnd());
}

export function rule(): string {
  return `  ${'-'.repeat(WIDTH - 2)}`;
}

export function seconds(value: number): string {
  return `${value.toFixed(1)} s`;
}

export function count(value: number, one: string, many = `${one}s`): string {
  return `${value} ${value === 1 ? one : many}`;
}

/** Minutes and seconds. */
export function clock(value: number): string {
  const whole = Math.floor(value);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

const BAR_WIDTH = 24;

/** @param share how much of it is full, from 0 to 1 */
export function bar(share: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * BAR_WIDTH);
  return `[${'#'.repeat(full)}${'.'.repeat(BAR_WIDTH - full)}]`;
}

function shorten(line: string): string {
  return line.length <= WIDTH ? line : `${line.slice(0, WIDTH - 3)}...`;
}
