// `npm start`: a lab in the foreground that prints the reachability matrix and is removed on Ctrl-C.

import { relative } from 'node:path';
import { Lab } from './lab.ts';
import { labTitle, nodeLines, podLine } from './progress.ts';
import { probeReachability, renderMatrix, summary, unreached } from './reachability.ts';
import { type LabMode, type LabRecord, labNames } from './record.ts';
import { stopSignal } from './supervise.ts';

export interface DemoOptions {
  readonly name: string;
  readonly mode: LabMode;
  /** Stop after the matrix. */
  readonly once: boolean;
  readonly source: string;
  readonly nodes: number;
}

// The exit code that a shell reports for a program ended by Ctrl-C.
const interrupted = 130;

/** Returns the exit code: 0 if every cell of the matrix was reached. */
export async function demo(options: DemoOptions): Promise<number> {
  const stopped = stopSignal().then(() => 'stopped' as const);
  const { name, source, mode, nodes } = options;
  const lab = await Lab.build({ name, source, mode, nodes, onNote: note });
  try {
    console.log(`heddle demo: ${labTitle(lab.record(), lab.podCount)}`);
    if ((await Promise.race([start(lab), stopped])) === 'stopped') return interrupted;
    const record = lab.record();
    const reachability = await Promise.race([probeReachability(record), stopped]);
    if (reachability === 'stopped') return interrupted;
    console.log('reachability (TCP round trip in us, median of 50: IPv4/IPv6)');
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

async function start(lab: Lab): Promise<void> {
  await lab.startAgents();
  for (const line of nodeLines(lab.record())) console.log(line);
  const startedAt = Date.now();
  await lab.startPods();
  if (lab.isStopping) return;
  console.log(podLine(lab.record(), Date.now() - startedAt));
}

function nextSteps({ name: lab, pods, source }: LabRecord): string {
  const [first] = pods;
  const other = pods.find((pod) => pod.node !== first?.node) ?? first;
  const pod = `${first?.namespace}/${first?.name}`;
  // If there is only one lab, commands find it without a flag.
  const [inLab, ofLab] = labNames().length > 1 ? [` --name ${lab}`, ` --lab ${lab}`] : ['', ''];
  return [
    `try:   npx heddle lab exec${inLab} ${pod} -- curl -s http://${other?.addresses[0]}:8080/`,
    `       npx heddle flows -f${ofLab}`,
    `       npx heddle status${ofLab}`,
    `       edit ${relative(process.cwd(), source) || source}: pods are added and deleted`,
    'Ctrl-C removes everything.',
  ].join('\n');
}

function note(text: string): void {
  console.log(`note: ${text}`);
}
