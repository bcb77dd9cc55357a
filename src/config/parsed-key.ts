// Values of keys that a parser of src/net reads.

import { z } from 'zod';
import { InputError } from '../base/input-error.ts';

/** For `transform`: the parser's error becomes the key's. */
export function parsedKey<In, Out>(
  value: In,
  context: z.core.$RefinementCtx,
  parse: (value: In) => Out,
): Out {
  try {
    return parse(value);
  } catch (error) {
    const message = error instanceof InputError ? error.problem.rule : String(error);
    context.issues.push({ code: 'custom', message, input: value });
    return z.NEVER;
  }
}
