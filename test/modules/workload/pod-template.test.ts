import type { CronJobV1SpecJobTemplateSpecTemplate } from '@cdktf/provider-kubernetes/lib/cron-job-v1';
import type { DeploymentV1SpecTemplate } from '@cdktf/provider-kubernetes/lib/deployment-v1';
import type { JobV1SpecTemplate } from '@cdktf/provider-kubernetes/lib/job-v1';
import type { StatefulSetV1SpecTemplate } from '@cdktf/provider-kubernetes/lib/stateful-set-v1';
import { describe, expect, it } from 'vitest';
import { planPod } from '../../../modules/workload/pod';
import { podTemplate } from '../../../modules/workload/pod-template';

describe('a pod template', () => {
  const template = podTemplate(planPod({ app: { name: 'app', image: 'app:1' } }), {
    labels: { app: 'x' },
    serviceAccountName: 'app',
    configMapName: ({ name }) => name,
  });

  it('fits every kind of workload', () => {
    // The compiler is the judge: these assignments fail to type-check when the shapes drift apart.
    const deployment: DeploymentV1SpecTemplate = template;
    const statefulSet: StatefulSetV1SpecTemplate = template;
    const job: JobV1SpecTemplate = template;
    const cronJob: CronJobV1SpecJobTemplateSpecTemplate = template;
    expect([deployment, statefulSet, job, cronJob]).toEqual(Array(4).fill(template));
  });

  it('is pure: the same plan gives the same template', () => {
    const again = podTemplate(planPod({ app: { name: 'app', image: 'app:1' } }), {
      labels: { app: 'x' },
      serviceAccountName: 'app',
      configMapName: ({ name }) => name,
    });
    expect(again).toEqual(template);
  });
});
