import { App, type AppConfig, type TerraformStack } from 'cdktf';
import type { Construct } from 'constructs';
import { AuroraReaderWriter } from './aurora-reader-writer';
import { DjangoPgBouncer } from './django-pgbouncer';
import { EmbeddedPooler } from './embedded-pooler';
import { LibpqPasswordFile } from './libpq-password-file';
import { MySqlOptionFile } from './mysql-option-file';
import { OwnRoleAndImage } from './own-role-and-image';
import { RdsProxyLogin } from './rds-proxy';

/** One way of use each, by the name of its file and stack. */
export const EXAMPLES: Readonly<Record<string, new (scope: Construct, id: string) => TerraformStack>> = {
  'aurora-reader-writer': AuroraReaderWriter,
  'django-pgbouncer': DjangoPgBouncer,
  'embedded-pooler': EmbeddedPooler,
  'libpq-password-file': LibpqPasswordFile,
  'mysql-option-file': MySqlOptionFile,
  'own-role-and-image': OwnRoleAndImage,
  'rds-proxy': RdsProxyLogin,
};

export function examplesApp(config?: AppConfig): App {
  const app = new App(config);
  for (const [name, Example] of Object.entries(EXAMPLES)) new Example(app, name);
  return app;
}
