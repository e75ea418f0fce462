/** RxDB wants to know the documents; its server does too. */

export const NOTES = {
  version: 0,
  primaryKey: "id",
  type: "object",
  properties: {
    id: { type: "string", maxLength: 32 },
    title: { type: "string" },
    body: { type: "string" },
    author: { type: "string" },
    priority: { type: "number", minimum: 0, maximum: 16, multipleOf: 1 },
    done: { type: "boolean" },
    created: { type: "number", minimum: 0, maximum: 2_000_000_000_000, multipleOf: 1 },
    updated: { type: "number" },
    estimate: { type: "number" },
    tags: { type: "array", items: { type: "string" } },
    place: { type: "object", properties: { x: { type: "number" }, y: { type: "number" } } },
  },
  required: ["id", "priority", "created"],
  indexes: [["priority", "created"]],
};
