// The agent as a process: checks the machine's requirements, takes the locks, and runs until it is stopped.

import { existsSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { cniSocketOf } from '../../api/socket.ts';
import { InputError } from '../../base/input-error.ts';
import { limitedLogger } from '../../base/line-limit.ts';
import { createLogger } from '../../base/log.ts';
import { standardError } from '../../base/log-output.ts';
import type { AgentConfig } from '../../config/schema.ts';
import { bpffsPath, checkHost, mountBpffs } from '../../kernel/requirements.ts';
import { Agent } from '../agent.ts';
import { chooseServices, type ServiceChoice } from '../kube-proxy/service-choice.ts';
import { refuseAnswered } from '../server/socket-file.ts';
import { AgentLock, lockPins } from './lock.ts';
import { lockNetwork } from './network-lock.ts';

/**
 * Runs the agent in the network namespace of the calling thread until `signal` aborts, and leaves the data path in
 * place. Throws InputError for missing requirements, for a second agent and for settings that do not fit the running
 * data path; KernelError for errors of the kernel.
 */
export async function runAgent(config: AgentConfig, signal: AbortSignal): Promise<void> {
  const runtimeMs = Math.round(performance.now());
  prepareHost(config);
  const fields = { node: config.node };
  const output = standardError(fields);
  const write = (line: string): void => output.write(line);
  const log = limitedLogger(createLogger({ level: config.logLevel, fields, write }));
  using lock = AgentLock.acquire(config.stateDir);
  using _pins = lockPins(config.pinDir);
  using network = lockNetwork();
  // Checked before loading anything that would have to be removed again.
  await refuseAnswered(config.socket);
  await refuseAnswered(cniSocketOf(config.socket));
  for (const warning of [lock.warning, network.warning]) {
    if (warning !== undefined) log.warn({}, warning);
  }
  const services = await chooseServices(config.services);
  if (services.reason !== undefined)
    log.info({ translates: services.isOn }, `services.mode auto: ${services.reason}`);
  const keepLock = (): void => lock.keep();
  const agent = new Agent(inForce(config, services), log, {
    ...{ runtimeMs, output, services, keepLock },
  });
  try {
    await agent.run(signal);
  } finally {
    await agent.stop();
  }
}

function inForce(config: AgentConfig, { isOn }: ServiceChoice): AgentConfig {
  return { ...config, services: { ...config.services, mode: isOn ? 'on' : 'off' } };
}

function prepareHost({ pinDir, cgroupRoot }: AgentConfig): void {
  const isRoot = process.geteuid?.() === 0;
  if (isRoot && pinDir.startsWith(`${bpffsPath}/`)) mountBpffs();
  const problems = checkHost().map((rule) => new InputError({ object: 'this machine', rule }));
  const [first] = problems;
  if (first !== undefined && problems.length === 1) throw first;
  if (first !== undefined) {
    throw new AggregateError(problems, problems.map(({ message }) => message).join('\n'));
  }
  demandFileSystem('pinDir', pinDir, { type: 0xcafe4a11, what: 'a mounted bpf file system' });
  if (cgroupRoot === undefined) return;
  demandFileSystem('cgroupRoot', cgroupRoot, { type: 0x63677270, what: 'a cgroup v2 hierarchy' });
}

/** `type`: its magic number in linux/magic.h. */
function demandFileSystem(
  field: string,
  value: string,
  { type, what }: { readonly type: number; readonly what: string },
): void {
  let existing = value;
  while (!existsSync(existing)) existing = dirname(existing);
  if (statfsSync(existing).type === type) return;
  throw new InputError({ object: 'configuration', field, value, rule: `is not in ${what}` });
}
