// Executes the built CNI executable once, as a container runtime does.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { validEnvironment, type WrittenRequest, writeRequest } from './malformed-requests.ts';

const shimPath: string = fileURLToPath(new URL('../../shim/heddle-cni', import.meta.url));

export interface ShimExecution {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Not synchronous: the test's process must continue to read the agent's log. */
export async function executeShim(
  environment: Readonly<Record<string, string>>,
  input: string | Uint8Array,
): Promise<ShimExecution> {
  const child = spawn(shimPath, { env: environment, stdio: 'pipe' });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  // It may refuse before it has read all input.
  child.stdin.on('error', () => undefined).end(input);
  await once(child, 'close');
  return { exitCode: child.exitCode, stdout, stderr };
}

/** Executes requests to the agent that listens on `socket`: by default for a new container `c0ffee` in `netns`. */
export function shimTo(
  socket: string,
  netns: string,
): (written: WrittenRequest) => Promise<ShimExecution> {
  const base = {
    ...validEnvironment,
    CNI_NETNS: netns,
    CNI_PATH: path.dirname(shimPath),
    HEDDLE_SOCKET: socket,
  };
  return (written) => {
    const { environment, input } = writeRequest(written, base);
    return executeShim(environment, input);
  };
}
