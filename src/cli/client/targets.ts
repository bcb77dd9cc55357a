// Chooses the agents that a command queries: the given socket, the nodes of a lab, this machine's agent, or the only
// running lab.

import { existsSync } from 'node:fs';
import { defaultSocket } from '../../api/socket.ts';
import { AgentClient } from './client.ts';
import { CommandError } from './command-error.ts';
import type { RunningLab } from './running-lab.ts';

export interface TargetOptions {
  readonly socket?: string | undefined;
  readonly lab?: string | undefined;
  readonly node?: string | undefined;
}

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly exists: (path: string) => boolean;
  readonly labs: () => Promise<readonly RunningLab[]>;
}

export interface Targets {
  /** By node name in a lab; otherwise one client under the path of the socket. */
  readonly clients: ReadonlyMap<string, AgentClient>;
  /** Whether the output has one section per node, under the node's name. */
  readonly several: boolean;
}

/** Throws CommandError if the options name no running lab or node. */
export async function chooseTargets(
  options: TargetOptions,
  surroundings: Surroundings = thisMachine,
): Promise<Targets> {
  const socket = options.socket ?? nonEmpty(surroundings.env['HEDDLE_SOCKET']);
  if (options.lab === undefined && options.node === undefined) {
    if (socket !== undefined) return single(socket);
    if (surroundings.exists(defaultSocket)) return single(defaultSocket);
  }
  const labs = await surroundings.labs();
  const [first] = labs;
  if (options.lab === undefined && options.node === undefined) {
    if (first === undefined) return single(defaultSocket);
    if (labs.length > 1)
      throw new CommandError(
        `several labs are running here: choose one with --lab (${names(labs)})`,
      );
    return ofLab(first, undefined);
  }
  return ofLab(chooseLab(labs, options.lab), options.node);
}

function chooseLab(labs: readonly RunningLab[], name: string | undefined): RunningLab {
  const lab = name === undefined ? labs[0] : labs.find((one) => one.name === name);
  if (labs.length === 0)
    throw new CommandError('no lab is running here: start one with `npm start`');
  if (lab === undefined)
    throw new CommandError(`lab ${name} is not running here: --lab is one of ${names(labs)}`);
  if (name === undefined && labs.length > 1)
    throw new CommandError(`several labs are running here: choose one with --lab (${names(labs)})`);
  return lab;
}

function ofLab(lab: RunningLab, node: string | undefined): Targets {
  const nodes = lab.nodes.filter((one) => node === undefined || one.name === node);
  if (nodes.length === 0)
    throw new CommandError(
      `lab ${lab.name} has no node ${node}: --node is one of ${names(lab.nodes)}`,
    );
  return {
    clients: new Map(nodes.map((one) => [one.name, new AgentClient(one.socket)])),
    several: node === undefined,
  };
}

function single(socket: string): Targets {
  return { clients: new Map([[socket, new AgentClient(socket)]]), several: false };
}

function names(items: readonly { readonly name: string }[]): string {
  return items.map((item) => item.name).join(', ');
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

const thisMachine: Surroundings = {
  env: process.env,
  exists: existsSync,
  labs: async () => {
    const { runningLabs } = await import('./running-labs.ts');
    return runningLabs();
  },
};
