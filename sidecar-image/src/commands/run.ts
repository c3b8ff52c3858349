import type { Server } from 'node:http';
import { systemClock } from '../clock';
import type { RefresherConfig } from '../config/schema';
import type { Logger, SecretMask } from '../log';
import { publishCaBundle } from '../publish/ca-bundle';
import type { Reloader } from '../reload/reloader';
import type { FileState, GroupState } from '../renewal/state';
import { assemble } from './assemble';
import { onStopSignal } from './stop-signal';

/** Longest wait for the first attempt before the probes are up, in milliseconds: a slow AWS must not hide `/status`. */
const FIRST_ATTEMPT_MS = 1_000;

/** Everything that can end the process well meets in this one promise. */
function stopRequest(log: Logger): { quit: (reason: string) => void; signal: AbortSignal } {
  const stop = new AbortController();
  const quit = (reason: string) => {
    if (stop.signal.aborted) return;
    log.info({ reason }, 'stopping');
    stop.abort();
  };
  onStopSignal(quit);
  return { quit, signal: stop.signal };
}

/** Reloading, loaded late: the first token doesn't wait for it. */
async function startReloaders(
  config: RefresherConfig,
  groups: readonly GroupState[],
  log: Logger,
  signal: AbortSignal,
): Promise<Reloader[]> {
  if (config.poolers.length === 0) return [];
  const { createReloader } = await import('./poolers');
  return config.poolers.map(pooler => {
    const reloader = createReloader(pooler, groups, log);
    void reloader.run(signal);
    return reloader;
  });
}

async function startServers(
  config: RefresherConfig,
  groups: readonly GroupState[],
  reloaders: readonly Reloader[],
  quit: (reason: string) => void,
): Promise<Server[]> {
  const { controlHandler, listen, probeHandler, takeStatus } = await import('../serve');
  const { host, probePort, controlPort } = config.listen;
  const states = reloaders.map(({ state }) => state);
  const status = () => takeStatus(groups, states, systemClock.now());
  const metrics = async () => (await import('../serve/metrics')).metricsPage();
  const pooler = (name: string) => reloaders.find(({ state }) => state.config.name === name)?.probe();
  return [
    await listen(probeHandler({ status, metrics, pooler }), probePort, host),
    await listen(
      controlHandler(() => quit('POST /quit')),
      controlPort,
      '127.0.0.1',
    ),
  ];
}

/** `run`: keeps every token fresh until told to stop. Throws kinds `publish` (CA bundle) and `listen`. */
export async function run(config: RefresherConfig, log: Logger, mask: SecretMask): Promise<void> {
  const { quit, signal } = stopRequest(log);
  if (config.caBundle) publishCaBundle(config.caBundle);

  let reloaders: Reloader[] = [];
  const reload = ({ plan }: FileState) => {
    for (const reloader of reloaders) if (reloader.state.config.authFile === plan.path) reloader.request();
  };
  const { groups, loop } = assemble(config, log, mask, reload);

  // Publish before anything else is loaded or listens: this is what the pod waits for.
  await Promise.race([loop.attemptAll(), systemClock.sleep(FIRST_ATTEMPT_MS, signal)]);

  reloaders = await startReloaders(config, groups, log, signal);
  for (const { files } of groups) for (const file of files) if (file.fingerprint !== undefined) reload(file);
  const servers = await startServers(config, groups, reloaders, quit);
  log.info({ ...config.listen }, 'listening');

  await loop.run(signal);
  const { close } = await import('../serve');
  await Promise.all(servers.map(close));
}
