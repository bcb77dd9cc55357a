// `npm start`: a lab in the foreground with the reachability matrix on screen, removed again at Ctrl-C.

import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Lab } from './lab.ts';
import { labTitle, nodeLines, podLine } from './progress.ts';
import { probeReachability, renderMatrix, summary, unreached } from './reachability.ts';
import type { LabMode, LabRecord } from './record.ts';
import { stopSignal } from './supervise.ts';

export interface DemoOptions {
  readonly mode: LabMode;
  /** End after the matrix. */
  readonly once: boolean;
  readonly source: string;
  readonly nodes: number;
}

/** Three apps with two pods each. */
export const demoManifests: string = join(
  dirname(fileURLToPath(import.meta.url)),
  '../../../examples/demo',
);

/** Returns the exit code: 0 when every cell of the matrix was reached. */
export async function demo(options: DemoOptions): Promise<number> {
  const stopped = stopSignal().then(() => 'stopped' as const);
  const { source, mode, nodes } = options;
  const lab = await Lab.start({ name: 'demo', source, mode, nodes, onNote: note });
  try {
    const startedAt = Date.now();
    if ((await Promise.race([lab.startPods(), stopped])) === 'stopped') return 130;
    const record = lab.record();
    console.log(`heddle demo: ${labTitle(record)}`);
    for (const line of nodeLines(record)) console.log(line);
    console.log(podLine(record, Date.now() - startedAt));
    const reachability = await Promise.race([probeReachability(record), stopped]);
    if (reachability === 'stopped') return 130;
    console.log('reachability (round trip of an HTTP request in us: IPv4/IPv6)');
    console.log(renderMatrix(reachability));
    console.log(summary(reachability));
    const exitCode = unreached(reachability).length === 0 ? 0 : 1;
    if (options.once) return exitCode;
    console.log(`\n${nextSteps(record)}`);
    lab.watch();
    await stopped;
    return exitCode;
  } finally {
    await lab.close();
  }
}

function nextSteps({ pods, nodes, source }: LabRecord): string {
  const [first] = pods;
  const other = pods.find((pod) => pod.node !== first?.node) ?? first;
  const name = `${first?.namespace}/${first?.name}`;
  const node = nodes[0]?.name;
  return [
    `try:   npx heddle lab exec ${name} -- curl -s http://${other?.addresses[0]}:8080/`,
    `       npx heddle lab node ${node} -- npx heddle flows -f`,
    `       npx heddle lab node ${node} -- npx heddle status`,
    `       edit ${source}: pods come and go`,
    'Ctrl-C removes everything.',
  ].join('\n');
}

function note(text: string): void {
  console.log(`note: ${text}`);
}
