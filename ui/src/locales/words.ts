// The shape that every language has: the keys of English, with any words.

import type { en } from "./en";

type Widened<T> = { [K in keyof T]: T[K] extends string ? string : Widened<T[K]> };

export type Words = Widened<typeof en>;
