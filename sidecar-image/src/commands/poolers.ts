import { systemClock } from '../clock';
import type { PoolerConfig } from '../config/schema';
import { describeError } from '../errors';
import type { Logger } from '../log';
import { isIntact } from '../publish/atomic-file';
import { connectAdminConsole } from '../reload/admin-console';
import type { PublishedUserlist } from '../reload/reload';
import { Reloader, type ReloaderEvents } from '../reload/reloader';
import type { GroupState } from '../renewal/state';

/** What lies in a published userlist now, as far as a pooler's reload depends on it. */
function publishedUserlist(groups: readonly GroupState[], path: string): PublishedUserlist {
  for (const { files, targets } of groups) {
    const file = files.find(({ plan }) => plan.path === path);
    if (file === undefined) continue;
    const present = targets.filter(({ config }) => file.entries.has(config.name));
    return {
      users: present.map(({ config }) => config.user),
      longestPassword: Math.max(0, ...present.map(({ schedule }) => schedule.token?.text.length ?? 0)),
      // By what it is then: a newer publish, while the reload waited for its moment, is no reason to give up.
      intact: () => file.fingerprint !== undefined && isIntact(path, file.fingerprint),
    };
  }
  throw new Error(`no target publishes "${path}"`);
}

/** One line for each change of mind, not one a second while a pooler is down. */
function logEvents(log: Logger): ReloaderEvents {
  const last = new Map<string, string>();
  return {
    confirmed: (pooler, seconds) => {
      last.delete(pooler.name);
      log.info({ pooler: pooler.name, seconds }, 'pooler reloaded');
    },
    deferred: (pooler, reason, error) => {
      const message = describeError(error);
      if (last.get(pooler.name) === message) return;
      last.set(pooler.name, message);
      if (reason === 'absent')
        log.info({ pooler: pooler.name }, 'pooler is not up yet, it will read the file itself');
      else log.warn({ pooler: pooler.name, reason: message }, 'pooler not reloaded');
    },
  };
}

export function createReloader(pooler: PoolerConfig, groups: readonly GroupState[], log: Logger): Reloader {
  const ports = {
    clock: systemClock,
    connect: connectAdminConsole,
    userlist: (path: string) => publishedUserlist(groups, path),
  };
  return new Reloader(pooler, ports, logEvents(log));
}
