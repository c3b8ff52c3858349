import { createServer, type RequestListener, type Server } from 'node:http';
import { RefresherError } from '../errors';

/** Listens, on every address where `host` is left out, or throws kind `listen`. */
export async function listen(handler: RequestListener, port: number, host?: string): Promise<Server> {
  const server = createServer(handler);
  // A probe is one short request; idle connections would only hold memory.
  server.keepAliveTimeout = 1_000;
  server.requestTimeout = 10_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', error =>
      reject(new RefresherError('listen', `can't listen on ${host ?? '*'}:${port}`, { cause: error })),
    );
    server.listen(port, host, resolve);
  });
  return server;
}

export function close(server: Server): Promise<void> {
  return new Promise(resolve => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
