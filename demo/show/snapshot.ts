import type { Queries } from '../run/app-report';

/** All that is known at one moment of the run. Numbers only: no token, no key. */
export interface Snapshot {
  /** Since the app started. */
  readonly elapsedSeconds: number;
  /** How long it is meant to run. */
  readonly totalSeconds: number;
  /** Of the token that is published now. */
  readonly token: {
    readonly ageSeconds: number;
    /** Until the effective expiry. */
    readonly secondsLeft: number;
  };
  /** How long the database accepts a token. */
  readonly tokenLifetimeSeconds: number;
  /** Whether it could be asked; otherwise, what it says is from before. */
  readonly refresherAnswers: boolean;
  /** Tokens that the refresher published. */
  readonly published: number;
  /** Tokens of this run that are dead by now. */
  readonly expired: number;
  /** Attempts of the refresher that published nothing. */
  readonly failedPublishes: number;
  readonly reloads: { readonly confirmed: number; readonly failed: number; readonly pending: boolean };
  /** Sets of AWS credentials that were handed out. */
  readonly credentials: number;
  readonly logins: {
    readonly accepted: number;
    readonly refused: number;
    /** Why, as the database knows it. */
    readonly reasons: readonly string[];
    /** Age of the oldest token that was accepted. */
    readonly oldestTokenSeconds: number;
  };
  readonly queries: Queries;
}

/** A login with the first token of the run, after it had expired. */
export interface StaleLogin {
  readonly ageSeconds: number;
  readonly refused: boolean;
  /** What the client was told. */
  readonly message: string;
}
