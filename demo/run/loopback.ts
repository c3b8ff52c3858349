import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { hostname } from 'node:os';
import { pipeline } from 'node:stream/promises';

/** A name of this machine, for a server that listens on 127.0.0.1. */
export interface LocalHost {
  readonly name: string;
  /** The name's other addresses, such as `::1`. */
  readonly otherAddresses: readonly string[];
}

const ADDRESS = '127.0.0.1';

/**
 * `localhost` may be `::1` as well, and PgBouncer takes a name's addresses in turn: every one has to answer, or each
 * second login would fail. Where one can't be listened on (a container without IPv6), another name may do.
 */
export async function chooseLocalHost(): Promise<LocalHost> {
  const names = ['localhost', hostname().toLowerCase()].filter(name => /^[a-z0-9.-]+$/.test(name));
  for (const name of names) {
    const addresses = await lookup(name, { all: true }).catch(() => []);
    const otherAddresses = addresses.map(({ address }) => address).filter(address => address !== ADDRESS);
    if (addresses.length > 0 && (await every(otherAddresses, canListen))) return { name, otherAddresses };
  }
  return { name: 'localhost', otherAddresses: [] };
}

/** Passes on to 127.0.0.1 what arrives at the same port of another address. */
export async function forward(address: string, port: number): Promise<Server> {
  const server = createServer(client => {
    const target = connect(port, ADDRESS);
    void Promise.allSettled([pipeline(client, target), pipeline(target, client)]);
  });
  await listen(server, port, address);
  return server;
}

async function canListen(address: string): Promise<boolean> {
  const server = createServer();
  try {
    await listen(server, 0, address);
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

async function listen(server: Server, port: number, address: string): Promise<void> {
  server.listen(port, address);
  await once(server, 'listening');
}

async function every<T>(values: readonly T[], holds: (value: T) => Promise<boolean>): Promise<boolean> {
  return (await Promise.all(values.map(holds))).every(Boolean);
}
