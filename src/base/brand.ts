// A nominal type over a primitive: `Brand<number, 'Port'>` is a number that only a parser or a codec may make.

declare const brand: unique symbol;

export type Brand<Base, Name extends string> = Base & { readonly [brand]: Name };
