import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { describeError } from '../errors';
import type { MetricsPage } from './metrics';
import type { Status } from './status';

export interface ProbeSources {
  readonly status: () => Status;
  readonly metrics: () => Promise<MetricsPage>;
  /** Rejects unless the pooler accepts and answers; undefined if there is none of that name. */
  readonly pooler: (name: string) => Promise<void> | undefined;
}

interface Answer {
  readonly code: number;
  readonly body: string;
  readonly type?: string;
}

const verdict = (good: boolean, reasons: readonly string[]): Answer => ({
  code: good ? 200 : 503,
  body: good ? 'ok\n' : `${reasons.join('\n')}\n`,
});

function startup({ started, targets }: Status): Answer {
  const waiting = targets.filter(({ published }) => !published);
  return verdict(
    started,
    waiting.map(
      ({ name, lastFailure }) => `${name}: not published yet${lastFailure ? `: ${lastFailure.message}` : ''}`,
    ),
  );
}

function readiness({ ready, targets }: Status): Answer {
  const dead = targets.filter(({ alive }) => !alive);
  return verdict(
    ready,
    dead.map(({ name, published, expiresAt }) =>
      published ? `${name}: the published token died at ${expiresAt}` : `${name}: not published yet`,
    ),
  );
}

async function pooler(name: string, sources: ProbeSources): Promise<Answer> {
  const probe = sources.pooler(name);
  if (probe === undefined) return { code: 404, body: `no pooler "${name}"\n` };
  try {
    await probe;
    return verdict(true, []);
  } catch (error) {
    return verdict(false, [`${name}: ${describeError(error)}`]);
  }
}

async function answer(path: string, sources: ProbeSources): Promise<Answer> {
  switch (path) {
    case '/startup':
      return startup(sources.status());
    case '/readiness':
      return readiness(sources.status());
    case '/liveness':
      // That the event loop got here is the answer: a failing AWS is no reason to be restarted.
      return verdict(true, []);
    case '/status':
      return { code: 200, type: 'application/json', body: `${JSON.stringify(sources.status(), null, 2)}\n` };
    case '/metrics': {
      const page = await sources.metrics();
      return { code: 200, type: page.contentType, body: await page.render(sources.status()) };
    }
    default:
      if (path.startsWith('/poolers/')) return pooler(path.slice('/poolers/'.length), sources);
      return {
        code: 404,
        body: 'try /startup, /readiness, /liveness, /status, /metrics or /poolers/<name>\n',
      };
  }
}

/** Answers GET and HEAD; everything it says may be read by anyone who reaches the pod. */
export function probeHandler(sources: ProbeSources): RequestListener {
  return (request: IncomingMessage, response: ServerResponse) => {
    const send = ({ code, body, type = 'text/plain; charset=utf-8' }: Answer) => {
      response.writeHead(code, { 'content-type': type, 'cache-control': 'no-store' });
      response.end(request.method === 'HEAD' ? undefined : body);
    };
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      send({ code: 405, body: 'probes are read with GET\n' });
      return;
    }
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    answer(path, sources).then(send, error => send({ code: 500, body: `${describeError(error)}\n` }));
  };
}
