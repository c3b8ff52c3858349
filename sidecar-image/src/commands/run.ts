import type { Server } from 'node:http';
import { systemClock } from '../clock';
import type { RefresherConfig } from '../config/schema';
import type { Logger, SecretMask } from '../log';
import type { Reloader } from '../reload/reloader';
import type { GroupState } from '../renewal/state';
import { assemble } from './assemble';
import { onStopSignal } from './stop-signal';

/** Longest wait for the first attempt before the probes are up, in milliseconds: a slow AWS must not hide `/status`. */
const FIRST_ATTEMPT_MS = 1_000;

/** Longest wait at the end for a reload under way, in milliseconds. */
const LAST_RELOAD_MS = 1_000;

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
  running: Promise<void>[],
): Promise<Reloader[]> {
  if (config.poolers.length === 0) return [];
  const { createReloader } = await import('./poolers');
  return config.poolers.map(pooler => {
    const reloader = createReloader(pooler, groups, log);
    running.push(reloader.run(signal));
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
  let reloaders: Reloader[] = [];
  const reload = (path: string) => {
    for (const reloader of reloaders) {
      // Each of them reads the CA bundle, and does so again at a RELOAD alone.
      if (path === reloader.state.config.authFile || path === config.caBundle?.path) reloader.request();
    }
  };
  const { groups, loop } = assemble(config, log, mask, reload);

  // Publish before anything else is loaded or listens: this is what the pod waits for.
  await Promise.race([loop.attemptAll(), systemClock.sleep(FIRST_ATTEMPT_MS, signal)]);

  const reloading: Promise<void>[] = [];
  reloaders = await startReloaders(config, groups, log, signal, reloading);
  for (const { files } of groups) {
    for (const { plan, fingerprint } of files) if (fingerprint !== undefined) reload(plan.path);
  }
  const servers = await startServers(config, groups, reloaders, quit);
  log.info({ ...config.listen }, 'listening');

  await loop.run(signal);
  // A reload under way holds logins back until it is done: leave none half done, but don't wait for a pooler that hangs.
  await Promise.race([
    Promise.all(reloading),
    systemClock.sleep(LAST_RELOAD_MS, new AbortController().signal),
  ]);
  const { close } = await import('../serve');
  await Promise.all(servers.map(close));
}
