// Write features of users with Dynamoose, which also writes the times of an item

const dynamoose = require("dynamoose");
const { stop } = require("./clock.cjs");

const TABLE = "dynamoose_features";
const schema = new dynamoose.Schema(
  {
    userId: { type: String, hashKey: true },
    view: { type: String, rangeKey: true },
    clicks: Number,
    city: String,
    seenAt: Date,
    expires: Number,
  },
  { timestamps: true },
);
const Features = dynamoose.model(TABLE, schema);
new dynamoose.Table(TABLE, [Features], { create: false, waitForActive: false });

async function write() {
  const key = { userId: "u-1", view: "activity" };
  stop("2025-10-10T12:01:00.123Z");
  await Features.create({ ...key, clicks: 3, city: "Gdańsk", seenAt: new Date(), expires: 1760788860 });
  stop("2025-10-11T12:01:00.456Z");
  await Features.update(key, { clicks: 4, $REMOVE: ["city"] });
  await Features.create({ userId: "u-2", view: "activity" });
  await Features.delete(key);
}

write();
