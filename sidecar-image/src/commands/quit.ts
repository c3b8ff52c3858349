import type { RefresherConfig } from '../config/schema';
import { RefresherError } from '../errors';
import { askLoopback } from './loopback';

/** `quit`: asks the refresher in this pod to end. Throws kind `unreachable`. */
export async function quit(config: RefresherConfig): Promise<void> {
  const { controlPort } = config.listen;
  const where = `127.0.0.1:${controlPort}`;
  const { code } = await askLoopback('POST', controlPort, '/quit').catch(error => {
    throw new RefresherError('unreachable', `no refresher answers on ${where}`, { cause: error });
  });
  if (code !== 200)
    throw new RefresherError('unreachable', `${where} is not a refresher: it answered ${code}`);
}
