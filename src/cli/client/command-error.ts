// Why a command failed, in one sentence for the user. main.ts prints it and exits with code 1. Any other error is a bug
// and is printed with its stack.

export class CommandError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CommandError';
  }
}

/** The agent answered, and refuses what it was asked. */
export class RefusalError extends CommandError {}
