/** Set by the build from package.json. */
declare const REFRESHER_VERSION: string | undefined;

export const VERSION = typeof REFRESHER_VERSION === 'undefined' ? '0.0.0-source' : REFRESHER_VERSION;
