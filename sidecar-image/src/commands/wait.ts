import { systemClock } from '../clock';
import type { RefresherConfig } from '../config/schema';
import { describeError, RefresherError } from '../errors';
import { askLoopback } from './loopback';
import { onStopSignal } from './stop-signal';

const POLL_MS = 200;

/** `wait`: returns once the refresher in this pod has published every target. Throws kind `timeout`. */
export async function wait(config: RefresherConfig, timeoutSeconds: number): Promise<void> {
  const stop = new AbortController();
  onStopSignal(name => stop.abort(name));
  const deadline = systemClock.now().monotonic + timeoutSeconds * 1000;
  for (;;) {
    const answer = await askLoopback('GET', config.listen.probePort, '/startup').catch(error => ({
      code: 0,
      body: describeError(error),
    }));
    if (answer.code === 200) return;
    if (systemClock.now().monotonic >= deadline) {
      throw new RefresherError(
        'timeout',
        `nothing published within ${timeoutSeconds} s: ${answer.body.trim()}`,
      );
    }
    if (stop.signal.aborted)
      throw new RefresherError('timeout', `nothing published before ${stop.signal.reason}`);
    await systemClock.sleep(POLL_MS, stop.signal);
  }
}
