/** The constructs. Each module can be imported by itself as well, which loads less. */
export * from './database/rds-target';
export * from './identity/existing-role-identity';
export * from './identity/irsa-identity';
export * from './identity/pod-identity';
export type * from './identity/workload-identity';
export * from './image/sidecar-image';
export * from './image/sidecar-repository';
export * from './pooler/embedded-pgbouncer';
export * from './pooler/pgbouncer-sidecar';
export type * from './pooler/pooler';
export type * from './refresher/outputs';
export * from './refresher/token-refresher';
export type * from './workload/container';
export * from './workload/shared-volume';
export type * from './workload/sidecar';
export * from './workload/sidecar-deployment';
export type * from './workload/volume';
export * from './workload/writable-path';
