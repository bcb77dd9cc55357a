// Import this first in every program that keeps running. On SIGUSR1, Node.js would open its debugger at 127.0.0.1:9229 of
// the network namespace, where every local user can run code in the process. A listener replaces that.

process.on('SIGUSR1', () => {});
