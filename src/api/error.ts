// What the API answers instead of what was asked for.

/** Every answer with a status of 400 and above. */
export interface ErrorAnswer {
  readonly error: string;
}
