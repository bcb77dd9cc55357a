// Finds the labs that run on this machine, for commands that query their agents.

import { isAlive, labNames, readLabRecord } from '../../lab/record.ts';
import type { RunningLab } from './running-lab.ts';

export function runningLabs(): readonly RunningLab[] {
  return labNames()
    .flatMap((name) => readLabRecord(name) ?? [])
    .filter((lab) => isAlive(lab.supervisor));
}
