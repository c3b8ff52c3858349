/** AWS credentials as the SDK's providers return them. Secrets: never logged, never put in an error. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** When they die, and with them every token they signed. Absent for long-term keys. */
  readonly expiration?: Date;
}

/** Asks the source anew each time. */
export type CredentialProvider = () => Promise<Credentials>;

/** Wall clock, ms; undefined if they don't expire. */
export function expiryOf(credentials: Credentials): number | undefined {
  return credentials.expiration?.getTime();
}
