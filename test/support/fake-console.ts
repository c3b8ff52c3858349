import type { AdminConsole } from '../../sidecar-image/src/reload/admin-console';
import { USERLIST } from './builders';

/** PgBouncer's admin console of a pooler that is well, with parts replaced, that notes down what it is asked. */
export function fakeConsole(overrides: Partial<AdminConsole> = {}): AdminConsole & { calls: string[] } {
  const calls: string[] = [];
  const answers: AdminConsole = {
    version: async () => '1.18.0',
    setting: async () => USERLIST,
    users: async () => new Set(['pgbouncer', 'app']),
    logins: async () => ({ inFlight: 0, awaited: 0 }),
    reload: async () => {},
    close: async () => {},
    ...overrides,
  };
  const noted = <T>(name: keyof AdminConsole, answer: () => Promise<T>) => {
    return () => {
      calls.push(name);
      return answer();
    };
  };
  return {
    calls,
    version: noted('version', answers.version),
    setting: noted('setting', () => answers.setting('auth_file')),
    users: noted('users', answers.users),
    logins: noted('logins', answers.logins),
    reload: noted('reload', answers.reload),
    close: noted('close', answers.close),
  };
}
