import type { RefresherConfig } from '../config/schema';

/** `check`: what the configuration means, with every default filled in. Loading it was the check. */
export function check(config: RefresherConfig): string {
  return `${JSON.stringify(config, null, 2)}\n`;
}
