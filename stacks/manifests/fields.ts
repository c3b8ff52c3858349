/**
 * Where the provider's fields differ from the API's. A field that isn't here is the API's in snake_case, with a value of
 * the same shape. A test compares this table with the provider's schema and the API's, field by field.
 */
export interface Field {
  /** The API's name, where camel case isn't it. */
  readonly name?: string;
  /** The API's name of a list of blocks that the provider names in the singular. */
  readonly many?: string;
  /** A list of blocks of which the API knows one. */
  readonly one?: true;
  /** A value whose text says something else to the API, or whose keys are the user's own. */
  readonly type?: FieldType;
}

/** `octal` is an integer that the provider takes as text such as `0444`. */
export type FieldType = 'map' | 'integer' | 'int-or-string' | 'octal';

const fields = (names: string, field: Field): Record<string, Field> =>
  Object.fromEntries(names.split(/\s+/).map(name => [name, field]));

/** By name, or by the whole path where one name means two things. */
export const FIELDS: Readonly<Record<string, Field>> = {
  ...fields(
    `annotations binary_data data labels limits match_labels node_selector  requests volume_attributes`,
    { type: 'map' },
  ),
  'kubernetes_service_v1.spec.selector': { type: 'map' },
  // The options of a FlexVolume; those of DNS are blocks named `option`.
  options: { type: 'map' },

  ...fields(
    `active_deadline_seconds backoff_limit backoff_limit_per_index completions container_port
     expiration_seconds failed_jobs_history_limit failure_threshold fs_group 
     health_check_node_port host_port initial_delay_seconds  lun
     max_failed_indexes max_skew min_domains min_ready_seconds node_port parallelism partition period_seconds
     progress_deadline_seconds replicas revision_history_limit run_as_group run_as_user starting_deadline_seconds
     success_threshold successful_jobs_history_limit termination_grace_period_seconds timeout_seconds
     toleration_seconds ttl_seconds_after_finished weight`,
    { type: 'integer' },
  ),
  ...fields('max_surge max_unavailable min_available target_port', { type: 'int-or-string' }),
  ...fields('default_mode mode', { type: 'octal' }),

  container: { many: 'containers' },
  http_header: { many: 'httpHeaders' },
  init_container: { many: 'initContainers' },
  node_selector_term: { many: 'nodeSelectorTerms' },
  on_pod_condition: { many: 'onPodConditions' },
  option: { many: 'options' },
  port: { many: 'ports', type: 'int-or-string' },
  readiness_gate: { many: 'readinessGates' },
  rule: { many: 'rules' },
  sysctl: { many: 'sysctls' },
  toleration: { many: 'tolerations' },
  topology_spread_constraint: { many: 'topologySpreadConstraints' },
  volume: { many: 'volumes' },
  volume_claim_template: { many: 'volumeClaimTemplates' },
  volume_device: { many: 'volumeDevices' },
  volume_mount: { many: 'volumeMounts' },
  'kubernetes_service_account_v1.image_pull_secret': { many: 'imagePullSecrets' },
  'kubernetes_service_account_v1.secret': { many: 'secrets' },

  ...fields(
    `config_map grpc label_selector namespace_selector persistent_volume_claim_retention_policy post_start pre_stop
     projected rolling_update secret tcp_socket update_strategy`,
    { one: true },
  ),

  client_ip: { name: 'clientIP' },
  ceph_fs: { name: 'cephfs' },
  cluster_ip: { name: 'clusterIP' },
  cluster_ips: { name: 'clusterIPs' },
  data_disk_uri: { name: 'diskURI' },
  downward_api: { name: 'downwardAPI' },
  external_ips: { name: 'externalIPs' },
  host_ip: { name: 'hostIP' },
  host_ipc: { name: 'hostIPC' },
  host_pid: { name: 'hostPID' },
  load_balancer_ip: { name: 'loadBalancerIP' },
  pd_id: { name: 'pdID' },
  run_as_username: { name: 'runAsUserName' },
  target_ww_ns: { name: 'targetWWNs' },
  timezone: { name: 'timeZone' },
  volume_id: { name: 'volumeID' },
};

const SAME: Field = {};

/** @param path names from the resource's type down to the field */
export function fieldAt(path: readonly string[]): Field {
  return FIELDS[path.join('.')] ?? FIELDS[path.at(-1) ?? ''] ?? SAME;
}

/** What the API calls a field. */
export function apiName(name: string, field: Field, isList: boolean): string {
  if (isList && field.many !== undefined) return field.many;
  return field.name ?? name.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** What a resource says to Terraform alone. */
export const TERRAFORM_ONLY: ReadonlySet<string> = new Set([
  '//',
  'connection',
  'depends_on',
  'id',
  'lifecycle',
  'provider',
  'provisioner',
  'timeouts',
  'wait_for_completion',
  'wait_for_default_service_account',
  'wait_for_load_balancer',
  'wait_for_rollout',
]);
