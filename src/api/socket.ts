/** Default path of the API's socket. DEFAULT_SOCKET of shim/request.h is the same. */
export const defaultSocket = '/run/heddle/agent.sock';

const cniSuffix = '.cni';

/** A unix socket's path has at most 107 bytes. */
export const longestSocketBytes: number = 107 - cniSuffix.length;

/** Path of the CNI shim's socket, next to the API's. CNI_SUFFIX of shim/request.h is the same. */
export function cniSocketOf(apiSocket: string): string {
  return `${apiSocket}${cniSuffix}`;
}
