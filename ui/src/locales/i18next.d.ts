// Makes a key that no language has an error of the type check.

import type { Words } from "./words";

declare module "i18next" {
  interface CustomTypeOptions {
    defaultNS: "words";
    resources: { words: Words };
    returnNull: false;
  }
}
