// STATUS: what stands in the way of an ADD, with the specification's code for how far it reaches (CNI spec 1.1,
// section 5 "Error": 50 and 51).

import { CniError, cniErrorCode } from '../cni/error.ts';

/** `limits`: why pods that exist may not reach everything either. */
export function unavailable(obstacle: CniError, limits: readonly string[]): CniError {
  const { message, details } = obstacle;
  if (limits.length === 0) {
    return new CniError(cniErrorCode.notAvailable, `STATUS: no pod can be added: ${message}`, {
      details,
      cause: obstacle,
    });
  }
  return new CniError(
    cniErrorCode.limitedConnectivity,
    `STATUS: no pod can be added: ${message}; pods that exist are limited: ${limits.join('; ')}`,
    { details, cause: obstacle },
  );
}
