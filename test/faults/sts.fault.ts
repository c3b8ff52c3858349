import { Sts } from '../support/aws/sts';
import { describeOutages } from './support/outages';

describeOutages('STS', options => Sts.start(options));
