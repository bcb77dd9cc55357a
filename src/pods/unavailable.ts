// STATUS: what prevents an ADD, with the specification's code for its extent (CNI spec 1.1, section 5 "Error": 50 and
// 51).

import { CniError, cniErrorCode } from '../cni/error.ts';

/** `limits`: why existing pods may lack full connectivity, too. */
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
