// The version stamp of a finished program: crates/taskpaw-contract/src/version.rs describes its place.
import { StepError } from "./steps.mjs";

const MARK = Buffer.from("TaskPaw version stamp:\0\0", "latin1");
const ROOM = 40;

/** The program's bytes with another version in its stamp. */
export function stamp(program, version) {
  if (!/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(version) || version.length >= ROOM) {
    throw new StepError(`"${version}" is no version: write one such as 4.0.1`);
  }
  const places = [];
  for (let at = program.indexOf(MARK); at !== -1; at = program.indexOf(MARK, at + 1)) places.push(at);
  // Each place is followed by the version and zeros; the mark alone would be another thing.
  if (places.length === 0) throw new StepError("the program has no version stamp");
  const stamped = Buffer.from(program);
  for (const place of places) {
    stamped.fill(0, place + MARK.length, place + MARK.length + ROOM);
    stamped.write(version, place + MARK.length, "latin1");
  }
  return stamped;
}
