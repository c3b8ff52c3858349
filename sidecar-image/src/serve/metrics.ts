import { Counter, Gauge, Registry } from 'prom-client';
import { VERSION } from '../version';
import type { Status, TargetStatus } from './status';

const PREFIX = 'rds_iam_refresher_';

interface Series {
  readonly name: string;
  readonly help: string;
  readonly kind: 'gauge' | 'counter';
  readonly labels: readonly string[];
  readonly values: (
    status: Status,
  ) => Iterable<{ labels: Record<string, string>; value: number | undefined }>;
}

const perTarget =
  (value: (target: TargetStatus) => number | undefined): Series['values'] =>
  status =>
    status.targets.map(target => ({ labels: { target: target.name }, value: value(target) }));

const seconds = (timestamp: string | undefined) =>
  timestamp === undefined ? undefined : Date.parse(timestamp) / 1000;

/** Every series the refresher exposes; docs/refresher.md lists them for people. */
const SERIES: readonly Series[] = [
  {
    name: 'ready',
    help: '1 while the published token of every target is alive.',
    kind: 'gauge',
    labels: [],
    values: ({ ready }) => [{ labels: {}, value: Number(ready) }],
  },
  {
    name: 'token_expiry_timestamp_seconds',
    help: 'Effective expiry of the published token: the earlier of its own and of the credentials that signed it.',
    kind: 'gauge',
    labels: ['target'],
    values: perTarget(({ expiresAt }) => seconds(expiresAt)),
  },
  {
    name: 'token_signed_timestamp_seconds',
    help: 'When the published token was signed.',
    kind: 'gauge',
    labels: ['target'],
    values: perTarget(({ signedAt }) => seconds(signedAt)),
  },
  {
    name: 'publishes_total',
    help: 'Tokens published.',
    kind: 'counter',
    labels: ['target'],
    values: perTarget(({ publishes }) => publishes),
  },
  {
    name: 'failures_total',
    help: 'Attempts that published nothing, by the kind of failure.',
    kind: 'counter',
    labels: ['target', 'kind'],
    values: ({ targets }) =>
      targets.flatMap(({ name, failures }) =>
        Object.entries(failures).map(([kind, value]) => ({ labels: { target: name, kind }, value })),
      ),
  },
  {
    name: 'consecutive_failures',
    help: 'Failed attempts since the last publish. Alert on this: old connections hide a failing renewal.',
    kind: 'gauge',
    labels: ['target'],
    values: perTarget(({ failuresInARow }) => failuresInARow),
  },
  {
    name: 'publish_duration_seconds',
    help: 'From asking for credentials to the last file in place, of the last publish.',
    kind: 'gauge',
    labels: ['target'],
    values: perTarget(({ lastDurationSeconds }) => lastDurationSeconds),
  },
  {
    name: 'file_repairs_total',
    help: 'Times a published file was found changed or gone and was put back.',
    kind: 'counter',
    labels: ['path'],
    values: ({ files }) => files.map(({ path, repairs }) => ({ labels: { path }, value: repairs })),
  },
  {
    name: 'pooler_reload_pending',
    help: '1 while a publish waits for the pooler to confirm a reload.',
    kind: 'gauge',
    labels: ['pooler'],
    values: ({ poolers }) =>
      poolers.map(({ name, reloadPending }) => ({ labels: { pooler: name }, value: Number(reloadPending) })),
  },
  {
    name: 'pooler_reloads_total',
    help: 'Reloads the pooler confirmed.',
    kind: 'counter',
    labels: ['pooler'],
    values: ({ poolers }) =>
      poolers.map(({ name, reloads }) => ({ labels: { pooler: name }, value: reloads })),
  },
  {
    name: 'pooler_reload_failures_total',
    help: 'Reloads that failed. A pooler that is not up yet does not count.',
    kind: 'counter',
    labels: ['pooler'],
    values: ({ poolers }) =>
      poolers.map(({ name, failedReloads }) => ({ labels: { pooler: name }, value: failedReloads })),
  },
  {
    name: 'pooler_reload_duration_seconds',
    help: 'From the publish to the confirmed reload, of the last one.',
    kind: 'gauge',
    labels: ['pooler'],
    values: ({ poolers }) =>
      poolers.map(({ name, lastReloadSeconds }) => ({ labels: { pooler: name }, value: lastReloadSeconds })),
  },
];

/** The metrics of a status, in Prometheus' text format. */
export interface MetricsPage {
  readonly contentType: string;
  render(status: Status): Promise<string>;
}

/** A view on the status and nothing more: the state counts, this only says it in Prometheus' words. */
function createMetricsPage(): MetricsPage {
  const registry = new Registry();
  const registers = [registry];
  const build = new Gauge({
    name: `${PREFIX}build_info`,
    help: 'Version of the refresher.',
    labelNames: ['version'],
    registers,
  });
  build.set({ version: VERSION }, 1);
  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Resident memory size in bytes.',
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  const metrics = SERIES.map(series => {
    const options = {
      name: PREFIX + series.name,
      help: series.help,
      labelNames: [...series.labels],
      registers,
    };
    return { series, metric: series.kind === 'gauge' ? new Gauge(options) : new Counter(options) };
  });
  return {
    contentType: registry.contentType,
    render(status) {
      for (const { series, metric } of metrics) {
        metric.reset();
        for (const { labels, value } of series.values(status)) {
          if (value !== undefined) metric.inc(labels, value);
        }
      }
      return registry.metrics();
    },
  };
}

let page: MetricsPage | undefined;

/** The one page of this process, made when somebody first asks. */
export function metricsPage(): MetricsPage {
  page ??= createMetricsPage();
  return page;
}
