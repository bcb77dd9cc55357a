// The API's answer to a failed request.

/** Body of every answer with a status of 400 and above. */
export interface ErrorAnswer {
  readonly error: string;
}
