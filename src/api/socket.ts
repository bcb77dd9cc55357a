/** Where the API answers unless the configuration says otherwise. DEFAULT_SOCKET of shim/request.h is the same. */
export const defaultSocket = '/run/heddle/agent.sock';
