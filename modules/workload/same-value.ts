/** Whether two values of plain data say the same, whatever the order of their keys. */
export function sameValue(a: unknown, b: unknown): boolean {
  return a === b || canonical(a) === canonical(b);
}

/** The values without those that say the same as an earlier one. */
export function distinct<T>(values: readonly T[]): T[] {
  return values.filter((value, index) => values.findIndex(other => sameValue(other, value)) === index);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([x], [y]) => (x < y ? -1 : 1)))
      : part,
  );
}
