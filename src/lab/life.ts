// The commands `lab up` and `lab down`.

import { InputError } from '../base/input-error.ts';
import { namespacedName } from '../base/namespaced-name.ts';
import type { LabOptions } from './lab.ts';
import { parseLabName } from './paths.ts';
import { labTitle } from './progress.ts';
import { labNames } from './record.ts';
import { removeLab } from './remove.ts';
import { startDetached } from './supervise.ts';

/** Prints the progress and returns when the lab runs. On failure throws the reason and leaves nothing. */
export async function labUp(options: LabOptions): Promise<void> {
  parseLabName(options.name);
  const record = await startDetached(options, (line) => console.log(line));
  const flag = labNames().length > 1 ? ` --name ${record.name}` : '';
  console.log(`lab ${record.name} is up: ${labTitle(record)}`);
  const [pod] = record.pods;
  if (pod !== undefined) {
    console.log(`try:   heddle lab exec${flag} ${namespacedName(pod)} -- ip address`);
  }
  console.log(`       heddle lab status${flag}      heddle lab down${flag}`);
}

/** Throws InputError if there is no such lab. */
export async function labDown(name: string): Promise<void> {
  if (!(await removeLab(parseLabName(name)))) {
    const known = labNames().join(', ') || 'none';
    throw new InputError({
      object: 'lab name',
      value: name,
      rule: `is not a lab here (labs: ${known})`,
    });
  }
  console.log(`lab ${name} is down`);
}
