// Keep each item's current event with the example's Position, and print the events by item.
import { createInterface } from "node:readline";

const { Position } = await import(`${process.cwd()}/position.js`);
const kept = {};
for await (const line of createInterface({ input: process.stdin })) {
  const { item, timestamp_ms, ce_sequence, offset, event } = JSON.parse(line);
  const headers = ce_sequence === null ? {} : { ce_sequence: Buffer.from(ce_sequence) };
  const position = Position.of({ timestamp: `${timestamp_ms}`, headers, offset: `${offset}` });
  if (!(item in kept) || position.isNewerThan(kept[item].position)) kept[item] = { position, event };
}
console.log(JSON.stringify(Object.fromEntries(Object.entries(kept).map(([item, { event }]) => [item, event]))));
