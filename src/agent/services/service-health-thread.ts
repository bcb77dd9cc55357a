// The thread that serves the ports by which load balancers choose nodes (service-health-ports.ts). Unlike the agent's
// own thread it may pause, which bounds the cost of a flood of connections.

import { parentPort, workerData } from 'node:worker_threads';
import { moment } from '../../base/moment.ts';
import { KeptOpen } from '../server/kept-open.ts';
import { pacer } from '../server/pace.ts';
import { AnswerCounts } from './answer-counts.ts';
import { HealthCheckPorts } from './health-check-ports.ts';
import { ProxyHealth } from './proxy-health.ts';
import { ServiceHealth } from './service-health.ts';
import type {
  FromHealthThread,
  HealthThreadData,
  NodeHealth,
  ToHealthThread,
} from './service-health-ports.ts';

const { address, timeoutMs, host, memory } = workerData as HealthThreadData;
// At most some 1,300 connections per second.
const onConnection = pacer({ acceptedAtOnce: 32, pauseMs: 25 });
const debug = (): void => undefined;

let node: NodeHealth = { isEligible: true };
let addressProblem: string | undefined;
const proxy = new ProxyHealth({ timeoutMs, problem: () => node.problem });

function tell(): void {
  const own = addressProblem === undefined ? [] : [{ text: addressProblem }];
  const problems: FromHealthThread = [...own, ...ports.problems];
  parentPort?.postMessage(problems);
}

const ports = new HealthCheckPorts({
  isProxyHealthy: () => proxy.isHealthy(moment()),
  onProblems: tell,
  log: { debug },
  onConnection,
  ...(host !== undefined && { host }),
});

parentPort?.on('message', (message: ToHealthThread) => {
  switch (message.kind) {
    case 'node':
      node = message.node;
      return proxy.replace(message.ages, moment());
    case 'checks':
      return ports.apply(message.changes);
  }
});

if (address !== undefined) {
  const counts = new AnswerCounts(memory);
  const isNodeEligible = (): boolean => node.isEligible;
  const health = new ServiceHealth({ proxy, isNodeEligible, counts, onConnection });
  const kept = new KeptOpen({
    name: 'services.healthAddress',
    consequence: 'load balancers take this node for unhealthy',
    open: () => health.listen(address),
    onProblem: (problem) => {
      addressProblem = problem;
      tell();
    },
    log: { info: debug },
  });
  // The thread never ends by itself.
  void kept.run(new AbortController().signal);
}
// The first message says that the thread works.
tell();
