// Write two kinds of entities to one table with ElectroDB, which writes keys in lower case

const { DynamoDBClient } = require("@aws-sdk/client-dynamodb");
const { Entity, Service } = require("electrodb");

const client = new DynamoDBClient();
const TABLE = "electrodb_app";
const FIRST = Date.parse("2025-10-10T12:01:00.123Z");
const SECOND = Date.parse("2025-10-11T12:01:00.456Z");

const keys = {
  primary: { pk: { field: "pk", composite: ["userId"] }, sk: { field: "sk", composite: ["group"] } },
  byGroup: {
    index: "gsi1",
    pk: { field: "gsi1pk", composite: ["group"] },
    sk: { field: "gsi1sk", composite: ["userId"] },
  },
};
const features = new Entity(
  {
    model: { entity: "features", version: "1", service: "fs" },
    attributes: {
      userId: { type: "string", required: true },
      group: { type: "string", required: true },
      clicks: { type: "number" },
      city: { type: "string" },
      computedAt: { type: "number" },
    },
    indexes: keys,
  },
  { client, table: TABLE },
);
const profile = new Entity(
  {
    model: { entity: "profile", version: "1", service: "fs" },
    attributes: {
      userId: { type: "string", required: true },
      group: { type: "string", required: true },
      name: { type: "string" },
    },
    indexes: keys,
  },
  { client, table: TABLE },
);
const service = new Service({ features, profile });

async function write() {
  const first = { userId: "U-Ä1", group: "Activity" };
  await service.entities.profile.put({ ...first, name: "Ada" }).go();
  await service.entities.features.put({ ...first, clicks: 3, city: "Gdańsk", computedAt: FIRST }).go();
  await service.entities.features.put({ userId: "u-2", group: "Activity", clicks: 1, computedAt: FIRST }).go();
  await service.entities.features.patch(first).set({ clicks: 4, computedAt: SECOND }).go();
  await service.entities.features.patch(first).remove(["city"]).go();
  await service.entities.features.delete({ userId: "u-2", group: "Activity" }).go();
}

write();
