import { DataResource } from 'cdktf';
import type { Construct } from 'constructs';
import { describe, expect, it } from 'vitest';
import { PodIdentity, type PodIdentityProps } from '../../../modules/identity/pod-identity';
import { allows, policyOf } from '../../support/iam';
import { synth, testStack } from '../../support/synth';

const CLUSTER_ARN = 'arn:aws:eks:eu-central-1:111122223333:cluster/prod';
const PROPS: PodIdentityProps = { namespace: 'app', serviceAccountName: 'web', clusterName: 'prod' };

const make = (change: Partial<PodIdentityProps> = {}, scope: Construct = testStack()) =>
  new PodIdentity(scope, 'Identity', { ...PROPS, ...change });

describe('the role', () => {
  const trust = (change: Partial<PodIdentityProps> = {}) =>
    policyOf(synth(scope => make(change, scope)).dataSource('aws_iam_policy_document'));
  const tags = (namespace: string, account: string, cluster = CLUSTER_ARN) => ({
    'aws:RequestTag/kubernetes-namespace': namespace,
    'aws:RequestTag/kubernetes-service-account': account,
    'aws:RequestTag/eks-cluster-arn': cluster,
  });
  const principal = { type: 'Service', id: 'pods.eks.amazonaws.com' };

  it.each(['sts:AssumeRole', 'sts:TagSession'])('is given to the one service account: %s', action => {
    const policy = trust();
    const given = (context: Record<string, string>) => allows(policy, { action, principal, context });
    expect(given(tags('app', 'web'))).toBe(true);
    expect(given(tags('app', 'other'))).toBe(false);
    expect(given(tags('other', 'web'))).toBe(false);
    expect(given({})).toBe(false);
    const ec2 = { type: 'Service', id: 'ec2.amazonaws.com' };
    expect(allows(policy, { action, principal: ec2, context: tags('app', 'web') })).toBe(false);
  });

  it('is given in the one cluster, where its arn is known', () => {
    const elsewhere = tags('app', 'web', 'arn:aws:eks:eu-central-1:111122223333:cluster/test');
    const request = { action: 'sts:AssumeRole', principal };
    expect(allows(trust(), { ...request, context: elsewhere })).toBe(true);
    expect(allows(trust({ clusterArn: CLUSTER_ARN }), { ...request, context: elsewhere })).toBe(false);
    expect(allows(trust({ clusterArn: CLUSTER_ARN }), { ...request, context: tags('app', 'web') })).toBe(
      true,
    );
  });
});

describe('the association', () => {
  const stack = (change: Partial<PodIdentityProps> = {}) =>
    synth(scope => {
      const identity = make(change, scope);
      identity.grant({ sid: 'Read', actions: ['s3:GetObject'], resources: ['arn:aws:s3:::x/*'] });
      const { dependencies, podAnnotations } = identity;
      new DataResource(scope, 'Pod', { input: podAnnotations, dependsOn: [...dependencies] });
    });
  const named = (json: Record<string, object>, part: string) =>
    Object.entries(json).find(([name]) => name.includes(part)) ?? ['', undefined];

  it('gives the role to the service account', () => {
    expect(stack({ tags: { team: 'shop' } }).resource('aws_eks_pod_identity_association')).toEqual({
      cluster_name: 'prod',
      namespace: 'app',
      service_account: 'web',
      role_arn: expect.stringMatching(/^\$\{aws_iam_role\.[\w-]+\.arn}$/),
      tags: { team: 'shop' },
    });
  });

  it('is in effect before a pod starts: pod after wait after association', () => {
    const { json } = stack();
    const [association] = Object.keys(json.resource.aws_eks_pod_identity_association);
    const [waitName, wait] = named(json.resource.terraform_data, 'association-wait');
    expect(wait).toEqual({
      triggers_replace: { association: `\${aws_eks_pod_identity_association.${association}.association_id}` },
      provisioner: [{ 'local-exec': { command: 'sleep 20' } }],
      depends_on: [`aws_eks_pod_identity_association.${association}`],
    });
    const [policy] = Object.keys(json.resource.aws_iam_role_policy);
    expect(json.resource.terraform_data.Pod.depends_on).toEqual([
      `aws_iam_role_policy.${policy}`,
      `terraform_data.${waitName}`,
    ]);
  });

  it('makes new pods when it is replaced, or gets another role', () => {
    const { json } = stack();
    const [association] = Object.keys(json.resource.aws_eks_pod_identity_association);
    const [role] = Object.keys(json.resource.aws_iam_role);
    expect(json.resource.terraform_data.Pod.input).toEqual({
      'rds-iam-sidecar/identity': `\${aws_eks_pod_identity_association.${association}.association_id} \${aws_iam_role.${role}.arn}`,
    });
  });

  it('is waited for as long as told', () => {
    const [, wait] = named(stack({ waitSeconds: 45 }).json.resource.terraform_data, 'association-wait');
    expect(wait).toMatchObject({ provisioner: [{ 'local-exec': { command: 'sleep 45' } }] });
  });

  it('is depended on itself where there is no wait', () => {
    const { json } = stack({ waitSeconds: 0 });
    expect(Object.keys(json.resource.terraform_data)).toEqual(['Pod']);
    const [association] = Object.keys(json.resource.aws_eks_pod_identity_association);
    expect(json.resource.terraform_data.Pod.depends_on).toContain(
      `aws_eks_pod_identity_association.${association}`,
    );
  });

  it('needs no annotation of the service account', () => {
    expect(make()).toMatchObject({ serviceAccountAnnotations: {}, credentials: 'container' });
  });

  it('can be of a role that exists', () => {
    const role = { arn: 'arn:aws:iam::111122223333:role/web', name: 'web' };
    const { resource, resources } = stack({ role });
    expect(resource('aws_eks_pod_identity_association').role_arn).toBe(role.arn);
    expect(resource('aws_iam_role_policy').role).toBe('web');
    expect(resources('aws_iam_role')).toEqual([]);
  });
});

describe('what is refused', () => {
  it.each<[Partial<PodIdentityProps>, string]>([
    [{ waitSeconds: -1 }, 'waitSeconds -1 is out of range: pass 0 to 600 seconds'],
    [{ waitSeconds: 1.5 }, 'waitSeconds 1.5 is out of range'],
    [{ waitSeconds: 601 }, 'waitSeconds 601 is out of range'],
    [
      { clusterName: CLUSTER_ARN },
      `"${CLUSTER_ARN}" is not the name of an EKS cluster: pass the name, not the arn or the endpoint`,
    ],
    [
      { clusterArn: 'prod' },
      '"prod" is not the arn of an EKS cluster: pass arn:aws:eks:<region>:<account>:cluster/<name>',
    ],
    [
      { clusterName: 'test', clusterArn: CLUSTER_ARN },
      `clusterArn "${CLUSTER_ARN}" is not of the cluster "test": pass both of the same cluster`,
    ],
    [{ namespace: '' }, '"" is not a namespace'],
  ])('%o', (change, message) => {
    expect(() => make(change)).toThrow(message);
  });
});
