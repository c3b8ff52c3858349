import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { inject } from 'vitest';

/** One fault as it was measured. Seconds with one decimal are enough for a reader. */
export interface Row {
  readonly section: Section;
  readonly fault: string;
  /** Seconds that the fault lasted. */
  readonly seconds: number;
  /** Transactions that the application tried through the pooler. Undefined where there was no load. */
  readonly transactions?: number;
  readonly failed?: number;
  /** Logins that the database refused. */
  readonly refused?: number;
  /** Seconds in which `/readiness` did not answer 200. Undefined where nothing was asked. */
  readonly unready?: number;
  /** From the end of the fault to the last thing that was wrong because of it; `null` is never. */
  readonly recovery?: number | null;
  readonly note?: string;
}

/** In the order of the printed table. */
export const SECTIONS = [
  'refresher',
  'credentials',
  'clock',
  'volume',
  'pooler',
  'database',
  'cron',
] as const;
export type Section = (typeof SECTIONS)[number];

declare module 'vitest' {
  interface ProvidedContext {
    /** File that rows are appended to, a JSON text each. */
    readonly faultRows: string;
  }
}

export function record(row: Row): void {
  appendFileSync(inject('faultRows'), `${JSON.stringify(row)}\n`);
}

export function readRows(path: string): Row[] {
  if (!existsSync(path)) return [];
  const rows = readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line) as Row);
  return rows.sort((a, b) => SECTIONS.indexOf(a.section) - SECTIONS.indexOf(b.section));
}

const HEAD = [
  'fault',
  'lasted s',
  'transactions',
  'failed',
  'refused logins',
  'unready s',
  'recovered after s',
  'note',
];

function cells(row: Row): string[] {
  const count = (value: number | undefined) => (value === undefined ? '–' : value.toLocaleString('en'));
  const seconds = (value: number | undefined) => (value === undefined ? '–' : value.toFixed(1));
  return [
    row.fault,
    seconds(row.seconds),
    count(row.transactions),
    count(row.failed),
    count(row.refused),
    seconds(row.unready),
    row.recovery === null ? 'never' : seconds(row.recovery),
    row.note ?? '',
  ];
}

/** Aligned, so that it reads in a terminal as well as in Markdown. */
export function renderTable(rows: readonly Row[]): string {
  const lines = [HEAD, ...rows.map(cells)];
  const numeric = (column: number) => column > 0 && column < HEAD.length - 1;
  const widths = HEAD.map((_, column) => Math.max(...lines.map(line => line[column]?.length ?? 0), 3));
  const pad = (text: string, column: number) =>
    numeric(column) ? text.padStart(widths[column] ?? 0) : text.padEnd(widths[column] ?? 0);
  const rule = widths.map(
    (width, column) => '-'.repeat(width - (numeric(column) ? 1 : 0)) + (numeric(column) ? ':' : ''),
  );
  return [lines[0] ?? [], rule, ...lines.slice(1)]
    .map(
      (line, index) =>
        `| ${line.map((text, column) => (index === 1 ? text : pad(text, column))).join(' | ')} |`,
    )
    .join('\n');
}
