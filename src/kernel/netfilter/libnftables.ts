// The functions of libnftables (libnftables.h) that heddle calls.

import koffi from 'koffi';
import { KernelError } from '../errno.ts';

/** enum nft_output_flags of libnftables.h */
export const outputFlags = {
  stateless: 0x4,
  json: 0x10,
  numericProtocol: 0x80,
  terse: 0x800,
} as const;

export interface Library {
  create(flags: number): bigint;
  free(context: bigint): void;
  setOutput(context: bigint, flags: number): void;
  bufferOutput(context: bigint): number;
  bufferErrors(context: bigint): number;
  run(context: bigint, commands: string): number;
  output(context: bigint): string;
  errors(context: bigint): string;
}

let loaded: Library | undefined;

/** Loaded on first use: without nftables, libnftables is not needed. Throws KernelError (ENOENT: not installed). */
export function library(): Library {
  loaded ??= loadLibrary('libnftables.so.1');
  return loaded;
}

function loadLibrary(file: string): Library {
  try {
    const functions = koffi.load(file);
    return {
      create: functions.func('void *nft_ctx_new(uint32_t flags)'),
      free: functions.func('void nft_ctx_free(void *context)'),
      setOutput: functions.func('void nft_ctx_output_set_flags(void *context, uint32_t flags)'),
      bufferOutput: functions.func('int nft_ctx_buffer_output(void *context)'),
      bufferErrors: functions.func('int nft_ctx_buffer_error(void *context)'),
      run: functions.func('int nft_run_cmd_from_buffer(void *context, const char *commands)'),
      output: functions.func('const char *nft_ctx_get_output_buffer(void *context)'),
      errors: functions.func('const char *nft_ctx_get_error_buffer(void *context)'),
    };
  } catch (error) {
    const detail = 'install libnftables (Debian: libnftables1, installed with nftables)';
    throw new KernelError(
      { call: 'load', subject: file, code: 'ENOENT', detail },
      { cause: error },
    );
  }
}
