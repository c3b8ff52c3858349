import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Listener } from '../listener';
import type { CredentialRegistry, IssueOptions, SessionCredentials } from '../rds/credential-registry';

/** What an endpoint answers instead of credentials. */
export type CredentialFault = 'internal-error' | 'throttled' | 'garbage';

/** What can be made to go wrong, at any time. Set a field, and the next request meets it. */
export interface CredentialFaults {
  /** Answer every request so. */
  answer?: CredentialFault;
  /** Milliseconds that every request waits. */
  delayMs: number;
  /** Hand out the last credentials again, however little is left of them, as the Pod Identity agent may. */
  cached: boolean;
}

export interface CredentialEndpointOptions {
  /** Where the credentials handed out become known. */
  readonly registry: CredentialRegistry;
  /** What the credentials are like. May be changed later, by `issue`. */
  readonly issue?: IssueOptions;
}

export interface Request {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** How an endpoint speaks; all else is the same for each. */
export interface Dialect {
  /** Answers a request, calling `issue` once it is found to be in order. */
  answer(request: Request, issue: () => SessionCredentials): Answer;
  throttled(): Answer;
  internalError(): Answer;
}

/** An HTTP server on 127.0.0.1 that hands out credentials, with faults that can be switched on. */
export class CredentialEndpoint {
  readonly faults: CredentialFaults = { delayMs: 0, cached: false };
  /** What the next credentials are like. May be changed at any time. */
  issue: IssueOptions;
  /** Requests that came in. */
  requestCount = 0;
  /** Requests answered with credentials. */
  issuedCount = 0;
  private readonly listener: Listener;
  private last: SessionCredentials | undefined;

  constructor(
    private readonly options: CredentialEndpointOptions,
    private readonly dialect: Dialect,
  ) {
    this.issue = options.issue ?? {};
    this.listener = new Listener(
      createServer((request, response) => {
        this.serve(request, response).catch(() => response.destroy());
      }),
    );
  }

  /** `http://127.0.0.1:<port>`. */
  get url(): string {
    return `http://127.0.0.1:${this.listener.port}`;
  }

  /** The credentials handed out last. */
  get lastIssued(): SessionCredentials | undefined {
    return this.last;
  }

  /** Refuses connections, until `comeBack`. */
  async goDown(): Promise<void> {
    await this.listener.down();
  }

  /** Listens again, on the same port. */
  async comeBack(): Promise<void> {
    await this.listener.up();
  }

  async stop(): Promise<void> {
    await this.listener.down();
  }

  private async serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requestCount++;
    const { method = '', url = '', headers } = incoming;
    const body = await text(incoming);
    if (this.faults.delayMs > 0) await sleep(this.faults.delayMs);
    const answer = this.faultyAnswer() ?? this.dialect.answer({ method, url, headers, body }, this.handOut);
    response.writeHead(answer.status, { 'content-type': answer.contentType }).end(answer.body);
  }

  private faultyAnswer(): Answer | undefined {
    switch (this.faults.answer) {
      case 'internal-error':
        return this.dialect.internalError();
      case 'throttled':
        return this.dialect.throttled();
      case 'garbage':
        return { status: 200, contentType: 'text/html', body: '<html>captive portal: please log in</html>' };
      case undefined:
        return undefined;
    }
  }

  private readonly handOut = (): SessionCredentials => {
    this.issuedCount++;
    if (!this.last || !this.faults.cached) this.last = this.options.registry.issue(this.issue);
    return this.last;
  };
}
