import { z } from 'zod';

export function whole(
  least: number,
  most: number,
  error = `is not a whole number (${least}-${most})`,
): z.ZodNumber {
  return z.number({ error }).int({ error }).min(least, { error }).max(most, { error });
}
