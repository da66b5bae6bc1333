// Write two models to one table with OneTable, whose type attribute distinguishes them

const { DynamoDBClient } = require("@aws-sdk/client-dynamodb");
const { Table } = require("dynamodb-onetable");
const { Dynamo } = require("dynamodb-onetable/Dynamo");
const { stop } = require("./clock.cjs");

const table = new Table({
  name: "onetable_app",
  client: new Dynamo({ client: new DynamoDBClient() }),
  partial: true,
  schema: {
    version: "0.0.1",
    indexes: { primary: { hash: "pk", sort: "sk" } },
    params: { typeField: "_type", timestamps: true },
    models: {
      User: {
        pk: { type: String, value: "account#${accountId}" },
        sk: { type: String, value: "user#${id}" },
        accountId: { type: String },
        id: { type: String },
        name: { type: String },
      },
      Features: {
        pk: { type: String, value: "account#${accountId}" },
        sk: { type: String, value: "user#${id}#${view}" },
        gs1pk: { type: String, value: "view#${view}" },
        accountId: { type: String },
        id: { type: String },
        view: { type: String },
        clicks: { type: Number },
        city: { type: String },
      },
    },
  },
});

async function write() {
  const [user, features] = ["User", "Features"].map((name) => table.getModel(name));
  const key = { accountId: "acme", id: "u-1", view: "activity" };
  stop("2025-10-10T12:01:00.123Z");
  await user.create({ accountId: "acme", id: "u-1", name: "Ada" });
  await features.create({ ...key, clicks: 3, city: "Gdańsk" });
  stop("2025-10-11T12:01:00.456Z");
  await features.update({ ...key, clicks: 4 });
  await features.update(key, { remove: ["city"] });
  await features.remove(key);
}

write();
