import type { RequestListener } from 'node:http';

/** `POST /quit`, for the end of a Job in the classic lifecycle. Listens on loopback, so only the pod can reach it. */
export function controlHandler(quit: () => void): RequestListener {
  return (request, response) => {
    const reply = (code: number, body: string) => {
      response.writeHead(code, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
      response.end(body);
    };
    if (request.url !== '/quit') return reply(404, 'try POST /quit\n');
    if (request.method !== 'POST') return reply(405, 'quit with POST\n');
    response.once('finish', quit);
    return reply(200, 'bye\n');
  };
}
