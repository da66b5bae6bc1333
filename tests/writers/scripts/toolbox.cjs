// Write two kinds of entities to one table with DynamoDB-Toolbox, one of them with soft deletes

const { DynamoDBClient } = require("@aws-sdk/client-dynamodb");
const { DynamoDBDocumentClient } = require("@aws-sdk/lib-dynamodb");
const {
  Entity,
  PutItemCommand,
  Table,
  UpdateItemCommand,
  boolean,
  item,
  map,
  number,
  string,
} = require("dynamodb-toolbox");
const { stop } = require("./clock.cjs");

const table = new Table({
  name: "toolbox_app",
  partitionKey: { name: "pk", type: "string" },
  sortKey: { name: "sk", type: "string" },
  documentClient: DynamoDBDocumentClient.from(new DynamoDBClient()),
});
const features = new Entity({
  name: "UserFeatures",
  table,
  schema: item({
    user: string().key(),
    view: string().key(),
    features: map({ clicks: number(), city: string().optional() }),
    deleted: boolean().putDefault(false),
  }),
  computeKey: ({ user, view }) => ({ pk: `USER#${user}`, sk: `FEATURES#${view}` }),
});
const profile = new Entity({
  name: "Profile",
  table,
  schema: item({ user: string().key(), view: string().key(), name: string() }),
  computeKey: ({ user, view }) => ({ pk: `USER#${user}`, sk: `FEATURES#${view}` }),
});

async function write() {
  const key = { user: "u-1", view: "activity" };
  stop("2025-10-10T12:01:00.123Z");
  await profile.build(PutItemCommand).item({ user: "u-1", view: "profile", name: "Ada" }).send();
  await features.build(PutItemCommand).item({ ...key, features: { clicks: 3, city: "Gdańsk" } }).send();
  stop("2025-10-11T12:01:00.456Z");
  await features.build(UpdateItemCommand).item({ ...key, features: { clicks: 4 } }).send();
  await features.build(UpdateItemCommand).item({ ...key, deleted: true }).send();
  await features.build(UpdateItemCommand).item({ ...key, deleted: false }).send();
}

write();
