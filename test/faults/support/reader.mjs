// Reads files as fast as it can until its standard input closes, and prints what it saw as JSON. A reader must never see
// anything but a whole file: `node reader.mjs <seconds at most> <lines of the first file> <file>...`
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';

const [limitSeconds, lines, ...files] = process.argv.slice(2);
const ENTRY = /^"[^"\n]+" "localhost:\d+\/\?[^"\n]+X-Amz-Signature=[0-9a-f]{64}[^"\n]*"$/;
const TOKEN = /^localhost:\d+\/\?\S+X-Amz-Signature=[0-9a-f]{64}\S*$/;

const seen = { reads: 0, contents: 0, missing: 0, empty: 0, torn: 0, overPermissive: 0, examples: [] };
const last = new Map();

function isWhole(content, first) {
  if (!first) return TOKEN.test(content);
  const entries = content.split('\n');
  return entries.pop() === '' && entries.length === Number(lines) && entries.every(line => ENTRY.test(line));
}

function look(file, first) {
  let descriptor;
  try {
    descriptor = openSync(file, 'r');
  } catch {
    // Before the first publish there is none; after it there always is.
    if (last.has(file)) seen.missing += 1;
    return;
  }
  const mode = fstatSync(descriptor).mode & 0o7777;
  const content = readFileSync(descriptor, 'utf8');
  closeSync(descriptor);
  seen.reads += 1;
  if (mode !== 0o640) seen.overPermissive += 1;
  if (last.get(file) === content) return;
  last.set(file, content);
  seen.contents += 1;
  if (content === '') seen.empty += 1;
  else if (!isWhole(content, first)) {
    seen.torn += 1;
    seen.examples.push(`${content.length} bytes of ${file}, mode ${mode.toString(8)}`);
  }
}

let open = true;
process.stdin.on('end', () => {
  open = false;
});
process.stdin.resume();
const deadline = performance.now() + Number(limitSeconds) * 1000;

function round() {
  for (let i = 0; i < 200; i += 1) {
    for (const [index, file] of files.entries()) look(file, index === 0);
  }
  if (open && performance.now() < deadline) setImmediate(round);
  else process.stdout.write(`${JSON.stringify(seen)}\n`);
}
round();
