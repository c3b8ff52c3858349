/**
 * Work that must be done when this process ends, however it ends short of SIGKILL: kill children, remove folders.
 * The last registered runs first. Only synchronous work can be done at that point.
 *
 * @returns a function that takes the work back.
 */
export function onExit(work: () => void): () => void {
  watch();
  pending.add(work);
  return () => {
    pending.delete(work);
  };
}

const pending = new Set<() => void>();
let watching = false;

function watch(): void {
  if (watching) return;
  watching = true;
  process.on('exit', runAll);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      // By default a signal ends Node without an 'exit' event. Where somebody else listens, it's theirs to decide.
      if (process.listenerCount(signal) > 0) return;
      runAll();
      process.kill(process.pid, signal);
    });
  }
}

function runAll(): void {
  for (const work of [...pending].reverse()) {
    pending.delete(work);
    try {
      work();
    } catch {
      // The rest still has to be done, and nobody is left to tell.
    }
  }
}
