import type { OutputConfig, RefresherConfig, TargetConfig } from '../config/schema';
import type { Token } from '../token/token';
import { bareToken, type Login, mysqlOptionFile, pgpassEntry, userlistEntry } from './formats';
import { DEFAULT_PGBOUNCER_VERSION, pgbouncerPasswordLimit } from './limits';

/** Turns a token into what one output's reader expects of one target. Throws kind `encode`. */
export type Encoder = (target: TargetConfig, output: OutputConfig, token: Token) => string;

/** The shortest limit among the poolers that read this userlist. */
function userlistLimit(config: RefresherConfig, path: string): number {
  const versions = config.poolers.filter(({ authFile }) => authFile === path).map(({ version }) => version);
  if (versions.length === 0) versions.push(DEFAULT_PGBOUNCER_VERSION);
  return Math.min(...versions.map(pgbouncerPasswordLimit));
}

export function createEncoder(config: RefresherConfig): Encoder {
  return (target, output, token) => {
    const login: Login = { host: target.host, port: target.port, user: target.user, password: token.text };
    switch (output.format) {
      case 'pgbouncer-userlist':
        return userlistEntry(login, userlistLimit(config, output.path));
      case 'pgpass':
        return pgpassEntry(login, output.database);
      case 'mysql-option-file':
        return mysqlOptionFile(login, config.caBundle?.path);
      case 'token':
        return bareToken(login);
    }
  };
}
