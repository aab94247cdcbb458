import * as tf from '@tensorflow/tfjs';
import * as bicot from 'bicot';
import * as models from 'bicot/models';
import * as node from 'bicot/node';
import { checkLoss, checkNode, checkParallel, checkStep, oneStep } from './one-step.cjs';

checkStep(await oneStep({ tf, bicot, models, node }));
await checkLoss({ tf, bicot });
checkNode({ node });
await checkParallel({ tf, bicot, models, node });
