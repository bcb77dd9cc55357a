// The labs that run on this machine, as a command's `--lab` names them.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunningLab } from './targets.ts';

const directory = '/run/heddle/labs';

export function runningLabs(): readonly RunningLab[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .sort()
    .map((name) => join(directory, name, 'lab.json'))
    .filter((file) => existsSync(file))
    .map((file) => JSON.parse(readFileSync(file, 'utf8')) as RunningLab);
}
