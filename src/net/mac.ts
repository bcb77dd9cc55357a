// An Ethernet address as lower-case text with colons: `02:00:5e:10:00:01`.

import type { Brand } from '../base/brand.ts';
import { InputError } from '../base/input-error.ts';

export type Mac = Brand<string, 'Mac'>;

export function parseMac(text: string, object = 'MAC', field?: string): Mac {
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text)) {
    throw new InputError({
      object,
      field,
      value: text,
      rule: 'is not a MAC address (aa:bb:cc:dd:ee:ff)',
    });
  }
  return text.toLowerCase() as Mac;
}

export function macBytes(mac: Mac): Uint8Array {
  return Uint8Array.from(mac.split(':'), (part) => Number.parseInt(part, 16));
}

export function macFromBytes(bytes: Uint8Array): Mac {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':') as Mac;
}
