// The ports that this agent has reserved, on disk.

import { join } from 'node:path';
import type { AgentConfig } from '../config/schema.ts';
import { type KeptSysctlMemory, sysctlMemory } from './sysctl-memory.ts';

export function addedPorts({ stateDir }: Pick<AgentConfig, 'stateDir'>): KeptSysctlMemory {
  return sysctlMemory(join(stateDir, 'reserved-ports.json'));
}
