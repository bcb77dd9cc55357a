// What a command could not do, in a sentence for the person who typed it. main.ts prints it and exits with code 1;
// any other error is a bug and shows its stack.

export class CommandError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CommandError';
  }
}
