import { once } from 'node:events';
import { createServer } from 'node:net';
import { freePort } from '../../test/support/free-port';

/** Those of `ports` that somebody listens on already, each with a free one to use instead. */
export async function replaceTaken(ports: readonly number[]): Promise<Map<number, number>> {
  const replaced = new Map<number, number>();
  for (const port of ports) if (await isTaken(port)) replaced.set(port, await freePort());
  return replaced;
}

async function isTaken(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return false;
  } catch {
    return true;
  } finally {
    server.close();
  }
}
