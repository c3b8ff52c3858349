/** Kubernetes' way to end a container, and a person's. As process 1 of a container, neither ends us by itself. */
const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** Calls back when this process is told to end, with the signal's name. */
export function onStopSignal(stop: (name: string) => void): void {
  for (const name of STOP_SIGNALS) process.on(name, () => stop(name));
}
