// Requests as a runtime writes them, decoded.

import { splitCall } from '../../src/cni/call.ts';
import { type CniRequest, decodeRequest } from '../../src/cni/request.ts';
import { joinCall } from './join-call.ts';
import { type WrittenRequest, writeRequest } from './malformed-requests.ts';

export function decode(written: WrittenRequest): CniRequest {
  const { environment, input } = writeRequest(written);
  const call = { environment: new Map(Object.entries(environment)), configuration: input };
  return decodeRequest(splitCall(joinCall(call)));
}

export const common = { version: '1.0.0', containerId: 'c0ffee', ifName: 'eth0' } as const;

export const namespacePath: string = '/var/run/netns/cni-1';
