import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { readRows, renderTable } from './table';

const DOCUMENT = 'docs/reliability.md';
const MARKS = /(<!-- table -->)[\s\S]*?(<!-- \/table -->)/;

/** Collects the rows of all files; prints them as one table at the end, and puts it into the document on request. */
export default function setup({ provide }: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'fault-rows-'));
  const file = join(folder, 'rows');
  provide('faultRows', file);
  return () => {
    const rows = readRows(file);
    rmSync(folder, { recursive: true, force: true });
    if (rows.length === 0) return;
    const table = renderTable(rows);
    process.stdout.write(`\n${table}\n`);
    if (process.env.FAULTS_WRITE_DOCS !== '1') return;
    const document = readFileSync(DOCUMENT, 'utf8');
    if (!MARKS.test(document)) throw new Error(`${DOCUMENT} has no <!-- table --> marks`);
    writeFileSync(
      DOCUMENT,
      document.replace(MARKS, (_, open: string, close: string) => `${open}\n\n${table}\n\n${close}`),
    );
  };
}
