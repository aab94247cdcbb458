const tf = require('@tensorflow/tfjs');
const bicot = require('bicot');
const models = require('bicot/models');
const node = require('bicot/node');
const { checkLoss, checkNode, checkParallel, checkStep, oneStep } = require('./one-step.cjs');

(async () => {
  checkStep(await oneStep({ tf, bicot, models, node }));
  await checkLoss({ tf, bicot });
  checkNode({ node });
  await checkParallel({ tf, bicot, models, node });
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
