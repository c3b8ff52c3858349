import { mkdirSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { RunningProcess } from '../../test/support/process';
import { giveToUnprivileged, unprivileged } from '../../test/support/unprivileged';
import type { LocalPod, LocalProcess } from '../pod/localize';
import type { HttpProbe } from '../pod/pod';

export interface KubeletOptions {
  /** Called as soon as a process counts as started, with the milliseconds it took. */
  readonly onStarted: (process: LocalProcess, ms: number) => void;
  /** Ends a start that is under way. */
  readonly signal: AbortSignal;
}

/** Milliseconds that a process has to end after SIGTERM. */
const GRACE_MS = 5_000;
/** Of a process that failed, how much of its output is worth showing. */
const LAST_LINES = 15;

/** Runs a pod as Kubernetes would: one container after the other, each behind its startup probe; stopped in reverse. */
export class Kubelet {
  private readonly running: { readonly name: string; readonly process: RunningProcess }[] = [];
  private stopping = false;
  private failed: ((error: Error) => void) | undefined;
  /** Rejects when a process that should run on has ended; never resolves. */
  readonly failure: Promise<never>;

  constructor() {
    this.failure = new Promise((_resolve, reject) => {
      this.failed = reject;
    });
    // Whoever doesn't wait for it finds out by its consequences.
    this.failure.catch(() => {});
  }

  /** @throws if a process doesn't start; the error quotes the end of its output */
  async start(pod: LocalPod, { onStarted, signal }: KubeletOptions): Promise<void> {
    for (const folder of pod.folders) mkdirSync(folder, { recursive: true });
    for (const [path, text] of Object.entries(pod.files)) writeFileSync(path, text);
    for (const folder of pod.folders) giveToUnprivileged(folder);
    for (const process of pod.processes) {
      signal.throwIfAborted();
      const begun = performance.now();
      await this.startProcess(process, signal);
      onStarted(process, performance.now() - begun);
    }
  }

  /** What a process printed so far. */
  output(name: string): string {
    return this.running.find(entry => entry.name === name)?.process.stdout ?? '';
  }

  async stop(): Promise<void> {
    this.stopping = true;
    for (const { process } of this.running.reverse()) await process.stop('SIGTERM', GRACE_MS);
  }

  private async startProcess({ name, role, command, env, startupProbe }: LocalProcess, signal: AbortSignal) {
    const [program = '', ...args] = command;
    const process = await RunningProcess.start(program, args, { env, identity: unprivileged() });
    this.running.push({ name, process });
    if (role === 'init') {
      const { code } = await process.exited;
      if (code !== 0) throw ended(name, process, code);
      return;
    }
    void process.exited.then(({ code }) => {
      if (!this.stopping) this.failed?.(ended(name, process, code));
    });
    if (startupProbe) await Promise.race([this.passes(name, process, startupProbe, signal), this.failure]);
  }

  private async passes(name: string, process: RunningProcess, probe: HttpProbe, signal: AbortSignal) {
    const { periodSeconds, failureThreshold } = probe;
    // The kubelet would ask once a period; more often is the same number of seconds, and less waiting.
    const tries = (failureThreshold * periodSeconds * 1000) / PROBE_INTERVAL_MS;
    for (let tried = 0; tried < tries && !this.stopping; tried++) {
      if (await succeeds(probe)) return;
      await sleep(PROBE_INTERVAL_MS, undefined, { signal });
    }
    throw new Error(
      `${name} did not pass its startup probe ${probe.path} in ${periodSeconds * failureThreshold} s\n${tail(process)}`,
    );
  }
}

const PROBE_INTERVAL_MS = 50;

async function succeeds({ path, port, timeoutSeconds }: HttpProbe): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(timeoutSeconds * 1000);
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { signal });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

function ended(name: string, process: RunningProcess, code: number | null): Error {
  return new Error(`${name} ended with ${code === null ? 'a signal' : `status ${code}`}\n${tail(process)}`);
}

function tail({ output }: RunningProcess): string {
  return output.trimEnd().split('\n').slice(-LAST_LINES).join('\n');
}
