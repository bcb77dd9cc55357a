// Turns a failed load into an error with the program or map, the verifier's objection, and the features that the kernel
// lacks.

import { KernelError } from '../errno.ts';
import type { Libbpf } from '../libbpf.ts';
import { explainMessage, missingTypes } from './features.ts';
import { readVerifierLog } from './verifier-log.ts';

export interface LoadFailure {
  /** Name of the errno. */
  readonly code: string;
  /** libbpf's messages during the load. */
  readonly log: readonly string[];
  /** The verifier's log of the last program tried; empty if none was verified. */
  readonly verifierText: string;
  readonly programTypes: readonly number[];
  readonly mapTypes: readonly number[];
  readonly library: Pick<Libbpf, 'probeProgramType' | 'probeMapType'>;
}

export function explainLoadFailure(failure: LoadFailure): KernelError {
  const { code, verifierText } = failure;
  const log = failure.log.filter((line) => !isNoise(line));
  const cause = new Error([...failure.log, verifierText].join('\n').trim());
  const program = firstMatch(log, /^prog '([^']+)': BPF program load failed/);
  const verdict = readVerifierLog(verifierText);
  if (program !== undefined && verdict !== undefined) {
    const explanation = explainMessage(verdict.message);
    const head = explanation === undefined ? verdict.message : `${verdict.message}; ${explanation}`;
    const detail = [`the verifier rejected it: ${head}`, ...verdict.lines].join('\n  ');
    return new KernelError({ call: 'bpf program load', subject: program, code, detail }, { cause });
  }
  const missing = missingTypes(failure, {
    programType: failure.library.probeProgramType,
    mapType: failure.library.probeMapType,
  });
  const explained = log.map(explainMessage).filter((text) => text !== undefined);
  const reasons = [...missing, ...explained];
  const map = firstMatch(log, /^map '([^']+)': failed to create/);
  const subject = program ?? (map === undefined ? '' : `map ${map}`);
  const detail = (reasons.length > 0 ? reasons : log).join('; ');
  return new KernelError({ call: 'bpf object load', subject, code, detail }, { cause });
}

/** A first attempt that libbpf repeats itself, and a closing line without information. */
function isNoise(line: string): boolean {
  return line.endsWith('Retrying without BTF.') || line.startsWith('failed to load object');
}

function firstMatch(lines: readonly string[], pattern: RegExp): string | undefined {
  for (const line of lines) {
    const found = pattern.exec(line)?.[1];
    if (found !== undefined) return found;
  }
  return undefined;
}
