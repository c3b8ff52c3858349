import { setTimeout as sleep } from 'node:timers/promises';
import type { Screen } from '../show/screen';
import type { Snapshot } from '../show/snapshot';
import { renderLine, renderTable } from '../show/table';
import type { Observer } from './observe';

const LOOK_MS = 250;
/** Where nothing can be redrawn. */
const LINE_MS = 5_000;
/** Longest that a reload takes, give or take: the refresher waits 5 s for a good moment. */
const SETTLE_MS = 8_000;

/** Shows what happens until the time is up. Resolves to what there is to see at the end. */
export async function watch(observer: Observer, screen: Screen, signal: AbortSignal): Promise<Snapshot> {
  let nextLine = LINE_MS;
  let snapshot = await observer.look();
  while (snapshot.elapsedSeconds < snapshot.totalSeconds) {
    const lines = renderTable(snapshot);
    if (screen.canRedraw(lines.length)) screen.redraw(lines);
    else if (snapshot.elapsedSeconds * 1000 >= nextLine) {
      screen.print(renderLine(snapshot));
      nextLine += LINE_MS;
    }
    await sleep(LOOK_MS, undefined, { signal });
    snapshot = await observer.look();
  }
  // What began in the last moment may still end well.
  const pending = ({ reloads, queries }: Snapshot) => reloads.pending || queries.open > 0;
  for (let waited = 0; pending(snapshot) && waited < SETTLE_MS; waited += LOOK_MS) {
    await sleep(LOOK_MS, undefined, { signal });
    snapshot = await observer.look();
  }
  return snapshot;
}
