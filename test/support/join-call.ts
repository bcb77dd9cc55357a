import type { CniCall } from '../../src/cni/call.ts';

/** The inverse of `splitCall`: the body that the shim sends (shim/cni.c). */
export function joinCall(call: CniCall): Uint8Array {
  const entries = [...call.environment].map(([name, value]) => `${name}=${value}\0`);
  return Buffer.from(`${entries.join('')}\0${call.configuration}`);
}
