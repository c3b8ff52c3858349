/** A sample of Prometheus' text format. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"/y;

/**
 * Reads a page of metrics (https://prometheus.io/docs/instrumenting/exposition_formats/), strictly.
 *
 * @throws for a line that is none, a metric without help or type, a counter not called so, or a sample said twice.
 */
export function parsePrometheus(page: string): Sample[] {
  const samples: Sample[] = [];
  const types = new Map<string, string>();
  const helps = new Set<string>();
  const seen = new Set<string>();
  if (!page.endsWith('\n')) throw new Error('the last line has no end');
  for (const line of page.split('\n').filter(text => text.trim() !== '')) {
    const comment = new RegExp(`^# (HELP|TYPE) (${NAME}) (.+)$`).exec(line);
    if (comment) {
      const [, kind, name = '', text = ''] = comment;
      if (kind === 'HELP') helps.add(name);
      else types.set(name, text);
      continue;
    }
    const match = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`).exec(line);
    if (!match) throw new Error(`not a sample: ${line}`);
    const [, name = '', labels = '', value = ''] = match;
    const type = types.get(name);
    if (!helps.has(name) || type === undefined) throw new Error(`${name} has no help or type`);
    if ((type === 'counter') !== name.endsWith('_total')) throw new Error(`${name} is a ${type}`);
    if (Number.isNaN(Number(value))) throw new Error(`not a number: ${line}`);
    if (seen.has(`${name}{${labels}}`)) throw new Error(`said twice: ${line}`);
    seen.add(`${name}{${labels}}`);
    samples.push({ name, labels: parseLabels(labels), value: Number(value) });
  }
  return samples;
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const at = LABEL.lastIndex;
    const match = LABEL.exec(text);
    if (!match) throw new Error(`not labels: ${text.slice(at)}`);
    const [, name = '', value = ''] = match;
    labels[name] = value.replaceAll(/\\(.)/g, (_, escaped) => (escaped === 'n' ? '\n' : escaped));
    if (text[LABEL.lastIndex] === ',') LABEL.lastIndex += 1;
  }
  return labels;
}
