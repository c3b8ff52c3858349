import { ContainerCredentials } from '../support/aws/container-credentials';
import { describeOutages } from './support/outages';

describeOutages('container endpoint', options => ContainerCredentials.start(options));
