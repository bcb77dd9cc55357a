// `heddle lab status`: one screen for all labs of the machine.

import { namespacedName } from '../base/namespaced-name.ts';
import { aligned, labTitle } from './progress.ts';
import type { LabNodeRecord, LabRecord, PodRecord } from './record.ts';

/** A record with facts that only the reader knows. */
export interface LabView extends LabRecord {
  /** False: its supervisor has ended, and only `lab down` is useful. */
  readonly supervised: boolean;
}

export function renderLabs(labs: readonly LabView[]): string {
  if (labs.length === 0) return 'no lab is up: heddle lab up FILE|DIR';
  return labs.map(renderLab).join('\n\n');
}

function renderLab(lab: LabView): string {
  const lines = [
    `${lab.name}: ${health(lab)}   ${labTitle(lab)}   from ${lab.source}`,
    ...aligned(lab.nodes.map(nodeRow)).map((line) => `  ${line}`),
    ...aligned(lab.pods.map(podRow)).map((line) => `  ${line}`),
    ...lab.problems.map((problem) => `  problem: ${problem}`),
    ...lab.notes.slice(-5).map(({ time, text }) => `  ${time.slice(11, 19)} ${text}`),
  ];
  return lines.join('\n');
}

function health(lab: LabView): string {
  if (!lab.supervised)
    return `CRASHED (its supervisor has ended): heddle lab down --name ${lab.name}`;
  const down = lab.nodes.filter(({ agent }) => agent.state !== 'ready');
  const waiting = lab.pods.filter(({ state }) => state !== 'running');
  if (down.length > 0) return `${down.length} of ${lab.nodes.length} agents NOT READY`;
  if (waiting.length > 0) return `${waiting.length} of ${lab.pods.length} pods NOT RUNNING`;
  return lab.state;
}

function nodeRow({ name, agent, addresses, podCidrs }: LabNodeRecord): readonly string[] {
  const { restarts: count } = agent;
  const restarts = count > 0 ? `, ${count} restart${count === 1 ? '' : 's'}` : '';
  return [
    'node',
    name,
    `agent ${agent.state}${restarts}`,
    addresses.join('  '),
    `pods ${podCidrs.join('  ')}`,
  ];
}

function podRow({
  namespace,
  name,
  node,
  state,
  addresses,
  problem,
}: PodRecord): readonly string[] {
  return [
    'pod',
    namespacedName({ namespace, name }),
    `${state} on ${node}`,
    addresses.join('  '),
    problem ?? '',
  ];
}
