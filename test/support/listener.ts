import { once } from 'node:events';
import type { AddressInfo, Server, Socket } from 'node:net';

/** A TCP server on 127.0.0.1 that can go down, which refuses connections, and come back on the same port. */
export class Listener {
  private readonly sockets = new Set<Socket>();
  private lastPort = 0;

  constructor(private readonly server: Server) {
    server.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      // A client that vanishes is nobody's error.
      socket.on('error', () => {});
      socket.once('close', () => this.sockets.delete(socket));
    });
  }

  get port(): number {
    return this.lastPort;
  }

  get connections(): number {
    return this.sockets.size;
  }

  /** Listens on the port it had before, the first time on one that the kernel picks. No-op while it listens. */
  async up(): Promise<void> {
    if (this.server.listening) return;
    this.server.listen(this.lastPort, '127.0.0.1');
    await once(this.server, 'listening');
    this.lastPort = (this.server.address() as AddressInfo).port;
  }

  /** Stops listening and cuts every connection. No-op while it is down. */
  async down(): Promise<void> {
    if (!this.server.listening) return;
    const closed = once(this.server, 'close');
    this.server.close();
    this.cut();
    await closed;
  }

  /** Cuts every connection; new ones are welcome. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}
