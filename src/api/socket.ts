/** Default path of the API's socket. The shim's default is the same (shim/ids.h). */
export const defaultSocket = '/run/heddle/agent.sock';

const cniSuffix = '.cni';

/** A unix socket's path has at most 107 bytes. */
export const longestSocketBytes: number = 107 - cniSuffix.length;

/** Path of the CNI shim's socket, next to the API's. Its suffix is CNI_SUFFIX in shim/ids.h. */
export function cniSocketOf(apiSocket: string): string {
  return `${apiSocket}${cniSuffix}`;
}
