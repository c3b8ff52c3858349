/** What `run` loads once the first token is out. */
export { controlHandler } from './control';
export { close, listen } from './listen';
export { probeHandler } from './probes';
export { takeStatus } from './status';
