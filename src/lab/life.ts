// `lab up` and `lab down` as a person sees them.

import { InputError } from '../base/input-error.ts';
import type { LabOptions } from './lab.ts';
import { parseLabName } from './paths.ts';
import { labTitle } from './progress.ts';
import { labNames } from './record.ts';
import { removeLab } from './remove.ts';
import { startDetached } from './supervise.ts';

/** Returns when the lab is up; prints what happens. Throws with the reason and leaves nothing otherwise. */
export async function labUp(options: LabOptions): Promise<void> {
  parseLabName(options.name);
  const record = await startDetached(options, (line) => console.log(line));
  const flag = labNames().length > 1 ? ` --name ${record.name}` : '';
  console.log(`lab ${record.name} is up: ${labTitle(record)}`);
  const [pod] = record.pods;
  if (pod !== undefined) {
    console.log(`try:   heddle lab exec${flag} ${pod.namespace}/${pod.name} -- ip address`);
  }
  console.log(`       heddle lab status${flag}      heddle lab down${flag}`);
}

/** Throws InputError when there is no such lab. */
export async function labDown(name: string): Promise<void> {
  if (!(await removeLab(parseLabName(name)))) {
    const known = labNames().join(', ') || 'none';
    throw new InputError({
      object: 'lab name',
      value: name,
      rule: `is no lab here (labs: ${known})`,
    });
  }
  console.log(`lab ${name} is down`);
}
