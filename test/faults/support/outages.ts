import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CredentialEndpoint, CredentialEndpointOptions } from '../../support/aws/credential-endpoint';
import {
  expectUnavoidable,
  expectUnnoticed,
  FaultPath,
  HICCUP_SECONDS,
  OUTAGE_SECONDS,
  Pod,
  TOKEN_SECONDS,
} from './pod';

/** Seconds: so short that an outage of the source is felt soon, so long that it isn't felt at once. */
const SESSION_SECONDS = TOKEN_SECONDS + 1;

type Endpoint = CredentialEndpoint & { environment(): Record<string, string> };
type Change = (aws: Endpoint) => unknown;

const answering = (fault: 'internal-error' | 'throttled' | 'garbage'): [Change, Change] => [
  aws => {
    aws.faults.answer = fault;
  },
  aws => {
    aws.faults.answer = undefined;
  },
];

const FAULTS: readonly [fault: string, begin: Change, end: Change][] = [
  ['is down', aws => aws.goDown(), aws => aws.comeBack()],
  [
    'takes 30 s',
    aws => {
      aws.faults.delayMs = 30_000;
    },
    aws => {
      aws.faults.delayMs = 0;
    },
  ],
  ['answers 500', ...answering('internal-error')],
  ['throttles', ...answering('throttled')],
  ['answers garbage', ...answering('garbage')],
  [
    'hands out the same credentials',
    aws => {
      aws.faults.cached = true;
    },
    aws => {
      aws.faults.cached = false;
    },
  ],
];

/** Everything that can go wrong with a source of credentials: for a moment, and until the last token dies. */
export function describeOutages(
  source: string,
  startEndpoint: (options: CredentialEndpointOptions) => Promise<Endpoint>,
): void {
  let scene: FaultPath;
  beforeAll(async () => {
    scene = await FaultPath.start();
  });
  afterAll(() => scene.stop());

  const withPod = async (
    issue: CredentialEndpointOptions['issue'],
    work: (pod: Pod, aws: Endpoint) => Promise<void>,
  ) => {
    const aws = await startEndpoint({ registry: scene.path.registry, issue });
    try {
      await work(await Pod.start(scene, { env: aws.environment() }), aws);
    } finally {
      await aws.stop();
    }
  };

  describe.each(FAULTS)(`${source} %s`, (name, begin, end) => {
    it('until the token dies', () =>
      withPod({ lifetimeSeconds: SESSION_SECONDS }, async (pod, aws) => {
        const outcome = await pod.suffer({
          section: 'credentials',
          fault: `${source} ${name}, until the token dies`,
          seconds: OUTAGE_SECONDS,
          begin: () => begin(aws),
          end: () => end(aws),
        });
        expect(outcome.deadSeconds).toBeGreaterThan(0);
        // An attempt that still waits for an answer has to end first.
        expectUnavoidable(pod, outcome, name.startsWith('takes') ? 2 : 0);
      }));
  });

  it(`${source} is down for a moment`, () =>
    withPod({ lifetimeSeconds: TOKEN_SECONDS + 3 }, async (pod, aws) => {
      const outcome = await pod.suffer({
        section: 'credentials',
        fault: `${source} is down for a moment`,
        seconds: HICCUP_SECONDS,
        atRenewal: true,
        begin: () => aws.goDown(),
        end: () => aws.comeBack(),
      });
      expectUnnoticed(pod, outcome);
    }));
}
